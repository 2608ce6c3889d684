//! The four things that must not be taken for one another, of one line: paid, sold, on this phone, loaded.

use super::{LineReport, Loaded, Outcome, Standing, TakenBack};
use crate::wire::LineState;
use coinless_protocol::MeterId;

/// How far one of the four is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is so.
    Yes,
    /// It is not so yet.
    No,
    /// Whether it is so is not known.
    Unknown,
    /// It was so, and was taken back.
    Back,
    /// It was so, and nobody waits for it any more.
    Passed,
    /// It is not so, and will not be: the line has ended, or is being taken back.
    Never,
}

/// The four of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Money was taken for it.
    pub paid: Step,
    /// The utility has sold it.
    pub sold: Step,
    /// Its token is on this phone.
    pub here: Step,
    /// The meter has it.
    pub loaded: Step,
}

impl LineReport {
    /// How far the line is with each of the four.
    pub fn steps(&self) -> Steps {
        use LineState::{Delivered, Issued, Refunded, SaleReversed, SaleUnknown, Sold, VoidPending, Voided};
        let is_over = matches!(self.outcome, Outcome::Refunding | Outcome::Refunded | Outcome::Failed);
        let is = |so: bool| {
            if so {
                Step::Yes
            } else if is_over {
                Step::Never
            } else {
                Step::No
            }
        };
        let loaded = match self.loaded {
            Loaded::Unknown => Step::Unknown,
            known => is(known == Loaded::Yes),
        };
        // The money stays taken until it is back.
        let paid = match (self.state, self.standing) {
            (Some(Refunded), _) => Step::Back,
            (_, Standing::PaymentUnknown) => Step::Unknown,
            _ => is(self.was_paid),
        };
        let sold = match self.state {
            Some(SaleUnknown) => Step::Unknown,
            Some(SaleReversed) => Step::Back,
            state => is(matches!(state, Some(Sold | Issued | Delivered | VoidPending | Voided))),
        };
        let here = match self.taken_back() {
            // What is on the phone then is the void token.
            TakenBack::Carry { .. } => Step::Back,
            TakenBack::Proved | TakenBack::Reversed | TakenBack::Done => is(false),
            TakenBack::Cannot | TakenBack::CanBeAsked if loaded == Step::Yes => Step::Passed,
            TakenBack::Cannot | TakenBack::CanBeAsked => is(self.on_phone),
        };
        Steps { paid, sold, here, loaded }
    }

    /// The meter that this phone has credit of this line for. A void token is none: it takes credit back.
    pub fn to_load(&self) -> Option<MeterId> {
        let is_credit = !matches!(self.taken_back(), TakenBack::Carry { .. });
        self.meter.parse().ok().filter(|_| is_credit && self.on_phone && self.loaded != Loaded::Yes)
    }
}
