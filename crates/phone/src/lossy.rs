//! Exchanges over a link that may lose any message: each is repeated until it is answered (RFC 7252).

use crate::io::NoAnswer;
use coinless_protocol::coap::{Client, ClientEvent, Request, Response};

/// What carries single messages to a meter and back. Any of them may get lost, come late or come twice.
pub trait Lossy {
    /// Milliseconds since some moment; never goes back.
    fn now_ms(&self) -> u64;

    /// Sends a message.
    ///
    /// # Errors
    /// [`NoAnswer`] if the link is broken.
    fn send(&mut self, message: &[u8]) -> impl Future<Output = Result<(), NoAnswer>>;

    /// The next message that comes in; none if there is none until `until_ms` of [`Lossy::now_ms`].
    ///
    /// # Errors
    /// [`NoAnswer`] if the link is broken.
    fn receive(&mut self, until_ms: u64) -> impl Future<Output = Result<Option<Vec<u8>>, NoAnswer>>;

    /// What may be the cause if nobody answers, if it can be told.
    fn silence(&self) -> Option<String> {
        None
    }
}

/// Sends `request` over `link` and gives the meter's response. `random` is fresh for every request, see [`Client::start`].
///
/// # Errors
/// [`NoAnswer`] if the link broke or nothing came although the request was repeated; the meter may have acted on it.
pub async fn exchange(link: &mut impl Lossy, random: u64, request: &Request<'_>) -> Result<Response, NoAnswer> {
    let client = Client::start(link.now_ms(), random, request);
    let mut client = client.map_err(|error| NoAnswer(format!("not sent: {error}")))?;
    link.send(client.first_datagram()).await?;
    loop {
        let event = match link.receive(client.next_due_ms()).await? {
            Some(message) => client.receive(link.now_ms(), &message),
            None => client.poll(link.now_ms()),
        };
        match event {
            ClientEvent::Nothing => {}
            ClientEvent::Send(message) => link.send(&message).await?,
            ClientEvent::Response(response, acknowledgement) => {
                if let Some(message) = acknowledgement {
                    // The response is here; if the meter does not hear so, it only sends it again.
                    let _ = link.send(&message).await;
                }
                return Ok(response);
            }
            ClientEvent::Rejected => return Err(NoAnswer("it rejects the message".into())),
            ClientEvent::NoAnswer => {
                let cause = link.silence();
                return Err(NoAnswer(cause.unwrap_or_else(|| "it was silent although asked several times".into())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::coap::{Code, Kind, MAX_RETRANSMIT, Message, Method, SEPARATE_TIMEOUT_MS, write};
    use std::collections::VecDeque;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    const REQUEST: Request<'_> =
        Request { method: Method::Get, path: &["meter"], query: &[], format: None, payload: &[] };
    /// Message id 0x0102, token 3, 4, 5, 6.
    const RANDOM: u64 = 0x0102_0304_0506_0000;
    const TOKEN: [u8; 4] = [3, 4, 5, 6];

    /// A link on which it is written when which message comes in.
    #[derive(Default)]
    struct Script {
        now_ms: u64,
        incoming: VecDeque<(u64, Vec<u8>)>,
        sent: Vec<Vec<u8>>,
        cause: Option<&'static str>,
        /// The message with this number cannot be sent.
        breaks_at: Option<usize>,
    }

    impl Lossy for Script {
        fn now_ms(&self) -> u64 {
            self.now_ms
        }

        async fn send(&mut self, message: &[u8]) -> Result<(), NoAnswer> {
            if self.breaks_at == Some(self.sent.len()) {
                return Err(NoAnswer("unplugged".into()));
            }
            self.sent.push(message.to_vec());
            Ok(())
        }

        async fn receive(&mut self, until_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
            let comes = self.incoming.front().is_some_and(|(at_ms, _)| *at_ms <= until_ms);
            let next = if comes { self.incoming.pop_front() } else { None };
            self.now_ms = self.now_ms.max(next.as_ref().map_or(until_ms, |(at_ms, _)| *at_ms));
            Ok(next.map(|(_, message)| message))
        }

        fn silence(&self) -> Option<String> {
            self.cause.map(str::to_owned)
        }
    }

    impl Script {
        fn with(incoming: &[(u64, Vec<u8>)]) -> Self {
            Self { incoming: incoming.iter().cloned().collect(), ..Self::default() }
        }

        fn exchange(&mut self) -> Result<Response, NoAnswer> {
            self.ask(&REQUEST)
        }

        fn ask(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
            match pin!(exchange(self, RANDOM, request)).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(done) => done,
                Poll::Pending => panic!("nothing here waits"),
            }
        }

        /// Kind and id of each message that was sent.
        fn kinds(&self) -> Vec<(Kind, u16)> {
            let messages = self.sent.iter().map(|bytes| Message::parse(bytes).unwrap());
            messages.map(|message| (message.kind, message.id)).collect()
        }
    }

    fn message(kind: Kind, code: Code, id: u16, token: &[u8], payload: &[u8]) -> Vec<u8> {
        write(kind, code, id, token, &[], payload).unwrap().to_vec()
    }

    #[test]
    fn an_answer_ends_the_exchange() {
        let mut script = Script::with(&[(70, message(Kind::Ack, Code::CONTENT, 0x0102, &TOKEN, b"here"))]);
        assert_eq!(*script.exchange().unwrap().payload, *b"here");
        assert_eq!((script.kinds(), script.now_ms), (vec![(Kind::Con, 0x0102)], 70));
    }

    #[test]
    fn what_is_lost_is_sent_again() {
        let mut script = Script::with(&[(2_500, message(Kind::Ack, Code::CONTENT, 0x0102, &TOKEN, b"late"))]);
        assert_eq!(*script.exchange().unwrap().payload, *b"late");
        assert_eq!(script.kinds(), [(Kind::Con, 0x0102); 2]);
        assert_eq!(script.sent[0], script.sent[1]);
    }

    #[test]
    fn a_separate_answer_is_waited_for_and_acknowledged() {
        let incoming = [
            (60, message(Kind::Ack, Code::EMPTY, 0x0102, &[], b"")),
            // Of an exchange before this one: it is told that nobody waits for it.
            (90, message(Kind::Con, Code::CONTENT, 7, &[9; 4], b"old")),
            (95, b"noise".to_vec()),
            (9_000, message(Kind::Con, Code::CONTENT, 8, &TOKEN, b"signed")),
            (9_001, message(Kind::Con, Code::CONTENT, 8, &TOKEN, b"signed")),
        ];
        let mut script = Script::with(&incoming);
        assert_eq!(*script.exchange().unwrap().payload, *b"signed");
        assert_eq!(script.kinds(), [(Kind::Con, 0x0102), (Kind::Rst, 7), (Kind::Ack, 8)]);
        assert_eq!(script.incoming.len(), 1, "what comes after it is for the next exchange");
        // That the acknowledgement cannot be sent does not take the answer away.
        let mut script = Script { breaks_at: Some(2), ..Script::with(&incoming) };
        assert_eq!(*script.exchange().unwrap().payload, *b"signed");
    }

    #[test]
    fn silence_ends_with_its_cause() {
        let mut silent = Script::default();
        assert_eq!(silent.exchange().unwrap_err().0, "it was silent although asked several times");
        assert_eq!(silent.sent.len(), 1 + MAX_RETRANSMIT as usize);
        let mut noisy = Script { cause: Some("is the bit rate right?"), ..Script::default() };
        assert_eq!(noisy.exchange().unwrap_err().0, "is the bit rate right?");
        // It said that it has the request, and then nothing.
        let mut broken_off = Script::with(&[(60, message(Kind::Ack, Code::EMPTY, 0x0102, &[], b""))]);
        assert!(broken_off.exchange().is_err());
        assert_eq!((broken_off.sent.len(), broken_off.now_ms), (1, 60 + SEPARATE_TIMEOUT_MS));
    }

    #[test]
    fn a_broken_link_and_a_refusal_are_no_answers() {
        assert_eq!(Script { breaks_at: Some(0), ..Script::default() }.exchange().unwrap_err().0, "unplugged");
        let mut refuses = Script::with(&[(60, message(Kind::Rst, Code::EMPTY, 0x0102, &[], b""))]);
        assert_eq!(refuses.exchange().unwrap_err().0, "it rejects the message");
        let mut script = Script::default();
        let done = script.ask(&Request { payload: &[0; 400], ..REQUEST });
        assert!(done.unwrap_err().0.starts_with("not sent: ") && script.sent.is_empty());
    }
}
