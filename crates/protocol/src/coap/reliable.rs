//! Messages over links that lose nothing and keep the order: WebSocket (RFC 8323 §4) and Bluetooth GATT
//! (draft-ietf-core-coap-over-gatt-00, minimal use).
//!
//! A message is one byte with the token's length in its lower half, the code, and then token, options and payload as over UDP.
//! There is no message id, no acknowledgement, no reset. The upper half of the first byte is zero over a WebSocket (the frame
//! has the length). Over GATT its bits are, from the highest: reserved, message id, confirm, acknowledged id.
//!
//! **Minimal use of GATT.** Every message is written or notified reliably, none asks to be confirmed, and an answer has a
//! token that was drawn for its request; so the two ids mean nothing, but for a peer that asks for confirmation: it gets it.
//! There are no signalling messages. An empty message may lack its code.
//!
//! **Signalling of a WebSocket** (RFC 8323 §5). Both ends begin with a *CSM*, an end answers *Ping* with *Pong*, *Release* asks
//! the peer to close when it has its answers, *Abort* comes before closing at once. A critical option that is not understood
//! and a message format error are answered with *Abort*.

use super::message::{Code, Kind, MAX_MESSAGE_BYTES, Message, MessageError, uint_value, write_after};
use crate::Bytes;

/// Most bytes of a message over these links: without the message id they are 2 bytes shorter than over UDP.
pub const MAX_RELIABLE_BYTES: usize = MAX_MESSAGE_BYTES - 2;
/// Path of the WebSocket endpoint (RFC 8323 §8.3).
pub const WEBSOCKET_PATH: &str = "/.well-known/coap";
/// Name of the WebSocket subprotocol (RFC 8323 §4.1).
pub const WEBSOCKET_PROTOCOL: &str = "coap";

/// UUID of the service of CoAP over GATT (draft-ietf-core-coap-over-gatt-00).
pub const GATT_SERVICE: &str = "8df804b7-3300-496d-9dfa-f8fb40a236bc";
/// UUID of the characteristic that takes requests.
pub const GATT_DOWNSTREAM: &str = "8bf52767-5625-43ca-a678-70883a366866";
/// UUID of the characteristic that notifies of an answer and has it.
pub const GATT_UPSTREAM: &str = "ab3720c8-7fc0-41f8-aa2a-9a45c2c01a4b";
/// Media type of the NDEF record that holds a message, in the form that it has over GATT.
pub const NDEF_MEDIA_TYPE: &str = "application/vnd.coinless.coap";

/// Capabilities and settings (RFC 8323 §5.3).
const CSM: Code = Code(0xe1);
const PING: Code = Code(0xe2);
const PONG: Code = Code(0xe3);
const RELEASE: Code = Code(0xe4);
const ABORT: Code = Code(0xe5);
/// Option of an [`ABORT`] that names an option of a [`CSM`] (§5.6).
const BAD_CSM_OPTION: u16 = 2;
/// The CSM of both ends: Max-Message-Size (option 2) is [`MAX_RELIABLE_BYTES`].
const OUR_CSM: [u8; 5] = [0x00, CSM.0, 0x22, (MAX_RELIABLE_BYTES >> 8) as u8, MAX_RELIABLE_BYTES as u8];

/// Bit of a GATT message: reserved, to be 0.
const RESERVED: u8 = 0x80;
/// Bit of a GATT message: its id.
const MESSAGE_ID: u8 = 0x40;
/// Bit of a GATT message: the receiver is asked to acknowledge the id.
const CONFIRM: u8 = 0x20;
/// Bit of a GATT message: the id of the last message of the peer that asked for it.
const ACKNOWLEDGED_ID: u8 = 0x10;

/// How messages are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// In binary frames of a WebSocket (RFC 8323 §4).
    WebSocket,
    /// As values of GATT characteristics (draft-ietf-core-coap-over-gatt-00).
    Gatt,
}

/// What a message of the peer is.
pub(super) enum Incoming<'a> {
    /// Nothing to do: an empty message, signalling that needs no answer, or what the link has no error for.
    Nothing,
    /// A request or a response, and the message id if it is to be acknowledged.
    Message(Message<'a>, Option<bool>),
    /// Signalling to be answered with these bytes.
    Send(Bytes<MAX_MESSAGE_BYTES>),
    /// The peer asks for the connection to be closed after its answers.
    Release,
    /// The connection is over; these bytes are to be sent before it is closed, if any.
    Aborted(Option<Bytes<MAX_MESSAGE_BYTES>>),
}

impl Framing {
    /// What each end sends first on a new connection; empty if there is nothing. Requests may follow at once.
    pub fn opening(self) -> &'static [u8] {
        match self {
            Self::WebSocket => &OUR_CSM,
            Self::Gatt => &[],
        }
    }

    /// Reads a message of the peer.
    pub(super) fn read(self, message: &[u8]) -> Incoming<'_> {
        match (self, self.parse(message)) {
            (_, Ok((parsed, _))) if parsed.code == Code::EMPTY => Incoming::Nothing,
            (Self::WebSocket, Ok((parsed, _))) if parsed.code.class() == 7 => signalling(&parsed),
            (_, Ok((parsed, confirm))) => Incoming::Message(parsed, confirm),
            (Self::WebSocket, Err(_)) => Incoming::Aborted(abort(&[], b"message format error")),
            // There is nothing to say it with; whoever waits for an answer reads it again, or asks again.
            (Self::Gatt, Err(_)) => Incoming::Nothing,
        }
    }

    fn parse(self, message: &[u8]) -> Result<(Message<'_>, Option<bool>), MessageError> {
        let (first, code, rest) = match (self, message) {
            (Self::Gatt, [first]) => (*first, Code::EMPTY, &[][..]),
            (_, [first, code, rest @ ..]) => (*first, Code(*code), rest),
            _ => return Err(MessageError::Format),
        };
        let (lawful, confirm) = match self {
            Self::WebSocket => (first & 0xf0 == 0, None),
            Self::Gatt => (first & RESERVED == 0, (first & CONFIRM != 0).then_some(first & MESSAGE_ID != 0)),
        };
        if !lawful || message.len() > MAX_RELIABLE_BYTES {
            return Err(MessageError::Format);
        }
        // The type and id of UDP mean nothing here.
        Ok((Message::with_body(Kind::Con, code, 0, first & 15, rest)?, confirm))
    }
}

/// The first byte of a message with a token of `token_len` bytes; over GATT with the id that it acknowledges.
pub(super) fn first_byte(framing: Framing, token_len: usize, acknowledged_id: bool) -> u8 {
    let acknowledged = if framing == Framing::Gatt && acknowledged_id { ACKNOWLEDGED_ID } else { 0 };
    acknowledged | (token_len & 15) as u8
}

/// What a signalling message asks for (RFC 8323 §5).
fn signalling<'a>(message: &Message<'_>) -> Incoming<'a> {
    let critical = message.options().map(|(number, _)| number).find(|number| number % 2 == 1);
    match (message.code, critical) {
        (ABORT, _) => Incoming::Aborted(None),
        (CSM, Some(number)) => {
            Incoming::Aborted(abort(&[(BAD_CSM_OPTION, &uint_value(number.into()))], b"unknown option"))
        }
        (PING | PONG | RELEASE, Some(_)) => Incoming::Aborted(abort(&[], b"unknown option")),
        (PING, None) => {
            let head = [first_byte(Framing::WebSocket, message.token.len(), false), PONG.0];
            write_after(&head, message.token, &[], &[]).map_or(Incoming::Nothing, Incoming::Send)
        }
        (RELEASE, None) => Incoming::Release,
        _ => Incoming::Nothing,
    }
}

fn abort(options: &[(u16, &[u8])], diagnostic: &[u8]) -> Option<Bytes<MAX_MESSAGE_BYTES>> {
    write_after(&[0, ABORT.0], &[], options, diagnostic).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(incoming: Incoming<'_>) -> Option<std::vec::Vec<u8>> {
        match incoming {
            Incoming::Send(bytes) | Incoming::Aborted(Some(bytes)) => Some(bytes.to_vec()),
            _ => None,
        }
    }

    /// The examples of RFC 8323 §5.4 (figures 14 and 15): Ping and Pong with the token 0x42.
    #[test]
    fn ping_is_answered_with_pong() {
        assert_eq!(sent(Framing::WebSocket.read(&[0x01, 0xe2, 0x42])), Some([0x01, 0xe3, 0x42].to_vec()));
        assert!(matches!(Framing::WebSocket.read(&[0x01, 0xe3, 0x42]), Incoming::Nothing));
        // Custody is elective, and not promised.
        assert_eq!(sent(Framing::WebSocket.read(&[0x01, 0xe2, 0x42, 0x20])), Some([0x01, 0xe3, 0x42].to_vec()));
    }

    #[test]
    fn our_csm_says_how_long_a_message_may_be() {
        let csm = Framing::WebSocket.opening();
        assert_eq!(csm, [0x00, 0xe1, 0x22, 0x01, 0x3e]);
        let (parsed, _) = Framing::WebSocket.parse(csm).unwrap();
        assert_eq!((parsed.code, parsed.uint(2)), (CSM, Some(318)));
        assert!(matches!(Framing::WebSocket.read(csm), Incoming::Nothing));
        assert!(Framing::Gatt.opening().is_empty());
    }

    #[test]
    fn signalling_that_ends_a_connection() {
        assert!(matches!(Framing::WebSocket.read(&[0x00, 0xe4]), Incoming::Release));
        // Release with Hold-Off, Abort with a diagnostic payload.
        assert!(matches!(Framing::WebSocket.read(&[0x00, 0xe4, 0x41, 60]), Incoming::Release));
        assert!(matches!(Framing::WebSocket.read(b"\x00\xe5\xffbye"), Incoming::Aborted(None)));
        // Critical options: 7 in a CSM is named, in others it is not.
        let named = sent(Framing::WebSocket.read(&[0x00, 0xe1, 0x70])).unwrap();
        assert_eq!(named, b"\x00\xe5\x21\x07\xffunknown option");
        for code in [0xe2, 0xe3, 0xe4] {
            let unnamed = sent(Framing::WebSocket.read(&[0x00, code, 0x70])).unwrap();
            assert_eq!(unnamed, b"\x00\xe5\xffunknown option", "{code:x}");
        }
        assert!(matches!(Framing::WebSocket.read(&[0x00, 0xff, 0x70]), Incoming::Nothing), "an unknown signal");
    }

    #[test]
    fn what_is_no_message() {
        let long = [0; MAX_RELIABLE_BYTES + 1];
        for bytes in [
            &[][..],
            &[0x00],
            &[0x10, 0x01],
            &[0xd0, 0x01, 0x01],
            &[0x09, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            &[0x02, 0x45, 0x53],
            &[0x01, 0x00, 0x42],
            &[0x00, 0x01, 0xff],
            &[0x00, 0x01, 0xf0],
            &[0x00, 0x01, 0xd1],
            &[0x00, 0xe1, 0xff],
            &long,
        ] {
            let answer = sent(Framing::WebSocket.read(bytes));
            assert_eq!(answer.as_deref(), Some(&b"\x00\xe5\xffmessage format error"[..]), "{bytes:?}");
            assert!(matches!(Framing::Gatt.read(&[&[0x80], bytes].concat()), Incoming::Nothing), "{bytes:?}");
        }
    }

    #[test]
    fn flags_over_gatt() {
        let id = |bytes: &[u8]| match Framing::Gatt.read(bytes) {
            Incoming::Message(message, id) => {
                assert_eq!((message.code, message.token), (Code::CONTENT, &[7][..]));
                id
            }
            _ => panic!("{bytes:?}"),
        };
        assert_eq!(id(&[0x01, 0x45, 7]), None);
        assert_eq!(id(&[0x51, 0x45, 7]), None);
        assert_eq!(id(&[0x31, 0x45, 7]), Some(false));
        assert_eq!(id(&[0x71, 0x45, 7]), Some(true));
        for empty in [&[0x10][..], &[0x00, 0x00], &[]] {
            assert!(matches!(Framing::Gatt.read(empty), Incoming::Nothing));
        }
    }
}
