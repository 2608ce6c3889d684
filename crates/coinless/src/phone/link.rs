//! The link to the meter at hand, whatever carries it.

use super::ndef::NdefTag;
use super::serial::Serial;
use super::udp::Udp;
use super::websocket::WebSocket;
use crate::output::Failure;
use coinless_phone::io::{Link, NoAnswer};
use coinless_phone::lossy::{self, Lossy};
use coinless_protocol::coap::{Method, Request, Response};
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
    Lossy(Carrier),
    /// Over a link that delivers them or breaks.
    WebSocket(Box<WebSocket>),
    /// Through its NFC tag.
    Ndef(NdefTag),
}

/// What carries messages to the meter and back.
pub struct Carrier {
    kind: Kind,
    started: Instant,
}

enum Kind {
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
        let kind = match link.strip_prefix(SERIAL) {
            Some(place) => Kind::Serial(Box::new(Serial::open(place)?)),
            None => Kind::Udp(Udp::connect(link).await?),
        };
        Ok(Self::Lossy(Carrier { kind, started: Instant::now() }))
    }

    async fn ask(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        match self {
            Self::Lossy(carrier) => {
                let random = random().map_err(|error| NoAnswer(error.to_string()))?;
                lossy::exchange(carrier, u64::from_be_bytes(random), request).await
            }
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

impl Lossy for Carrier {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
        match &mut self.kind {
            Kind::Udp(udp) => udp.send(message).await,
            Kind::Serial(serial) => serial.send(message).await,
        }
    }

    async fn receive(&mut self, until_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        let until = self.started + Duration::from_millis(until_ms);
        let message = async {
            match &mut self.kind {
                Kind::Udp(udp) => udp.receive().await,
                Kind::Serial(serial) => serial.receive().await,
            }
        };
        timeout_at(until, message).await.ok().transpose()
    }

    fn silence(&self) -> Option<String> {
        match &self.kind {
            Kind::Udp(_) => None,
            Kind::Serial(serial) => serial.silence(),
        }
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
