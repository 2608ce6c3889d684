//! Why a meter refused a message: concise problem details (RFC 9290), content format 257.
//!
//! Key −1 is a title in English, key −4 the CoAP response code, and the custom entry `coinless:refusal` holds `{0: code}`
//! with one code per cause.

use crate::DecodeError;
use crate::bytes::{Bytes, Full};
use crate::cbor::{Decoder, Writer};

/// Most bytes of problem details.
pub const MAX_PROBLEM_BYTES: usize = 96;

const ENTRY: &str = "coinless:refusal";

/// Why a message was not accepted. (What an authentic token cannot do now is said by a receipt instead.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// Not an object of this protocol, or not deterministic.
    Malformed = 1,
    /// Another protocol version.
    WrongVersion = 2,
    /// A key of this object is not known to this meter.
    UnknownKey = 3,
    /// The token is for another meter.
    NotThisMeter = 4,
    /// The token is for an earlier life of this meter, with another key.
    OtherKey = 5,
    /// The meter does not know the issuer's key.
    UnknownIssuer = 6,
    /// The signature does not fit.
    BadSignature = 7,
    /// The meter has no valid state or was never given keys.
    OutOfService = 8,
    /// The meter has done enough for strangers and spares its battery; the same again later is right. The answer says when
    /// (Max-Age, RFC 7252 §5.9.3.4).
    Busy = 9,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::WrongVersion,
        Self::UnknownKey,
        Self::NotThisMeter,
        Self::OtherKey,
        Self::UnknownIssuer,
        Self::BadSignature,
        Self::OutOfService,
        Self::Busy,
    ];

    /// In words for a person.
    pub fn title(self) -> &'static str {
        match self {
            Self::Malformed => "malformed message",
            Self::WrongVersion => "wrong protocol version",
            Self::UnknownKey => "unknown key in message",
            Self::NotThisMeter => "token for another meter",
            Self::OtherKey => "token for another key of this meter",
            Self::UnknownIssuer => "unknown issuer key",
            Self::BadSignature => "bad signature",
            Self::OutOfService => "meter out of service",
            Self::Busy => "meter busy, try again",
        }
    }

    /// The CoAP response code (RFC 7252 §12.1.2) as class and detail: 4.00, 4.03 or 5.03.
    pub fn coap_code(self) -> crate::coap::Code {
        use crate::coap::Code;
        match self {
            Self::Malformed | Self::WrongVersion | Self::UnknownKey => Code::BAD_REQUEST,
            Self::NotThisMeter | Self::OtherKey | Self::UnknownIssuer | Self::BadSignature => Code::FORBIDDEN,
            Self::OutOfService | Self::Busy => Code::SERVICE_UNAVAILABLE,
        }
    }

    /// As problem details.
    ///
    /// # Errors
    /// None in practice: the longest fits, which a test shows.
    pub fn to_bytes(self) -> Result<Bytes<MAX_PROBLEM_BYTES>, Full> {
        let mut out = Bytes::new();
        // Deterministic order of keys by their bytes: -1 (20), -4 (23), text (70...).
        Writer::into(out.view_mut())
            .map(3)
            .int(-1)
            .str(self.title())
            .int(-4)
            .uint(self.coap_code().0)
            .str(ENTRY)
            .map(1)
            .uint(0_u8)
            .uint(self as u8)
            .finish()?;
        Ok(out)
    }

    /// Reads problem details of this protocol.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] if they hold no known refusal.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(bytes);
        for _ in 0..input.map()? {
            let ours = if input.is_text() {
                input.str()? == ENTRY
            } else {
                input.skip()?;
                false
            };
            if !ours {
                input.skip()?;
                continue;
            }
            if input.map()? != 1 || input.u8()? != 0 {
                return Err(DecodeError::Malformed);
            }
            let code = input.u8()?;
            return Self::ALL.into_iter().find(|r| *r as u8 == code).ok_or(DecodeError::Malformed);
        }
        Err(DecodeError::Malformed)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Malformed => Self::Malformed,
            DecodeError::WrongVersion(_) => Self::WrongVersion,
            DecodeError::UnknownKey(_) => Self::UnknownKey,
        }
    }
}
