//! Stripe's objects, as far as they matter here (*API Reference*). Doubles leave out much: what can be missing, may be.

use serde::Deserialize;
use std::collections::BTreeMap;

/// An object with an id, by which lists go on.
pub(super) trait HasId {
    fn id(&self) -> &str;
}

/// A page of a list or of a search.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// An object, or its id if it was not asked to be expanded.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(T),
}

/// What we or others attached to an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Metadata(Option<BTreeMap<String, String>>);

impl Metadata {
    /// The value of a key, if there is one.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.0.as_ref()?.get(key).map(String::as_str)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) amount_received: Option<i64>,
    pub(super) client_secret: Option<String>,
    pub(super) latest_charge: Option<Expandable<Charge>>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) url: Option<String>,
    pub(super) payment_intent: Option<Expandable<Intent>>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) amount_captured: Option<i64>,
    #[serde(default)]
    pub(super) amount_refunded: i64,
    #[serde(default)]
    pub(super) captured: bool,
    #[serde(default)]
    pub(super) disputed: bool,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) balance_transactions: Option<Vec<Movement>>,
}

/// A balance transaction of a dispute.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Movement {
    pub(super) amount: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct BalanceTransaction {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) fee: i64,
    /// In seconds since 1970.
    pub(super) created: i64,
    pub(super) source: Option<Expandable<Source>>,
}

/// What a balance transaction comes from: a charge, a refund, a dispute or something else.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Source {
    pub(super) id: String,
    #[serde(default)]
    pub(super) object: String,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    /// The charge of a refund or dispute.
    pub(super) charge: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

macro_rules! has_id {
    ($($object:ty),*) => {
        $(impl HasId for $object {
            fn id(&self) -> &str {
                &self.id
            }
        })*
    };
}

has_id!(Intent, Refund, Dispute, BalanceTransaction);

/// An id of Stripe's that begins with `prefix`, if it is one; only such a text may become part of an address.
pub(super) fn id<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (text.starts_with(prefix) && text.len() <= 255 && text.bytes().all(plain)).then_some(text)
}
