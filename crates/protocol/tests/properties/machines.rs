//! CoAP server and client, fed with random datagrams at random times.

use crate::strategies;
use crate::support::meter;
use coinless_protocol::coap::{
    Answer, Client, ClientEvent, Code, ContentFormat, Input, MAX_MESSAGE_BYTES, MAX_RETRANSMIT, Message, Method,
    Request, Server,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// What happens next, and how much later (or, with a large number, at the end of time).
#[derive(Debug, Clone)]
enum Step {
    Datagram(u8, Vec<u8>),
    Poll,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let later = prop_oneof![6 => 0..5_000_u64, 2 => 0..300_000_u64, 1 => any::<u64>()];
    // Few ids and codes, so that messages meet.
    let near = (strategies::coap_parts(), 0..3_u16, 0..4_u8).prop_map(|(mut parts, id, code)| {
        parts.id = id;
        parts.code = Code(code);
        if code == 0 {
            (parts.token, parts.options, parts.payload) = (vec![], vec![], vec![]);
        }
        parts.write().unwrap_or_default()
    });
    let datagram = prop_oneof![3 => near, 1 => strategies::bytes()];
    let step = prop_oneof![
        3 => (0..2_u8, datagram).prop_map(|(peer, datagram)| Step::Datagram(peer, datagram)),
        1 => Just(Step::Poll),
    ];
    vec((later, step), 0..24)
}

fn is_message(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_MESSAGE_BYTES && Message::parse(bytes).is_ok()
}

proptest! {
    #[test]
    fn server(steps in steps(), first_id: u16, answers in vec((any::<bool>(), 0..300_usize, any::<u8>(), any::<Option<u32>>()), 24)) {
        const EXCHANGES: usize = 2;
        let mut server = Server::<u8, EXCHANGES>::new(first_id);
        let mut now: u64 = 0;
        for ((later, step), (acknowledge, len, jitter, max_age_s)) in steps.into_iter().zip(answers) {
            now = now.saturating_add(later);
            if let Step::Datagram(peer, datagram) = &step {
                match server.receive(now, *peer, datagram) {
                    Input::Nothing => {}
                    Input::Send(bytes) => prop_assert!(is_message(&bytes)),
                    Input::Request(request) => {
                        let kind = request.message.kind;
                        let ack = if acknowledge { server.acknowledge(&request) } else { None };
                        prop_assert_eq!(ack.is_some(), acknowledge && kind == coinless_protocol::coap::Kind::Con);
                        let payload = vec![0; len];
                        let format = Some(ContentFormat::Cbor);
                        let answer = Answer { code: Code::CONTENT, format, max_age_s, payload: &payload };
                        let bytes = server.respond(now, jitter, &request, answer);
                        prop_assert!(bytes.is_some_and(|bytes| is_message(&bytes)));
                        // The same again is answered without executing it again.
                        prop_assert!(matches!(server.receive(now, *peer, datagram), Input::Send(_)));
                    }
                }
            }
            let mut repeats = 0;
            while let Some((_, bytes)) = server.poll(now) {
                prop_assert!(is_message(&bytes));
                repeats += 1;
                prop_assert!(repeats <= EXCHANGES * MAX_RETRANSMIT as usize);
            }
            prop_assert!(server.next_due_ms().is_none_or(|due| due > now || due == u64::MAX));
        }
    }

    #[test]
    fn client(steps in steps(), random: u64, forged in vec(any::<bool>(), 24)) {
        let request = Request {
            method: Method::Post,
            path: &["token"],
            query: &["c=0011223344556677"],
            format: Some(ContentFormat::CoseSign1),
            payload: &meter().secret,
        };
        let mut now: u64 = 0;
        let mut client = Client::start(now, random, &request).unwrap();
        let sent = client.first_datagram().to_vec();
        let mut repeats = 0;
        for ((later, step), forged) in steps.into_iter().zip(forged) {
            now = now.saturating_add(later);
            let event = match step {
                Step::Datagram(_, mut datagram) => {
                    // Sometimes with the request's own id and token.
                    if forged && datagram.len() >= 8 && datagram[0] & 15 == 4 {
                        datagram[2..8].copy_from_slice(&sent[2..8]);
                    }
                    client.receive(now, &datagram)
                }
                Step::Poll => client.poll(now),
            };
            match event {
                ClientEvent::Send(bytes) => {
                    prop_assert!(is_message(&bytes));
                    repeats += u32::from(bytes.as_slice() == sent);
                }
                ClientEvent::Response(response, ack) => {
                    prop_assert!(response.code.class() >= 2);
                    prop_assert!(ack.is_none_or(|ack| is_message(&ack)));
                }
                ClientEvent::Nothing | ClientEvent::Rejected | ClientEvent::NoAnswer => {}
            }
            prop_assert!(repeats <= MAX_RETRANSMIT);
        }
        // It ends by itself.
        for _ in 0..=MAX_RETRANSMIT {
            let _ = client.poll(u64::MAX);
        }
        prop_assert_eq!(client.poll(u64::MAX), ClientEvent::NoAnswer);
    }
}
