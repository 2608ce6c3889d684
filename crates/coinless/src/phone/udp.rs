//! A meter at a UDP address.

use crate::output::{Context, Failure};
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::MAX_MESSAGE_BYTES;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{UdpSocket, lookup_host};

/// Port of CoAP over UDP (RFC 7252 §6.1).
const COAP_PORT: u16 = 5683;

/// A socket that is connected to a meter's address.
pub struct Udp(UdpSocket);

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
        Ok(Self(socket))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`NoAnswer`] if the system refuses.
    pub async fn send(&self, message: &[u8]) -> Result<(), NoAnswer> {
        self.0.send(message).await.map(|_| ()).map_err(no_answer)
    }

    /// Waits for the next datagram. Nothing is lost if this future is dropped.
    ///
    /// # Errors
    /// [`NoAnswer`] if nobody listens at the address.
    pub async fn receive(&mut self) -> Result<Vec<u8>, NoAnswer> {
        // One byte more than any message: a longer datagram is seen to be too long.
        let mut buffer = [0; MAX_MESSAGE_BYTES + 1];
        let length = self.0.recv(&mut buffer).await.map_err(no_answer)?;
        Ok(buffer.get(..length).unwrap_or(&[]).to_vec())
    }
}

async fn address(link: &str) -> Result<SocketAddr, Failure> {
    let authority = link.strip_prefix("coap://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let authority = authority.filter(|authority| !authority.is_empty() && !authority.contains(['/', '?', '#', '@']));
    let authority = authority.ok_or_else(|| {
        Failure::new(format!("{link} is not a link: write coap://HOST:PORT, ws://HOST:PORT or serial:PATH"))
    })?;
    let with_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place =
        if with_port && !authority.ends_with(']') { authority.to_owned() } else { format!("{authority}:{COAP_PORT}") };
    let mut addresses = lookup_host(&place).await.context(format_args!("reaching {link}"))?;
    addresses.next().ok_or_else(|| Failure::new(format!("{link} has no address")))
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
