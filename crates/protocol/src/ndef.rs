//! What a meter's NFC tag holds, as an NDEF message (NFC Forum, NDEF 1.0): the URL of its label, and a record that the meter swaps for
//! its answer (`docs/protocol.md`).

use crate::coap::{MAX_RELIABLE_BYTES, NDEF_MEDIA_TYPE};
use crate::{Bytes, Full};
use core::fmt;

/// Longest URL of a label.
pub const MAX_URL_BYTES: usize = 200;
/// Most bytes of a tag with both records, each with a head of at most 7 bytes.
pub const MAX_TAG_BYTES: usize = 7 + 1 + 1 + MAX_URL_BYTES + 7 + NDEF_MEDIA_TYPE.len() + MAX_RELIABLE_BYTES;

/// Bits of a record's head (NDEF 1.0 §3.2): the first and the last record, a part of a longer one, a payload length of one byte, an id.
const FIRST: u8 = 0x80;
const LAST: u8 = 0x40;
const CHUNK: u8 = 0x20;
const SHORT: u8 = 0x10;
const HAS_ID: u8 = 0x08;
const NAME_FORMAT: u8 = 0x07;

/// The name formats used here (§3.2.6), and the type of a URL (NFC Forum RTD URI 1.0).
const WELL_KNOWN: u8 = 1;
const MEDIA: u8 = 2;
const URI: &[u8] = b"U";

/// The beginnings of a URL that one byte stands for (RTD URI 1.0 §3.2.2); other bytes are for what is no label's URL.
const PREFIXES: [&str; 5] = ["", "http://www.", "https://www.", "http://", "https://"];

/// Why bytes are no NDEF message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an NDEF message")]
pub struct NotNdef;

/// What a tag holds. Other records than these two are passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The URL of the meter's label.
    pub url: Option<Url<'a>>,
    /// A request to the meter or its answer, in the form that it has over GATT.
    pub message: Option<&'a [u8]>,
}

/// A URL, perhaps with a beginning that one byte stands for.
#[derive(Debug, Clone, Copy)]
pub struct Url<'a> {
    prefix: &'static str,
    rest: &'a str,
}

/// A record.
struct Record<'a> {
    head: u8,
    kind: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Url<'a> {
    /// This URL.
    pub fn new(url: &'a str) -> Self {
        Self { prefix: "", rest: url }
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.prefix.bytes().chain(self.rest.bytes())
    }

    fn read(payload: &'a [u8]) -> Option<Self> {
        let (code, rest) = payload.split_first()?;
        Some(Self { prefix: PREFIXES.get(usize::from(*code))?, rest: core::str::from_utf8(rest).ok()? })
    }
}

impl PartialEq for Url<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for Url<'_> {}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix, self.rest)
    }
}

impl<'a> Tag<'a> {
    /// Reads a tag. Of several records of a kind the first counts.
    ///
    /// # Errors
    /// [`NotNdef`] if the bytes are no whole NDEF message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotNdef> {
        let (mut tag, mut rest, mut is_first) = (Self::default(), bytes, true);
        loop {
            let (record, behind) = Record::parse(rest).ok_or(NotNdef)?;
            if is_first != (record.head & FIRST != 0) || record.head & CHUNK != 0 {
                return Err(NotNdef);
            }
            match (record.head & NAME_FORMAT, record.kind) {
                (WELL_KNOWN, URI) => tag.url = tag.url.or_else(|| Url::read(record.payload)),
                (MEDIA, kind) if kind == NDEF_MEDIA_TYPE.as_bytes() => {
                    tag.message = tag.message.or(Some(record.payload))
                }
                _ => {}
            }
            if record.head & LAST != 0 {
                return Ok(tag);
            }
            (rest, is_first) = (behind, false);
        }
    }

    /// The tag as an NDEF message; without both records, nothing.
    ///
    /// # Errors
    /// [`Full`] if the URL is longer than [`MAX_URL_BYTES`] or the message longer than [`MAX_RELIABLE_BYTES`].
    pub fn to_bytes(&self) -> Result<Bytes<MAX_TAG_BYTES>, Full> {
        let mut out = Bytes::new();
        if let Some(url) = &self.url {
            let last = if self.message.is_none() { LAST } else { 0 };
            // The longer prefixes come first, and the empty one fits whatever none of them fits.
            let fits = |(_, prefix): &(u8, &str)| {
                !prefix.is_empty() && (url.prefix == *prefix || url.rest.starts_with(prefix))
            };
            let (code, prefix) = (0..).zip(PREFIXES).find(fits).unwrap_or((0, ""));
            let rest = if url.prefix.is_empty() { url.rest.get(prefix.len()..).unwrap_or_default() } else { url.rest };
            head(&mut out, FIRST | last | WELL_KNOWN, URI, rest.len().saturating_add(1))?;
            out.append(&[code])?;
            out.append(rest.as_bytes())?;
        }
        if let Some(message) = self.message {
            let first = if self.url.is_none() { FIRST } else { 0 };
            head(&mut out, first | LAST | MEDIA, NDEF_MEDIA_TYPE.as_bytes(), message.len())?;
            out.append(message)?;
        }
        Ok(out)
    }
}

impl<'a> Record<'a> {
    /// The first record of `bytes`, and what is behind it.
    fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let [head, kind_len, rest @ ..] = bytes else { return None };
        let (len, rest) = if head & SHORT != 0 {
            let (len, rest) = rest.split_first()?;
            (usize::from(*len), rest)
        } else {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::try_from(u32::from_be_bytes(*len)).ok()?, rest)
        };
        let (id_len, rest) = if head & HAS_ID != 0 { rest.split_first()? } else { (&0, rest) };
        let (kind, rest) = rest.split_at_checked(usize::from(*kind_len))?;
        let (_, rest) = rest.split_at_checked(usize::from(*id_len))?;
        let (payload, rest) = rest.split_at_checked(len)?;
        Some((Self { head: *head, kind, payload }, rest))
    }
}

/// The head of a record for a payload of `len` bytes.
fn head(out: &mut Bytes<MAX_TAG_BYTES>, head: u8, kind: &[u8], len: usize) -> Result<(), Full> {
    let kind_len = u8::try_from(kind.len()).map_err(|_| Full)?;
    match u8::try_from(len) {
        Ok(len) => out.append(&[head | SHORT, kind_len, len])?,
        Err(_) => {
            out.append(&[head, kind_len])?;
            out.append(&u32::try_from(len).map_err(|_| Full)?.to_be_bytes())?;
        }
    }
    out.append(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const LABEL: &str = "https://pay.example/m/CLS0000000017-Z";

    /// The example of RTD URI 1.0 (appendix A.1): a smart poster's simplest URI.
    #[test]
    fn the_forums_own_example_is_read_and_written() {
        let bytes = b"\xd1\x01\x08\x55\x01nfc.com";
        let tag = Tag::parse(bytes).unwrap();
        assert_eq!(tag.url.unwrap().to_string(), "http://www.nfc.com");
        assert_eq!(*tag.to_bytes().unwrap(), *bytes);
        assert_eq!(*Tag { url: Some(Url::new("http://www.nfc.com")), message: None }.to_bytes().unwrap(), *bytes);
    }

    #[test]
    fn a_label_and_a_message_come_back() {
        for message in [&[1, 2, 3][..], &[7; MAX_RELIABLE_BYTES]] {
            let tag = Tag { url: Some(Url::new(LABEL)), message: Some(message) };
            let bytes = tag.to_bytes().unwrap();
            assert_eq!(Tag::parse(&bytes), Ok(tag));
            for cut in 0..bytes.len() {
                assert_eq!(Tag::parse(&bytes[..cut]), Err(NotNdef), "{cut}");
            }
        }
        let long = [b'a'; MAX_URL_BYTES];
        let long = Url::new(core::str::from_utf8(&long).unwrap());
        assert!(Tag { url: Some(long), message: Some(&[7; MAX_RELIABLE_BYTES]) }.to_bytes().is_ok());
        assert!(Tag { url: Some(long), message: Some(&[7; MAX_RELIABLE_BYTES + 10]) }.to_bytes().is_err());
    }

    #[test]
    fn records_of_others_are_passed_over() {
        // A text in English with an id, then the URL, then an unknown type.
        let bytes = b"\x99\x01\x03\x01Txen\xff\x11\x01\x02U\x04a\x54\x01\x00x";
        let tag = Tag::parse(bytes).unwrap();
        assert_eq!((tag.url.unwrap().to_string().as_str(), tag.message), ("https://a", None));
        // A chunk, no beginning, an abbreviation that is no web address.
        assert_eq!(Tag::parse(b"\xf1\x01\x01U\x04"), Err(NotNdef));
        assert_eq!(Tag::parse(b"\x51\x01\x01U\x04"), Err(NotNdef));
        assert_eq!(Tag::parse(b"\xd1\x01\x02U\x05a"), Ok(Tag::default()));
    }
}
