//! How lines stand, one state after the other.

use super::*;
use crate::records::{Consent, TokenNumbers};
use crate::wire::OrderRequest;
use coinless_protocol::keys::KeyHint;
use coinless_protocol::{CreditNumber, Epoch};
use serde_json::json;
use uuid::Uuid;

/// An order of one line: 1000 units for the meter, as the station last told it.
pub(crate) fn order(number: u64, meter: &str, state: &str, payment: &str) -> StoredOrder {
    let id = Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | number);
    let line = json!({ "line": 1, "meter": meter, "amount": "5.00", "state": state, "quote": { "units": 1000 } });
    let view = json!({ "id": id, "payment": { "state": payment }, "lines": [line] });
    StoredOrder {
        id,
        station: "https://x".into(),
        request: OrderRequest { lines: Vec::new(), currency: None, payer: None, provider: None },
        consent: Consent::Amounts,
        accepted: Some(1),
        view: Some(serde_json::from_value(view).unwrap()),
        rejected: None,
        told: true,
        meters: Vec::new(),
        round: None,
        receipts: [].into(),
    }
}

/// Its line on a phone that keeps nothing else.
pub(super) fn line(state: &str, payment: &str) -> LineReport {
    LineReport::of_order(&order(1, "CLS0000000017", state, payment), &Contents::default()).remove(0)
}

/// The same line with its token, which is on the phone.
fn held(state: &str) -> LineReport {
    let meter = "CLS0000000017".parse().unwrap();
    let numbers = TokenNumbers { credit: CreditNumber(3), ..TokenNumbers::default() };
    let key = TokenKey { meter, meter_key: KeyHint([0; 4]), epoch: Epoch(0), numbers };
    LineReport { token: Some(key), on_phone: true, ..line(state, "captured") }
}

#[test]
fn money_that_was_taken_is_never_told_as_a_purchase_that_was_not_made() {
    let verdict = |lines: &[(&str, &str)]| {
        let lines: Vec<_> = lines.iter().map(|(state, payment)| line(state, payment)).collect();
        Summary::of(&lines).verdict()
    };
    let paid = |state: &'static str| (state, "captured");
    for (lines, expected) in [
        (vec![("failed", "declined")], Verdict::Nothing),
        (vec![("expired", "none")], Verdict::Nothing),
        (vec![paid("void_pending")], Verdict::Refunding),
        (vec![paid("voided")], Verdict::Refunding),
        (vec![paid("sale_reversed")], Verdict::Refunding),
        (vec![paid("failed")], Verdict::Refunding),
        (vec![paid("void_pending"), paid("refunded"), paid("exception")], Verdict::Refunding),
        (vec![paid("exception"), paid("refunded")], Verdict::Person),
        (vec![("failed", "exception")], Verdict::Person),
        (vec![paid("refunded"), paid("refunded")], Verdict::Refunded),
        (vec![paid("refunded"), ("expired", "none")], Verdict::Refunded),
        (vec![paid("delivered"), paid("void_pending")], Verdict::Partly),
        (vec![paid("delivered"), paid("delivered")], Verdict::Complete),
        (vec![paid("void_pending"), paid("sold")], Verdict::Unknown),
        (vec![("payment_unknown", "unknown")], Verdict::Unknown),
        (vec![("awaiting_payment", "sent"), ("awaiting_payment", "sent")], Verdict::Waiting),
        (vec![("quoted", "none")], Verdict::Waiting),
    ] {
        assert_eq!(verdict(&lines), expected, "{lines:?}");
    }
}

#[test]
fn a_void_token_on_the_phone_is_nothing_to_load() {
    for (state, is_to_load) in [("issued", true), ("void_pending", false)] {
        assert_eq!(held(state).to_load().is_some(), is_to_load, "{state}");
        assert_eq!(LineReport { on_phone: false, ..held(state) }.to_load(), None, "{state}");
    }
    assert_eq!(LineReport { loaded: Loaded::Yes, ..held("issued") }.to_load(), None);
}

#[test]
fn paid_sold_on_this_phone_and_loaded_are_told_apart() {
    use Step::{Back, Never, No, Passed, Unknown, Yes};
    let of = |line: LineReport| {
        let Steps { paid, sold, here, loaded } = line.steps();
        [paid, sold, here, loaded]
    };
    assert_eq!(of(line("awaiting_payment", "sent")), [No, No, No, No]);
    assert_eq!(of(line("payment_unknown", "unknown")), [Unknown, No, No, No]);
    assert_eq!(of(line("failed", "declined")), [Never, Never, Never, Never]);
    assert_eq!(of(line("paid", "captured")), [Yes, No, No, No]);
    assert_eq!(of(line("sale_unknown", "captured")), [Yes, Unknown, No, No]);
    assert_eq!(of(line("sold", "captured")), [Yes, Yes, No, No]);
    assert_eq!(of(LineReport { loaded: Loaded::No, ..held("issued") }), [Yes, Yes, Yes, No]);
    assert_eq!(of(line("issued", "captured")), [Yes, Yes, No, Unknown], "another phone may have loaded it");
    assert_eq!(of(held("delivered")), [Yes, Yes, Passed, Yes]);
    assert_eq!(of(held("void_pending")), [Yes, Yes, Back, Unknown], "the money is not back, and the meter not asked");
    assert_eq!(of(held("voided")), [Yes, Yes, Never, Never]);
    assert_eq!(of(held("sale_reversed")), [Yes, Back, Never, Never]);
    assert_eq!(of(line("refunded", "captured")), [Back, Never, Never, Never]);
    assert_eq!(of(line("failed", "captured")), [Yes, Never, Never, Never], "the money is on its way back");
}
