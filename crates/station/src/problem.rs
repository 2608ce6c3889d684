//! Why the station did not do what it was asked, for whoever asked (RFC 9457) and for the log.

use crate::store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Problem details (RFC 9457 §3.1), with `code` as a stable name for scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    /// `urn:coinless:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in English.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time and what to do.
    pub detail: String,
    /// Stable name of the kind of problem.
    pub code: String,
    /// What more a program can use.
    #[serde(flatten)]
    pub more: More,
}

/// What more a program can use than a code; each is there only where it says something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct More {
    /// After how many seconds the same may be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// How many more tries there are until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<u32>,
    /// Label of the meter that stands for this one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
}

/// Kinds of problems that a caller can have caused or has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body or a parameter cannot be read.
    Malformed,
    /// A meter's number is mistyped.
    BadMeterNumber,
    /// No such meter here.
    UnknownMeter,
    /// The meter's utility does not sell here any more.
    UnknownUtility,
    /// No such payment provider here.
    UnknownProvider,
    /// No such order.
    UnknownOrder,
    /// No such line in this order.
    UnknownLine,
    /// The amount is not a sum that can be sold.
    BadAmount,
    /// Another currency than the station's.
    WrongCurrency,
    /// More credit than the meter can take.
    OverMaximumCredit,
    /// The utility does not sell this, or not to this meter.
    NotSold,
    /// A system that this needs does not answer now, or takes no more; nothing was done.
    Unavailable,
    /// The station was restored from a backup, and what was sold to this meter since is being recovered.
    Recovering,
    /// The same id with other content.
    OrderConflict,
    /// The quote is another one, or too old.
    QuoteExpired,
    /// The line is loaded already.
    AlreadyDelivered,
    /// The line is not in a state for this.
    NotPossibleNow,
    /// A receipt that is not one of an enrolled meter.
    BadReceipt,
    /// A report that is not one of an enrolled meter.
    BadReport,
    /// This was asked for too often; nothing was done.
    TooOften,
    /// A callback that did not come from the provider.
    BadCallback,
    /// Not the credential of a float.
    BadCredential,
    /// The float does not hold enough.
    FloatTooSmall,
    /// Not a code that the meter's display has shown lately.
    WrongCode,
    /// Not entitled to the meter's readings, or not any more.
    NotEntitled,
    /// The id of a problem report with other content.
    ReportConflict,
    /// The station itself failed; the outcome of what was asked is unknown until asked again.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Malformed,
        Self::BadMeterNumber,
        Self::UnknownMeter,
        Self::UnknownUtility,
        Self::UnknownProvider,
        Self::UnknownOrder,
        Self::UnknownLine,
        Self::BadAmount,
        Self::WrongCurrency,
        Self::OverMaximumCredit,
        Self::NotSold,
        Self::Unavailable,
        Self::Recovering,
        Self::OrderConflict,
        Self::QuoteExpired,
        Self::AlreadyDelivered,
        Self::NotPossibleNow,
        Self::BadReceipt,
        Self::BadReport,
        Self::TooOften,
        Self::BadCallback,
        Self::BadCredential,
        Self::FloatTooSmall,
        Self::WrongCode,
        Self::NotEntitled,
        Self::ReportConflict,
        Self::Internal,
    ];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadMeterNumber => "bad_meter_number",
            Self::UnknownMeter => "unknown_meter",
            Self::UnknownUtility => "unknown_utility",
            Self::UnknownProvider => "unknown_provider",
            Self::UnknownOrder => "unknown_order",
            Self::UnknownLine => "unknown_line",
            Self::BadAmount => "bad_amount",
            Self::WrongCurrency => "wrong_currency",
            Self::OverMaximumCredit => "over_maximum_credit",
            Self::NotSold => "not_sold",
            Self::Unavailable => "unavailable",
            Self::Recovering => "recovering",
            Self::OrderConflict => "order_conflict",
            Self::QuoteExpired => "quote_expired",
            Self::AlreadyDelivered => "already_delivered",
            Self::NotPossibleNow => "not_possible_now",
            Self::BadReceipt => "bad_receipt",
            Self::BadReport => "bad_report",
            Self::TooOften => "too_often",
            Self::BadCallback => "bad_callback",
            Self::BadCredential => "bad_credential",
            Self::FloatTooSmall => "float_too_small",
            Self::WrongCode => "wrong_code",
            Self::NotEntitled => "not_entitled",
            Self::ReportConflict => "report_conflict",
            Self::Internal => "internal",
        }
    }

    /// Its HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::BadCallback | Self::BadCredential | Self::WrongCode | Self::NotEntitled => 403,
            Self::UnknownMeter | Self::UnknownUtility | Self::UnknownOrder | Self::UnknownLine => 404,
            Self::OrderConflict
            | Self::QuoteExpired
            | Self::AlreadyDelivered
            | Self::FloatTooSmall
            | Self::ReportConflict
            | Self::NotPossibleNow => 409,
            Self::BadMeterNumber
            | Self::BadAmount
            | Self::WrongCurrency
            | Self::OverMaximumCredit
            | Self::NotSold
            | Self::UnknownProvider
            | Self::BadReceipt
            | Self::BadReport => 422,
            Self::TooOften => 429,
            Self::Unavailable | Self::Recovering => 503,
            Self::Internal => 500,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Malformed => "the request cannot be read",
            Self::BadMeterNumber => "the meter number is mistyped",
            Self::UnknownMeter => "this meter is not known here",
            Self::UnknownUtility => "the meter's utility does not sell here",
            Self::UnknownProvider => "this payment provider is not known here",
            Self::UnknownOrder => "this order is not known here",
            Self::UnknownLine => "this order has no such line",
            Self::BadAmount => "this amount cannot be sold",
            Self::WrongCurrency => "another currency is used here",
            Self::OverMaximumCredit => "the meter cannot take so much",
            Self::NotSold => "this is not sold here",
            Self::Unavailable => "a system that this needs does not answer",
            Self::Recovering => "what was sold to this meter is being recovered",
            Self::OrderConflict => "this order id is used for other content",
            Self::BadReport => "this is not a report of a meter",
            Self::TooOften => "this was asked for too often",
            Self::QuoteExpired => "the quote is no longer valid",
            Self::AlreadyDelivered => "this line is loaded already",
            Self::NotPossibleNow => "this is not possible now",
            Self::BadReceipt => "this is not a receipt of a meter known here",
            Self::BadCallback => "this callback is not authentic",
            Self::BadCredential => "this is not the credential of a float",
            Self::FloatTooSmall => "the float does not hold enough",
            Self::WrongCode => "the meter does not show this code",
            Self::NotEntitled => "these readings are for others",
            Self::ReportConflict => "this report's id is used for other content",
            Self::Internal => "the station failed",
        }
    }
}

/// Why a command was refused, or failed. What the database said stays in the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller can do something about it.
    #[error("{}: {detail}", .code.name())]
    Refused {
        /// The kind.
        code: Code,
        /// What and what to do, for the caller.
        detail: String,
        /// What more a program can use.
        more: Box<More>,
    },
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
    /// The station's own state is not as it must be; nothing was written.
    #[error("inconsistent: {0}")]
    Inconsistent(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Count(what) => Self::Inconsistent(what),
            other => Self::Store(other),
        }
    }
}

impl Error {
    /// A refusal.
    pub fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused { code, detail: detail.into(), more: Box::default() }
    }

    /// The same with what more a program can use; a failure stays what it is.
    #[must_use]
    pub fn with(mut self, told: More) -> Self {
        if let Self::Refused { more, .. } = &mut self {
            **more = told;
        }
        self
    }

    /// A state that must not be.
    pub fn inconsistent(detail: impl Into<String>) -> Self {
        Self::Inconsistent(detail.into())
    }

    /// What the caller is told.
    pub fn details(&self) -> ProblemDetails {
        let (code, detail) = match self {
            Self::Refused { code, detail, .. } => (*code, detail.clone()),
            Self::Store(StoreError::Busy) => (
                Code::Unavailable,
                "the station's database is slow now, and nothing was done; ask again later".to_owned(),
            ),
            Self::Store(_) | Self::Inconsistent(_) => {
                (Code::Internal, "the outcome is not known; ask again with the same id".to_owned())
            }
        };
        let more = match self {
            Self::Refused { more, .. } => (**more).clone(),
            _ => More::default(),
        };
        ProblemDetails {
            kind: format!("urn:coinless:problem:{}", code.name()),
            title: code.title().to_owned(),
            status: code.status(),
            detail,
            code: code.name().to_owned(),
            more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_told_apart_from_what_is_not_known() {
        let told = |error: StoreError| {
            let details = Error::from(error).details();
            (details.status, details.code)
        };
        assert_eq!(told(StoreError::Busy), (503, "unavailable".to_owned()));
        for unknown in [StoreError::Lost(String::new()), StoreError::Commit(String::new()), StoreError::Closed] {
            assert_eq!(told(unknown), (500, "internal".to_owned()));
        }
    }
}
