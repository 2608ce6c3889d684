//! A link between one client and one server: 50 ms each way, and it loses the datagrams that it is told to.

use coinless_protocol::Bytes;
use coinless_protocol::coap::{
    Answer, Client, ClientEvent, Code, ContentFormat, Input, MAX_MESSAGE_BYTES, Method, Request, Response,
    ServedRequest, Server,
};

/// Milliseconds that a datagram travels.
const DELAY_MS: u64 = 50;

/// The only peer of the server.
pub const PHONE: u8 = 1;

/// How the server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// With the acknowledgement.
    Piggybacked,
    /// An empty acknowledgement at once, and the response so many milliseconds later.
    Separate { after_ms: u64 },
}

/// What a simulated exchange was.
#[derive(Debug)]
pub struct Outcome {
    /// What the client got.
    pub response: Option<Response>,
    /// How often the server executed the request.
    pub executed: u32,
    /// Datagrams that were sent, lost ones too.
    pub datagrams: usize,
    /// Whether the server has nothing left to repeat.
    pub server_is_quiet: bool,
}

/// The request of every exchange.
pub fn post_token() -> Request<'static> {
    let format = Some(ContentFormat::CoseSign1);
    Request { method: Method::Post, path: &["token"], query: &[], format, payload: b"a token" }
}

/// A datagram under way: when it arrives, whether at the server, its bytes.
type Flying = (u64, bool, Vec<u8>);

struct Link<'a> {
    flying: Vec<Flying>,
    sent: usize,
    lose: &'a dyn Fn(usize) -> bool,
    twice: bool,
}

impl Link<'_> {
    fn send(&mut self, now_ms: u64, to_server: bool, bytes: &[u8]) {
        if !(self.lose)(self.sent) {
            for _ in 0..if self.twice { 2 } else { 1 } {
                self.flying.push((now_ms + DELAY_MS, to_server, bytes.to_vec()));
            }
        }
        self.sent += 1;
    }

    fn arriving(&mut self, now_ms: u64) -> Option<Flying> {
        let at = self.flying.iter().position(|(due, ..)| *due <= now_ms)?;
        Some(self.flying.remove(at))
    }
}

/// The server and what it is doing.
struct Meter {
    server: Server<u8, 2>,
    mode: Mode,
    executed: u32,
    /// A request under way, and when its response is ready.
    work: Option<(u64, Bytes<MAX_MESSAGE_BYTES>)>,
}

impl Meter {
    fn receive(&mut self, now_ms: u64, datagram: &[u8]) -> Option<Vec<u8>> {
        match self.server.receive(now_ms, PHONE, datagram) {
            Input::Nothing => None,
            Input::Send(bytes) => Some(bytes.to_vec()),
            Input::Request(request) => {
                self.executed += 1;
                match self.mode {
                    Mode::Piggybacked => respond(&mut self.server, now_ms, &request),
                    Mode::Separate { after_ms } => {
                        let ack = self.server.acknowledge(&request);
                        // Only bytes can be kept; `ServedRequest` borrows the datagram.
                        let response = respond(&mut self.server, now_ms + after_ms, &request).unwrap();
                        self.work = Some((now_ms + after_ms, Bytes::copy_of(&response).unwrap()));
                        ack.map(|ack| ack.to_vec())
                    }
                }
            }
        }
    }
}

fn respond(server: &mut Server<u8, 2>, now_ms: u64, request: &ServedRequest<'_>) -> Option<Vec<u8>> {
    let format = Some(ContentFormat::CoseSign1);
    let answer = Answer { format, payload: b"a receipt", ..Answer::empty(Code::CHANGED) };
    server.respond(now_ms, 128, request, answer).map(|bytes| bytes.to_vec())
}

/// Plays one exchange to its end; `lose` says of each datagram, by its place in the order of sending, whether it is lost,
/// and with `twice` each one that is not lost arrives two times.
pub fn play(mode: Mode, twice: bool, lose: impl Fn(usize) -> bool) -> Outcome {
    let mut link = Link { flying: vec![], sent: 0, lose: &lose, twice };
    let mut meter = Meter { server: Server::new(0x7000), mode, executed: 0, work: None };
    let mut client = Client::start(0, 0x1234_aabb_ccdd_8000, &post_token()).unwrap();
    link.send(0, true, client.first_datagram());
    let (mut response, mut given_up) = (None, false);
    for now_ms in (0..400_000).step_by(10) {
        while let Some((_, to_server, bytes)) = link.arriving(now_ms) {
            if to_server {
                meter.receive(now_ms, &bytes).iter().for_each(|answer| link.send(now_ms, false, answer));
                continue;
            }
            match client.receive(now_ms, &bytes) {
                ClientEvent::Send(bytes) => link.send(now_ms, true, &bytes),
                ClientEvent::Response(got, ack) => {
                    ack.iter().for_each(|ack| link.send(now_ms, true, ack));
                    assert!(response.replace(got.clone()).is_none_or(|before| before == got));
                }
                ClientEvent::Nothing => {}
                event => panic!("{event:?}"),
            }
        }
        if meter.work.as_ref().is_some_and(|(ready, _)| *ready <= now_ms) {
            let (_, bytes) = meter.work.take().unwrap();
            link.send(now_ms, false, &bytes);
        }
        while let Some((peer, bytes)) = meter.server.poll(now_ms) {
            assert_eq!(peer, PHONE);
            link.send(now_ms, false, &bytes);
        }
        if response.is_none() && !given_up {
            match client.poll(now_ms) {
                ClientEvent::Send(bytes) => link.send(now_ms, true, &bytes),
                ClientEvent::NoAnswer => given_up = true,
                _ => {}
            }
        }
    }
    let server_is_quiet = meter.server.next_due_ms().is_none() && link.flying.is_empty();
    Outcome { response, executed: meter.executed, datagrams: link.sent, server_is_quiet }
}
