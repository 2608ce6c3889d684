//! One CoAP message: a checked view on its bytes, and a writer (RFC 7252 §3).

use crate::Bytes;

/// Most bytes of a message that this project sends or takes.
pub const MAX_MESSAGE_BYTES: usize = 320;

/// Numbers of the options that are understood (RFC 7252 §5.10).
pub mod option {
    /// Uri-Host.
    pub const URI_HOST: u16 = 3;
    /// Uri-Port.
    pub const URI_PORT: u16 = 7;
    /// Uri-Path, one segment each.
    pub const URI_PATH: u16 = 11;
    /// Content-Format.
    pub const CONTENT_FORMAT: u16 = 12;
    /// Max-Age, in seconds; with 5.03 the time after which to try again (§5.9.3.4).
    pub const MAX_AGE: u16 = 14;
    /// Uri-Query, one parameter each.
    pub const URI_QUERY: u16 = 15;
    /// Accept.
    pub const ACCEPT: u16 = 17;
}

/// Message type (§3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Confirmable.
    Con = 0,
    /// Non-confirmable.
    Non = 1,
    /// Acknowledgement.
    Ack = 2,
    /// Reset.
    Rst = 3,
}

/// Code of a message: class in the upper 3 bits, detail in the lower 5 (§3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u8);

impl Code {
    /// 0.00, an empty message.
    pub const EMPTY: Self = Self(0);
    /// 2.04.
    pub const CHANGED: Self = Self(0x44);
    /// 2.05.
    pub const CONTENT: Self = Self(0x45);
    /// 4.00.
    pub const BAD_REQUEST: Self = Self(0x80);
    /// 4.02.
    pub const BAD_OPTION: Self = Self(0x82);
    /// 4.03.
    pub const FORBIDDEN: Self = Self(0x83);
    /// 4.04.
    pub const NOT_FOUND: Self = Self(0x84);
    /// 4.05.
    pub const METHOD_NOT_ALLOWED: Self = Self(0x85);
    /// 4.06.
    pub const NOT_ACCEPTABLE: Self = Self(0x86);
    /// 4.13.
    pub const REQUEST_ENTITY_TOO_LARGE: Self = Self(0x8d);
    /// 4.15.
    pub const UNSUPPORTED_CONTENT_FORMAT: Self = Self(0x8f);
    /// 5.00.
    pub const INTERNAL_SERVER_ERROR: Self = Self(0xa0);
    /// 5.01.
    pub const NOT_IMPLEMENTED: Self = Self(0xa1);
    /// 5.03.
    pub const SERVICE_UNAVAILABLE: Self = Self(0xa3);

    /// The class, 0 to 7.
    pub fn class(self) -> u8 {
        self.0 >> 5
    }
}

impl core::fmt::Display for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.0 & 31)
    }
}

/// Method of a request (§5.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// GET.
    Get = 1,
    /// POST.
    Post = 2,
    /// PUT.
    Put = 3,
    /// DELETE.
    Delete = 4,
}

/// Content formats used here (IANA CoAP Content-Formats).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum ContentFormat {
    /// `application/cose; cose-type="cose-sign1"`.
    CoseSign1 = 18,
    /// `application/link-format`.
    LinkFormat = 40,
    /// `application/octet-stream`.
    OctetStream = 42,
    /// `application/cbor`.
    Cbor = 60,
    /// `application/concise-problem-details+cbor` (RFC 9290).
    Problem = 257,
}

/// Why bytes are not a CoAP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Another version than 1, or fewer than 4 bytes: to be ignored in silence (§3).
    #[error("not CoAP")]
    NotCoap,
    /// A message format error: a confirmable message is answered with a reset (§4.2).
    #[error("CoAP message format error")]
    Format,
}

/// A checked view on the bytes of a message: whatever is read from it later cannot fail.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Type.
    pub kind: Kind,
    /// Code.
    pub code: Code,
    /// Message id.
    pub id: u16,
    /// Token, 0 to 8 bytes.
    pub token: &'a [u8],
    options: &'a [u8],
    /// Payload; empty if there is none.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads and checks a message.
    ///
    /// # Errors
    /// [`MessageError`] if it is none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let [first, code, id_high, id_low, rest @ ..] = bytes else { return Err(MessageError::NotCoap) };
        if first >> 6 != 1 {
            return Err(MessageError::NotCoap);
        }
        let kind = match first >> 4 & 3 {
            0 => Kind::Con,
            1 => Kind::Non,
            2 => Kind::Ack,
            _ => Kind::Rst,
        };
        Self::with_body(kind, Code(*code), u16::from_be_bytes([*id_high, *id_low]), first & 15, rest)
    }

    /// A message whose token, options and payload are in `rest`, as they are over every transport.
    pub(super) fn with_body(
        kind: Kind,
        code: Code,
        id: u16,
        token_len: u8,
        rest: &'a [u8],
    ) -> Result<Self, MessageError> {
        let token_len = usize::from(token_len);
        if token_len > 8 || (code == Code::EMPTY && (token_len > 0 || !rest.is_empty())) {
            return Err(MessageError::Format);
        }
        let (token, rest) = rest.split_at_checked(token_len).ok_or(MessageError::Format)?;
        let mut options = Options { bytes: rest, number: 0 };
        while options.try_next()?.is_some() {}
        let options_len = rest.len().saturating_sub(options.bytes.len());
        let (options, after) = rest.split_at_checked(options_len).ok_or(MessageError::Format)?;
        let payload = match after {
            [] => after,
            [_marker] => return Err(MessageError::Format),
            [_marker, payload @ ..] => payload,
        };
        Ok(Self { kind, code, id, token, options, payload })
    }

    /// Its options, as number and value, in the order of their numbers.
    pub fn options(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut options = Options { bytes: self.options, number: 0 };
        core::iter::from_fn(move || options.try_next().ok().flatten())
    }

    /// The values of one option.
    pub fn values(&self, number: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.options().filter(move |(n, _)| *n == number).map(|(_, value)| value)
    }

    /// Whether it has a critical option (one with an odd number, §5.4.6) other than those `understood`.
    pub fn has_critical_option(&self, understood: &[u16]) -> bool {
        self.options().any(|(number, _)| number % 2 == 1 && !understood.contains(&number))
    }

    /// The value of an unsigned option of at most 2 bytes (§3.2), such as Content-Format.
    pub fn uint(&self, number: u16) -> Option<u16> {
        match self.values(number).next()? {
            [] => Some(0),
            [low] => Some(u16::from(*low)),
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// Max-Age in seconds, at most 4 bytes; none if it is not there or longer, and then it is passed over (§5.4.3).
    pub fn max_age_s(&self) -> Option<u32> {
        let value = self.values(option::MAX_AGE).next().filter(|value| value.len() <= 4)?;
        Some(value.iter().fold(0, |seconds, byte| seconds << 8 | u32::from(*byte)))
    }
}

struct Options<'a> {
    bytes: &'a [u8],
    number: u16,
}

impl<'a> Options<'a> {
    /// The next option; none at the end or before the payload marker, which stays in `bytes`.
    fn try_next(&mut self) -> Result<Option<(u16, &'a [u8])>, MessageError> {
        let (head, mut rest) = match self.bytes {
            [] | [0xff, ..] => return Ok(None),
            [head, rest @ ..] => (*head, rest),
        };
        let delta = extended(head >> 4, &mut rest)?;
        let len = extended(head & 15, &mut rest)?;
        let number = u16::try_from(delta).ok().and_then(|delta| self.number.checked_add(delta));
        let (value, rest) = rest.split_at_checked(len as usize).ok_or(MessageError::Format)?;
        self.number = number.ok_or(MessageError::Format)?;
        self.bytes = rest;
        Ok(Some((self.number, value)))
    }
}

/// An option's delta or length: a nibble, and for 13 and 14 one or two bytes more (§3.1).
fn extended(nibble: u8, rest: &mut &[u8]) -> Result<u32, MessageError> {
    let (value, after) = match (nibble, *rest) {
        (0..=12, after) => (u32::from(nibble), after),
        (13, [a, after @ ..]) => (u32::from(*a) + 13, after),
        (14, [a, b, after @ ..]) => (u32::from(u16::from_be_bytes([*a, *b])) + 269, after),
        _ => return Err(MessageError::Format),
    };
    *rest = after;
    Ok(value)
}

/// The message is longer than [`MAX_MESSAGE_BYTES`], or its options are not in order, or its token is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be written")]
pub struct WriteError;

/// Writes a message; `options` must be in the order of their numbers.
///
/// # Errors
/// [`WriteError`].
pub fn write(
    kind: Kind,
    code: Code,
    id: u16,
    token: &[u8],
    options: &[(u16, &[u8])],
    payload: &[u8],
) -> Result<Bytes<MAX_MESSAGE_BYTES>, WriteError> {
    let [id_high, id_low] = id.to_be_bytes();
    write_after(
        &[0x40 | (kind as u8) << 4 | (token.len() & 15) as u8, code.0, id_high, id_low],
        token,
        options,
        payload,
    )
}

/// Writes `head`, which says how long the token is, and behind it what messages have over every transport.
pub(super) fn write_after(
    head: &[u8],
    token: &[u8],
    options: &[(u16, &[u8])],
    payload: &[u8],
) -> Result<Bytes<MAX_MESSAGE_BYTES>, WriteError> {
    let mut out = Bytes::new();
    if token.len() > 8 {
        return Err(WriteError);
    }
    let mut put = |bytes: &[u8]| out.append(bytes).map_err(|_| WriteError);
    put(head)?;
    put(token)?;
    let mut last = 0;
    for (number, value) in options {
        let delta = u32::from(number.checked_sub(last).ok_or(WriteError)?);
        last = *number;
        let (delta_nibble, delta_bytes, delta_len) = extend(delta);
        let (len_nibble, len_bytes, len_len) = extend(value.len() as u32);
        put(&[delta_nibble << 4 | len_nibble])?;
        put(delta_bytes.get(..delta_len).unwrap_or(&[]))?;
        put(len_bytes.get(..len_len).unwrap_or(&[]))?;
        put(value)?;
    }
    if !payload.is_empty() {
        put(&[0xff])?;
        put(payload)?;
    }
    Ok(out)
}

/// The value of an unsigned option: big-endian without leading zero bytes (§3.2).
pub(super) fn uint_value(value: u32) -> Bytes<4> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Bytes::copy_of(bytes.get(zeros..).unwrap_or(&[])).unwrap_or_default()
}

fn extend(value: u32) -> (u8, [u8; 2], usize) {
    match value {
        0..=12 => (value as u8, [0, 0], 0),
        13..=268 => (13, [value.saturating_sub(13) as u8, 0], 1),
        _ => (14, (value.saturating_sub(269) as u16).to_be_bytes(), 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn reads_what_it_writes() {
        let long = [b'x'; 280];
        let options: [(u16, &[u8]); 4] = [(11, b"token"), (11, b""), (12, &[18]), (300, &long)];
        let bytes = write(Kind::Con, Code(2), 7, b"abcd", &options, b"").unwrap();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.kind, message.code, message.id, message.token), (Kind::Con, Code(2), 7, &b"abcd"[..]));
        assert_eq!(message.options().collect::<Vec<_>>(), options);
        assert_eq!(message.uint(12), Some(18));
    }

    #[test]
    fn format_errors() {
        for (bytes, error) in [
            (&[0x40, 1, 0][..], MessageError::NotCoap),
            (&[0x80, 1, 0, 0], MessageError::NotCoap),
            (&[0x49, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], MessageError::Format),
            (&[0x41, 1, 0, 0], MessageError::Format),
            (&[0x40, 0, 0, 0, 1], MessageError::Format),
            (&[0x40, 1, 0, 0, 0xff], MessageError::Format),
            (&[0x40, 1, 0, 0, 0xf0], MessageError::Format),
            (&[0x40, 1, 0, 0, 0x0f], MessageError::Format),
            (&[0x40, 1, 0, 0, 0xe0, 0xff, 0xff, 0xe0, 0xff, 0xff], MessageError::Format),
            (&[0x40, 1, 0, 0, 0x05, 1], MessageError::Format),
        ] {
            assert_eq!(Message::parse(bytes).map(|_| ()), Err(error), "{bytes:?}");
        }
    }
}
