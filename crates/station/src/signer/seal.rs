//! What the root key of a utility says to its signer: how much may be signed, and that a lost database may begin anew.
//!
//! A statement is a JSON file whose values, not its text, are signed: ES256 by the root key over a message that begins with a
//! name of its own, so that no statement can pass for a token or for another statement. It names the operational key that it
//! is about.

use super::OpenError;
use crate::keys::FastVerifier;
use crate::records::{from_hex, to_hex};
use coinless_protocol::keys::{KeyHash, KeyPair, PublicKey, SIGNATURE_BYTES, Signer, Verifier};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Name of the file with the sealed quota, in the key folder of a utility.
pub const QUOTA_FILE: &str = "quota.json";
/// Name of the file with a sealed reset, in the key folder of a utility.
pub const RESET_FILE: &str = "reset.json";

/// Credit units an hour without a quota file: 5,000 kWh or m³, a hundred purchases of 50.
const DEFAULT_UNITS_HOUR: u64 = 5_000_000;
/// Credit units a day without a quota file: 20,000 kWh or m³.
const DEFAULT_UNITS_DAY: u64 = 20_000_000;
/// Most bytes of a statement's file.
const MAX_FILE_BYTES: u64 = 4096;

/// Tokens for registers other than credit, an hour and a day, where no sealed quota says so.
const DEFAULT_REGISTERS: (u64, u64) = (100, 400);

const QUOTA_NAME: &[u8] = b"coinless/signer-quota/1\0";
/// Of a statement that says how many tokens for registers other than credit may be signed.
const QUOTA_NAME_2: &[u8] = b"coinless/signer-quota/2\0";
const RESET_NAME: &[u8] = b"coinless/signer-reset/1\0";

/// How much credit one key may sign, in credit units (dm³, litre, Wh).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Which statement this is: a signer takes none with a lower serial than it has seen. 0 for the built-in limits.
    pub serial: u32,
    /// Most units in one hour (UTC, from full hour to full hour). 0 stops all sales.
    pub units_hour: u64,
    /// Most units in one day (UTC).
    pub units_day: u64,
    /// Most tokens for registers other than credit in one hour (UTC).
    pub registers_hour: u64,
    /// Most tokens for registers other than credit in one day (UTC).
    pub registers_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let (registers_hour, registers_day) = DEFAULT_REGISTERS;
        let (units_hour, units_day) = (DEFAULT_UNITS_HOUR, DEFAULT_UNITS_DAY);
        Self { serial: 0, units_hour, units_day, registers_hour, registers_day }
    }
}

/// The name of one life of a signer's database: drawn when it begins, so that another one is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life(pub [u8; 16]);

impl Life {
    /// A new one.
    pub(super) fn draw() -> Result<Self, OpenError> {
        let mut life = [0; 16];
        SystemRandom::new().fill(&mut life).map_err(|_| crate::keys::KeyError::Random)?;
        Ok(Self(life))
    }
}

impl std::str::FromStr for Life {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let bytes = from_hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(SealError::Malformed)
    }
}

impl std::fmt::Display for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&to_hex(&self.0))
    }
}

/// Why a statement cannot be made or is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not such a file.
    #[error("it is not a statement as the root key makes them")]
    Malformed,
    /// Not by the root key, or changed afterwards.
    #[error("it is not signed by this utility's root key, or was changed after it was signed")]
    Signature,
    /// About another key.
    #[error("it is about another operational key")]
    OtherKey,
    /// A quota needs a serial above 0.
    #[error("a sealed quota needs a serial above 0")]
    NoSerial,
    /// The root key could not sign.
    #[error("the root key could not sign it")]
    Signer,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaFile {
    operational: String,
    serial: u32,
    units_hour: u64,
    units_day: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registers_hour: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registers_day: Option<u64>,
    signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetFile {
    operational: String,
    life: String,
    signature: String,
}

/// The content of a [`QUOTA_FILE`] that lets the operational key sign so much. Each new one needs a higher serial.
///
/// # Errors
/// [`SealError::NoSerial`], or [`SealError::Signer`].
pub fn seal_quota(limits: &Limits, operational: &PublicKey, root: &KeyPair) -> Result<Vec<u8>, SealError> {
    if limits.serial == 0 {
        return Err(SealError::NoSerial);
    }
    let hash = operational.hash();
    to_file(&QuotaFile {
        operational: to_hex(&hash.0),
        serial: limits.serial,
        units_hour: limits.units_hour,
        units_day: limits.units_day,
        registers_hour: Some(limits.registers_hour),
        registers_day: Some(limits.registers_day),
        signature: sign(&quota_message(&hash, limits), root)?,
    })
}

/// The content of a [`RESET_FILE`] that lets a signer begin a new database after the `life` that was lost. The signer names
/// that life when it refuses to start.
///
/// # Errors
/// [`SealError::Signer`].
pub fn seal_reset(life: Life, operational: &PublicKey, root: &KeyPair) -> Result<Vec<u8>, SealError> {
    let hash = operational.hash();
    let signature = sign(&reset_message(&hash, life), root)?;
    to_file(&ResetFile { operational: to_hex(&hash.0), life: life.to_string(), signature })
}

/// Reads a sealed quota.
pub(super) fn read_quota(bytes: &[u8], operational: &PublicKey, root: &PublicKey) -> Result<Limits, SealError> {
    let file: QuotaFile = serde_json::from_slice(bytes).map_err(|_| SealError::Malformed)?;
    let registers = file.registers_hour.zip(file.registers_day);
    if registers.is_none() && (file.registers_hour.is_some() || file.registers_day.is_some()) {
        return Err(SealError::Malformed);
    }
    let (registers_hour, registers_day) = registers.unwrap_or(DEFAULT_REGISTERS);
    let (serial, units_hour, units_day) = (file.serial, file.units_hour, file.units_day);
    let limits = Limits { serial, units_hour, units_day, registers_hour, registers_day };
    let hash = named(&file.operational)?;
    // Statements from before these registers were limited are good for what they say.
    let message = match registers {
        Some(_) => quota_message(&hash, &limits),
        None => first_quota_message(QUOTA_NAME, &hash, &limits),
    };
    verify(&message, &file.signature, root)?;
    match limits.serial {
        0 => Err(SealError::NoSerial),
        _ if hash != operational.hash() => Err(SealError::OtherKey),
        _ => Ok(limits),
    }
}

/// Reads a sealed reset; gives the life that was lost.
pub(super) fn read_reset(bytes: &[u8], operational: &PublicKey, root: &PublicKey) -> Result<Life, SealError> {
    let file: ResetFile = serde_json::from_slice(bytes).map_err(|_| SealError::Malformed)?;
    let (hash, life) = (named(&file.operational)?, file.life.parse()?);
    verify(&reset_message(&hash, life), &file.signature, root)?;
    if hash == operational.hash() { Ok(life) } else { Err(SealError::OtherKey) }
}

/// The bytes of a small file, none if there is no such file.
pub(super) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    let at = |source| OpenError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(error)),
    };
    let mut bytes = Vec::new();
    // What is longer is cut off, and so is no JSON any more.
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(at)?;
    Ok(Some(bytes))
}

fn quota_message(operational: &KeyHash, limits: &Limits) -> Vec<u8> {
    let mut message = first_quota_message(QUOTA_NAME_2, operational, limits);
    message.extend(limits.registers_hour.to_be_bytes());
    message.extend(limits.registers_day.to_be_bytes());
    message
}

fn first_quota_message(name: &[u8], operational: &KeyHash, limits: &Limits) -> Vec<u8> {
    let mut message = [name, &operational.0].concat();
    message.extend(limits.serial.to_be_bytes());
    message.extend(limits.units_hour.to_be_bytes());
    message.extend(limits.units_day.to_be_bytes());
    message
}

fn reset_message(operational: &KeyHash, life: Life) -> Vec<u8> {
    [RESET_NAME, &operational.0, &life.0].concat()
}

fn sign(message: &[u8], root: &KeyPair) -> Result<String, SealError> {
    root.sign(message).map(|signature| to_hex(&signature)).map_err(|_| SealError::Signer)
}

fn verify(message: &[u8], signature: &str, root: &PublicKey) -> Result<(), SealError> {
    let signature = from_hex(signature).and_then(|bytes| <[u8; SIGNATURE_BYTES]>::try_from(bytes).ok());
    let signature = signature.ok_or(SealError::Malformed)?;
    if FastVerifier::new(root).verify(message, &signature) { Ok(()) } else { Err(SealError::Signature) }
}

fn named(operational: &str) -> Result<KeyHash, SealError> {
    let bytes = from_hex(operational).and_then(|bytes| bytes.try_into().ok());
    bytes.map(KeyHash).ok_or(SealError::Malformed)
}

fn to_file(file: &impl Serialize) -> Result<Vec<u8>, SealError> {
    let mut bytes = serde_json::to_vec_pretty(file).map_err(|_| SealError::Malformed)?;
    bytes.push(b'\n');
    Ok(bytes)
}
