//! CoAP (RFC 7252) for a meter and a phone: the messages, a server and a client.
//!
//! Both ends are sans-I/O: bytes and the time in milliseconds come in, bytes to send come out. Over UDP, messages are
//! confirmable, retransmitted with exponential back-off and deduplicated; long work is answered by an empty acknowledgement
//! first and a separate response later (§5.2.2). Over links that lose nothing (WebSocket, Bluetooth GATT) messages are shorter
//! and need none of that: [`ReliableClient`] asks over them, [`ReliableServer`] stands before a [`Server`].

mod client;
mod message;
mod reliable;
mod reliable_client;
mod reliable_server;
mod server;
mod tag;

pub use client::{Client, ClientEvent, Request, Response};
pub use message::{
    Code, ContentFormat, Kind, MAX_MESSAGE_BYTES, Message, MessageError, Method, WriteError, option, write,
};
pub use reliable::{
    Framing, GATT_DOWNSTREAM, GATT_SERVICE, GATT_UPSTREAM, MAX_RELIABLE_BYTES, NDEF_MEDIA_TYPE, WEBSOCKET_PATH,
    WEBSOCKET_PROTOCOL,
};
pub use reliable_client::{ReliableClient, ReliableEvent};
pub use reliable_server::{Passed, ReliableServer, ServerEvent};
pub use server::{Answer, Input, ServedRequest, Server};
pub use tag::TagExchange;

/// First retransmission time-out in milliseconds (RFC 7252 §4.8: 2 s to 3 s).
pub const ACK_TIMEOUT_MS: u64 = 2_000;
/// Retransmissions before giving up (§4.8).
pub const MAX_RETRANSMIT: u32 = 4;
/// How long a client waits for a separate response after an empty acknowledgement: signatures on a small meter take seconds.
pub const SEPARATE_TIMEOUT_MS: u64 = 30_000;
/// How long a message id is remembered for deduplication (§4.8.2, EXCHANGE_LIFETIME).
pub const EXCHANGE_LIFETIME_MS: u64 = 247_000;

/// When to send a message again (RFC 7252 §4.2).
#[derive(Debug, Clone, Copy)]
struct Retransmission {
    due_ms: u64,
    timeout_ms: u64,
    sent: u32,
}

enum Due {
    Wait,
    Again,
    GiveUp,
}

impl Retransmission {
    /// `jitter` spreads the first time-out over 2 s to 3 s (ACK_RANDOM_FACTOR 1.5).
    fn start(now_ms: u64, jitter: u8) -> Self {
        const SPREAD_MS: u64 = ACK_TIMEOUT_MS / 2;
        let timeout_ms = ACK_TIMEOUT_MS.saturating_add(SPREAD_MS.saturating_mul(jitter.into()) / 255);
        Self { due_ms: now_ms.saturating_add(timeout_ms), timeout_ms, sent: 0 }
    }

    fn poll(&mut self, now_ms: u64) -> Due {
        if now_ms < self.due_ms {
            return Due::Wait;
        }
        if self.sent == MAX_RETRANSMIT {
            return Due::GiveUp;
        }
        self.sent = self.sent.saturating_add(1);
        self.timeout_ms = self.timeout_ms.saturating_mul(2);
        self.due_ms = now_ms.saturating_add(self.timeout_ms);
        Due::Again
    }
}
