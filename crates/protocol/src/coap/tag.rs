//! One request to a meter through its NFC tag: a phone writes it there, and reads until the meter has swapped it for its answer.

use super::client::{Request, Response};
use super::message::{MAX_MESSAGE_BYTES, WriteError};
use super::reliable::Framing;
use super::reliable_client::{ReliableClient, ReliableEvent};
use crate::Bytes;

/// A request and what belongs to it until its response. When to give up is the caller's business, as is to look whether a tag has the
/// URL of the same meter.
#[derive(Debug)]
pub struct TagExchange {
    client: ReliableClient,
    message: Bytes<MAX_MESSAGE_BYTES>,
}

impl TagExchange {
    /// Starts a request. `token` is drawn at random, anew for each request.
    ///
    /// # Errors
    /// [`WriteError`] if the message is longer than [`MAX_RELIABLE_BYTES`](super::MAX_RELIABLE_BYTES).
    pub fn start(token: [u8; 4], request: &Request<'_>) -> Result<Self, WriteError> {
        let (client, message) = ReliableClient::start(Framing::Gatt, token, request)?;
        Ok(Self { client, message })
    }

    /// What is to be written to the tag, in a record of the type [`NDEF_MEDIA_TYPE`](super::NDEF_MEDIA_TYPE).
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Takes what that record of the tag holds now; gives the response if it is there. The request itself is there as long as the meter
    /// is at work.
    pub fn read(&mut self, found: &[u8]) -> Option<Response> {
        if *found == *self.message {
            return None;
        }
        match self.client.receive(found) {
            ReliableEvent::Response(response) => Some(response),
            // Of an earlier exchange, or of somebody else's.
            ReliableEvent::Nothing | ReliableEvent::Send(_) | ReliableEvent::Aborted(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::{Code, Method};

    #[test]
    fn only_the_answer_to_this_request_is_taken() {
        let request = Request { method: Method::Get, path: &["meter"], query: &[], format: None, payload: &[] };
        let mut exchange = TagExchange::start([1, 2, 3, 4], &request).unwrap();
        let own = Bytes::<MAX_MESSAGE_BYTES>::copy_of(exchange.message()).unwrap();
        assert_eq!(exchange.read(&own), None);
        assert_eq!(exchange.read(&[0x04, 0x45, 9, 9, 9, 9]), None, "the answer to another request");
        assert_eq!(exchange.read(&[0x04, 0x01, 9, 9, 9, 9]), None, "another request");
        assert_eq!(exchange.read(&[]), None);
        let response = exchange.read(&[0x04, 0x45, 1, 2, 3, 4, 0xff, 7]).unwrap();
        assert_eq!((response.code, &*response.payload), (Code::CONTENT, &[7][..]));
    }
}
