//! The life of lines and payments.

use crate::{check, code, table};
use coinless_station::lifecycle::{LineEvent, LineState, PaymentEvent, PaymentState, Refusal, next, next_payment};
use coinless_station::sweep;
use std::collections::BTreeSet;

const UNTIL_SOLD: [LineState; 5] =
    [LineState::Quoted, LineState::AwaitingPayment, LineState::PaymentUnknown, LineState::Paid, LineState::SaleUnknown];
const SOLD: [LineState; 4] = [LineState::Sold, LineState::Issued, LineState::VoidPending, LineState::Delivered];
const BACK: [LineState; 6] = [
    LineState::Voided,
    LineState::SaleReversed,
    LineState::Refunded,
    LineState::Failed,
    LineState::Expired,
    LineState::Exception,
];

fn cell<S>(outcome: Result<S, Refusal>, name: impl Fn(S) -> &'static str) -> String {
    match outcome {
        Ok(state) => format!("**{}**", name(state)),
        Err(refusal) => refusal.name().to_owned(),
    }
}

fn lines(states: &[LineState]) -> String {
    let head: Vec<String> = std::iter::once("event".to_owned()).chain(states.iter().map(|s| code(s.name()))).collect();
    let row = |event: &LineEvent| {
        let cells = states.iter().map(|state| cell(next(*state, *event), LineState::name));
        std::iter::once(code(event.name())).chain(cells).collect()
    };
    table(&head, &LineEvent::ALL.iter().map(row).collect::<Vec<_>>())
}

fn states() -> String {
    let row = |state: &LineState| {
        let tasks = sweep::tasks_of(*state).iter().map(|kind| code(kind.name())).collect::<Vec<_>>().join(" or ");
        vec![code(state.name()), state.about().to_owned(), if tasks.is_empty() { "-".to_owned() } else { tasks }]
    };
    let head = ["state", "what it means", "task that moves it on"].map(str::to_owned);
    table(&head, &LineState::ALL.iter().map(row).collect::<Vec<_>>())
}

fn names(first: &str, rows: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let rows: Vec<_> = rows.map(|(name, about)| vec![code(name), about.to_owned()]).collect();
    table(&[first.to_owned(), "what it means".to_owned()], &rows)
}

fn payments() -> String {
    let states = PaymentState::ALL;
    let head: Vec<String> = std::iter::once("event".to_owned()).chain(states.iter().map(|s| code(s.name()))).collect();
    let row = |event: &PaymentEvent| {
        let cells = states.iter().map(|state| cell(next_payment(*state, *event), PaymentState::name));
        std::iter::once(code(event.name())).chain(cells).collect()
    };
    table(&head, &PaymentEvent::ALL.iter().map(row).collect::<Vec<_>>())
}

#[test]
fn the_tables_are_the_code() {
    let tables = [
        ("states of a line", states()),
        ("events of a line", names("event", LineEvent::ALL.iter().map(|e| (e.name(), e.about())))),
        ("until it is sold", lines(&UNTIL_SOLD)),
        ("from the sale to the meter", lines(&SOLD)),
        ("the way back, and ends", lines(&BACK)),
        ("refusals", names("refusal", Refusal::ALL.iter().map(|r| (r.name(), r.about())))),
        ("states of a payment", names("state", PaymentState::ALL.iter().map(|s| (s.name(), s.about())))),
        ("events of a payment", names("event", PaymentEvent::ALL.iter().map(|e| (e.name(), e.about())))),
        ("the payment", payments()),
    ];
    check("orders.md", &tables);
}

#[test]
fn every_state_is_in_one_table() {
    let shown: Vec<_> = UNTIL_SOLD.iter().chain(&SOLD).chain(&BACK).map(|state| state.name()).collect();
    let all: BTreeSet<_> = LineState::ALL.iter().map(|state| state.name()).collect();
    assert_eq!(shown.iter().copied().collect::<BTreeSet<_>>(), all);
    assert_eq!(shown.len(), all.len());
}

#[test]
fn both_machines_are_total_and_every_refusal_has_words() {
    for state in LineState::ALL {
        for event in LineEvent::ALL {
            if let Err(refusal) = next(*state, *event) {
                assert!(!refusal.words().is_empty(), "{state:?} {event:?}");
            }
        }
    }
    for state in PaymentState::ALL {
        for event in PaymentEvent::ALL {
            if let Err(refusal) = next_payment(*state, *event) {
                assert!(!refusal.words().is_empty(), "{state:?} {event:?}");
            }
        }
    }
}

/// States that can be reached from `state`.
fn reached(state: LineState) -> Vec<LineState> {
    let mut reached = vec![state];
    let mut at = 0;
    while let Some(state) = reached.get(at).copied() {
        for to in LineEvent::ALL.iter().filter_map(|event| next(state, *event).ok()) {
            if !reached.contains(&to) {
                reached.push(to);
            }
        }
        at += 1;
    }
    reached
}

#[test]
fn what_is_not_final_leads_on_and_what_is_final_stays() {
    for state in LineState::ALL {
        let on = LineEvent::ALL.iter().filter_map(|event| next(*state, *event).ok()).any(|to| to != *state);
        assert_eq!(on, !state.is_final(), "{state:?}");
        assert!(reached(*state).iter().any(|to| to.is_final()), "{state:?} never ends");
    }
    assert_eq!(reached(LineState::Quoted).len(), LineState::ALL.len(), "a state that no line comes into");
}

#[test]
fn a_state_without_a_task_waits_for_somebody_outside() {
    // Who that is stands in docs/orders.md.
    let waiting = [LineState::Issued, LineState::VoidPending, LineState::Exception];
    for state in LineState::ALL {
        let has_task = !sweep::tasks_of(*state).is_empty();
        assert_eq!(has_task, !state.is_final() && !waiting.contains(state), "{state:?}");
    }
}

#[test]
fn what_others_say_is_never_lost() {
    let contradicts = |state, event| next(state, event) == Err(Refusal::Contradiction);
    // Late money on a quote that nobody accepted, or that was declined.
    for state in [LineState::Quoted, LineState::Expired, LineState::Failed] {
        assert!(contradicts(state, LineEvent::Captured), "{state:?}");
    }
    // A line that is refunded, or is about to be, is found in the meter: it must never be silent.
    for state in LineState::ALL {
        let quiet = [LineState::Sold, LineState::Issued, LineState::VoidPending, LineState::Delivered].contains(state);
        assert_eq!(contradicts(*state, LineEvent::FoundLoaded), !quiet, "{state:?}");
    }
    // Sold after the money went back.
    for state in [LineState::Failed, LineState::Refunded] {
        assert!(contradicts(state, LineEvent::SoldAsQuoted), "{state:?}");
    }
    // Money back that nobody asked to give back.
    for state in [LineState::Paid, LineState::Sold, LineState::Issued, LineState::Delivered, LineState::VoidPending] {
        assert!(contradicts(state, LineEvent::MoneyBack), "{state:?}");
    }
    // Nothing refunds a line that a meter may still load: only a receipt leads out of "issued". That the money is back
    // already, found after a restore on the provider's statement, is a fact and no decision.
    let decided = LineEvent::ALL.iter().filter(|event| **event != LineEvent::FoundRefunded);
    let out: Vec<_> = decided.filter_map(|event| next(LineState::Issued, *event).ok()).collect();
    assert_eq!(out, [LineState::Issued, LineState::VoidPending, LineState::Delivered]);
    // Money for a payment that nobody asked for.
    for event in PaymentEvent::ALL.iter().filter(|event| **event != PaymentEvent::Accepted) {
        assert_eq!(next_payment(PaymentState::None, *event), Err(Refusal::Contradiction), "{event:?}");
    }
}
