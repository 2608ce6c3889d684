//! Where a line stands on its way back to its payer.

use super::{LineReport, Outcome, Standing};
use crate::wire::LineState;

/// How far a line is taken back. No money moves before the meter has said that it can never load the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// It cannot be, or need not: it is not paid, or loaded, or its money comes back by itself.
    Cannot,
    /// The payer may ask for it.
    CanBeAsked,
    /// Asked for. Its void token must reach the meter, and the meter's receipt the station.
    Carry {
        /// The void token is on this phone.
        on_phone: bool,
    },
    /// The meter can never load it; the utility is taking the sale back.
    Proved,
    /// The sale is taken back; the money is on its way.
    Reversed,
    /// The money is back.
    Done,
}

impl LineReport {
    /// How far the line is taken back.
    pub fn taken_back(&self) -> TakenBack {
        let is_issued = self.was_paid && self.state == Some(LineState::Issued);
        match (self.standing, self.outcome) {
            (Standing::VoidPending, _) => TakenBack::Carry { on_phone: self.on_phone },
            (Standing::Voided, _) => TakenBack::Proved,
            (Standing::SaleReversed, _) => TakenBack::Reversed,
            (Standing::Refunded, _) => TakenBack::Done,
            (_, Outcome::Ready) => TakenBack::CanBeAsked,
            // Its token may be on another phone, or lost.
            (_, Outcome::Open) if is_issued => TakenBack::CanBeAsked,
            _ => TakenBack::Cannot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::line;
    use super::*;

    #[test]
    fn each_state_has_its_place_on_the_way_back() {
        for (state, expected) in [
            ("quoted", TakenBack::Cannot),
            ("paid", TakenBack::Cannot),
            ("sold", TakenBack::Cannot),
            ("issued", TakenBack::CanBeAsked),
            ("delivered", TakenBack::Cannot),
            ("void_pending", TakenBack::Carry { on_phone: false }),
            ("voided", TakenBack::Proved),
            ("sale_reversed", TakenBack::Reversed),
            ("refunded", TakenBack::Done),
            ("failed", TakenBack::Cannot),
            ("exception", TakenBack::Cannot),
        ] {
            assert_eq!(line(state, "captured").taken_back(), expected, "{state}");
        }
        assert_eq!(line("issued", "none").taken_back(), TakenBack::Cannot, "nothing was paid");
    }
}
