//! A CoAP client with one request at a time.

use super::message::{
    Code, ContentFormat, Kind, MAX_MESSAGE_BYTES, Message, Method, WriteError, option, uint_value, write, write_after,
};
use super::{Due, Retransmission, SEPARATE_TIMEOUT_MS};
use crate::Bytes;

/// A request to a meter.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Method.
    pub method: Method,
    /// Path segments, for example `["token"]`.
    pub path: &'a [&'a str],
    /// Query parameters, for example `["c=00112233aabbccdd"]`.
    pub query: &'a [&'a str],
    /// Format of the payload.
    pub format: Option<ContentFormat>,
    /// Payload.
    pub payload: &'a [u8],
}

impl Request<'_> {
    /// The request behind a transport's `head`.
    pub(super) fn write_after(&self, head: &[u8], token: &[u8]) -> Result<Bytes<MAX_MESSAGE_BYTES>, WriteError> {
        let format = self.format.map(|format| uint_value(format as u32));
        let mut options = heapless::Vec::<(u16, &[u8]), 8>::new();
        let mut put = |number, value| options.push((number, value)).map_err(|_| WriteError);
        for segment in self.path {
            put(option::URI_PATH, segment.as_bytes())?;
        }
        if let Some(bytes) = &format {
            put(option::CONTENT_FORMAT, bytes)?;
        }
        for parameter in self.query {
            put(option::URI_QUERY, parameter.as_bytes())?;
        }
        write_after(head, token, &options, self.payload)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Response code.
    pub code: Code,
    /// Number of the content format.
    pub format: Option<u16>,
    /// Max-Age in seconds, if the answer says it; with 5.03 the time after which to try again (§5.9.3.4).
    pub max_age_s: Option<u32>,
    /// Payload.
    pub payload: Bytes<MAX_MESSAGE_BYTES>,
}

/// What a datagram or the time brought.
#[expect(clippy::large_enum_variant, reason = "there is no heap to put the bytes on")]
#[derive(Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// Nothing to do.
    Nothing,
    /// Send these bytes.
    Send(Bytes<MAX_MESSAGE_BYTES>),
    /// The response, and bytes to be sent (an acknowledgement) if any.
    Response(Response, Option<Bytes<MAX_MESSAGE_BYTES>>),
    /// The peer rejected the request (reset).
    Rejected,
    /// No answer came. Nothing is known of the outcome; the same again is right.
    NoAnswer,
}

#[derive(Debug)]
enum Waiting {
    ForAck(Retransmission),
    ForResponse { until_ms: u64 },
}

/// One request and all that belongs to it until its response.
#[derive(Debug)]
pub struct Client {
    id: u16,
    token: [u8; 4],
    sent: Bytes<MAX_MESSAGE_BYTES>,
    waiting: Waiting,
}

impl Client {
    /// Starts a request; [`Client::first_datagram`] is to be sent. `random` draws message id, token and jitter: fresh for every
    /// request (§4.4, §5.3.1).
    ///
    /// # Errors
    /// [`WriteError`] if the request is too long.
    pub fn start(now_ms: u64, random: u64, request: &Request<'_>) -> Result<Self, WriteError> {
        let [a, b, c, d, e, f, jitter, _] = random.to_be_bytes();
        let (id, token) = (u16::from_be_bytes([a, b]), [c, d, e, f]);
        let [id_high, id_low] = id.to_be_bytes();
        let head = [0x40 | (Kind::Con as u8) << 4 | token.len() as u8, request.method as u8, id_high, id_low];
        let sent = request.write_after(&head, &token)?;
        Ok(Self { id, token, sent, waiting: Waiting::ForAck(Retransmission::start(now_ms, jitter)) })
    }

    /// The request's bytes.
    pub fn first_datagram(&self) -> &[u8] {
        &self.sent
    }

    /// Takes a datagram of the peer.
    pub fn receive(&mut self, now_ms: u64, datagram: &[u8]) -> ClientEvent {
        let Ok(message) = Message::parse(datagram) else { return ClientEvent::Nothing };
        // A response with a critical option that is not understood is rejected (§5.4.1); here that is any.
        let ours = message.token == self.token && message.code.class() >= 2 && !message.has_critical_option(&[]);
        match message.kind {
            Kind::Rst if message.id == self.id => ClientEvent::Rejected,
            Kind::Ack if message.id == self.id && message.code == Code::EMPTY => {
                // The first one counts: repeats do not make the wait longer.
                if let Waiting::ForAck(_) = self.waiting {
                    self.waiting = Waiting::ForResponse { until_ms: now_ms.saturating_add(SEPARATE_TIMEOUT_MS) };
                }
                ClientEvent::Nothing
            }
            Kind::Ack if message.id == self.id && ours => response(&message, None),
            Kind::Con if ours => response(&message, write(Kind::Ack, Code::EMPTY, message.id, &[], &[], &[]).ok()),
            Kind::Non if ours => response(&message, None),
            // A confirmable message that is not for this request: say so, and the peer stops repeating it (§4.2).
            Kind::Con => {
                write(Kind::Rst, Code::EMPTY, message.id, &[], &[], &[]).map_or(ClientEvent::Nothing, ClientEvent::Send)
            }
            _ => ClientEvent::Nothing,
        }
    }

    /// What is due at `now_ms`: a repeat of the request, or the end of waiting.
    pub fn poll(&mut self, now_ms: u64) -> ClientEvent {
        match &mut self.waiting {
            Waiting::ForAck(retransmission) => match retransmission.poll(now_ms) {
                Due::Wait => ClientEvent::Nothing,
                Due::Again => ClientEvent::Send(self.sent.clone()),
                Due::GiveUp => ClientEvent::NoAnswer,
            },
            Waiting::ForResponse { until_ms } if now_ms >= *until_ms => ClientEvent::NoAnswer,
            Waiting::ForResponse { .. } => ClientEvent::Nothing,
        }
    }

    /// When [`Client::poll`] is next due, in milliseconds.
    pub fn next_due_ms(&self) -> u64 {
        match &self.waiting {
            Waiting::ForAck(retransmission) => retransmission.due_ms,
            Waiting::ForResponse { until_ms } => *until_ms,
        }
    }
}

impl Response {
    /// What a message says as an answer; none if its payload is longer than any message.
    pub(super) fn of(message: &Message<'_>) -> Option<Self> {
        let payload = Bytes::copy_of(message.payload).ok()?;
        let (format, max_age_s) = (message.uint(option::CONTENT_FORMAT), message.max_age_s());
        Some(Self { code: message.code, format, max_age_s, payload })
    }
}

fn response(message: &Message<'_>, send: Option<Bytes<MAX_MESSAGE_BYTES>>) -> ClientEvent {
    Response::of(message).map_or(ClientEvent::Nothing, |response| ClientEvent::Response(response, send))
}
