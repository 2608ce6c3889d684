//! The link to the meter at hand, whatever carries it.

use super::serial::Serial;
use super::udp::Udp;
use crate::output::Failure;
use coinless_phone::io::{Link, NoAnswer};
use coinless_protocol::coap::{Client, ClientEvent, Method, Request, Response};
use coinless_protocol::token::{Order, Token};
use coinless_sim::failpoint;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What a link begins with that is a serial line.
const SERIAL: &str = "serial:";

/// A meter at hand.
pub struct MeterLink {
    carrier: Carrier,
    started: Instant,
}

/// What carries messages to the meter and back. Any of them may get lost, and is repeated.
enum Carrier {
    Udp(Udp),
    Serial(Box<Serial>),
}

impl MeterLink {
    /// The link `coap://HOST[:PORT]` or `serial:PATH[@BIT-RATE]`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure`] if it is none, or cannot be used.
    pub async fn connect(link: &str) -> Result<Self, Failure> {
        let carrier = match link.strip_prefix(SERIAL) {
            Some(place) => Carrier::Serial(Box::new(Serial::open(place)?)),
            None => Carrier::Udp(Udp::connect(link).await?),
        };
        Ok(Self { carrier, started: Instant::now() })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn ask(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let random = random().map_err(|error| NoAnswer(error.to_string()))?;
        let client = Client::start(self.now_ms(), u64::from_be_bytes(random), request);
        let mut client = client.map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        self.carrier.send(client.first_datagram()).await?;
        loop {
            let due = self.started + Duration::from_millis(client.next_due_ms());
            let event = match timeout_at(due, self.carrier.receive()).await {
                Ok(message) => client.receive(self.now_ms(), &message?),
                Err(_) => client.poll(self.now_ms()),
            };
            match event {
                ClientEvent::Nothing => {}
                ClientEvent::Send(message) => self.carrier.send(&message).await?,
                ClientEvent::Response(response, acknowledgement) => {
                    if let Some(message) = acknowledgement {
                        // The response is here; if the meter does not hear so, it only sends it again.
                        let _ = self.carrier.send(&message).await;
                    }
                    return Ok(response);
                }
                ClientEvent::Rejected => return Err(NoAnswer("it rejects the message".into())),
                ClientEvent::NoAnswer => return Err(self.carrier.silence()),
            }
        }
    }
}

impl Link for MeterLink {
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

impl Carrier {
    async fn send(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
        match self {
            Self::Udp(udp) => udp.send(message).await,
            Self::Serial(serial) => serial.send(message).await,
        }
    }

    async fn receive(&mut self) -> Result<Vec<u8>, NoAnswer> {
        match self {
            Self::Udp(udp) => udp.receive().await,
            Self::Serial(serial) => serial.receive().await,
        }
    }

    fn silence(&self) -> NoAnswer {
        let cause = match self {
            Self::Udp(_) => None,
            Self::Serial(serial) => serial.silence(),
        };
        NoAnswer(cause.unwrap_or_else(|| "it was silent although asked several times".into()))
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

fn is_read_request(payload: &[u8]) -> bool {
    Token::parse(payload).is_ok_and(|(_, token)| matches!(token.order, Order::Read(_)))
}
