//! A CoAP server for a handful of resources.
//!
//! `P` names a peer (a socket address; nothing on a point-to-point link). The server remembers the last `N` exchanges: a
//! repeated request gets the same answer again without being executed, and a separate response is sent again until it is
//! acknowledged.

use super::message::{Code, ContentFormat, Kind, MAX_MESSAGE_BYTES, Message, MessageError, option, uint_value, write};
use super::{Due, EXCHANGE_LIFETIME_MS, Retransmission};
use crate::Bytes;

/// What to do with a datagram.
#[expect(clippy::large_enum_variant, reason = "there is no heap to put the bytes on")]
#[derive(Debug)]
pub enum Input<'a> {
    /// Nothing: noise, an acknowledgement, or a repeat of a request whose answer is still being made.
    Nothing,
    /// Send these bytes to the peer.
    Send(Bytes<MAX_MESSAGE_BYTES>),
    /// Execute this request, then call [`Server::respond`].
    Request(ServedRequest<'a>),
}

/// A request to be executed.
#[derive(Debug, Clone, Copy)]
pub struct ServedRequest<'a> {
    /// The whole message, for its code, options and payload.
    pub message: Message<'a>,
    exchange: usize,
}

/// The answer to a request.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Response code.
    pub code: Code,
    /// Format of the payload.
    pub format: Option<ContentFormat>,
    /// Max-Age in seconds; with 5.03 the time after which to try again (§5.9.3.4).
    pub max_age_s: Option<u32>,
    /// Payload, at most [`crate::cose::MAX_OBJECT_BYTES`].
    pub payload: &'a [u8],
}

impl Answer<'_> {
    /// An answer without a payload.
    pub fn empty(code: Code) -> Self {
        Self { code, format: None, max_age_s: None, payload: &[] }
    }

    fn write(&self, kind: Kind, id: u16, token: &[u8]) -> Option<Bytes<MAX_MESSAGE_BYTES>> {
        let options = [
            (option::CONTENT_FORMAT, self.format.map(|format| uint_value(format as u32))),
            (option::MAX_AGE, self.max_age_s.map(uint_value)),
        ];
        let mut given = heapless::Vec::<(u16, &[u8]), 2>::new();
        for (number, value) in &options {
            if let Some(value) = value {
                given.push((*number, value)).ok()?;
            }
        }
        write(kind, self.code, id, token, &given, self.payload).ok()
    }
}

#[derive(Debug)]
struct Exchange<P> {
    peer: P,
    request_id: u16,
    token: Bytes<8>,
    confirmable: bool,
    since_ms: u64,
    /// An empty acknowledgement was sent: the response is a message of its own.
    acknowledged: bool,
    answer: Bytes<MAX_MESSAGE_BYTES>,
    /// Message id of a separate response that is not yet acknowledged.
    pending: Option<(u16, Retransmission)>,
}

/// The server's side of the message layer.
#[derive(Debug)]
pub struct Server<P, const N: usize> {
    exchanges: [Option<Exchange<P>>; N],
    next_id: u16,
}

impl<P: Copy + Eq, const N: usize> Server<P, N> {
    /// A server whose first own message id is `first_id` (to be drawn at random, §4.4).
    pub fn new(first_id: u16) -> Self {
        Self { exchanges: [const { None }; N], next_id: first_id }
    }

    /// Takes a datagram of `peer`.
    pub fn receive<'a>(&mut self, now_ms: u64, peer: P, datagram: &'a [u8]) -> Input<'a> {
        let message = match Message::parse(datagram) {
            Ok(message) => message,
            Err(MessageError::NotCoap) => return Input::Nothing,
            Err(MessageError::Format) => return reset_malformed(datagram),
        };
        match (message.kind, message.code.class()) {
            (Kind::Ack | Kind::Rst, _) => {
                self.stop_retransmitting(peer, message.id);
                Input::Nothing
            }
            // An empty confirmable message is a ping (§4.3); a response that nobody asked for is rejected alike.
            (Kind::Con, class) if message.code == Code::EMPTY || class != 0 => {
                write(Kind::Rst, Code::EMPTY, message.id, &[], &[], &[]).map_or(Input::Nothing, Input::Send)
            }
            (Kind::Con, _) => self.request(now_ms, peer, message),
            (Kind::Non, 0) if message.code != Code::EMPTY => self.request(now_ms, peer, message),
            (Kind::Non, _) => Input::Nothing,
        }
    }

    /// An empty acknowledgement, to be sent before long work; none if the request was not confirmable.
    pub fn acknowledge(&mut self, request: &ServedRequest<'_>) -> Option<Bytes<MAX_MESSAGE_BYTES>> {
        let exchange = self.exchange(request)?;
        if !exchange.confirmable || exchange.acknowledged {
            return None;
        }
        exchange.acknowledged = true;
        let ack = write(Kind::Ack, Code::EMPTY, exchange.request_id, &[], &[], &[]).ok()?;
        exchange.answer = ack.clone();
        Some(ack)
    }

    /// The response to `request`: with the acknowledgement if none was sent, else as a separate confirmable message that is
    /// repeated until acknowledged. `jitter` spreads the repeats. None if the payload is too long for a message.
    pub fn respond(
        &mut self,
        now_ms: u64,
        jitter: u8,
        request: &ServedRequest<'_>,
        answer: Answer<'_>,
    ) -> Option<Bytes<MAX_MESSAGE_BYTES>> {
        let id = self.next_id;
        let exchange = self.exchange(request)?;
        let (kind, message_id) = match (exchange.confirmable, exchange.acknowledged) {
            (true, false) => (Kind::Ack, exchange.request_id),
            (true, true) => (Kind::Con, id),
            (false, _) => (Kind::Non, id),
        };
        let bytes = answer.write(kind, message_id, &exchange.token)?;
        exchange.answer = bytes.clone();
        exchange.pending = (kind == Kind::Con).then(|| (id, Retransmission::start(now_ms, jitter)));
        if kind != Kind::Ack {
            self.next_id = self.next_id.wrapping_add(1);
        }
        Some(bytes)
    }

    /// A separate response that is due to be sent again, if there is one. To be called until it gives none, at
    /// [`Server::next_due_ms`].
    pub fn poll(&mut self, now_ms: u64) -> Option<(P, Bytes<MAX_MESSAGE_BYTES>)> {
        for exchange in self.exchanges.iter_mut().flatten() {
            let Some((_, retransmission)) = &mut exchange.pending else { continue };
            match retransmission.poll(now_ms) {
                Due::Wait => {}
                Due::Again => return Some((exchange.peer, exchange.answer.clone())),
                Due::GiveUp => exchange.pending = None,
            }
        }
        None
    }

    /// When [`Server::poll`] is next due, in milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.exchanges.iter().flatten().filter_map(|exchange| exchange.pending).map(|(_, r)| r.due_ms).min()
    }

    fn request<'a>(&mut self, now_ms: u64, peer: P, message: Message<'a>) -> Input<'a> {
        // The token too: on a point-to-point link one peer goes and another comes, and may begin with the same id (§4.4).
        let same = |e: &Exchange<P>| e.peer == peer && e.request_id == message.id && *e.token == *message.token;
        if let Some(known) = self.exchanges.iter().flatten().find(|e| same(e))
            && now_ms.saturating_sub(known.since_ms) < EXCHANGE_LIFETIME_MS
        {
            // A separate response that is still pending follows by its own retransmission.
            return if known.answer.is_empty() { Input::Nothing } else { Input::Send(known.answer.clone()) };
        }
        let Ok(token) = Bytes::copy_of(message.token) else { return Input::Nothing };
        let exchange =
            self.exchanges.iter().position(|e| e.as_ref().is_some_and(same)).unwrap_or_else(|| self.oldest());
        if let Some(place) = self.exchanges.get_mut(exchange) {
            *place = Some(Exchange {
                peer,
                request_id: message.id,
                token,
                confirmable: message.kind == Kind::Con,
                since_ms: now_ms,
                acknowledged: false,
                answer: Bytes::new(),
                pending: None,
            });
        }
        Input::Request(ServedRequest { message, exchange })
    }

    /// The place of the exchange to be forgotten: an empty one, else the oldest.
    fn oldest(&self) -> usize {
        let since = |(_, exchange): &(usize, &Option<Exchange<P>>)| {
            exchange.as_ref().map_or(0, |e| e.since_ms.saturating_add(1))
        };
        self.exchanges.iter().enumerate().min_by_key(since).map_or(0, |(at, _)| at)
    }

    fn exchange(&mut self, request: &ServedRequest<'_>) -> Option<&mut Exchange<P>> {
        // Its place may have been given to another exchange meanwhile.
        let same = |e: &&mut Exchange<P>| e.request_id == request.message.id && *e.token == *request.message.token;
        self.exchanges.get_mut(request.exchange)?.as_mut().filter(same)
    }

    fn stop_retransmitting(&mut self, peer: P, id: u16) {
        for exchange in self.exchanges.iter_mut().flatten() {
            if exchange.peer == peer && exchange.pending.is_some_and(|(pending, _)| pending == id) {
                exchange.pending = None;
            }
        }
    }
}

/// A malformed confirmable message is answered with a reset (§4.2).
fn reset_malformed<'a>(datagram: &[u8]) -> Input<'a> {
    match datagram {
        [first, _, high, low, ..] if first >> 4 & 3 == Kind::Con as u8 => {
            let id = u16::from_be_bytes([*high, *low]);
            write(Kind::Rst, Code::EMPTY, id, &[], &[], &[]).map_or(Input::Nothing, Input::Send)
        }
        _ => Input::Nothing,
    }
}
