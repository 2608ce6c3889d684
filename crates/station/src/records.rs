//! Files that pass between a maker of meters and a station: public keys one way, delivery records the other.

use coinless_protocol::keys::PublicKey;
use serde::{Deserialize, Serialize};

/// What a meter must know of a station before it can be sold credit (`coinless station issuer`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerRecord {
    /// Keys whose tokens the meter accepts; at most 4.
    pub issuers: Vec<IssuerKey>,
    /// The key to which the meter seals its readings: SEC 1 uncompressed point in hexadecimal, 130 digits.
    pub readings_key: HexKey,
}

/// One public key of a station and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerKey {
    /// What the key may do.
    pub role: IssuerRole,
    /// SEC 1 uncompressed point in hexadecimal, 130 digits.
    pub public_key: HexKey,
}

/// What an issuer key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerRole {
    /// Raises the key epoch and replaces operational keys; kept off line.
    Root,
    /// Signs credit tokens and read requests.
    Operational,
}

/// What the maker of a meter delivers with it (`coinless meter new`), for `coinless station enrol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRecord {
    /// The meter's identity without check character.
    pub id: String,
    /// The label as printed, with check character.
    pub label: String,
    /// `gas`, `water` or `electricity`.
    pub commodity: String,
    /// The meter's public key: SEC 1 uncompressed point in hexadecimal, 130 digits.
    pub public_key: HexKey,
    /// Credit that it was made with, in credit units (dm³, litre, Wh).
    pub initial_units: u64,
    /// The most credit that it can hold, in credit units.
    pub max_credit_units: u64,
    /// Name of the customer, if known at enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Where the meter hangs, if known at enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What its credit is counted in, if that is money: then every credit unit is the currency's minor unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<MoneyRecord>,
}

/// The currency that a meter's credit is counted in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoneyRecord {
    /// Its code (ISO 4217).
    pub currency: String,
    /// Digits after its point.
    pub digits: u8,
}

/// A public key, written as 130 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HexKey(pub PublicKey);

impl Serialize for HexKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0.to_sec1()))
    }
}

impl<'de> Deserialize<'de> for HexKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes =
            from_hex(&text).ok_or_else(|| serde::de::Error::custom("a key is written in hexadecimal digits"))?;
        PublicKey::from_sec1(&bytes).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes of hexadecimal digits; none if there is another character or an odd number of them.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
