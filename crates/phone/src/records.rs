//! What a phone remembers: orders, tokens, receipts.

use crate::round::Round;
use crate::wire::{LineView, MeterInfo, OrderRequest, OrderView};
use crate::{Amount, OrderLink, hex};
use coinless_protocol::keys::{KeyHint, PublicKey};
use coinless_protocol::receipt::Receipt;
use coinless_protocol::token::Token;
use coinless_protocol::{CreditNumber, DecodeError, Epoch, MeterId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use uuid::Uuid;

/// An order, from before it was first sent until for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOrder {
    /// Its id (UUIDv7), drawn on this phone; the same however often it is sent.
    pub id: Uuid,
    /// The station's URL.
    pub station: String,
    /// What is ordered; sent again, it is sent exactly so.
    pub request: OrderRequest,
    /// What the payer has agreed to.
    pub consent: Consent,
    /// The version of the quote that is accepted; the payment may have been asked for since.
    #[serde(default)]
    pub accepted: Option<u32>,
    /// The last that the station said of it; none if it has never answered.
    #[serde(default)]
    pub view: Option<OrderView>,
    /// Why the station refused it for good; then it was never paid.
    #[serde(default)]
    pub rejected: Option<String>,
    /// The payer was shown how the purchase ended. Until then, buying the same means this order.
    #[serde(default)]
    pub told: bool,
    /// The meters of its lines as the station describes them.
    #[serde(default)]
    pub meters: Vec<MeterInfo>,
    /// The file that its lines come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// For lines that this phone has seen loaded: the number of the receipt that shows it. A line whose token the station still
    /// wants carried is not in it: the receipts in the store tell.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub receipts: BTreeMap<u32, u32>,
}

/// What a payer has agreed to when an order is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// To pay the amounts of the lines and nothing more, whatever credit they buy.
    Amounts,
    /// To pay no more than this in all: what the lines cost when the order was made.
    AtMost(Amount),
    /// To nothing yet: the payer wants to see the quote first and then accepts its version.
    QuoteFirst,
}

impl StoredOrder {
    /// Whether the station may still have something new to say of it.
    pub fn is_open(&self) -> bool {
        self.rejected.is_none() && !self.view.as_ref().is_some_and(OrderView::is_finished)
    }

    /// Whether a buyer need not wait for it any longer.
    pub fn is_settled(&self) -> bool {
        self.rejected.is_some() || self.view.as_ref().is_some_and(OrderView::is_settled)
    }

    /// The link that opens it.
    pub fn link(&self) -> OrderLink {
        OrderLink { station: self.station.clone(), order: self.id }
    }

    /// The public key of `meter` as the station gave it, if it did.
    pub fn key_of(&self, meter: &MeterId) -> Option<PublicKey> {
        self.meters.iter().find(|info| info.meter == meter.as_str())?.key()
    }

    /// The tokens that the station wants carried now, one or none for each line.
    pub fn current_tokens(&self) -> impl Iterator<Item = TokenKey> + '_ {
        self.view.iter().flat_map(|view| &view.lines).filter_map(LineView::token_key)
    }
}

/// The name of a credit token. Two tokens of one name have one content, even if their bytes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// The meter that it is for.
    pub meter: MeterId,
    /// The hint of that meter's key.
    pub meter_key: KeyHint,
    /// The epoch of its number.
    pub epoch: Epoch,
    /// Its credit number.
    pub number: CreditNumber,
}

/// Why bytes are not a credit token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCreditToken {
    /// Not a token.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A token without a credit register.
    #[error("the token carries no credit")]
    NoCredit,
}

impl TokenKey {
    /// The name of the credit token `bytes`.
    ///
    /// # Errors
    /// [`NoCreditToken`] if they are none.
    pub fn of(bytes: &[u8]) -> Result<Self, NoCreditToken> {
        let (_, token) = Token::parse(bytes)?;
        let number = token.register().ok_or(NoCreditToken::NoCredit)?.number;
        Ok(Self { meter: token.meter, meter_key: token.meter_key, epoch: token.epoch, number })
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hint, epoch, number) = (hex::encode(&self.meter_key.0), self.epoch.0, self.number.0);
        write!(f, "{}-{hint}-{epoch}-{number}", self.meter)
    }
}

/// A token on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Its name.
    pub key: TokenKey,
    /// The station that issued it.
    pub station: String,
    /// The order that it came with first.
    pub order: Uuid,
    /// The line of that order.
    pub line: u32,
    /// The token as signed.
    pub bytes: Vec<u8>,
    /// It was handed to the meter at least once; what the meter did with it is in its receipt, if that came back.
    pub handed: bool,
}

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

    /// Whether it shows that the meter can never take `token` any more, because it stands there or beyond.
    pub fn covers(&self, token: &TokenKey) -> bool {
        self.is_of_meter(token) && self.receipt.covers(token.epoch, token.number)
    }

    /// Which of two receipts of one name is to be kept: one that the station has, else a verified one, else the new one.
    pub fn or_better(self, known: Option<&Self>) -> Self {
        match known {
            Some(known) if known.acknowledged || (known.verified && !self.verified) => known.clone(),
            _ => self,
        }
    }
}

/// How a token is written into a store.
#[derive(Serialize, Deserialize)]
struct RawToken {
    station: String,
    order: Uuid,
    line: u32,
    token: String,
    #[serde(default)]
    handed: bool,
}

impl Serialize for StoredToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (station, token) = (self.station.clone(), hex::encode(&self.bytes));
        RawToken { station, order: self.order, line: self.line, token, handed: self.handed }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let raw = RawToken::deserialize(deserializer)?;
        let bytes = hex::decode(&raw.token).ok_or_else(|| D::Error::custom("the token is not hexadecimal"))?;
        let key = TokenKey::of(&bytes).map_err(D::Error::custom)?;
        Ok(Self { key, station: raw.station, order: raw.order, line: raw.line, bytes, handed: raw.handed })
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
