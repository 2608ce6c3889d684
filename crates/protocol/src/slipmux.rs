//! CoAP over a serial line: Slipmux (draft-bormann-t2trg-slipmux-04).
//!
//! A frame is SLIP (RFC 1055): `END`, the type of the frame, the message, `END`, with `END` and `ESC` escaped in between. A
//! frame of type `0xa9` holds a CoAP message and a frame check sequence, the FCS-16 of RFC 1662 (appendix C) over type and
//! message, low byte first. Frames of other types (diagnostic text, IP packets) are skipped, as are frames that are broken,
//! aborted or too long: a peer repeats what it hears no answer to.
//!
//! Both directions go byte by byte, as a UART does, with a bounded number of steps for each. [`Decoder`] holds one frame.

use crate::Bytes;
use crate::coap::MAX_MESSAGE_BYTES;
use core::iter::{Chain, Copied, FusedIterator};
use core::{array, slice};

/// Most bytes of an encoded frame on the line: everything but the two `END` and the type could need escaping.
pub const MAX_ENCODED_BYTES: usize = 3 + 2 * MAX_FRAME_BYTES;

/// Bytes of the frame check sequence.
const FCS_BYTES: usize = 2;
/// Most bytes of a frame that are kept while it comes in: a message and the frame check sequence.
const MAX_FRAME_BYTES: usize = MAX_MESSAGE_BYTES + FCS_BYTES;

/// Begins and ends a frame (RFC 1055).
const END: u8 = 0xc0;
/// The next byte is [`ESCAPED_END`] or [`ESCAPED_ESC`]. Before `END` it aborts the frame (Slipmux §6).
const ESC: u8 = 0xdb;
/// Stands for [`END`] after [`ESC`].
const ESCAPED_END: u8 = 0xdc;
/// Stands for [`ESC`] after [`ESC`].
const ESCAPED_ESC: u8 = 0xdd;
/// Type of a frame with a CoAP message.
const COAP: u8 = 0xa9;

/// The FCS before the first byte.
const FCS_START: u16 = 0xffff;
/// The FCS over a whole frame with its own, inverted, at the end.
const FCS_GOOD: u16 = 0xf0b8;

/// One step of the FCS-16 (polynomial x¹⁶ + x¹² + x⁵ + 1, least significant bit first), without a table: flash is scarcer
/// than time here.
fn fcs(fcs: u16, byte: u8) -> u16 {
    let [low, high] = fcs.to_le_bytes();
    let mixed = low ^ byte;
    let mixed = u16::from(mixed ^ mixed << 4);
    u16::from(high) ^ mixed << 8 ^ mixed << 3 ^ mixed >> 4
}

/// What the next byte of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// The type of a frame, or another `END`.
    Type,
    /// A byte of a frame.
    Byte,
    /// The second byte of an escape.
    Escaped,
    /// Nothing of use before the next `END`.
    End,
}

/// Finds CoAP messages in the bytes of a line. Whatever the line brings, it is ready again after the next `END`.
#[derive(Debug)]
pub struct Decoder {
    expect: Expect,
    fcs: u16,
    frame: Bytes<MAX_FRAME_BYTES>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the beginning of a line. Noise before the first `END` costs no message, since a frame begins with one.
    pub const fn new() -> Self {
        Self { expect: Expect::Type, fcs: FCS_START, frame: Bytes::new() }
    }

    /// Takes the next byte. At the end of a good frame it gives the message, 0 to [`MAX_MESSAGE_BYTES`] bytes, to be used or
    /// copied before the next byte; what they say is for [`coap::Message`](crate::coap::Message) to check.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        match (self.expect, byte) {
            (Expect::Byte, END) => {
                self.expect = Expect::Type;
                return self.message();
            }
            (_, END) => self.expect = Expect::Type,
            (Expect::Type, COAP) => {
                self.frame.clear();
                self.fcs = fcs(FCS_START, COAP);
                self.expect = Expect::Byte;
            }
            (Expect::Byte, ESC) => self.expect = Expect::Escaped,
            (Expect::Byte, byte) => self.keep(byte),
            (Expect::Escaped, ESCAPED_END) => self.keep(END),
            (Expect::Escaped, ESCAPED_ESC) => self.keep(ESC),
            (Expect::Type | Expect::Escaped | Expect::End, _) => self.expect = Expect::End,
        }
        None
    }

    fn keep(&mut self, byte: u8) {
        self.fcs = fcs(self.fcs, byte);
        self.expect = if self.frame.append(&[byte]).is_ok() { Expect::Byte } else { Expect::End };
    }

    fn message(&self) -> Option<&[u8]> {
        let (message, _) = self.frame.split_last_chunk::<FCS_BYTES>()?;
        (self.fcs == FCS_GOOD).then_some(message)
    }
}

/// The bytes of a frame that holds `message`, at most [`MAX_ENCODED_BYTES`] for a message of [`MAX_MESSAGE_BYTES`]. They are
/// made one by one: a UART needs no buffer for them.
pub fn encode(message: &[u8]) -> Encoder<'_> {
    let sum = !message.iter().fold(fcs(FCS_START, COAP), |sum, byte| fcs(sum, *byte));
    Encoder { next: Next::Begin, body: message.iter().copied().chain(sum.to_le_bytes()) }
}

/// The bytes of a frame, made by [`encode`].
#[derive(Debug, Clone)]
pub struct Encoder<'a> {
    next: Next,
    /// The message and its FCS, not escaped.
    body: Chain<Copied<slice::Iter<'a, u8>>, array::IntoIter<u8, FCS_BYTES>>,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Begin,
    Type,
    Body,
    /// The second byte of an escape.
    Escaped(u8),
    Nothing,
}

impl Iterator for Encoder<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (byte, next) = match self.next {
            Next::Begin => (END, Next::Type),
            Next::Type => (COAP, Next::Body),
            Next::Body => match self.body.next() {
                Some(END) => (ESC, Next::Escaped(ESCAPED_END)),
                Some(ESC) => (ESC, Next::Escaped(ESCAPED_ESC)),
                Some(byte) => (byte, Next::Body),
                None => (END, Next::Nothing),
            },
            Next::Escaped(byte) => (byte, Next::Body),
            Next::Nothing => return None,
        };
        self.next = next;
        Some(byte)
    }
}

impl FusedIterator for Encoder<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn decode(line: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::new();
        line.iter().filter_map(|byte| decoder.push(*byte).map(<[u8]>::to_vec)).collect()
    }

    fn line(messages: &[&[u8]]) -> Vec<u8> {
        messages.iter().flat_map(|message| encode(message)).collect()
    }

    /// The check value of this CRC, which catalogues call CRC-16/IBM-SDLC or X-25, and an example of aiocoap's.
    #[test]
    fn frame_check_sequence() {
        let sum = |bytes: &[u8]| !bytes.iter().fold(FCS_START, |sum, byte| fcs(sum, *byte));
        assert_eq!(sum(b"123456789"), 0x906e);
        assert_eq!(sum(b"coap is cool!").to_le_bytes(), *b"$&");
    }

    #[test]
    fn what_is_skipped() {
        let good: &[u8] = &[0x40, 1, 0, 7];
        let frame = line(&[good]);
        let inside = &frame[1..frame.len() - 1];
        let between = |bytes: &[u8]| [&frame, bytes, &frame].concat();
        for (name, bytes) in [
            ("nothing", &[][..]),
            ("empty frames", &[END, END, END]),
            ("diagnostic text", b"\xc0\x0ahello\x0a\xc0"),
            ("an IPv6 packet", &[END, 0x60, 0, 0, 0, END]),
            ("an unknown type", &[END, 0x01, 0x40, END]),
            ("an escape as type", &[END, ESC, ESCAPED_END, COAP, END]),
            ("no frame check sequence", &[END, COAP, END]),
            ("half a frame check sequence", &[END, COAP, 0x40, END]),
            ("a bad escape", &[END, COAP, ESC, 0x40, END]),
            ("an aborted frame", &[&[END][..], inside, &[ESC, END]].concat()),
            ("a frame that begins in the middle", &[&inside[3..], &[END]].concat()),
            ("a frame that has no end", &inside[..3]),
            ("a changed bit", &[&[END][..], &inside[..2], &[inside[2] ^ 8], &inside[3..], &[END]].concat()),
            ("a frame that is too long", &line(&[&[0x40; MAX_MESSAGE_BYTES + 1]])),
        ] {
            assert_eq!(decode(&between(bytes)), [good, good], "{name}");
        }
    }

    #[test]
    fn limits() {
        for byte in [0, END, ESC, COAP] {
            let longest = vec![byte; MAX_MESSAGE_BYTES];
            let line = line(&[&longest, &[], &longest]);
            assert_eq!(decode(&line), [&longest[..], &[], &longest]);
            assert!(line.len() <= 2 * MAX_ENCODED_BYTES + 5, "{}", line.len());
        }
        // Every byte of it needs an escape, its FCS (0xc0c0) too.
        let worst = [&[END, ESC, ESC, END, ESC, END, ESC, END][..], &[ESC; 46]].concat();
        let line = line(&[&worst]);
        assert_eq!((line.len(), decode(&line)), (3 + 2 * (54 + FCS_BYTES), vec![worst]));
    }

    #[test]
    fn size() {
        assert!(size_of::<Decoder>() <= MAX_FRAME_BYTES + 24, "{}", size_of::<Decoder>());
    }
}
