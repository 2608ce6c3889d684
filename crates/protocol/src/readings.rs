//! Readings, sealed to the station: COSE_Encrypt0 with AES-CCM-16-64-128 (RFC 9052 §5.2, RFC 9053 §4.2).
//!
//! The key is agreed once from the meter's and the station's keys: ECDH on P-256, then HKDF-SHA-256 (RFC 5869) without salt.
//! The info is `coinless/readings/1`, the meter's identity, and `/key` for the 16 bytes of the key or `/iv` for the 13 of the
//! context IV. The partial IV is the receipt's number in 4 bytes big-endian, so a number may be used for one content only. The
//! same key seals reports ([`crate::report`]), whose numbers are of the receipts' sequence.
//!
//! It also makes *owner codes* ([`ReadingsKey::owner_code`]), which a meter shows on its display when somebody presses its button and
//! says nowhere else. Whoever types one at the station has stood before the meter.

use crate::cbor::{self, DecodeError, Decoder, Object, Writer, read_array};
use crate::keys::{KeyPair, MeterKey, PublicKey, SharedSecret};
use crate::{Bytes, FineCredit, MeterId};
use aes::Aes128;
use ccm::aead::{AeadInPlace, KeyInit};
use ccm::consts::{U8, U13};
use hkdf::Hkdf;
use sha2::Sha256;

type AesCcm = ccm::Ccm<Aes128, U8, U13>;

/// Most bytes of sealed readings: 14 of COSE_Encrypt0 around 28 of readings and a tag of 8.
pub const MAX_SEALED_BYTES: usize = 50;

const MAX_PLAIN_BYTES: usize = 28;
const TAG_BYTES: usize = 8;
const INFO: &str = "coinless/readings/1";

/// What is sealed, which the tag covers. Both have numbers of one sequence, so no nonce comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    Readings,
    Report,
    /// Nothing: only the tag is used, under a nonce of its own domain.
    OwnerCode,
}

impl Sealed {
    fn external_aad(self) -> &'static [u8] {
        match self {
            Self::Readings => b"coinless/readings",
            Self::Report => b"coinless/report",
            Self::OwnerCode => b"coinless/owner-code",
        }
    }
}

/// How many different owner codes there are: eight digits.
pub const OWNER_CODES: u32 = 100_000_000;

/// What only the station and people whom it trusts may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// Credit left, in thousandths of a credit unit; negative when more was used than bought.
    pub balance: FineCredit,
    /// Consumption since the meter was made, in thousandths of a credit unit.
    pub consumed: FineCredit,
    /// The meter's clock in seconds since 1970-01-01 UTC, if it was ever set.
    pub clock: Option<u64>,
}

/// Key and context IV, agreed once between one meter and the station.
#[derive(Clone)]
pub struct ReadingsKey {
    /// Not expanded: a meter keeps it for life and needs it once a receipt.
    key: [u8; 16],
    context_iv: [u8; 13],
}

/// Readings or a report cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not COSE_Encrypt0 as this module writes it, or for another number.
    #[error("what is sealed is malformed or belongs to another receipt or report")]
    Malformed,
    /// Sealed with another key, or changed.
    #[error("what is sealed does not open with this meter's key")]
    Key,
}

impl ReadingsKey {
    /// Agrees the key of `meter` from one's own pair and the other side's public key; both sides get the same.
    pub fn agree(own: &KeyPair, other: &PublicKey, meter: &MeterId) -> Self {
        Self::derive(&shared_secret(own, other), meter)
    }

    /// The same for a meter whose key may be in a secure element.
    ///
    /// # Errors
    /// When the key store refuses or fails.
    pub fn agree_with<K: MeterKey>(own: &K, other: &PublicKey, meter: &MeterId) -> Result<Self, K::Error> {
        Ok(Self::derive(&agreed_secret(own, other)?, meter))
    }

    // Not inlined, nor what agrees the secret: a meter has little stack, and the buffers of one are to be gone before the other.
    #[inline(never)]
    fn derive(secret: &SharedSecret, meter: &MeterId) -> Self {
        let derive = Hkdf::<Sha256>::new(None, secret.0.raw_secret_bytes());
        let (mut key, mut context_iv) = ([0; 16], [0; 13]);
        for (name, bytes) in [("/key", key.as_mut_slice()), ("/iv", context_iv.as_mut_slice())] {
            let info = [INFO, meter.as_str(), name].map(str::as_bytes);
            let expanded = derive.expand_multi_info(&info, bytes);
            debug_assert!(expanded.is_ok(), "HKDF-SHA-256 gives up to 8160 bytes");
        }
        Self { key, context_iv }
    }

    fn cipher(&self) -> AesCcm {
        AesCcm::new(&self.key.into())
    }

    /// Seals the readings of receipt `number`. The same number must never be used for other readings.
    ///
    /// # Errors
    /// None in practice: the longest readings fit, which a test shows.
    pub fn seal(&self, number: u32, readings: &Readings) -> Result<Bytes<MAX_SEALED_BYTES>, crate::Full> {
        let plain = cbor::encode::<_, MAX_PLAIN_BYTES>(readings)?;
        self.seal_plain(Sealed::Readings, number, plain)
    }

    /// Opens the readings of receipt `number`.
    ///
    /// # Errors
    /// [`OpenError`] if they are malformed, of another receipt, sealed with another key, or changed.
    pub fn open(&self, number: u32, sealed: &[u8]) -> Result<Readings, OpenError> {
        let plain = self.open_plain::<MAX_PLAIN_BYTES>(Sealed::Readings, number, sealed)?;
        cbor::decode::<_>(&plain).map_err(|_| OpenError::Malformed)
    }

    // Not inlined, nor the other way round: a meter has little stack.
    #[inline(never)]
    pub(crate) fn seal_plain<const PLAIN: usize, const SEALED: usize>(
        &self,
        what: Sealed,
        number: u32,
        mut text: Bytes<PLAIN>,
    ) -> Result<Bytes<SEALED>, crate::Full> {
        let tag = self.encrypt(what, &self.nonce(number), text.as_mut_slice())?;
        assemble(number, &text, &tag)
    }

    /// The code that the meter's display shows after a press of its button, 0 to 99 999 999 (eight digits), while `number` is the
    /// number of its last receipt: from the first four bytes of the tag of an empty message, whose partial IV is five bytes long, 1 and
    /// the number, and whose external_aad is `coinless/owner-code`. It says nothing of the key, and nothing on a link tells it.
    // Not inlined: a meter has little stack.
    #[inline(never)]
    pub fn owner_code(&self, number: u32) -> u32 {
        let mut nonce = self.nonce(number);
        // Sealed readings and reports have partial IVs of four bytes.
        nonce[8] ^= 1;
        // An empty message is never too long.
        let [a, b, c, d, ..] = self.encrypt(Sealed::OwnerCode, &nonce, &mut []).unwrap_or_default();
        u32::from_be_bytes([a, b, c, d]) % OWNER_CODES
    }

    /// Encrypts `text` in its place and gives the tag.
    // Not inlined: one copy of the cipher for all that is sealed.
    #[inline(never)]
    fn encrypt(&self, what: Sealed, nonce: &[u8; 13], text: &mut [u8]) -> Result<[u8; TAG_BYTES], crate::Full> {
        let tag = self.cipher().encrypt_in_place_detached(&(*nonce).into(), &enc_structure(what), text);
        tag.map(Into::into).map_err(|_| crate::Full)
    }

    pub(crate) fn open_plain<const PLAIN: usize>(
        &self,
        what: Sealed,
        number: u32,
        sealed: &[u8],
    ) -> Result<Bytes<PLAIN>, OpenError> {
        let cipher_text = parse(number, sealed).map_err(|_| OpenError::Malformed)?;
        let (text, tag) = cipher_text.split_last_chunk::<TAG_BYTES>().ok_or(OpenError::Malformed)?;
        let mut text = Bytes::<PLAIN>::copy_of(text).map_err(|_| OpenError::Malformed)?;
        let nonce = self.nonce(number).into();
        self.cipher()
            .decrypt_in_place_detached(&nonce, &enc_structure(what), text.as_mut_slice(), &(*tag).into())
            .map_err(|_| OpenError::Key)?;
        Ok(text)
    }

    /// The whole 13-byte IV of receipt or report `number`: the partial IV, padded on the left, XORed into the context IV (RFC 9052 §3.1).
    pub fn nonce(&self, number: u32) -> [u8; 13] {
        let mut nonce = self.context_iv;
        nonce[9..].iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        nonce
    }
}

#[inline(never)]
fn shared_secret(own: &KeyPair, other: &PublicKey) -> SharedSecret {
    own.shared_secret(other)
}

#[inline(never)]
fn agreed_secret<K: MeterKey>(own: &K, other: &PublicKey) -> Result<SharedSecret, K::Error> {
    own.agree(other)
}

/// {1: 10}: AES-CCM-16-64-128.
const PROTECTED: [u8; 3] = [0xa1, 0x01, 0x0a];

/// COSE_Encrypt0 (RFC 9052 §5.2), untagged; the only unprotected parameter is the partial IV.
fn assemble<const SEALED: usize>(number: u32, text: &[u8], tag: &[u8]) -> Result<Bytes<SEALED>, crate::Full> {
    let mut out = Bytes::new();
    write_sealed(&mut Writer::into(out.view_mut()), number, text, tag).finish()?;
    Ok(out)
}

fn write_sealed<'a, 'b>(out: &'b mut Writer<'a>, number: u32, text: &[u8], tag: &[u8]) -> &'b mut Writer<'a> {
    out.array(3).bytes(&PROTECTED).map(1).uint(6_u8).bytes(&number.to_be_bytes());
    out.bytes_head(text.len().saturating_add(tag.len())).raw(text).raw(tag)
}

fn parse(number: u32, sealed: &[u8]) -> Result<&[u8], DecodeError> {
    let mut input = Decoder::new(sealed);
    read_array(&mut input, 3)?;
    let header = input.bytes()? == PROTECTED && input.map()? == 1 && input.u8()? == 6;
    let iv = header && input.bytes()? == number.to_be_bytes();
    if !iv {
        return Err(DecodeError::Malformed);
    }
    let cipher_text = input.bytes()?;
    input.end()?;
    Ok(cipher_text)
}

/// Enc_structure of RFC 9052 §5.3.
fn enc_structure(what: Sealed) -> Bytes<40> {
    let mut aad = Bytes::new();
    let written =
        Writer::into(aad.view_mut()).array(3).str("Encrypt0").bytes(&PROTECTED).bytes(what.external_aad()).finish();
    debug_assert!(written.is_ok(), "at most 34 bytes");
    aad
}

impl Object<'_> for Readings {
    fn write(&self, out: &mut Writer<'_>) {
        out.array(3).int(self.balance.0).int(self.consumed.0);
        match self.clock {
            Some(seconds) => out.uint(seconds),
            None => out.null(),
        };
    }

    fn read(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        read_array(input, 3)?;
        let (balance, consumed) = (FineCredit(input.i64()?), FineCredit(input.i64()?));
        let clock = if input.null() { None } else { Some(input.u64()?) };
        if consumed.0 < 0 {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { balance, consumed, clock })
    }
}
