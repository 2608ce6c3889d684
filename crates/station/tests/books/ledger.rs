//! Random movements, and reports over them.

use crate::desk::{Desk, NOON, UTILITY, eur, manual};
use crate::place::direct::Direct;
use crate::place::postgres;
use coinless_station::ledger::{self, Account, Event, Movement, Owed, Period, ROUTES};
use coinless_station::money::{Currency, Money};
use coinless_station::problem::Error;
use coinless_station::utilities::UtilityName;
use coinless_station::work::Work;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn accounts() -> Vec<Account> {
    let utility = || UTILITY.parse::<UtilityName>().unwrap();
    vec![
        Account::Clearing("a".to_owned()),
        Account::Clearing("b".to_owned()),
        Account::ProviderFees("a".to_owned()),
        Account::Bank,
        Account::Losses,
        Account::PayerMoneyHeld,
        Account::SoldUndelivered,
        Account::UtilityPayable(utility()),
        Account::TaxPayable(utility()),
        Account::Fees(utility()),
        Account::RefundsDue,
        Account::Suspense,
        Account::Rounding,
        Account::Float("m".to_owned()),
    ]
}

/// One try: an event, a debited account, credited ones with shares, whether in the second currency, and how much later.
type Try = (usize, usize, Vec<(usize, i64)>, bool, i64);

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let (events, accounts) = (ROUTES.len(), accounts().len());
    let credits = proptest::collection::vec((0..accounts, 0..100_000_i64), 1..4);
    proptest::collection::vec((0..events, 0..accounts, credits, any::<bool>(), 0..10_000_i64), 1..60)
}

/// What the books must say, kept apart.
#[derive(Default)]
struct Expected {
    now: BTreeMap<(String, &'static str), i64>,
    at_noon: BTreeMap<(String, &'static str), i64>,
}

/// Each case has a database of its own, which is slow to make in PostgreSQL.
fn cases() -> u32 {
    if postgres::is_chosen().unwrap() { 8 } else { 64 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_books_are_right_after_any_movements(tries in tries()) {
        let mut tx = Direct::new();
        let accounts = accounts();
        let mut expected = Expected::default();
        let (mut booked, mut now_ms) = (0, NOON - 100_000);
        for (number, (event, debit, credits, second, later)) in tries.iter().enumerate() {
            now_ms += later;
            // Half of them along a route, so that enough is booked.
            let route = &ROUTES[*event];
            let pick = |at: usize, kinds: &[ledger::AccountKind]| {
                if number % 2 == 0 { return accounts[at].clone() }
                let fitting: Vec<_> = accounts.iter().filter(|account| kinds.contains(&account.kind())).collect();
                fitting[at % fitting.len()].clone()
            };
            let code = if *second { "USD" } else { "EUR" };
            let credits: Vec<_> =
                credits.iter().map(|(at, share)| (pick(*at, route.credits), Money::from_minor(*share))).collect();
            let debit = pick(*debit, route.debits);
            let allowed = route.debits.contains(&debit.kind())
                && credits.iter().all(|(account, _)| route.credits.contains(&account.kind()));
            let movement = Movement {
                subject: "s",
                cause: format!("cause {number}"),
                event: route.event,
                currency: Currency::from_code(code).unwrap(),
                debit: debit.clone(),
                credits: credits.clone(),
                operator: None,
            };
            let done = tx.apply(|tx| ledger::book(&mut Work::new(tx, now_ms), &movement));
            prop_assert_eq!(done.is_ok(), allowed);
            if allowed {
                booked += 1;
                let sum: i64 = credits.iter().map(|(_, share)| share.minor()).sum();
                let entries = std::iter::once((debit, sum)).chain(credits.iter().map(|(a, share)| (a.clone(), -share.minor())));
                for (account, amount) in entries {
                    *expected.now.entry((account.name(), code)).or_default() += amount;
                    if now_ms < NOON {
                        *expected.at_noon.entry((account.name(), code)).or_default() += amount;
                    }
                }
                // The same cause again is refused.
                prop_assert!(tx.apply(|tx| ledger::book(&mut Work::new(tx, now_ms), &movement)).is_err());
            }
            tx.apply(|tx| ledger::check(&mut Work::new(tx, now_ms))).unwrap();
        }
        let known = |balances: Vec<ledger::Balance>| balances.into_iter()
            .map(|held| ((held.account, if held.currency == eur() { "EUR" } else { "USD" }), held.balance.minor()))
            .filter(|(_, balance)| *balance != 0).collect::<BTreeMap<_, _>>();
        let wanted = |balances: &BTreeMap<(String, &'static str), i64>| {
            balances.clone().into_iter().filter(|(_, balance)| *balance != 0).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(known(tx.apply(|tx| ledger::balances(&mut Work::new(tx, 0))).unwrap()), wanted(&expected.now));
        let at_noon = tx.apply(|tx| ledger::balances_at(&mut Work::new(tx, 0), NOON)).unwrap();
        prop_assert_eq!(known(at_noon), wanted(&expected.at_noon));
        trial_is_right(&mut tx, &expected);
        prop_assert!(booked > 0 || tries.len() < 2);
    }
}

fn trial_is_right(tx: &mut Direct, expected: &Expected) {
    let period = Period { from_ms: NOON, to_ms: i64::MAX };
    let trial = tx.apply(|tx| ledger::trial(&mut Work::new(tx, 0), period)).unwrap();
    for currency in ["EUR", "USD"] {
        let lines = trial.iter().filter(|line| line.currency.code() == currency);
        let sums = lines.fold([0; 4], |sums, line| {
            let columns = [line.opening, line.debits, line.credits, line.closing].map(|amount| amount.0.minor());
            [0, 1, 2, 3].map(|at| sums[at] + columns[at])
        });
        assert_eq!((sums[0], sums[1] - sums[2], sums[3]), (0, 0, 0), "{currency}");
    }
    for line in trial {
        let key = (line.account.clone(), if line.currency == eur() { "EUR" } else { "USD" });
        assert_eq!(line.opening.0.minor(), expected.at_noon.get(&key).copied().unwrap_or(0), "{line:?}");
        assert_eq!(line.closing.0.minor(), expected.now.get(&key).copied().unwrap_or(0), "{line:?}");
    }
}

#[test]
fn every_route_refuses_every_other_account() {
    let mut tx = Direct::new();
    for event in Event::ALL {
        for debit in accounts() {
            for credit in accounts() {
                let allowed = ROUTES.iter().any(|route| {
                    route.event == *event
                        && route.debits.contains(&debit.kind())
                        && route.credits.contains(&credit.kind())
                });
                let movement = Movement {
                    subject: "s",
                    cause: format!("{} {} {}", event.name(), debit.name(), credit.name()),
                    event: *event,
                    currency: eur(),
                    debit: debit.clone(),
                    credits: vec![(credit, Money::from_minor(1))],
                    operator: None,
                };
                let done = tx.apply(|tx| ledger::book(&mut Work::new(tx, NOON), &movement));
                assert_eq!(done.is_ok(), allowed, "{}", movement.cause);
            }
        }
    }
    // Nothing negative, nothing too large.
    for share in [-1, i64::MAX] {
        let movement = Movement {
            subject: "s",
            cause: format!("share {share}"),
            event: Event::Captured,
            currency: eur(),
            debit: Account::Clearing("a".to_owned()),
            credits: vec![(Account::PayerMoneyHeld, Money::from_minor(share)); 2],
            operator: None,
        };
        tx.apply(|tx| ledger::book(&mut Work::new(tx, NOON), &movement)).unwrap_err();
    }
    tx.apply(|tx| ledger::check(&mut Work::new(tx, NOON))).unwrap();
}

#[test]
fn a_statement_is_what_was_delivered() {
    let mut desk = Desk::new();
    let day = 24 * 60 * 60 * 1000;
    desk.buy(1, &[5_000, 1_900]);
    desk.receipt(2);
    desk.now_ms += day;
    desk.buy(2, &[11_900]);
    desk.receipt(3);
    let undelivered = desk.buy(3, &[777]);
    assert_eq!(desk.state(&undelivered, 1).name(), "issued");
    desk.run(|work| ledger::settle(work, &UTILITY.parse().unwrap(), Owed::Payable, &manual("T1", 2_000))).unwrap();
    let statement = |desk: &mut Desk, from_ms: i64, to_ms: i64| {
        let utility = UTILITY.parse().unwrap();
        desk.run(|work| ledger::utility_statement(work, &utility, Period { from_ms, to_ms })).unwrap()
    };
    let whole = statement(&mut desk, 0, i64::MAX);
    assert_eq!((whole.lines.len(), whole.others.len(), whole.agrees), (3, 1, true));
    let totals = &whole.totals[0];
    assert_eq!(-(totals.net.0.minor() - 2_000), desk.balance("utility:sample-utility:payable"));
    assert_eq!(-totals.tax.0.minor(), desk.balance("utility:sample-utility:tax"));
    assert_eq!(totals.net.0.minor() + totals.tax.0.minor() + totals.fee.0.minor(), 5_000 + 1_900 + 11_900);
    let shown: Vec<_> = whole.lines.iter().map(|line| (line.line, line.meter.as_str(), line.net.to_string())).collect();
    assert_eq!(shown[0], (1, "CLS0000000017-Z", "42.02".to_owned()));
    assert_eq!(whole.lines[2].at, "2026-11-25T12:00:00Z");
    // Day by day: no line is missed or shown twice, and each day's opening is the closing of the day before.
    let first = statement(&mut desk, NOON - day / 2, NOON + day / 2);
    let second = statement(&mut desk, NOON + day / 2, NOON + 3 * day / 2);
    assert_eq!((first.lines.len(), second.lines.len()), (2, 1));
    assert!(first.agrees && second.agrees);
    for account in &second.accounts {
        let before = first.accounts.iter().find(|known| known.account == account.account);
        assert_eq!(before.map_or(0, |known| known.closing.0.minor()), account.opening.0.minor());
    }
    let people = desk.run(|work| ledger::operators(work, Period { from_ms: 0, to_ms: i64::MAX })).unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!((people[0].operator.as_str(), people[0].day.as_str()), ("ada", "2026-11-25"));
    assert_eq!(people[0].sum.with_currency(), "20.00 EUR");
}

#[test]
fn a_balance_that_was_tampered_with_is_found() {
    let mut desk = Desk::new();
    desk.buy(1, &[5_000]);
    let tamper = |work: &mut Work<'_>, sql: &'static str| Ok::<_, Error>(work.execute(sql, &[])?);
    desk.run(|work| tamper(work, "UPDATE balance SET balance = balance + 1 WHERE account = 'suspense'")).unwrap();
    desk.run(ledger::check).unwrap();
    desk.run(|work| tamper(work, "UPDATE balance SET balance = balance + 1 WHERE account = 'sold_undelivered'"))
        .unwrap();
    desk.run(ledger::check).unwrap_err();
    desk.run(|work| tamper(work, "UPDATE balance SET balance = balance - 1 WHERE account = 'payer_money_held'"))
        .unwrap();
    let words = desk.run(ledger::check).unwrap_err().to_string();
    assert!(words.contains("is not the sum of its entries"), "{words}");
}
