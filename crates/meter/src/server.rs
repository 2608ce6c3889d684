//! The meter's resources over CoAP: `/meter`, `/token`, `/receipt`, `/report`, `/challenge` and `/.well-known/core`.

use crate::meter::Meter;
use coinless_protocol::coap::{
    Answer, Code, ContentFormat, Input, Kind, Message, Method, ServedRequest, Server, option,
};
use coinless_protocol::keys::MeterKey;
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Outcome;
use coinless_protocol::token::MAX_TOKEN_BYTES;
use coinless_protocol::{Bytes, Challenge};
use embedded_storage::nor_flash::NorFlash;

/// What `GET /.well-known/core` says (RFC 6690).
pub const LINKS: &str = concat!(
    "</meter>;rt=\"coinless.meter\";ct=60,",
    "</token>;rt=\"coinless.token\";ct=18,",
    "</receipt>;rt=\"coinless.receipt\";ct=18,",
    "</report>;rt=\"coinless.report\";ct=18,",
    "</challenge>;rt=\"coinless.challenge\";ct=42"
);

/// A CoAP server for one link of a meter. `P` names a peer, `N` is how many exchanges it remembers; one is enough where one
/// peer talks at a time.
#[derive(Debug)]
pub struct MeterServer<P, const N: usize> {
    coap: Server<P, N>,
}

/// What a datagram came to; for a display or a log, the protocol needs none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Nothing of the meter: noise, a repeat, an acknowledgement, an error of the request.
    Nothing,
    /// The identity, a receipt, a report or a challenge was read.
    Read,
    /// A token was answered.
    Token {
        /// What was decided.
        outcome: Outcome,
        /// It was answered from what is stored.
        repeated: bool,
    },
    /// A message was refused.
    Refused(Refusal),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    Links,
    Meter,
    Token,
    Receipt,
    Report,
    Challenge,
}

impl Resource {
    fn of(message: &Message<'_>) -> Option<Self> {
        let mut path = message.values(option::URI_PATH);
        let resource = match (path.next()?, path.next()) {
            (b".well-known", Some(b"core")) => Self::Links,
            (b"meter", None) => Self::Meter,
            (b"token", None) => Self::Token,
            (b"receipt", None) => Self::Receipt,
            (b"report", None) => Self::Report,
            (b"challenge", None) => Self::Challenge,
            _ => return None,
        };
        path.next().is_none().then_some(resource)
    }

    fn method(self) -> Method {
        if self == Self::Token { Method::Post } else { Method::Get }
    }
}

/// A request that passed the checks of CoAP.
enum Work<'a> {
    Links,
    Meter(Option<Challenge>),
    Token(&'a [u8]),
    Receipt,
    Report,
    Challenge,
}

impl Work<'_> {
    fn format(&self) -> ContentFormat {
        match self {
            Self::Links => ContentFormat::LinkFormat,
            Self::Meter(None) => ContentFormat::Cbor,
            Self::Meter(Some(_)) | Self::Token(_) | Self::Receipt | Self::Report => ContentFormat::CoseSign1,
            Self::Challenge => ContentFormat::OctetStream,
        }
    }
}

impl<P: Copy + Eq, const N: usize> MeterServer<P, N> {
    /// A server whose first own message id is `first_id`, to be drawn at random (RFC 7252 §4.4).
    pub fn new(first_id: u16) -> Self {
        Self { coap: Server::new(first_id) }
    }

    /// Takes a datagram of `peer` at `now_ms` and hands what is to be sent to `send`, in this order: for work with a
    /// signature an empty acknowledgement, before the work, and then the response. `jitter` is drawn at random; it spreads
    /// repeats. No datagram changes anything of the meter but an authentic token.
    pub fn handle<F: NorFlash, K: MeterKey>(
        &mut self,
        meter: &mut Meter<F, K>,
        now_ms: u64,
        jitter: u8,
        peer: P,
        datagram: &[u8],
        send: &mut impl FnMut(P, &[u8]),
    ) -> Served {
        let Some(request) = self.receive(now_ms, peer, datagram, send) else { return Served::Nothing };
        let mut reply = Reply { coap: &mut self.coap, now_ms, jitter, peer, send };
        match check(&request.message) {
            Ok(work) => reply.execute(meter, &request, &work),
            // A request with an unknown critical option that asks for no answer is dropped (RFC 7252 §5.4.1).
            Err(Code::BAD_OPTION) if request.message.kind == Kind::Non => Served::Nothing,
            Err(code) => {
                reply.answer(&request, Answer::empty(code));
                Served::Nothing
            }
        }
    }

    // Not inlined, nor the other functions that hold a message: it must not lie on the stack during a signature.
    #[inline(never)]
    fn receive<'a>(
        &mut self,
        now_ms: u64,
        peer: P,
        datagram: &'a [u8],
        send: &mut impl FnMut(P, &[u8]),
    ) -> Option<ServedRequest<'a>> {
        match self.coap.receive(now_ms, peer, datagram) {
            Input::Nothing => None,
            Input::Send(bytes) => {
                send(peer, &bytes);
                None
            }
            Input::Request(request) => Some(request),
        }
    }

    /// Sends what is due again at `now_ms`: separate responses that were not acknowledged.
    pub fn poll(&mut self, now_ms: u64, send: &mut impl FnMut(P, &[u8])) {
        // Each exchange is due at most once at one time.
        for _ in 0..N {
            let Some((peer, bytes)) = self.coap.poll(now_ms) else { return };
            send(peer, &bytes);
        }
    }

    /// When [`MeterServer::poll`] is next due, in milliseconds.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.coap.next_due_ms()
    }
}

/// Everything that an answer to one peer needs.
struct Reply<'a, P, S, const N: usize> {
    coap: &'a mut Server<P, N>,
    now_ms: u64,
    jitter: u8,
    peer: P,
    send: &'a mut S,
}

impl<P: Copy + Eq, S: FnMut(P, &[u8]), const N: usize> Reply<'_, P, S, N> {
    #[inline(never)]
    fn execute<F: NorFlash, K: MeterKey>(
        &mut self,
        meter: &mut Meter<F, K>,
        request: &ServedRequest<'_>,
        work: &Work<'_>,
    ) -> Served {
        let format = work.format();
        match work {
            Work::Links => {
                self.content(request, Code::CONTENT, format, LINKS.as_bytes());
                Served::Nothing
            }
            Work::Meter(None) => self.identity(meter, request, format),
            Work::Meter(Some(challenge)) => self.signed_identity(meter, request, format, *challenge),
            Work::Receipt => {
                if meter.receipt_needs_signature() {
                    self.acknowledge(request);
                }
                match meter.receipt(self.now_ms) {
                    Ok(receipt) => self.read(request, format, receipt),
                    Err(refusal) => self.refuse(request, refusal, meter.busy_s(self.now_ms)),
                }
            }
            Work::Report => self.report(meter, request, format),
            Work::Challenge => match meter.challenge(self.now_ms) {
                Ok(challenge) => self.read(request, format, &challenge),
                Err(refusal) => self.refuse(request, refusal, meter.busy_s(self.now_ms)),
            },
            Work::Token(token) => {
                self.acknowledge(request);
                match meter.token(self.now_ms, token) {
                    Ok(answer) => {
                        self.content(request, Code::CHANGED, format, answer.receipt);
                        Served::Token { outcome: answer.outcome, repeated: answer.repeated }
                    }
                    Err(refusal) => self.refuse(request, refusal, meter.busy_s(self.now_ms)),
                }
            }
        }
    }

    #[inline(never)]
    fn identity<F: NorFlash, K: MeterKey>(
        &mut self,
        meter: &mut Meter<F, K>,
        request: &ServedRequest<'_>,
        format: ContentFormat,
    ) -> Served {
        match meter.identity(self.now_ms) {
            Ok(identity) => self.read(request, format, &identity),
            Err(refusal) => self.refuse(request, refusal, meter.busy_s(self.now_ms)),
        }
    }

    #[inline(never)]
    fn signed_identity<F: NorFlash, K: MeterKey>(
        &mut self,
        meter: &mut Meter<F, K>,
        request: &ServedRequest<'_>,
        format: ContentFormat,
        challenge: Challenge,
    ) -> Served {
        self.acknowledge(request);
        let mut signed = Bytes::new();
        match meter.sign_identity(self.now_ms, challenge, &mut signed) {
            Ok(()) => self.read(request, format, &signed),
            Err(refusal) => self.refuse(request, refusal, meter.busy_s(self.now_ms)),
        }
    }

    #[inline(never)]
    fn report<F: NorFlash, K: MeterKey>(
        &mut self,
        meter: &mut Meter<F, K>,
        request: &ServedRequest<'_>,
        format: ContentFormat,
    ) -> Served {
        self.acknowledge(request);
        let mut signed = Bytes::new();
        match meter.report(self.now_ms, &mut signed) {
            Ok(()) => self.read(request, format, &signed),
            Err(refusal) => self.refuse(request, refusal, meter.busy_s(self.now_ms)),
        }
    }

    fn read(&mut self, request: &ServedRequest<'_>, format: ContentFormat, payload: &[u8]) -> Served {
        self.content(request, Code::CONTENT, format, payload);
        Served::Read
    }

    /// Says why, and, if the meter is busy, that the same again is right after `busy_s` seconds.
    #[inline(never)]
    fn refuse(&mut self, request: &ServedRequest<'_>, refusal: Refusal, busy_s: u32) -> Served {
        let details = refusal.to_bytes().unwrap_or_default();
        let max_age_s = (refusal == Refusal::Busy).then_some(busy_s);
        let format = Some(ContentFormat::Problem);
        self.answer(request, Answer { format, max_age_s, payload: &details, ..Answer::empty(refusal.coap_code()) });
        Served::Refused(refusal)
    }

    #[inline(never)]
    fn acknowledge(&mut self, request: &ServedRequest<'_>) {
        if let Some(bytes) = self.coap.acknowledge(request) {
            (self.send)(self.peer, &bytes);
        }
    }

    fn content(&mut self, request: &ServedRequest<'_>, code: Code, format: ContentFormat, payload: &[u8]) {
        self.answer(request, Answer { format: Some(format), payload, ..Answer::empty(code) });
    }

    #[inline(never)]
    fn answer(&mut self, request: &ServedRequest<'_>, answer: Answer<'_>) {
        if let Some(bytes) = self.coap.respond(self.now_ms, self.jitter, request, answer) {
            (self.send)(self.peer, &bytes);
        }
    }
}

/// What a request asks for, or the code of the error that is wrong with it.
#[inline(never)]
fn check<'a>(message: &Message<'a>) -> Result<Work<'a>, Code> {
    if message.options().any(|(number, value)| !understood(number, value)) || repeats(message) {
        return Err(Code::BAD_OPTION);
    }
    let resource = Resource::of(message).ok_or(Code::NOT_FOUND)?;
    if message.code.0 != resource.method() as u8 {
        return Err(Code::METHOD_NOT_ALLOWED);
    }
    let work = match resource {
        Resource::Links => Work::Links,
        Resource::Meter => Work::Meter(challenge(message)?),
        Resource::Receipt => Work::Receipt,
        Resource::Report => Work::Report,
        Resource::Challenge => Work::Challenge,
        Resource::Token => Work::Token(token(message)?),
    };
    match message.uint(option::ACCEPT) {
        Some(accepted) if accepted != work.format() as u16 => Err(Code::NOT_ACCEPTABLE),
        _ => Ok(work),
    }
}

/// Whether an option is elective (even number) or a known one of lawful length (RFC 7252 §5.4, §5.10).
fn understood(number: u16, value: &[u8]) -> bool {
    match number {
        option::URI_HOST => (1..=255).contains(&value.len()),
        option::URI_PORT | option::ACCEPT => value.len() <= 2,
        option::URI_PATH | option::URI_QUERY => value.len() <= 255,
        _ => number.is_multiple_of(2),
    }
}

/// Whether an option occurs twice that may occur once: the second counts as not understood (RFC 7252 §5.4.5).
fn repeats(message: &Message<'_>) -> bool {
    [option::URI_HOST, option::URI_PORT, option::ACCEPT].into_iter().any(|number| message.values(number).count() > 1)
}

/// The challenge of `?c=<16 hexadecimal digits>`. Other parameters are left alone.
fn challenge(message: &Message<'_>) -> Result<Option<Challenge>, Code> {
    let mut given = message.values(option::URI_QUERY).filter_map(|parameter| parameter.strip_prefix(b"c="));
    let Some(digits) = given.next() else { return Ok(None) };
    let text = core::str::from_utf8(digits).map_err(|_| Code::BAD_REQUEST)?;
    let hexadecimal = digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit);
    match u64::from_str_radix(text, 16) {
        Ok(number) if hexadecimal && given.next().is_none() => Ok(Some(number.to_be_bytes())),
        _ => Err(Code::BAD_REQUEST),
    }
}

/// The payload of a token's request.
fn token<'a>(message: &Message<'a>) -> Result<&'a [u8], Code> {
    match message.uint(option::CONTENT_FORMAT) {
        Some(format) if format != ContentFormat::CoseSign1 as u16 => Err(Code::UNSUPPORTED_CONTENT_FORMAT),
        _ if message.payload.len() > MAX_TOKEN_BYTES => Err(Code::REQUEST_ENTITY_TOO_LARGE),
        _ => Ok(message.payload),
    }
}
