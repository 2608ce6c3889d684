//! Why the courier could not go on. Each message says whose turn it is, and that nothing is lost where that is so.

use crate::Amount;
use crate::api::ApiError;
use crate::io::NoAnswer;
use crate::store::{Damaged, StoreError};
use coinless_protocol::coap::Code;
use coinless_protocol::problem::Refusal;
use coinless_protocol::{DecodeError, MeterId};
use uuid::Uuid;

/// Why the courier could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The phone's own store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An order in the store cannot be read, and it may be this very purchase.
    #[error("cannot buy while an order in the phone's store cannot be read, since it may be this purchase: {0}")]
    Damaged(Damaged),
    /// The meter did not answer.
    #[error("no answer from the meter ({0}). What it has done is unknown; nothing is lost, do the same again")]
    Link(NoAnswer),
    /// The station.
    #[error(transparent)]
    Station(#[from] ApiError),
    /// The station answered with something that does not fit the question.
    #[error("the station's answer does not fit the question: {0}")]
    StationAnswer(String),
    /// The meter refused a message.
    #[error("the meter refuses: {}", .0.title())]
    Refused(Refusal),
    /// The meter has done as much for strangers as its battery is good for.
    #[error(
        "the meter is busy: it spares its battery and did nothing. Press its button, or wait {}, and do the same again",
        wait_words(*.after_s)
    )]
    Busy {
        /// Seconds after which it does more, if it says so.
        after_s: Option<u32>,
    },
    /// The meter's response has a code that does not belong here.
    #[error("the meter answered with {0}")]
    MeterCode(Code),
    /// The meter's answer is not what was asked for.
    #[error("the meter's answer cannot be read: {0}")]
    MeterAnswer(#[from] DecodeError),
    /// The answer is not the meter's own, or an old one.
    #[error("the meter's answer is not to be trusted: {0}")]
    NotAuthentic(&'static str),
    /// Another meter is at the link.
    #[error("this is meter {}, which is not in the order; nothing was done", .0.label())]
    WrongMeter(MeterId),
    /// Another meter is at the link than the token is for.
    #[error("this is meter {}, and the token is for {}; nothing was sent", .is.label(), .wanted.label())]
    OtherMeter {
        /// The meter at hand.
        is: MeterId,
        /// The meter that the token is for.
        wanted: MeterId,
    },
    /// What the station asks for is not what the payer agreed to.
    #[error("the station's order is not the one that was asked for ({0}); nothing more is paid")]
    OtherOrder(String),
    /// No such order in the store.
    #[error("no order {0} in the phone's store")]
    NoSuchOrder(Uuid),
    /// What is to be bought is not an order that a station takes. Nothing was sent.
    #[error("{0}; nothing was sent")]
    BadPurchase(String),
    /// The lines cost more than the payer wants to pay.
    #[error("this costs {total} {currency}, which is more than {most} {currency}")]
    TooExpensive {
        /// What it costs.
        total: String,
        /// In which currency.
        currency: String,
        /// The most that the payer wants to pay.
        most: Amount,
    },
    /// An earlier purchase of the same is not finished, and differs in who pays or how.
    #[error(
        "order {0} for the same meters and amounts is not finished, and has another payer or provider. Nothing was ordered: \
         sync to see how it ends, or repeat it exactly"
    )]
    OtherPayer(Uuid),
    /// The station has no such order.
    #[error("the station does not know the order {0}: check the link, every character of it counts")]
    UnknownOrder(Uuid),
    /// The order to be fetched is in the store, where it cannot be read.
    #[error(
        "this order is on this phone, in a file that cannot be read; move that elsewhere and do the same again: {0}"
    )]
    DamagedOrder(Damaged),
    /// The order is in the store, from another station.
    #[error("order {order} is on this phone already, from the station {station}; nothing was changed")]
    OtherStation {
        /// The order.
        order: Uuid,
        /// The station that it was made at.
        station: String,
    },
    /// The readings of a meter are for those who have typed the code on its display since the tenant last changed.
    #[error(
        "this phone may not see the readings of meter {} (yet, or not any more): press the meter's button and type the eight digits \
         that its display shows",
        .0.label()
    )]
    NotEntitled(MeterId),
    /// No such line in the order, or none that can be taken back.
    #[error("{0}")]
    NothingToRefund(String),
}

fn wait_words(after_s: Option<u32>) -> String {
    match after_s {
        None => "some minutes".to_owned(),
        Some(seconds @ 0..120) => format!("{seconds} seconds"),
        Some(seconds) => format!("{} minutes", seconds.div_ceil(60)),
    }
}

impl Error {
    /// Whether the other side may have acted without this phone knowing it: never to be called a failure.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Link(_) => true,
            Self::Station(error) => error.is_unknown(),
            _ => false,
        }
    }
}
