//! CoAP: messages as bytes, and the two state machines over any datagrams at any times.

use crate::input::Input;
use coinless_protocol::coap::{
    Answer, Client, ClientEvent, Code, ContentFormat, EXCHANGE_LIFETIME_MS, Kind, MAX_MESSAGE_BYTES, MAX_RETRANSMIT,
    Message, Method, Request, Server, option, write,
};
use std::collections::BTreeMap;

/// Most steps of one input.
const MAX_STEPS: usize = 64;

/// A message has one form, so what is read is what was written.
pub(crate) fn message(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    let options: Vec<_> = message.options().collect();
    assert!(options.is_sorted_by_key(|(number, _)| *number));
    for number in [option::CONTENT_FORMAT, option::ACCEPT] {
        let value = options.iter().find(|(other, _)| *other == number).map(|(_, value)| *value);
        let expected = value.filter(|value| value.len() <= 2).map(uint_of);
        assert_eq!(message.uint(number), expected);
    }
    let critical = options.iter().any(|(number, _)| number % 2 == 1 && *number != option::URI_PATH);
    assert_eq!(message.has_critical_option(&[option::URI_PATH]), critical);
    let again = write(message.kind, message.code, message.id, message.token, &options, message.payload);
    match again {
        Ok(again) => assert_eq!(again.as_slice(), data),
        Err(_) => assert!(data.len() > MAX_MESSAGE_BYTES),
    }
}

fn uint_of(value: &[u8]) -> u16 {
    value.iter().fold(0, |uint, byte| uint << 8 | u16::from(*byte))
}

/// A step of time: mostly small, sometimes to the end of time.
pub(crate) fn later_ms(input: &mut Input<'_>) -> u64 {
    match input.u8() {
        ms @ 0..64 => ms.into(),
        s @ 64..192 => u64::from(s - 63) * 1_000,
        min @ 192..250 => u64::from(min - 191) * 60_000,
        _ => input.any(),
    }
}

/// A datagram: as it is, or with a head of few ids and codes, so that messages meet.
pub(crate) fn datagram(input: &mut Input<'_>) -> Vec<u8> {
    if input.u8() & 1 == 0 {
        return input.long_bytes().to_vec();
    }
    let (first, code, id) = (input.u8(), input.u8(), input.u8());
    let token = input.take(usize::from(first & 3));
    let mut bytes = vec![0x40 | first & 0x30 | token.len() as u8, code & 0x87, 0, id & 3];
    bytes.extend(token);
    bytes.extend(input.long_bytes());
    bytes
}

fn is_message(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_MESSAGE_BYTES && Message::parse(bytes).is_ok()
}

/// Requests that a server gave out to be executed, by peer, message id and token, with the time.
type Executed = BTreeMap<(u8, u16, Vec<u8>), u64>;

pub(crate) fn server(data: &[u8]) {
    use coinless_protocol::coap::Input as Received;
    const EXCHANGES: usize = 2;
    let mut input = Input::new(data);
    let mut server = Server::<u8, EXCHANGES>::new(input.any());
    let (mut now_ms, mut executed, mut last) = (0_u64, Executed::new(), None);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        now_ms = now_ms.saturating_add(later_ms(&mut input));
        let peer = input.u8() & 1;
        let bytes = datagram(&mut input);
        match server.receive(now_ms, peer, &bytes) {
            Received::Nothing => {}
            Received::Send(bytes) => assert!(is_message(&bytes)),
            Received::Request(request) => {
                let key = (peer, request.message.id, request.message.token.to_vec());
                // Not executed again in its lifetime, as long as the server has not forgotten it over a third one.
                let before = executed.insert(key.clone(), now_ms);
                assert!(
                    last.as_ref() != Some(&key)
                        || before.is_none_or(|ms| now_ms.saturating_sub(ms) >= EXCHANGE_LIFETIME_MS)
                );
                last = Some(key);
                let confirmable = request.message.kind == Kind::Con;
                let (how, jitter) = (input.u8(), input.u8());
                if how & 1 != 0 {
                    assert_eq!(server.acknowledge(&request).is_some(), confirmable);
                    assert!(server.acknowledge(&request).is_none(), "one is enough");
                }
                let payload = vec![how; usize::from(how) * 2];
                let answer = Answer {
                    code: Code::CONTENT,
                    format: Some(ContentFormat::Problem),
                    max_age_s: None,
                    payload: &payload,
                };
                let sent = server.respond(now_ms, jitter, &request, answer);
                assert_eq!(sent.is_some(), payload.len() <= fits(&request.message));
                assert!(sent.is_none_or(|bytes| is_message(&bytes)));
            }
        }
        let mut repeats = 0;
        while let Some((_, bytes)) = server.poll(now_ms) {
            assert!(is_message(&bytes));
            repeats += 1;
            assert!(repeats <= EXCHANGES * MAX_RETRANSMIT as usize);
        }
        assert!(server.next_due_ms().is_none_or(|due| due > now_ms || due == u64::MAX));
    }
}

pub(crate) fn client(data: &[u8]) {
    let mut input = Input::new(data);
    let format = (input.u8() & 1 != 0).then_some(ContentFormat::CoseSign1);
    let request = Request {
        method: Method::Post,
        path: &["token"],
        query: &["c=0011223344556677"],
        format,
        payload: input.long_bytes(),
    };
    let mut now_ms = later_ms(&mut input);
    let started = Client::start(now_ms, input.any(), &request);
    assert!(started.is_ok() || request.payload.len() > MAX_MESSAGE_BYTES - 40);
    let Ok(mut client) = started else { return };
    let sent = client.first_datagram().to_vec();
    assert!(is_message(&sent));
    let mut repeats = 0;
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        now_ms = now_ms.saturating_add(later_ms(&mut input));
        let event = match input.u8() & 3 {
            0 => client.poll(now_ms),
            1 => client.receive(now_ms, &datagram(&mut input)),
            _ => client.receive(now_ms, &answer(&mut input, &sent)),
        };
        match event {
            ClientEvent::Send(bytes) => {
                assert!(is_message(&bytes));
                repeats += u32::from(bytes.as_slice() == sent);
            }
            ClientEvent::Response(response, ack) => {
                assert!(response.code.class() >= 2);
                assert!(ack.is_none_or(|ack| is_message(&ack)));
            }
            ClientEvent::Nothing | ClientEvent::Rejected | ClientEvent::NoAnswer => {}
        }
        assert!(repeats <= MAX_RETRANSMIT);
    }
    // It ends by itself.
    for _ in 0..=MAX_RETRANSMIT {
        let _ = client.poll(u64::MAX);
    }
    assert_eq!(client.poll(u64::MAX), ClientEvent::NoAnswer);
}

/// Something with the id and the token of the request.
fn answer(input: &mut Input<'_>, sent: &[u8]) -> Vec<u8> {
    let (kind, code) = (input.u8() & 0x30, input.u8());
    let own = sent.get(2..8).unwrap_or_default();
    let mut bytes = vec![0x44 | kind, code];
    bytes.extend(own);
    if code == 0 {
        bytes = vec![0x40 | kind, 0, own[0], own[1]];
    }
    bytes.extend(input.long_bytes());
    bytes
}

/// Bytes of a payload that fit beside the token of a request: 4 of head, 3 of Content-Format and the marker are taken.
fn fits(request: &Message<'_>) -> usize {
    MAX_MESSAGE_BYTES - 8 - request.token.len()
}
