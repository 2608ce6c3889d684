//! What a phone remembers: orders, tokens, receipts, visits at meters, the meters that it keeps by name, rounds, whose readings it may
//! see, and problems to be reported.

mod meter;
mod reader;
mod receipt;
pub mod record;
mod token;
mod visit;
mod walk;

pub use meter::{KeptMeter, MAX_KEPT_METERS, MAX_PICTURE_BYTES, MAX_TEXT_CHARS};
pub use reader::{
    KeptReadings, MAX_CONTACT_CHARS, MAX_KEPT_DAYS, MAX_PROBLEM_CHARS, SECRET_BYTES, StoredProblem, StoredReader,
};
pub use receipt::{ReceiptKey, StoredReceipt};
pub use token::{NotCarried, StoredToken, TokenKey, TokenNumbers};
pub use visit::{MeterKey, StoredReport, StoredVisit};
pub use walk::{MAX_NOTE_CHARS, Part, Skip, SkipReason, StoredWalk};

use crate::round::Round;
use crate::wire::{LineView, MeterInfo, OrderRequest, OrderView};
use crate::{Amount, OrderLink};
use coinless_protocol::MeterId;
use coinless_protocol::keys::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

    /// The tokens that the station wants carried now: for each line those for other registers of its meter, in the order in which
    /// they are to be handed over, and then its credit token.
    pub fn current_tokens(&self) -> impl Iterator<Item = TokenKey> + '_ {
        let of_line = |line: &'_ LineView| line.register_keys().into_iter().chain(line.token_key()).collect::<Vec<_>>();
        self.view.iter().flat_map(|view| &view.lines).flat_map(of_line)
    }
}
