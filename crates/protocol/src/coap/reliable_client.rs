//! A CoAP client over a link that loses nothing, with one request at a time.

use super::client::{Request, Response};
use super::message::{Code, MAX_MESSAGE_BYTES, Message, WriteError, write_after};
use super::reliable::{Framing, Incoming, MAX_RELIABLE_BYTES, first_byte};
use crate::Bytes;

/// What a message of the peer brought.
#[derive(Debug, PartialEq, Eq)]
pub enum ReliableEvent {
    /// Nothing to do.
    Nothing,
    /// Send these bytes.
    Send(Bytes<MAX_MESSAGE_BYTES>),
    /// The response.
    Response(Response),
    /// The connection is over: these bytes are to be sent if there are any, then it is to be closed. Nothing is known of the
    /// request's outcome; the same again over a new connection is right.
    Aborted(Option<Bytes<MAX_MESSAGE_BYTES>>),
}

/// One request and what belongs to it until its response. When to give up waiting is the caller's business, as is to send
/// [`Framing::opening`] first on a new connection.
#[derive(Debug)]
pub struct ReliableClient {
    framing: Framing,
    token: [u8; 4],
    released: bool,
}

impl ReliableClient {
    /// Starts a request; gives the message to be sent. `token` is drawn at random, anew for each request: it alone ties the
    /// response to it, over GATT also on the next connection.
    ///
    /// # Errors
    /// [`WriteError`] if the message is longer than [`MAX_RELIABLE_BYTES`].
    pub fn start(
        framing: Framing,
        token: [u8; 4],
        request: &Request<'_>,
    ) -> Result<(Self, Bytes<MAX_MESSAGE_BYTES>), WriteError> {
        let message = request.write_after(&[first_byte(framing, token.len(), false), request.method as u8], &token)?;
        let fits = message.len() <= MAX_RELIABLE_BYTES;
        fits.then_some((Self { framing, token, released: false }, message)).ok_or(WriteError)
    }

    /// Takes a message of the peer: what a WebSocket's frame or a characteristic's value holds.
    pub fn receive(&mut self, message: &[u8]) -> ReliableEvent {
        match self.framing.read(message) {
            Incoming::Nothing => ReliableEvent::Nothing,
            Incoming::Send(bytes) => ReliableEvent::Send(bytes),
            Incoming::Aborted(bytes) => ReliableEvent::Aborted(bytes),
            Incoming::Release => {
                self.released = true;
                ReliableEvent::Nothing
            }
            Incoming::Message(message, _) => self.message(&message),
        }
    }

    /// Whether the peer asked for the connection to be closed once the response is here.
    pub fn is_released(&self) -> bool {
        self.released
    }

    fn message(&self, message: &Message<'_>) -> ReliableEvent {
        match message.code.class() {
            // The peer may ask, too (RFC 8323 §4.3); nothing is served here.
            0 => {
                let head = [first_byte(self.framing, message.token.len(), false), Code::NOT_IMPLEMENTED.0];
                write_after(&head, message.token, &[], &[]).map_or(ReliableEvent::Nothing, ReliableEvent::Send)
            }
            // A response with a critical option that is not understood is rejected (RFC 7252 §5.4.1); here that is any. One
            // with another token answers an earlier request.
            2 | 4 | 5 if message.token == self.token && !message.has_critical_option(&[]) => {
                Response::of(message).map_or(ReliableEvent::Nothing, ReliableEvent::Response)
            }
            _ => ReliableEvent::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::{ContentFormat, Method};

    const TOKEN: [u8; 4] = *b"abcd";

    fn get(framing: Framing) -> (ReliableClient, Bytes<MAX_MESSAGE_BYTES>) {
        let request = Request { method: Method::Get, path: &["meter"], query: &["c=07"], format: None, payload: &[] };
        ReliableClient::start(framing, TOKEN, &request).unwrap()
    }

    #[test]
    fn a_request_has_no_length_and_no_id() {
        for framing in [Framing::WebSocket, Framing::Gatt] {
            let (_, bytes) = get(framing);
            assert_eq!(bytes.as_slice(), b"\x04\x01abcd\xb5meter\x44c=07", "{framing:?}");
        }
    }

    #[test]
    fn the_longest_request() {
        let post = |payload: &[u8]| {
            let format = Some(ContentFormat::CoseSign1);
            let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload };
            ReliableClient::start(Framing::Gatt, TOKEN, &request).map(|(_, bytes)| bytes.len())
        };
        let head = 2 + TOKEN.len() + 6 + 2 + 1;
        assert_eq!(post(&[7; MAX_RELIABLE_BYTES - 15]), Ok(head + MAX_RELIABLE_BYTES - 15));
        assert_eq!(post(&[7; MAX_RELIABLE_BYTES - 14]), Err(WriteError));
    }

    #[test]
    fn the_response_to_this_request_alone() {
        for framing in [Framing::WebSocket, Framing::Gatt] {
            let (mut client, _) = get(framing);
            for passed_over in [
                &b"\x04\x45abce\xffold"[..],
                b"\x00\x45\xffno token",
                b"\x04\x45abcd\x91!\xffa critical option",
                b"\x04\x25abcd\xffreserved class",
                b"\x00\x00",
            ] {
                assert_eq!(client.receive(passed_over), ReliableEvent::Nothing, "{passed_over:?}");
            }
            let ReliableEvent::Response(response) = client.receive(b"\x04\x45abcd\xc1\x3c\x21\x05\xffhello") else {
                panic!("{framing:?}")
            };
            let payload = Bytes::copy_of(b"hello").unwrap();
            assert_eq!(response, Response { code: Code::CONTENT, format: Some(60), max_age_s: Some(5), payload });
        }
    }

    #[test]
    fn the_peer_asks_pings_releases_and_aborts() {
        let (mut client, _) = get(Framing::WebSocket);
        let send = |bytes: &[u8]| ReliableEvent::Send(Bytes::copy_of(bytes).unwrap());
        assert_eq!(client.receive(&[0x00, 0xe1, 0x22, 0x04, 0x80]), ReliableEvent::Nothing);
        assert_eq!(client.receive(&[0x01, 0x01, 0x09]), send(&[0x01, 0xa1, 0x09]));
        assert_eq!(client.receive(&[0x01, 0xe2, 0x42]), send(&[0x01, 0xe3, 0x42]));
        assert!(!client.is_released());
        assert_eq!(client.receive(&[0x00, 0xe4]), ReliableEvent::Nothing);
        assert!(client.is_released());
        assert_eq!(client.receive(&[0x00, 0xe5]), ReliableEvent::Aborted(None));
        assert!(matches!(client.receive(&[0x70]), ReliableEvent::Aborted(Some(_))));
    }
}
