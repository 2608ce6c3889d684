//! What a meter decides on an authentic token. A pure function of the meter's registers and the token.

use crate::state::State;
use coinless_protocol::receipt::Decision;
use coinless_protocol::token::{Needs, Order, Token};
use coinless_protocol::{FINE_PER_UNIT, FineCredit, MAX_NUMBER_JUMP, Units};

/// Decides on `token` for a meter of `state` that can hold at most `max_credit`. The order of the rules is that of the
/// answers' weight: what can never be taken is said before what can be taken later.
///
/// A read request is always [`Decision::Read`], in any epoch: it sets nothing, and its answer says where the meter stands.
pub fn decide(state: &State, max_credit: Units, token: &Token) -> Decision {
    let Order::Credit { register, conditions } = &token.order else { return Decision::Read };
    let own = &state.registers;
    if token.epoch != own.epoch {
        return Decision::OtherEpoch;
    }
    if register.number <= own.credit {
        return Decision::NotNewer;
    }
    if register.number.0.saturating_sub(own.credit.0) > MAX_NUMBER_JUMP {
        return Decision::JumpTooFar;
    }
    if conditions.refused.is_some_and(|range| range.contains(own.credit)) {
        return Decision::InRefusedRange;
    }
    let Some(added) = register.total.checked_sub(state.total) else { return Decision::TotalWouldFall };
    let Needs { tariff, settings, keys } = conditions.needs;
    if tariff > own.tariff || settings > own.settings || keys > own.keys {
        return Decision::NeedsNewerRegister;
    }
    match use_first(state.balance, added, max_credit) {
        Some(use_first) => Decision::NotYet { use_first },
        None => Decision::Applied,
    }
}

/// How much must be used before `added` fits, in whole units rounded up; none if it fits now.
fn use_first(balance: FineCredit, added: Units, max_credit: Units) -> Option<Units> {
    let over = balance.0.saturating_add(added.fine().0).saturating_sub(max_credit.fine().0);
    let over = u64::try_from(over).ok().filter(|over| *over > 0)?;
    Units::new(over.div_ceil(FINE_PER_UNIT as u64).min(Units::MAX)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::keys::KeyHint;
    use coinless_protocol::receipt::RegisterNumbers;
    use coinless_protocol::token::{Conditions, RefusedRange};
    use coinless_protocol::{CreditNumber, Epoch, Register};

    fn units(units: u64) -> Units {
        Units::new(units).unwrap()
    }

    /// A meter at number 10 with total 1000 units, a balance of 500 units, and tariff 1, settings 2, keys 3.
    fn own() -> State {
        State {
            registers: RegisterNumbers { epoch: Epoch(1), credit: CreditNumber(10), tariff: 1, settings: 2, keys: 3 },
            total: units(1000),
            balance: FineCredit(500_000),
            consumed: FineCredit(500_000),
            ..State::new(Units::ZERO)
        }
    }

    fn token(number: u32, total: u64, refused: Option<(u32, u32)>, needs: (u32, u32, u32)) -> Token {
        let register = Register { number: CreditNumber(number), total: units(total) };
        let refused = refused.map(|(a, b)| RefusedRange::new(CreditNumber(a), CreditNumber(b)).unwrap());
        let needs = Needs { tariff: needs.0, settings: needs.1, keys: needs.2 };
        let order = Order::Credit { register, conditions: Conditions { refused, needs } };
        Token { meter: "CLS0000000017".parse().unwrap(), meter_key: KeyHint([0; 4]), epoch: Epoch(1), order }
    }

    #[test]
    fn the_table_of_decisions() {
        let not_yet = |use_first| Decision::NotYet { use_first: units(use_first) };
        let jump = 10 + MAX_NUMBER_JUMP;
        let none = (0, 0, 0);
        let table = [
            // number, total, refused range, needs, decision
            (11, 1200, None, none, Decision::Applied),
            (11, 1000, None, none, Decision::Applied),
            (jump, 1200, None, none, Decision::Applied),
            (jump + 1, 1200, None, none, Decision::JumpTooFar),
            (u32::MAX, 0, Some((10, 10)), (9, 9, 9), Decision::JumpTooFar),
            (10, 1200, None, none, Decision::NotNewer),
            (9, 900, Some((10, 10)), none, Decision::NotNewer),
            (0, 0, None, none, Decision::NotNewer),
            (11, 900, Some((10, 10)), none, Decision::InRefusedRange),
            (11, 1200, Some((1, 10)), (9, 0, 0), Decision::InRefusedRange),
            (11, 1200, Some((1, 9)), none, Decision::Applied),
            (11, 1200, Some((11, 12)), none, Decision::Applied),
            (11, 999, None, (9, 0, 0), Decision::TotalWouldFall),
            (11, 1200, None, (1, 2, 3), Decision::Applied),
            (11, 1200, None, (2, 0, 0), Decision::NeedsNewerRegister),
            (11, 1200, None, (0, 3, 0), Decision::NeedsNewerRegister),
            (11, 9999, None, (0, 0, 4), Decision::NeedsNewerRegister),
            (11, 1500, None, none, Decision::Applied),
            (11, 1501, None, none, not_yet(1)),
            (11, 1700, None, none, not_yet(200)),
            (11, Units::MAX, None, none, not_yet(Units::MAX - 1500)),
        ];
        for (number, total, refused, needs, decision) in table {
            let decided = decide(&own(), units(1000), &token(number, total, refused, needs));
            assert_eq!(decided, decision, "number {number} total {total} refused {refused:?} needs {needs:?}");
        }
    }

    #[test]
    fn epochs_are_not_compared_by_number() {
        let other = Token { epoch: Epoch(2), ..token(11, 1200, None, (0, 0, 0)) };
        assert_eq!(decide(&own(), units(1000), &other), Decision::OtherEpoch);
        let read = Token { order: Order::Read([1; 8]), ..other };
        assert_eq!(decide(&own(), units(1000), &read), Decision::Read);
    }

    #[test]
    fn what_must_be_used_first_is_rounded_up() {
        let nearly = State { balance: FineCredit(500_001), ..own() };
        let decision = decide(&nearly, units(1000), &token(11, 1500, None, (0, 0, 0)));
        assert_eq!(decision, Decision::NotYet { use_first: units(1) });
        let owing = State { balance: FineCredit(-200_000), ..own() };
        assert_eq!(decide(&owing, units(1000), &token(11, 2200, None, (0, 0, 0))), Decision::Applied);
        let extreme = State { balance: FineCredit(i64::MAX), ..own() };
        let clamped = decide(&extreme, units(1), &token(11, Units::MAX, None, (0, 0, 0)));
        assert_eq!(clamped, Decision::NotYet { use_first: units(Units::MAX) });
    }
}
