//! A meter's receipts as a phone keeps them.

use super::{StoredToken, TokenKey};
use crate::hex;
use coinless_protocol::keys::KeyHint;
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_protocol::{DecodeError, MeterId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a receipt: a meter uses a number for one content only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReceiptKey {
    /// Whose it is.
    pub meter: MeterId,
    /// The hint of the key that is said to have signed it.
    pub meter_key: KeyHint,
    /// Its number.
    pub number: u32,
}

impl fmt::Display for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.meter, hex::encode(&self.meter_key.0), self.number)
    }
}

/// A receipt on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Its name.
    pub key: ReceiptKey,
    /// What it says.
    pub receipt: Receipt,
    /// The station that it is for.
    pub station: String,
    /// The receipt as signed.
    pub bytes: Vec<u8>,
    /// This phone has verified it with the key that the station gave. If not, the station will.
    pub verified: bool,
    /// The station has said that it has it.
    pub acknowledged: bool,
}

impl StoredReceipt {
    /// A new receipt, not verified and not acknowledged.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no receipt.
    pub fn new(bytes: &[u8], station: &str) -> Result<Self, DecodeError> {
        let (signed, receipt) = Receipt::parse(bytes)?;
        let key = ReceiptKey { meter: receipt.meter, meter_key: signed.kid, number: receipt.number };
        let (station, bytes) = (station.to_owned(), bytes.to_vec());
        Ok(Self { key, receipt, station, bytes, verified: false, acknowledged: false })
    }

    /// Whether it comes from the meter and the key that `token` is for.
    pub fn is_of_meter(&self, token: &TokenKey) -> bool {
        (self.key.meter, self.key.meter_key) == (token.meter, token.meter_key)
    }

    /// Whether it shows that the meter can never take the credit of `token` any more, because it stands there or beyond.
    pub fn covers_credit(&self, token: &TokenKey) -> bool {
        self.is_of_meter(token) && self.receipt.covers(token.epoch, token.numbers.credit)
    }

    /// Whether it shows by its numbers that the meter can never take anything of `token` any more. Of the valve command and the
    /// clock it tells no number, so that it never covers a token with one of them, but in a later epoch.
    pub fn covers(&self, token: &TokenKey) -> bool {
        self.covers_numbers(token) && (!token.numbers.has_untold() || self.receipt.registers.epoch > token.epoch)
    }

    /// Whether it settles `token` for good: it covers it, or it is the answer to this very token and says that the meter has what
    /// no receipt tells the number of.
    pub fn settles(&self, token: &StoredToken) -> bool {
        let has_it = matches!(self.receipt.outcome.decision, Decision::Applied | Decision::NotNewer);
        self.covers(&token.key)
            || (has_it && token.answered == Some(self.key.number) && self.covers_numbers(&token.key))
    }

    /// Whether every register of `token` whose number a receipt tells stands there or beyond.
    pub(crate) fn covers_numbers(&self, token: &TokenKey) -> bool {
        let (own, numbers) = (&self.receipt.registers, &token.numbers);
        let beyond = own.credit >= numbers.credit
            && own.tariff >= numbers.tariff
            && own.settings >= numbers.settings
            && own.keys >= numbers.keys;
        self.is_of_meter(token) && (own.epoch > token.epoch || (own.epoch == token.epoch && beyond))
    }

    /// Which of two receipts of one name is to be kept: one that the station has, else a verified one, else the new one.
    pub fn or_better(self, known: Option<&Self>) -> Self {
        match known {
            Some(known) if known.acknowledged || (known.verified && !self.verified) => known.clone(),
            _ => self,
        }
    }
}

/// How a receipt is written into a store.
#[derive(Serialize, Deserialize)]
struct RawReceipt {
    station: String,
    receipt: String,
    verified: bool,
    acknowledged: bool,
}

impl Serialize for StoredReceipt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (station, receipt) = (self.station.clone(), hex::encode(&self.bytes));
        let (verified, acknowledged) = (self.verified, self.acknowledged);
        RawReceipt { station, receipt, verified, acknowledged }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredReceipt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let raw = RawReceipt::deserialize(deserializer)?;
        let bytes = hex::decode(&raw.receipt).ok_or_else(|| D::Error::custom("the receipt is not hexadecimal"))?;
        let new = Self::new(&bytes, &raw.station).map_err(D::Error::custom)?;
        Ok(Self { verified: raw.verified, acknowledged: raw.acknowledged, ..new })
    }
}
