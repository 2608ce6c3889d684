//! Single steps of the server and of the client.

use crate::link::{PHONE, post_token};
use coinless_protocol::coap::{
    ACK_TIMEOUT_MS, Answer, Client, ClientEvent, Code, ContentFormat, EXCHANGE_LIFETIME_MS, Input, Kind,
    MAX_RETRANSMIT, Message, SEPARATE_TIMEOUT_MS, ServedRequest, Server, write,
};

fn request(kind: Kind, id: u16) -> Vec<u8> {
    write(kind, Code(1), id, b"tk", &[(11, b"meter")], b"").unwrap().to_vec()
}

fn empty(kind: Kind, id: u16) -> Vec<u8> {
    write(kind, Code::EMPTY, id, b"", &[], b"").unwrap().to_vec()
}

fn served<'a, const N: usize>(
    server: &mut Server<u8, N>,
    now_ms: u64,
    peer: u8,
    datagram: &'a [u8],
) -> ServedRequest<'a> {
    match server.receive(now_ms, peer, datagram) {
        Input::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn sent<const N: usize>(server: &mut Server<u8, N>, now_ms: u64, datagram: &[u8]) -> Vec<u8> {
    match server.receive(now_ms, PHONE, datagram) {
        Input::Send(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn content() -> Answer<'static> {
    Answer { code: Code::CONTENT, format: None, max_age_s: None, payload: b"x" }
}

#[test]
fn a_piggybacked_response_has_the_request_s_id_and_token() {
    let mut server = Server::<u8, 1>::new(7);
    let datagram = request(Kind::Con, 500);
    let request = served(&mut server, 0, PHONE, &datagram);
    let bytes = server.respond(0, 0, &request, content()).unwrap();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.kind, message.code, message.id, message.token), (Kind::Ack, Code::CONTENT, 500, &b"tk"[..]));
    assert_eq!(server.next_due_ms(), None);
}

#[test]
fn a_separate_response_is_repeated_until_acknowledged() {
    let mut server = Server::<u8, 1>::new(7);
    let datagram = request(Kind::Con, 500);
    let request = served(&mut server, 0, PHONE, &datagram);
    assert_eq!(server.acknowledge(&request).unwrap().to_vec(), empty(Kind::Ack, 500));
    assert_eq!(server.acknowledge(&request), None, "once");
    let response = server.respond(1_000, 0, &request, content()).unwrap();
    let message = Message::parse(&response).unwrap();
    assert_eq!((message.kind, message.id, message.token), (Kind::Con, 7, &b"tk"[..]));

    assert_eq!(server.next_due_ms(), Some(1_000 + ACK_TIMEOUT_MS));
    assert_eq!(server.poll(1_000 + ACK_TIMEOUT_MS - 1), None);
    // 2, 4, 8 and 16 s later (§4.2).
    let mut now_ms = 1_000;
    for repeat in 0..MAX_RETRANSMIT {
        now_ms += ACK_TIMEOUT_MS << repeat;
        assert_eq!(server.poll(now_ms), Some((PHONE, response.clone())), "repeat {repeat}");
        assert_eq!(server.poll(now_ms), None);
    }
    assert!(matches!(server.receive(now_ms, PHONE + 1, &empty(Kind::Ack, 7)), Input::Nothing));
    assert!(server.next_due_ms().is_some(), "another peer's acknowledgement does not count");
    assert!(matches!(server.receive(now_ms, PHONE, &empty(Kind::Ack, 8)), Input::Nothing));
    assert!(server.next_due_ms().is_some(), "another id does not count");
    assert!(matches!(server.receive(now_ms, PHONE, &empty(Kind::Ack, 7)), Input::Nothing));
    assert_eq!((server.next_due_ms(), server.poll(now_ms + 100_000)), (None, None));
}

#[test]
fn a_reset_ends_the_repeats_too() {
    let mut server = Server::<u8, 1>::new(7);
    let datagram = request(Kind::Con, 500);
    let request = served(&mut server, 0, PHONE, &datagram);
    server.acknowledge(&request).unwrap();
    server.respond(0, 255, &request, content()).unwrap();
    assert_eq!(server.next_due_ms(), Some(ACK_TIMEOUT_MS * 3 / 2), "the jitter gives up to half more");
    assert!(matches!(server.receive(0, PHONE, &empty(Kind::Rst, 7)), Input::Nothing));
    assert_eq!(server.next_due_ms(), None);
}

#[test]
fn a_repeated_request_is_answered_without_being_executed() {
    let mut server = Server::<u8, 2>::new(7);
    let datagram = request(Kind::Con, 500);
    let first = served(&mut server, 0, PHONE, &datagram);
    assert!(matches!(server.receive(1, PHONE, &datagram), Input::Nothing), "its answer is still being made");
    let ack = server.acknowledge(&first).unwrap().to_vec();
    assert_eq!(sent(&mut server, 2, &datagram), ack);
    let response = server.respond(3, 0, &first, content()).unwrap().to_vec();
    assert_eq!(sent(&mut server, 4, &datagram), response);
    assert_eq!(sent(&mut server, EXCHANGE_LIFETIME_MS - 1, &datagram), response);
    // The same id of another peer, another id, and the same id much later are other requests.
    served(&mut server, 5, PHONE + 1, &datagram);
    served(&mut server, EXCHANGE_LIFETIME_MS, PHONE, &datagram);
    served(&mut server, EXCHANGE_LIFETIME_MS, PHONE, &request(Kind::Con, 501));
}

#[test]
fn another_phone_on_the_same_line_may_begin_with_the_same_message_id() {
    let mut server = Server::<u8, 2>::new(7);
    for token in [b"t1", b"t2"] {
        let datagram = write(Kind::Con, Code(1), 500, token, &[(11, b"meter")], b"").unwrap();
        let request = served(&mut server, 0, PHONE, &datagram);
        let bytes = server.respond(0, 0, &request, content()).unwrap();
        assert_eq!(Message::parse(&bytes).unwrap().token, token);
        assert_eq!(sent(&mut server, 0, &datagram), bytes.to_vec(), "a repeat is still a repeat");
    }
}

#[test]
fn a_request_whose_place_was_given_away_is_not_answered() {
    let mut server = Server::<u8, 1>::new(7);
    let first = request(Kind::Con, 500);
    let first = served(&mut server, 0, PHONE, &first);
    let second = write(Kind::Con, Code(1), 500, b"other", &[], b"").unwrap();
    let second = served(&mut server, 1, PHONE + 1, &second);
    assert_eq!(server.respond(2, 0, &first, content()), None);
    assert!(server.respond(3, 0, &second, content()).is_some());
}

#[test]
fn not_confirmable_requests_get_not_confirmable_responses() {
    let mut server = Server::<u8, 1>::new(0xffff);
    for (id, own) in [(500, 0xffff), (501, 0)] {
        let datagram = request(Kind::Non, id);
        let request = served(&mut server, 0, PHONE, &datagram);
        assert_eq!(server.acknowledge(&request), None);
        let bytes = server.respond(0, 0, &request, content()).unwrap();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.kind, message.id, message.token), (Kind::Non, own, &b"tk"[..]));
        assert_eq!(sent(&mut server, 1, &datagram), bytes.to_vec(), "a repeat is not executed");
        assert_eq!(server.next_due_ms(), None);
    }
}

#[test]
fn what_is_no_request_is_reset_or_ignored() {
    let mut server = Server::<u8, 1>::new(7);
    // A ping (§4.3), a response that nobody asked for, and a format error of a confirmable message (§4.2).
    assert_eq!(sent(&mut server, 0, &empty(Kind::Con, 9)), empty(Kind::Rst, 9));
    let response = write(Kind::Con, Code::CONTENT, 9, b"tk", &[], b"x").unwrap();
    assert_eq!(sent(&mut server, 0, &response), empty(Kind::Rst, 9));
    assert_eq!(sent(&mut server, 0, &[0x40, 1, 0, 9, 0xff]), empty(Kind::Rst, 9));
    // Not CoAP, a format error of another message, an acknowledgement and a reset of nothing, an empty one.
    for ignored in [
        &[][..],
        &[0x40],
        &[0x80, 1, 0, 9],
        &[0x50, 1, 0, 9, 0xff],
        &[0x60, 0, 0, 9],
        &[0x70, 0, 0, 9],
        &[0x50, 0, 0, 9],
    ] {
        assert!(matches!(server.receive(0, PHONE, ignored), Input::Nothing), "{ignored:02x?}");
    }
}

#[test]
fn an_answer_that_is_too_long_is_not_sent() {
    let mut server = Server::<u8, 1>::new(7);
    let datagram = request(Kind::Con, 500);
    let request = served(&mut server, 0, PHONE, &datagram);
    let answer = Answer { payload: &[0; 320], ..content() };
    assert_eq!(server.respond(0, 0, &request, answer), None);
}

fn client() -> Client {
    Client::start(0, 0x1234_aabb_ccdd_0000, &post_token()).unwrap()
}

const TOKEN: [u8; 4] = [0xaa, 0xbb, 0xcc, 0xdd];

#[test]
fn a_client_takes_only_what_answers_its_request() {
    let mut client = client();
    let message = |kind, code, id, token: &[u8], options: &[(u16, &[u8])]| {
        write(kind, code, id, token, options, b"r").unwrap().to_vec()
    };
    for other in [
        message(Kind::Ack, Code::CONTENT, 0x1235, &TOKEN, &[]),
        message(Kind::Ack, Code::CONTENT, 0x1234, b"else", &[]),
        message(Kind::Non, Code::CONTENT, 1, b"else", &[]),
        message(Kind::Ack, Code(1), 0x1234, &TOKEN, &[]),
        empty(Kind::Rst, 0x1235),
        vec![0x80],
        // An option that is critical and not known, here Block2 (§5.4.1).
        message(Kind::Ack, Code::CONTENT, 0x1234, &TOKEN, &[(23, &[8])]),
    ] {
        assert_eq!(client.receive(1, &other), ClientEvent::Nothing, "{other:02x?}");
    }
    for rejected in [
        message(Kind::Con, Code::CONTENT, 77, b"else", &[]),
        message(Kind::Con, Code::CONTENT, 77, &TOKEN, &[(23, &[8])]),
        empty(Kind::Con, 77),
    ] {
        match client.receive(1, &rejected) {
            ClientEvent::Send(bytes) => assert_eq!(bytes.to_vec(), empty(Kind::Rst, 77)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.receive(1, &empty(Kind::Rst, 0x1234)), ClientEvent::Rejected);
    // A response before its acknowledgement (§5.2.2), with an elective option.
    let early = message(Kind::Con, Code::CONTENT, 77, &TOKEN, &[(14, &[60])]);
    match client.receive(1, &early) {
        ClientEvent::Response(response, Some(ack)) => {
            assert_eq!((response.code, &*response.payload, response.format), (Code::CONTENT, &b"r"[..], None));
            assert_eq!(ack.to_vec(), empty(Kind::Ack, 77));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_waits_for_a_separate_response_but_not_for_ever() {
    let mut client = client();
    assert_eq!(client.next_due_ms(), ACK_TIMEOUT_MS);
    assert_eq!(client.receive(100, &empty(Kind::Ack, 0x1234)), ClientEvent::Nothing);
    assert_eq!(client.next_due_ms(), 100 + SEPARATE_TIMEOUT_MS);
    // Repeated acknowledgements do not make it wait longer.
    assert_eq!(client.receive(5_000, &empty(Kind::Ack, 0x1234)), ClientEvent::Nothing);
    assert_eq!(client.poll(100 + SEPARATE_TIMEOUT_MS - 1), ClientEvent::Nothing);
    assert_eq!(client.poll(100 + SEPARATE_TIMEOUT_MS), ClientEvent::NoAnswer);
}

/// The client's response to a request that the server answers with `answer`.
fn answered(answer: Answer<'_>) -> coinless_protocol::coap::Response {
    let (mut server, mut client) = (Server::<u8, 1>::new(7), client());
    let datagram = client.first_datagram().to_vec();
    let request = served(&mut server, 0, PHONE, &datagram);
    let bytes = server.respond(0, 0, &request, answer).unwrap();
    match client.receive(1, &bytes) {
        ClientEvent::Response(response, None) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_may_say_when_to_try_again() {
    for max_age_s in [None, Some(0), Some(1), Some(255), Some(256), Some(300), Some(65_536), Some(u32::MAX)] {
        for format in [None, Some(ContentFormat::Problem)] {
            let answer = Answer { code: Code::SERVICE_UNAVAILABLE, format, max_age_s, payload: b"x" };
            let response = answered(answer);
            assert_eq!((response.code, response.max_age_s), (answer.code, max_age_s));
            assert_eq!((response.format, &*response.payload), (format.map(|format| format as u16), answer.payload));
        }
    }
}

#[test]
fn how_max_age_is_read() {
    // RFC 7252 §3.2: leading zero bytes are taken, none is 0. §5.4.3: too long a value is as if the option were not there.
    for (value, seconds) in [
        (&[][..], Some(0)),
        (&[60], Some(60)),
        (&[0, 0, 1, 44], Some(300)),
        (&[255; 4], Some(u32::MAX)),
        (&[0, 0, 0, 1, 44], None),
    ] {
        let bytes = write(Kind::Ack, Code::SERVICE_UNAVAILABLE, 0x1234, &TOKEN, &[(14, value)], b"x").unwrap();
        match client().receive(1, &bytes) {
            ClientEvent::Response(response, None) => assert_eq!(response.max_age_s, seconds, "{value:?}"),
            other => panic!("{other:?}"),
        }
    }
    let twice = write(Kind::Ack, Code::CONTENT, 9, &TOKEN, &[(14, &[1]), (14, &[2])], b"").unwrap();
    assert_eq!(Message::parse(&twice).unwrap().max_age_s(), Some(1), "the first counts (§5.4.5)");
}
