//! The link to the meter at hand, whatever carries it.

use super::ndef::NdefTag;
use super::serial::Serial;
use super::udp::Udp;
use super::websocket::WebSocket;
use crate::output::Failure;
use coinless_phone::io::{Link, NoAnswer};
use coinless_protocol::coap::{Client, ClientEvent, Method, Request, Response};
use coinless_protocol::token::{Order, Token};
use coinless_sim::failpoint;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What a link begins with that is a serial line.
const SERIAL: &str = "serial:";

/// What a link begins with that is a WebSocket.
const WEBSOCKET: &str = "ws:";

/// What a link begins with that is a tag.
const NDEF: &str = "ndef:";

/// A meter at hand.
pub enum MeterLink {
    /// Over a link that loses messages: they are repeated.
    Lossy {
        /// What carries them.
        carrier: Carrier,
        /// When the link was made.
        started: Instant,
    },
    /// Over a link that delivers them or breaks.
    WebSocket(Box<WebSocket>),
    /// Through its NFC tag.
    Ndef(NdefTag),
}

/// What carries messages to the meter and back. Any of them may get lost, and is repeated.
pub enum Carrier {
    Udp(Udp),
    Serial(Box<Serial>),
}

impl MeterLink {
    /// The link `coap://HOST[:PORT]`, `serial:PATH[@BIT-RATE]`, `ws://HOST:PORT` or `ndef:FILE`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure`] if it is none, or cannot be used.
    pub async fn connect(link: &str) -> Result<Self, Failure> {
        if link.starts_with(WEBSOCKET) {
            return Ok(Self::WebSocket(Box::new(WebSocket::new(link)?)));
        }
        if let Some(path) = link.strip_prefix(NDEF) {
            return NdefTag::new(path).map(Self::Ndef);
        }
        let carrier = match link.strip_prefix(SERIAL) {
            Some(place) => Carrier::Serial(Box::new(Serial::open(place)?)),
            None => Carrier::Udp(Udp::connect(link).await?),
        };
        Ok(Self::Lossy { carrier, started: Instant::now() })
    }

    async fn ask(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        match self {
            Self::Lossy { carrier, started } => carrier.ask(*started, request).await,
            Self::WebSocket(websocket) => websocket.ask(request).await,
            Self::Ndef(tag) => tag.ask(request).await,
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
    async fn ask(&mut self, started: Instant, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let now_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let random = random().map_err(|error| NoAnswer(error.to_string()))?;
        let client = Client::start(now_ms(), u64::from_be_bytes(random), request);
        let mut client = client.map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        self.send(client.first_datagram()).await?;
        loop {
            let due = started + Duration::from_millis(client.next_due_ms());
            let event = match timeout_at(due, self.receive()).await {
                Ok(message) => client.receive(now_ms(), &message?),
                Err(_) => client.poll(now_ms()),
            };
            match event {
                ClientEvent::Nothing => {}
                ClientEvent::Send(message) => self.send(&message).await?,
                ClientEvent::Response(response, acknowledgement) => {
                    if let Some(message) = acknowledgement {
                        // The response is here; if the meter does not hear so, it only sends it again.
                        let _ = self.send(&message).await;
                    }
                    return Ok(response);
                }
                ClientEvent::Rejected => return Err(NoAnswer("it rejects the message".into())),
                ClientEvent::NoAnswer => return Err(self.silence()),
            }
        }
    }

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
