//! What stands before a [`Server`](super::Server) on a link that loses nothing: it turns the link's messages into datagrams of
//! RFC 7252 and back, so that the same meter serves every link.
//!
//! Each request becomes a confirmable message with an id of its own. Acknowledgements stay on this side: the link delivers
//! what is sent.

use super::message::{Code, Kind, MAX_MESSAGE_BYTES, Message, write};
use super::reliable::{Framing, Incoming, first_byte};
use crate::Bytes;

/// What a message of the peer brought.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// Nothing to do.
    Nothing,
    /// Send these bytes to the peer.
    Send(Bytes<MAX_MESSAGE_BYTES>),
    /// Hand this datagram to the server.
    Request(Bytes<MAX_MESSAGE_BYTES>),
    /// Close the connection when all requests are answered.
    Release,
    /// Send these bytes to the peer if there are any, and close the connection at once.
    Aborted(Option<Bytes<MAX_MESSAGE_BYTES>>),
}

/// What to do with a datagram of the server.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// A message to be sent to the peer.
    pub to_peer: Option<Bytes<MAX_MESSAGE_BYTES>>,
    /// A datagram to be handed to the server: the acknowledgement of a separate response, which then is not repeated.
    pub to_server: Option<Bytes<MAX_MESSAGE_BYTES>>,
}

/// One connection of a peer. [`Framing::opening`] is to be sent first.
#[derive(Debug)]
pub struct ReliableServer {
    framing: Framing,
    next_id: u16,
    /// Id of the peer's last message that asked to be acknowledged (GATT).
    acknowledged_id: bool,
    /// The peer's last message (GATT): one that is the same is ignored.
    last: Bytes<MAX_MESSAGE_BYTES>,
}

impl ReliableServer {
    /// A new connection. `first_id` is drawn at random, so that the server does not take a request for one of an earlier
    /// connection.
    pub fn new(framing: Framing, first_id: u16) -> Self {
        Self { framing, next_id: first_id, acknowledged_id: false, last: Bytes::new() }
    }

    /// Takes a message of the peer: what a WebSocket's frame or a characteristic's value holds.
    pub fn receive(&mut self, message: &[u8]) -> ServerEvent {
        if self.framing == Framing::Gatt {
            if *self.last == *message {
                return ServerEvent::Nothing;
            }
            self.last = Bytes::copy_of(message).unwrap_or_default();
        }
        match self.framing.read(message) {
            Incoming::Nothing => ServerEvent::Nothing,
            Incoming::Send(bytes) => ServerEvent::Send(bytes),
            Incoming::Release => ServerEvent::Release,
            Incoming::Aborted(bytes) => ServerEvent::Aborted(bytes),
            Incoming::Message(parsed, confirm) => {
                self.acknowledged_id = confirm.unwrap_or(self.acknowledged_id);
                // A response that nobody asked for is ignored: there is no reset.
                if parsed.code.class() == 0 { self.request(&parsed, message) } else { ServerEvent::Nothing }
            }
        }
    }

    /// Takes a datagram of the server.
    pub fn pass(&self, datagram: &[u8]) -> Passed {
        let Ok(message) = Message::parse(datagram) else { return Passed::default() };
        // Empty acknowledgements and resets say nothing on this link.
        if message.code.class() < 2 {
            return Passed::default();
        }
        let head = [first_byte(self.framing, message.token.len(), self.acknowledged_id), message.code.0];
        let mut bytes = Bytes::new();
        let whole = bytes.append(&head).and_then(|()| bytes.append(datagram.get(4..).unwrap_or(&[])));
        let separate = message.kind == Kind::Con;
        Passed {
            to_peer: whole.is_ok().then_some(bytes),
            to_server: separate.then(|| write(Kind::Ack, Code::EMPTY, message.id, &[], &[], &[]).ok()).flatten(),
        }
    }

    fn request(&mut self, parsed: &Message<'_>, message: &[u8]) -> ServerEvent {
        let [high, low] = self.next_id.to_be_bytes();
        self.next_id = self.next_id.wrapping_add(1);
        let head = [0x40 | (Kind::Con as u8) << 4 | (parsed.token.len() & 15) as u8, parsed.code.0, high, low];
        let mut datagram = Bytes::new();
        // Behind its first two bytes a message is what a datagram is behind its first four.
        match datagram.append(&head).and_then(|()| datagram.append(message.get(2..).unwrap_or(&[]))) {
            Ok(()) => ServerEvent::Request(datagram),
            Err(_) => ServerEvent::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(bytes: &[u8]) -> Bytes<MAX_MESSAGE_BYTES> {
        Bytes::copy_of(bytes).unwrap()
    }

    #[test]
    fn a_request_becomes_a_datagram_and_its_answer_a_message() {
        let mut server = ReliableServer::new(Framing::WebSocket, 0xffff);
        let request = b"\x01\x02\x09\xb5token\xffx";
        assert_eq!(server.receive(request), ServerEvent::Request(bytes(b"\x41\x02\xff\xff\x09\xb5token\xffx")));
        assert_eq!(server.receive(request), ServerEvent::Request(bytes(b"\x41\x02\0\0\x09\xb5token\xffx")));
        assert_eq!(server.pass(b"\x60\x00\xff\xff"), Passed::default(), "an empty acknowledgement");
        assert_eq!(server.pass(b"\x70\x00\xff\xff"), Passed::default(), "a reset");
        assert_eq!(server.pass(b"\x30"), Passed::default(), "no message");
        let to_peer = Some(bytes(b"\x01\x44\x09\xffy"));
        assert_eq!(server.pass(b"\x61\x44\xff\xff\x09\xffy"), Passed { to_peer: to_peer.clone(), to_server: None });
        let separate = server.pass(b"\x41\x44\x12\x34\x09\xffy");
        assert_eq!(separate, Passed { to_peer, to_server: Some(bytes(b"\x60\0\x12\x34")) });
    }

    #[test]
    fn what_is_not_a_request() {
        let mut server = ReliableServer::new(Framing::WebSocket, 0);
        assert_eq!(server.receive(&[0, 0]), ServerEvent::Nothing);
        assert_eq!(server.receive(b"\x01\x45\x09"), ServerEvent::Nothing, "a response");
        assert_eq!(server.receive(&[1, 0xe2, 0x42]), ServerEvent::Send(bytes(&[1, 0xe3, 0x42])));
        assert_eq!(server.receive(&[0, 0xe4]), ServerEvent::Release);
        assert_eq!(server.receive(&[0, 0xe5]), ServerEvent::Aborted(None));
        assert!(matches!(server.receive(&[0x10, 1]), ServerEvent::Aborted(Some(_))));
    }

    #[test]
    fn over_gatt_repeats_are_ignored_and_confirmation_is_given_to_who_asks() {
        let mut server = ReliableServer::new(Framing::Gatt, 0);
        let answer = |server: &ReliableServer| server.pass(b"\x61\x45\0\0\x09").to_peer.unwrap().to_vec();
        assert!(matches!(server.receive(b"\x01\x01\x09"), ServerEvent::Request(_)));
        assert_eq!(server.receive(b"\x01\x01\x09"), ServerEvent::Nothing);
        assert_eq!(answer(&server), b"\x01\x45\x09");
        assert!(matches!(server.receive(b"\x71\x01\x09"), ServerEvent::Request(_)), "M and C");
        assert_eq!(answer(&server), b"\x11\x45\x09", "A");
        assert!(matches!(server.receive(b"\x01\x01\x0a"), ServerEvent::Request(_)));
        assert_eq!(answer(&server), b"\x11\x45\x09");
        assert!(matches!(server.receive(b"\x31\x01\x0a"), ServerEvent::Request(_)), "C");
        assert_eq!(answer(&server), b"\x01\x45\x09");
        assert_eq!(server.receive(&[0x80, 1]), ServerEvent::Nothing);
    }

    #[test]
    fn the_longest_message_fits() {
        let mut server = ReliableServer::new(Framing::Gatt, 0);
        let mut longest = std::vec![0x55; MAX_MESSAGE_BYTES - 2];
        longest[..3].copy_from_slice(&[0, 2, 0xff]);
        let ServerEvent::Request(datagram) = server.receive(&longest) else { panic!() };
        assert_eq!(datagram.len(), MAX_MESSAGE_BYTES);
        longest.push(0);
        assert_eq!(server.receive(&longest), ServerEvent::Nothing);
    }
}
