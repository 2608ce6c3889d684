//! The meter's resources over CoAP, by the protocol's own client and by hand-made messages.

use crate::support::*;
use coinless_meter::{LINKS, Meter, MeterServer, Served, WorkLimit};
use coinless_protocol::Commodity;
use coinless_protocol::coap::{
    Client, ClientEvent, Code, ContentFormat, Kind, Message, Method, Request, Response, option, write,
};
use coinless_protocol::identity::{Identity, display_code};
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Decision;

struct Bench {
    meter: Meter<Flash>,
    server: MeterServer<u8, 2>,
    now_ms: u64,
}

fn bench() -> Bench {
    Bench { meter: meter(Commodity::Gas), server: MeterServer::new(7), now_ms: 1_000 }
}

impl Bench {
    fn hand(&mut self, datagram: &[u8]) -> (Served, Vec<Vec<u8>>) {
        let mut sent = Vec::new();
        let mut send = |_, bytes: &[u8]| sent.push(bytes.to_vec());
        let served = self.server.handle(&mut self.meter, self.now_ms, 0, 1, datagram, &mut send);
        (served, sent)
    }

    /// The response to a request, and whether an empty acknowledgement came before it.
    fn ask(&mut self, request: &Request<'_>, random: u32) -> (Response, bool) {
        let mut client = Client::start(self.now_ms, u64::from(random) << 32, request).unwrap();
        let (_, sent) = self.hand(client.first_datagram());
        let mut separate = false;
        for bytes in sent {
            match client.receive(self.now_ms, &bytes) {
                ClientEvent::Response(response, ack) => {
                    ack.into_iter().for_each(|ack| assert!(self.hand(&ack).1.is_empty()));
                    return (response, separate);
                }
                event => separate |= event == ClientEvent::Nothing,
            }
        }
        panic!("no response");
    }

    fn get(&mut self, path: &[&str], query: &[&str], random: u32) -> (Response, bool) {
        self.ask(&Request { method: Method::Get, path, query, format: None, payload: &[] }, random)
    }

    fn post(&mut self, payload: &[u8], random: u32) -> (Response, bool) {
        let format = Some(ContentFormat::CoseSign1);
        self.ask(&Request { method: Method::Post, path: &["token"], query: &[], format, payload }, random)
    }

    /// The code of the answer to a message made by hand.
    fn code(&mut self, code: u8, id: u16, options: &[(u16, &[u8])], payload: &[u8]) -> Code {
        let bytes = write(Kind::Con, Code(code), id, b"t", options, payload).unwrap();
        let (_, sent) = self.hand(&bytes);
        Message::parse(sent.last().unwrap()).unwrap().code
    }
}

const PATH_TOKEN: (u16, &[u8]) = (option::URI_PATH, b"token");
const PATH_METER: (u16, &[u8]) = (option::URI_PATH, b"meter");

#[test]
fn the_links_and_the_identity_are_public() {
    let mut bench = bench();
    let (links, separate) = bench.get(&[".well-known", "core"], &["rt=coinless.token"], 1);
    assert_eq!((links.format, links.payload.as_slice(), separate), (Some(40), LINKS.as_bytes(), false));
    let (response, separate) = bench.get(&["meter"], &["x=1"], 2 << 16);
    assert_eq!((response.code, response.format, separate), (Code::CONTENT, Some(60), false));
    let identity = Identity::from_bytes(&response.payload).unwrap();
    assert_eq!((identity.meter, identity.meter_key), (meter_id(), meter_key().hash().hint()));
    assert!(identity.flags.armed && identity.challenge.is_none());
}

#[test]
fn a_challenge_is_signed_and_its_code_shown() {
    let mut bench = bench();
    let (response, separate) = bench.get(&["meter"], &["c=00112233aabbccDD"], 1);
    let challenge = [0, 0x11, 0x22, 0x33, 0xaa, 0xbb, 0xcc, 0xdd];
    assert_eq!((response.format, separate), (Some(18), true));
    let identity = Identity::verified(&response.payload, &meter_key(), &meter_key().hash()).unwrap();
    assert_eq!(identity.challenge, Some(challenge));
    assert_eq!(bench.meter.display_code(1_000), Some(display_code(&challenge, &meter_key().hash())));
    assert_eq!(bench.meter.display_code(200_000), None);
}

#[test]
fn a_token_is_acknowledged_first_and_answered_with_a_receipt() {
    let mut bench = bench();
    let (response, separate) = bench.post(&credit(1, 500), 1);
    assert_eq!((response.code, response.format, separate), (Code::CHANGED, Some(18), true));
    assert_eq!(opened(&response.payload).0.outcome.decision, Decision::Applied);
    assert_eq!(bench.server.next_due_ms(), None, "the client has acknowledged it");
    let (again, separate) = bench.get(&["receipt"], &[], 2 << 16);
    assert_eq!((again.code, again.payload, separate), (Code::CONTENT, response.payload, false));
    let (refused, _) = bench.post(&credit(1, 500)[1..], 3 << 16);
    assert_eq!((refused.code, refused.format), (Code::BAD_REQUEST, Some(257)));
    assert_eq!(Refusal::from_bytes(&refused.payload), Ok(Refusal::Malformed));
}

#[test]
fn a_repeated_datagram_is_not_executed_again_and_an_unanswered_response_is_repeated() {
    let mut bench = bench();
    let token = credit(1, 500);
    let options = [PATH_TOKEN];
    let post = write(Kind::Con, Code(2), 9, b"t", &options, &token).unwrap();
    let (served, sent) = bench.hand(&post);
    assert!(matches!(served, Served::Token { repeated: false, .. }));
    assert_eq!(sent.len(), 2);
    assert_eq!(bench.hand(&post), (Served::Nothing, vec![sent[1].clone()]));
    let mut again = Vec::new();
    bench.server.poll(10_000, &mut |peer, bytes: &[u8]| again.push((peer, bytes.to_vec())));
    assert_eq!(again, [(1, sent[1].clone())]);
    // A token in a new message is a repeat for the meter.
    let post = write(Kind::Non, Code(2), 10, b"t", &options, &token).unwrap();
    let (served, sent) = bench.hand(&post);
    assert!(matches!(served, Served::Token { repeated: true, .. }));
    assert_eq!(sent.len(), 1);
}

#[test]
fn wrong_requests_have_their_codes() {
    let mut bench = bench();
    let code = |text: &str| {
        Code(text.chars().filter_map(|c| c.to_digit(10)).fold(0, |a, d| if a == 0 { d << 5 } else { a }) as u8)
    };
    assert_eq!(code("4.00"), Code::BAD_REQUEST);
    let token = credit(1, 500);
    let accept = |format: &'static [u8]| (option::ACCEPT, format);
    let content = |format: &'static [u8]| (option::CONTENT_FORMAT, format);
    let query = |text: &'static [u8]| (option::URI_QUERY, text);
    let path = |text: &'static [u8]| (option::URI_PATH, text);
    let long = [0; 257];
    type Row<'a> = (u8, Vec<(u16, &'a [u8])>, &'a [u8], Code);
    let table: Vec<Row<'_>> = vec![
        (1, vec![path(b"nothing")], b"", Code::NOT_FOUND),
        (1, vec![], b"", Code::NOT_FOUND),
        (1, vec![PATH_METER, path(b"")], b"", Code::NOT_FOUND),
        (1, vec![path(b".well-known")], b"", Code::NOT_FOUND),
        (2, vec![PATH_METER], b"", Code::METHOD_NOT_ALLOWED),
        (1, vec![PATH_TOKEN], b"", Code::METHOD_NOT_ALLOWED),
        (5, vec![PATH_METER], b"", Code::METHOD_NOT_ALLOWED),
        (1, vec![PATH_METER, (23, &[6])], b"", Code::BAD_OPTION),
        (1, vec![(3, b"a"), (3, b"b"), PATH_METER], b"", Code::BAD_OPTION),
        (1, vec![(3, b"a"), (7, &[1, 2]), PATH_METER, (28, b"x")], b"", Code::CONTENT),
        (1, vec![PATH_METER, accept(&[60])], b"", Code::CONTENT),
        (1, vec![PATH_METER, accept(&[18])], b"", Code::NOT_ACCEPTABLE),
        (1, vec![PATH_METER, accept(&[1, 2, 3])], b"", Code::BAD_OPTION),
        (1, vec![PATH_METER, query(b"c=12")], b"", Code::BAD_REQUEST),
        (1, vec![PATH_METER, query(b"c=+123456789abcdef")], b"", Code::BAD_REQUEST),
        (1, vec![PATH_METER, query(b"c=0123456789abcdef"), query(b"c=0123456789abcdef")], b"", Code::BAD_REQUEST),
        (2, vec![PATH_TOKEN, content(&[60])], &token, Code::UNSUPPORTED_CONTENT_FORMAT),
        (2, vec![PATH_TOKEN, content(&[])], &token, Code::UNSUPPORTED_CONTENT_FORMAT),
        (2, vec![PATH_TOKEN], &long, Code::REQUEST_ENTITY_TOO_LARGE),
        (2, vec![PATH_TOKEN], b"", Code::BAD_REQUEST),
        (2, vec![PATH_TOKEN], &token, Code::CHANGED),
        (2, vec![PATH_TOKEN, content(&[18])], &token, Code::CHANGED),
    ];
    for (id, (method, options, payload, expected)) in (100..).zip(table) {
        assert_eq!(bench.code(method, id, &options, payload), expected, "{method} {options:?}");
    }
    let unknown = write(Kind::Non, Code(1), 1, b"", &[PATH_METER, (23, &[6])], b"").unwrap();
    assert_eq!(bench.hand(&unknown), (Served::Nothing, vec![]));
}

#[test]
fn a_busy_meter_says_when_to_try_again() {
    let mut bench = bench();
    bench.meter.limit_work(WorkLimit { stock: 3, refill_ms: 90_500 });
    let token = credit(1, 500);
    assert_eq!(bench.post(&token, 1).0.code, Code::CHANGED);
    let challenged = ["c=00112233aabbccdd"];
    let mut random = (2..).map(|id: u32| id << 16);
    let mut next = || random.next().unwrap();
    let busy = |_: &u8| bench.get(&["meter"], &challenged, next()).0.code == Code::SERVICE_UNAVAILABLE;
    assert_eq!((0..10).find(busy), Some(3), "a new meter is rested, and an applied token costs nothing");
    let mut forged = credit(2, 900);
    *forged.last_mut().unwrap() ^= 1;
    // It was filled up last at the start: 90.5 s after that there is one more, and seconds are rounded up.
    for (now_ms, wait_s) in [(1_000, 90), (1_500, 89), (1_501, 89), (90_000, 1), (90_499, 1)] {
        bench.now_ms = now_ms;
        for (response, separate) in [
            bench.get(&["meter"], &challenged, next()),
            bench.get(&["report"], &[], next()),
            bench.get(&["challenge"], &[], next()),
            bench.post(&forged, next()),
        ] {
            assert_eq!((response.code, response.format), (Code::SERVICE_UNAVAILABLE, Some(257)));
            assert_eq!(Refusal::from_bytes(&response.payload), Ok(Refusal::Busy));
            assert_eq!(response.max_age_s, Some(wait_s), "at {now_ms} ms, separate: {separate}");
        }
        // What costs nothing is answered, and other refusals have no time.
        let (plain, _) = bench.get(&["meter"], &[], next());
        assert_eq!((plain.code, plain.max_age_s), (Code::CONTENT, None));
        let (again, _) = bench.post(&token, next());
        assert_eq!((again.code, again.max_age_s), (Code::CHANGED, None));
        let (malformed, _) = bench.post(&token[1..], next());
        assert_eq!((malformed.code, malformed.max_age_s), (Code::BAD_REQUEST, None));
    }
    // Who waits as long as it said is answered.
    bench.now_ms = 1_000 + 90_000;
    assert_eq!(bench.get(&["meter"], &challenged, next()).0.code, Code::CONTENT);
    // A press of the button gives the person there something at once.
    assert_eq!(bench.get(&["report"], &[], next()).0.code, Code::SERVICE_UNAVAILABLE);
    bench.meter.press_open(bench.now_ms);
    assert_eq!(bench.get(&["report"], &[], next()).0.code, Code::CONTENT);
}

#[test]
fn every_prefix_and_every_bit_flip_of_a_datagram_is_survived() {
    let mut bench = bench();
    let good =
        write(Kind::Con, Code(2), 9, b"t", &[PATH_TOKEN, (option::CONTENT_FORMAT, &[18])], &credit(1, 1)).unwrap();
    for len in 0..good.len() {
        bench.hand(&good[..len]);
    }
    // The payload's own bits are flipped in the tests of tokens.
    for bit in 0..16 * 8 {
        let mut flipped = good.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        bench.hand(&flipped);
    }
    assert_eq!(bench.post(&credit(2, 2), 5 << 16).0.code, Code::CHANGED);
}
