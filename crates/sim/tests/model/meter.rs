//! The meter: the only authority on what has been credited.

use crate::scope::Scope;
use crate::token::{Lines, Number, Token};

/// The credit register of the meter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Meter {
    /// The meter's own number.
    pub number: Number,
    /// The lines that its total counts.
    pub counts: Lines,
    /// Every line that any of its totals has ever counted. The meter does not know this; the checks do.
    pub loaded: Lines,
}

impl Meter {
    /// The meter as it was made.
    pub const NEW: Meter = Meter { number: 0, counts: Lines::NONE, loaded: Lines::NONE };

    /// Whether the meter would apply this token where it stands.
    pub fn takes(&self, number: Number, token: Token, scope: &Scope) -> bool {
        let Scope { rules, worth, .. } = scope;
        (!rules.meter_wants_newer || number > self.number)
            && (!rules.meter_wants_no_less || token.counts.total(worth) >= self.counts.total(worth))
            && (!rules.meter_honours_range || !token.refused.has(self.number))
    }

    /// Hands the meter a token. Answers with a receipt, which says the meter's number then.
    pub fn hand(&mut self, number: Number, token: Token, scope: &Scope) -> Option<Number> {
        let takes = self.takes(number, token, scope);
        if takes {
            self.number = number;
            self.counts = token.counts;
            self.loaded = self.loaded.with(token.counts);
        }
        (takes || scope.rules.every_token_is_answered).then_some(self.number)
    }
}
