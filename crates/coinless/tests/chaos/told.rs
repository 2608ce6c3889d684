//! What clients were told, and that it stays true.

use coinless_protocol::token::Token;
use coinless_station::lifecycle::{LineEvent, LineState, PaymentEvent, PaymentState, next, next_payment};
use coinless_station::records::from_hex;
use coinless_station::view::{LineView, OrderView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Everything that was acknowledged.
#[derive(Default)]
pub struct Told {
    orders: Mutex<BTreeMap<String, Known>>,
    tokens: Mutex<BTreeMap<(String, u16, u32), Vec<u8>>>,
    receipts: Mutex<BTreeMap<(String, u32), Vec<u8>>>,
}

/// What is known of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub view: OrderView,
    /// Its payment was acknowledged.
    pub accepted: bool,
    /// Lines of which a void was acknowledged.
    pub voids: BTreeSet<u32>,
}

impl Told {
    /// Takes in an order as a station shows it to its client.
    pub fn order(&self, view: OrderView) {
        self.change(&view, |_| ());
    }

    /// The same, of an answer that takes the payment up.
    pub fn accepted(&self, view: OrderView) {
        self.change(&view, |known| known.accepted = true);
    }

    /// The same, of an answer that takes a void up.
    pub fn void(&self, view: OrderView, line: u32) {
        self.change(&view, |known| {
            known.voids.insert(line);
        });
    }

    fn change(&self, view: &OrderView, note: impl FnOnce(&mut Known)) {
        view.lines.iter().for_each(|line| self.token(line));
        let mut orders = lock(&self.orders);
        let new = || Known { view: view.clone(), accepted: false, voids: BTreeSet::new() };
        let known = orders.entry(view.id.clone()).or_insert_with(new);
        known.check(view);
        known.view = view.clone();
        note(known);
        known.check(view);
    }

    /// One number stands for one content, whoever signed and whoever shows it.
    fn token(&self, line: &LineView) {
        let Some(token) = line.token.as_deref().map(|token| from_hex(token).unwrap()) else { return };
        let (signed, token) = Token::parse(&token).unwrap();
        assert_eq!(token.meter.as_str(), line.meter, "a token of another meter");
        let key = (line.meter.clone(), token.epoch.0, token.register().unwrap().number.0);
        let mut tokens = lock(&self.tokens);
        let known = tokens.entry(key.clone()).or_insert_with(|| signed.payload.to_vec());
        assert_eq!(known, signed.payload, "two contents under one number: {key:?}");
    }

    /// Takes in that a station has a receipt.
    pub fn receipt(&self, meter: &str, number: u32, bytes: &[u8]) {
        lock(&self.receipts).insert((meter.to_owned(), number), bytes.to_vec());
    }

    /// All orders.
    pub fn orders(&self) -> Vec<Known> {
        lock(&self.orders).values().cloned().collect()
    }

    /// All receipts that a station has.
    pub fn receipts(&self) -> BTreeMap<(String, u32), Vec<u8>> {
        lock(&self.receipts).clone()
    }

    /// All tokens that were shown: the meter, the epoch, the number, and the content.
    pub fn tokens(&self) -> BTreeMap<(String, u16, u32), Vec<u8>> {
        lock(&self.tokens).clone()
    }
}

impl Known {
    /// Nothing that was told is gone or has gone back.
    pub fn check(&self, view: &OrderView) {
        let old = &self.view;
        let words = || format!("\nwas told {self:#?}\nand now {view:#?}");
        assert!(view.version >= old.version, "an older version{}", words());
        let same = (&view.currency, &view.total, view.quote_version) == (&old.currency, &old.total, old.quote_version);
        assert!(same && view.lines.len() == old.lines.len(), "another order{}", words());
        let (before, now) = (old.payment.state, view.payment.state);
        assert!(payments_after(before).contains(&now.name()), "the payment went back{}", words());
        if self.accepted {
            assert_ne!(now, PaymentState::None, "the acceptance is gone{}", words());
        }
        for (old, line) in old.lines.iter().zip(&view.lines) {
            let same = (&line.meter, &line.amount, &line.quote) == (&old.meter, &old.amount, &old.quote);
            assert!(same && line.line == old.line, "another line{}", words());
            assert!(states_after(old.state).contains(&line.state.name()), "line {} went back{}", line.line, words());
            if self.voids.contains(&line.line) {
                let after = states_after(LineState::VoidPending);
                assert!(after.contains(&line.state.name()), "a void is gone{}", words());
            }
        }
    }
}

/// Every state to which a line may come from one, by itself: no person does anything here, and nothing is restored.
fn states_after(from: LineState) -> BTreeSet<&'static str> {
    use LineEvent as E;
    let others = [E::CountedAgain, E::FoundRefunded, E::ResolvedRefund, E::ResolvedElsewhere];
    let events: Vec<_> = E::ALL.iter().copied().filter(|event| !others.contains(event)).collect();
    reached(from, |state| events.iter().filter_map(|event| next(state, *event).ok()).collect(), LineState::name)
}

fn payments_after(from: PaymentState) -> BTreeSet<&'static str> {
    use PaymentEvent as E;
    let events = [E::Accepted, E::Pending, E::Unclear, E::Captured, E::OtherMoney, E::Declined];
    let step = |state| events.iter().filter_map(|event| next_payment(state, *event).ok()).collect();
    reached(from, step, PaymentState::name)
}

fn reached<S: Copy>(from: S, step: impl Fn(S) -> Vec<S>, name: impl Fn(S) -> &'static str) -> BTreeSet<&'static str> {
    let (mut reached, mut open) = (BTreeSet::from([name(from)]), vec![from]);
    while let Some(state) = open.pop() {
        open.extend(step(state).into_iter().filter(|to| reached.insert(name(*to))));
    }
    reached
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn states_do_not_go_back() {
    assert!(states_after(LineState::Quoted).contains("delivered"));
    assert!(states_after(LineState::AwaitingPayment).contains("payment_unknown"));
    assert!(!states_after(LineState::VoidPending).contains("issued"));
    assert_eq!(states_after(LineState::Delivered).len(), 1);
    assert_eq!(states_after(LineState::Refunded).len(), 1);
    assert!(!payments_after(PaymentState::Captured).contains("unknown"));
}
