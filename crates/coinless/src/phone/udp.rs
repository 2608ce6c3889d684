//! The link to a meter over UDP.

use crate::output::{Context, Failure};
use coinless_phone::io::{Link, NoAnswer};
use coinless_protocol::coap::{Client, ClientEvent, MAX_MESSAGE_BYTES, Method, Request, Response};
use coinless_protocol::token::{Order, Token};
use coinless_sim::failpoint;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout_at};

/// Port of CoAP over UDP (RFC 7252 §6.1).
const COAP_PORT: u16 = 5683;

/// A meter at a UDP address.
pub struct Udp {
    socket: UdpSocket,
    started: Instant,
}

impl Udp {
    /// The link `coap://HOST[:PORT]`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure`] if it is none, or its host has no address.
    pub async fn connect(link: &str) -> Result<Self, Failure> {
        let address = address(link).await?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await.context("opening a socket")?;
        socket.connect(address).await.context(format_args!("reaching {link}"))?;
        Ok(Self { socket, started: Instant::now() })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn send(&self, datagram: &[u8]) -> Result<(), NoAnswer> {
        self.socket.send(datagram).await.map(|_| ()).map_err(no_answer)
    }

    async fn ask(&self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let random = random().map_err(|error| NoAnswer(error.to_string()))?;
        let client = Client::start(self.now_ms(), u64::from_be_bytes(random), request);
        let mut client = client.map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        self.send(client.first_datagram()).await?;
        // One byte more than any message: a longer datagram is seen to be too long.
        let mut buffer = [0; MAX_MESSAGE_BYTES + 1];
        loop {
            let due = self.started + Duration::from_millis(client.next_due_ms());
            let event = match timeout_at(due, self.socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => client.receive(self.now_ms(), buffer.get(..length).unwrap_or(&[])),
                Ok(Err(error)) => return Err(no_answer(error)),
                Err(_) => client.poll(self.now_ms()),
            };
            match event {
                ClientEvent::Nothing => {}
                ClientEvent::Send(datagram) => self.send(&datagram).await?,
                ClientEvent::Response(response, acknowledgement) => {
                    if let Some(datagram) = acknowledgement {
                        // The response is here; if the meter does not hear so, it only sends it again.
                        let _ = self.send(&datagram).await;
                    }
                    return Ok(response);
                }
                ClientEvent::Rejected => return Err(NoAnswer("it rejects the message".into())),
                ClientEvent::NoAnswer => return Err(NoAnswer("it was silent although asked several times".into())),
            }
        }
    }
}

impl Link for Udp {
    async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let points = match request.method {
            Method::Post if is_read_request(request.payload) => ["phone.before_read", "phone.after_read"],
            Method::Post => ["phone.before_post", "phone.after_post"],
            _ => return self.ask(request).await,
        };
        failpoint::reach(points[0]);
        let response = self.ask(request).await?;
        failpoint::reach(points[1]);
        Ok(response)
    }
}

/// Random bytes of the operating system.
///
/// # Errors
/// [`Failure`] if it gives none.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| Failure::new("the system gives no random numbers"))?;
    Ok(bytes)
}

async fn address(link: &str) -> Result<SocketAddr, Failure> {
    let authority = link.strip_prefix("coap://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let authority = authority.filter(|authority| !authority.is_empty() && !authority.contains(['/', '?', '#', '@']));
    let authority = authority.ok_or_else(|| Failure::new(format!("{link} is not a link: write coap://HOST:PORT")))?;
    let with_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place =
        if with_port && !authority.ends_with(']') { authority.to_owned() } else { format!("{authority}:{COAP_PORT}") };
    let mut addresses = lookup_host(&place).await.context(format_args!("reaching {link}"))?;
    addresses.next().ok_or_else(|| Failure::new(format!("{link} has no address")))
}

fn is_read_request(payload: &[u8]) -> bool {
    Token::parse(payload).is_ok_and(|(_, token)| matches!(token.order, Order::Read(_)))
}

fn no_answer(error: io::Error) -> NoAnswer {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => NoAnswer("nobody listens there".into()),
        _ => NoAnswer(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let address = |link: &str| runtime.block_on(address(link)).map(|address| address.to_string()).ok();
        assert_eq!(address("coap://127.0.0.1:5000").as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(address("coap://127.0.0.1/").as_deref(), Some("127.0.0.1:5683"));
        assert_eq!(address("coap://[::1]").as_deref(), Some("[::1]:5683"));
        assert_eq!(address("coap://[::1]:7").as_deref(), Some("[::1]:7"));
        for bad in ["", "coap://", "http://127.0.0.1", "127.0.0.1:5683", "coap://127.0.0.1/meter"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
