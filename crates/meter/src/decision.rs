//! What a meter decides on an authentic token. A pure function of the meter's registers and the token.

use coinless_protocol::receipt::{Decision, RegisterNumbers};
use coinless_protocol::token::{Content, Credit, Needs, Order, Set, Token};
use coinless_protocol::{Epoch, FINE_PER_UNIT, FineCredit, MAX_NUMBER_JUMP, Units};

/// Where a meter stands, as far as a decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The numbers of its registers.
    pub registers: RegisterNumbers,
    /// The number of its valve command.
    pub valve: u32,
    /// Total of its credit register.
    pub total: Units,
    /// Credit left.
    pub balance: FineCredit,
    /// The most credit that it can hold.
    pub max_credit: Units,
    /// Its account is closed.
    pub closed: bool,
    /// Its credit is money and it has no prices yet, so nothing would use the credit up.
    pub unpriced: bool,
    /// The token's word of the time is news ([`crate::Meter`] asks its clock).
    pub clock_is_news: bool,
}

/// What is done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What the receipt says.
    pub decision: Decision,
    /// The credit register is taken.
    pub credit: bool,
    /// The tariff register is taken.
    pub tariff: bool,
    /// The settings register is taken.
    pub settings: bool,
    /// The keys register is taken.
    pub keys: bool,
    /// The valve command is taken.
    pub valve: bool,
    /// The clock is set.
    pub clock: bool,
}

impl Plan {
    /// Nothing is taken.
    pub(crate) fn nothing(decision: Decision) -> Self {
        let no = false;
        Self { decision, credit: no, tariff: no, settings: no, keys: no, valve: no, clock: no }
    }

    /// Whether anything is taken.
    pub fn takes_any(&self) -> bool {
        self.credit || self.tariff || self.settings || self.keys || self.valve || self.clock
    }
}

/// Decides on `token`. Each of its registers is decided on its own; what the receipt says is the decision on credit, if there is
/// any, else *applied* if anything is taken. The order of the rules for credit is that of the answers' weight: what can never be
/// taken is said before what can be taken later.
///
/// A read request is always [`Decision::Read`], in any epoch: it sets nothing, and its answer says where the meter stands.
pub fn decide(standing: &Standing, token: &Token<'_>) -> Plan {
    match &token.order {
        Order::Read(_) => Plan::nothing(Decision::Read),
        Order::Keys(keys) => decide_keys(standing, token.epoch, keys),
        Order::Set(_) if token.epoch != standing.registers.epoch => Plan::nothing(Decision::OtherEpoch),
        Order::Set(set) => decide_set(standing, set),
    }
}

/// Keys of the meter's own epoch, or of the next one, in which all numbers begin anew.
fn decide_keys(standing: &Standing, epoch: Epoch, keys: &Content<'_>) -> Plan {
    let own = &standing.registers;
    let before = match epoch {
        same if same == own.epoch => own.keys,
        next if Some(next.0) == own.epoch.0.checked_add(1) => 0,
        _ => return Plan::nothing(Decision::OtherEpoch),
    };
    match compare(keys.number, before) {
        Decision::Applied => Plan { keys: true, ..Plan::nothing(Decision::Applied) },
        decision => Plan::nothing(decision),
    }
}

fn decide_set(standing: &Standing, set: &Set<'_>) -> Plan {
    let own = &standing.registers;
    let numbers = [
        set.tariff.map(|tariff| compare(tariff.number, own.tariff)),
        set.settings.map(|settings| compare(settings.number, own.settings)),
        set.valve.map(|valve| compare(valve.number, standing.valve)),
        set.clock.map(|_| if standing.clock_is_news { Decision::Applied } else { Decision::NotNewer }),
    ];
    let [tariff, settings, valve, clock] = numbers.map(|decision| decision == Some(Decision::Applied));
    // What the same token brings counts as there.
    let brought = |taken: bool, new: Option<Content<'_>>, own: u32| new.filter(|_| taken).map_or(own, |new| new.number);
    let registers = RegisterNumbers {
        tariff: brought(tariff, set.tariff, own.tariff),
        settings: brought(settings, set.settings, own.settings),
        ..*own
    };
    let unpriced = standing.unpriced && !tariff;
    let credit = set.credit.map(|credit| decide_credit(&Standing { registers, unpriced, ..*standing }, &credit));
    let others = numbers.into_iter().flatten();
    let decision = credit.unwrap_or_else(|| others.fold(Decision::NotNewer, weightier));
    Plan { decision, credit: credit == Some(Decision::Applied), tariff, settings, keys: false, valve, clock }
}

/// What is said when two registers are decided differently.
fn weightier(one: Decision, other: Decision) -> Decision {
    match (one, other) {
        (Decision::Applied, _) | (_, Decision::Applied) => Decision::Applied,
        (Decision::JumpTooFar, _) | (_, Decision::JumpTooFar) => Decision::JumpTooFar,
        _ => Decision::NotNewer,
    }
}

fn compare(number: u32, own: u32) -> Decision {
    match number.checked_sub(own) {
        None | Some(0) => Decision::NotNewer,
        Some(jump) if jump > MAX_NUMBER_JUMP => Decision::JumpTooFar,
        Some(_) => Decision::Applied,
    }
}

fn decide_credit(standing: &Standing, credit: &Credit) -> Decision {
    let (own, register, conditions) = (&standing.registers, credit.register, credit.conditions);
    match compare(register.number.0, own.credit.0) {
        Decision::Applied => {}
        decision => return decision,
    }
    if conditions.refused.is_some_and(|range| range.contains(own.credit)) {
        return Decision::InRefusedRange;
    }
    let Some(added) = register.total.checked_sub(standing.total) else { return Decision::TotalWouldFall };
    if standing.closed {
        return Decision::Closed;
    }
    let Needs { tariff, settings, keys } = conditions.needs;
    let worthless = standing.unpriced && added > Units::ZERO && !credit.closing;
    if tariff > own.tariff || settings > own.settings || keys > own.keys || worthless {
        return Decision::NeedsNewerRegister;
    }
    // What a closing token adds is withdrawn at once.
    match use_first(standing.balance, added, standing.max_credit).filter(|_| !credit.closing) {
        Some(use_first) => Decision::NotYet { use_first },
        None => Decision::Applied,
    }
}

/// How much must be used before `added` fits, in whole units rounded up; none if it fits now.
fn use_first(balance: FineCredit, added: Units, max_credit: Units) -> Option<Units> {
    // Nothing added always fits: a test, a closing, a void.
    let over = balance.0.saturating_add(added.fine().0).saturating_sub(max_credit.fine().0);
    let over = u64::try_from(over).ok().filter(|over| *over > 0 && added > Units::ZERO)?;
    Units::new(over.div_ceil(FINE_PER_UNIT as u64).min(Units::MAX)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::keys::KeyHint;
    use coinless_protocol::token::{Clock, Conditions, RefusedRange, Valve, ValveOrder};
    use coinless_protocol::{CreditNumber, Register};

    fn units(units: u64) -> Units {
        Units::new(units).unwrap()
    }

    /// A meter at number 10 with total 1000 units, a balance of 500 units of at most 1000, and tariff 1, settings 2, keys 3.
    fn own() -> Standing {
        Standing {
            registers: RegisterNumbers { epoch: Epoch(1), credit: CreditNumber(10), tariff: 1, settings: 2, keys: 3 },
            valve: 4,
            total: units(1000),
            balance: FineCredit(500_000),
            max_credit: units(1000),
            closed: false,
            unpriced: false,
            clock_is_news: false,
        }
    }

    fn of(order: Order<'_>) -> Token<'_> {
        Token { meter: "CLS0000000017".parse().unwrap(), meter_key: KeyHint([0; 4]), epoch: Epoch(1), order }
    }

    fn token(number: u32, total: u64, refused: Option<(u32, u32)>, needs: (u32, u32, u32)) -> Token<'static> {
        let register = Register { number: CreditNumber(number), total: units(total) };
        let refused = refused.map(|(a, b)| RefusedRange::new(CreditNumber(a), CreditNumber(b)).unwrap());
        let needs = Needs { tariff: needs.0, settings: needs.1, keys: needs.2 };
        of(Order::credit(register, Conditions { refused, needs }))
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
            let decided = decide(&own(), &token(number, total, refused, needs)).decision;
            assert_eq!(decided, decision, "number {number} total {total} refused {refused:?} needs {needs:?}");
        }
    }

    #[test]
    fn epochs_are_not_compared_by_number() {
        let other = Token { epoch: Epoch(2), ..token(11, 1200, None, (0, 0, 0)) };
        assert_eq!(decide(&own(), &other), Plan::nothing(Decision::OtherEpoch));
        let read = Token { order: Order::Read([1; 8]), ..other };
        assert_eq!(decide(&own(), &read), Plan::nothing(Decision::Read));
    }

    #[test]
    fn keys_of_this_epoch_or_the_next() {
        let keys = |epoch, number| {
            let token = Token { epoch: Epoch(epoch), ..of(Order::Keys(Content { number, bytes: &[] })) };
            let plan = decide(&own(), &token);
            assert_eq!(plan.keys, plan.decision == Decision::Applied);
            plan.decision
        };
        assert_eq!(keys(1, 4), Decision::Applied);
        assert_eq!(keys(1, 3), Decision::NotNewer);
        assert_eq!(keys(1, 4 + MAX_NUMBER_JUMP), Decision::JumpTooFar);
        assert_eq!(keys(2, 1), Decision::Applied);
        assert_eq!(keys(2, MAX_NUMBER_JUMP + 1), Decision::JumpTooFar);
        assert_eq!(keys(3, 9), Decision::OtherEpoch);
        assert_eq!(keys(0, 9), Decision::OtherEpoch);
        let last = Standing { registers: RegisterNumbers { epoch: Epoch(u16::MAX), ..own().registers }, ..own() };
        let token = Token { epoch: Epoch(0), ..of(Order::Keys(Content { number: 1, bytes: &[] })) };
        assert_eq!(decide(&last, &token).decision, Decision::OtherEpoch);
    }

    #[test]
    fn each_register_is_decided_on_its_own() {
        let content = |number| Some(Content { number, bytes: &[] });
        let valve = |number| Some(Valve { number, command: ValveOrder::HoldShut });
        let credit = |number, needs| {
            let register = Register { number: CreditNumber(number), total: units(1200) };
            Some(Credit { register, conditions: Conditions { refused: None, needs }, closing: false })
        };
        let plan = |set| decide(&own(), &of(Order::Set(set)));
        let all = Set { tariff: content(2), settings: content(2), valve: valve(5), clock: None, credit: None };
        let taken = Plan { tariff: true, valve: true, ..Plan::nothing(Decision::Applied) };
        assert_eq!(plan(all), taken);
        // The decision on credit is what the receipt says.
        assert_eq!(
            plan(Set { credit: credit(9, Needs::default()), ..all }),
            Plan { decision: Decision::NotNewer, ..taken }
        );
        // What comes with it fulfils its needs.
        let needs = Needs { tariff: 2, ..Needs::default() };
        assert_eq!(plan(Set { credit: credit(11, needs), ..all }), Plan { credit: true, ..taken });
        let far = Set { tariff: content(1), valve: valve(u32::MAX), ..Set::default() };
        assert_eq!(plan(far), Plan::nothing(Decision::JumpTooFar));
        let clock = Set { clock: Some(Clock { unix_s: 1, answers: None }), ..Set::default() };
        assert_eq!(plan(clock), Plan::nothing(Decision::NotNewer));
        let news = Standing { clock_is_news: true, ..own() };
        assert!(decide(&news, &of(Order::Set(clock))).clock);
    }

    #[test]
    fn a_closed_account_takes_no_credit_but_the_rest() {
        let closed = Standing { closed: true, ..own() };
        assert_eq!(decide(&closed, &token(11, 1200, None, (0, 0, 0))).decision, Decision::Closed);
        assert_eq!(decide(&closed, &token(10, 1200, None, (0, 0, 0))).decision, Decision::NotNewer);
        let tariff = Set { tariff: Some(Content { number: 2, bytes: &[] }), ..Set::default() };
        assert_eq!(decide(&closed, &of(Order::Set(tariff))).decision, Decision::Applied);
        // A full meter can be closed.
        let register = Register { number: CreditNumber(11), total: units(9000) };
        let closing = Credit { register, conditions: Conditions::default(), closing: true };
        let set = Set { credit: Some(closing), ..Set::default() };
        assert_eq!(decide(&own(), &of(Order::Set(set))).decision, Decision::Applied);
    }

    #[test]
    fn money_needs_prices_first() {
        let unpriced = Standing { unpriced: true, ..own() };
        let decision = |token: &Token<'_>| decide(&unpriced, token).decision;
        assert_eq!(decision(&token(11, 1200, None, (0, 0, 0))), Decision::NeedsNewerRegister);
        // A test token is worth nothing, and a closing one is withdrawn at once.
        assert_eq!(decision(&token(11, 1000, None, (0, 0, 0))), Decision::Applied);
        let register = Register { number: CreditNumber(11), total: units(1200) };
        let credit = Some(Credit { register, conditions: Conditions::default(), closing: false });
        let closing = credit.map(|credit| Credit { closing: true, ..credit });
        assert_eq!(decision(&of(Order::Set(Set { credit: closing, ..Set::default() }))), Decision::Applied);
        let tariff = |number| Some(Content { number, bytes: &[] });
        assert_eq!(
            decision(&of(Order::Set(Set { credit, tariff: tariff(2), ..Set::default() }))),
            Decision::Applied,
            "they come with it"
        );
        assert_eq!(
            decision(&of(Order::Set(Set { credit, tariff: tariff(1), ..Set::default() }))),
            Decision::NeedsNewerRegister
        );
    }

    #[test]
    fn what_must_be_used_first_is_rounded_up() {
        let nearly = Standing { balance: FineCredit(500_001), ..own() };
        let decision = decide(&nearly, &token(11, 1500, None, (0, 0, 0))).decision;
        assert_eq!(decision, Decision::NotYet { use_first: units(1) });
        let owing = Standing { balance: FineCredit(-200_000), ..own() };
        assert_eq!(decide(&owing, &token(11, 2200, None, (0, 0, 0))).decision, Decision::Applied);
        let extreme = Standing { balance: FineCredit(i64::MAX), max_credit: units(1), ..own() };
        let clamped = decide(&extreme, &token(11, Units::MAX, None, (0, 0, 0))).decision;
        assert_eq!(clamped, Decision::NotYet { use_first: units(Units::MAX) });
        // Settings may have made the most credit smaller than what is there: a token that adds nothing is taken.
        let over = Standing { max_credit: units(1), ..own() };
        assert_eq!(decide(&over, &token(11, 1000, None, (0, 0, 0))).decision, Decision::Applied);
    }
}
