use super::*;
use crate::records::StoredOrder;
use crate::wire::{Problem, Readings};
use serde_json::json;

fn kept(balance_fine: Option<i64>, days_left: Option<i64>, used: &[i64]) -> KeptReadings {
    let days: Vec<_> = used.iter().map(|used| json!({ "day": "2026-11-27", "used_fine": used })).collect();
    let last = balance_fine.map(|fine| json!({ "receipt": 7, "at_ms": 5, "balance_fine": fine, "valve": "open" }));
    let readings = json!({ "meter": "CLS0000000017", "last": last, "days": days, "days_left": days_left });
    KeptReadings { told_ms: DAY_MS, readings: serde_json::from_value(readings).unwrap() }
}

#[test]
fn credit_lasts_as_long_as_is_known() {
    let lasts = |balance, days_left, now_ms| kept(balance, days_left, &[]).lasts(now_ms);
    assert_eq!(lasts(None, None, DAY_MS), Lasts::NotKnown, "nothing was read");
    assert_eq!(lasts(Some(5_000), None, DAY_MS), Lasts::NotKnown, "too little was read");
    assert_eq!(lasts(Some(0), Some(3), DAY_MS), Lasts::UsedUp);
    assert_eq!(lasts(Some(-1), None, DAY_MS), Lasts::UsedUp);
    assert_eq!(lasts(Some(5_000), Some(3), DAY_MS), Lasts::Days(3));
    // Read without a network some days later, and by a clock that was set back.
    assert_eq!(lasts(Some(5_000), Some(3), 3 * DAY_MS - 1), Lasts::Days(2));
    assert_eq!(lasts(Some(5_000), Some(3), 9 * DAY_MS), Lasts::Days(0));
    assert_eq!(lasts(Some(5_000), Some(3), 0), Lasts::Days(3));
}

#[test]
fn bars_are_parts_of_the_highest() {
    let heights = |used: &[i64], most| {
        let kept = kept(None, None, used);
        kept.bars(most).iter().map(|bar| bar.permille).collect::<Vec<_>>()
    };
    assert_eq!(heights(&[], 14), [0_u16; 0]);
    assert_eq!(heights(&[0, 0], 14), [0, 0]);
    assert_eq!(heights(&[9_000, 1_000, 2_000, 1], 3), [500, 1000, 15], "the last ones, and a little is seen");
    assert_eq!(heights(&[i64::MAX, i64::MAX / 2, -5], 14), [1000, 499, 0]);
}

#[test]
fn a_code_is_typed_in_many_ways() {
    for typed in ["01234567", " 0123 4567\n", "0123-4567", "٠١٢٣٤٥٦٧", "۰۱۲۳ ۴۵۶۷", "０１２３４５６７"]
    {
        assert_eq!(typed_code(typed).as_deref(), Some("01234567"), "{typed}");
    }
    for typed in ["", "0123456", "012345678", "0123456a", "+1234567", "½1234567"] {
        assert_eq!(typed_code(typed), None, "{typed}");
    }
}

#[test]
fn what_an_answer_to_a_code_means() {
    let problem = |status: u16, code: &str| Problem {
        title: String::new(),
        status,
        detail: None,
        code: Some(code.to_owned()),
        retry_after_s: Some(60),
        tries_left: Some(4),
        replaced_by: None,
    };
    let refused = |status, code| Error::Station(ApiError::Refused(Box::new(problem(status, code))));
    let too_often = Error::Station(ApiError::TooOften(Box::new(problem(429, "too_often"))));
    assert_eq!(NotEarned::of(refused(403, "wrong_code")), NotEarned::Wrong(Some(4)));
    assert_eq!(NotEarned::of(too_often), NotEarned::TooMany(Some(60)));
    assert_eq!(NotEarned::of(refused(409, "not_possible_now")), NotEarned::FirstReceipt);
    for other in [refused(404, "unknown_meter"), Error::Station(ApiError::Recovering)] {
        assert_eq!(NotEarned::of(other.clone()), NotEarned::Other(other));
    }
}

/// An order of one line: 1000 units for the meter, as the station last told it; the meter's receipt no. 8 shows it.
fn order(number: u64, meter: &str, state: &str, payment: &str) -> StoredOrder {
    StoredOrder { receipts: [(1, 8)].into(), ..crate::outcome::tests::order(number, meter, state, payment) }
}

#[test]
fn what_is_bought_and_not_in_the_reading_is_expected() {
    let gas: MeterId = "CLS0000000017".parse().unwrap();
    let reading = |meter: &MeterId, balance, currency: Option<&str>| {
        let mut readings: Readings = kept(Some(balance), None, &[]).readings;
        readings.currency = currency.map(str::to_owned);
        StoredReader::new(meter, "https://x", [1; 32]).told(5, &readings)
    };
    let mut contents = Contents { readers: vec![reading(&gas, 2_500_999, None)], ..Contents::default() };
    let expected = |contents: &Contents| expected_balances(contents).get(&gas).copied();
    assert_eq!(expected(&contents), Some(2_500));
    contents.orders = vec![
        order(1, "CLS0000000017", "sold", "captured"),
        order(2, "CLS0000000017", "delivered", "captured"),
        order(3, "CLS0000000017", "payment_unknown", "unknown"),
        order(4, "CLS0000000017", "refunded", "captured"),
        order(5, "CLS0000000028", "sold", "captured"),
    ];
    assert_eq!(expected(&contents), Some(4_500), "one that is paid, one that was loaded after the reading");
    contents.orders[1].receipts.insert(1, 7);
    assert_eq!(expected(&contents), Some(3_500), "the reading has it");
    contents.readers = vec![reading(&gas, -1, None)];
    contents.orders.clear();
    assert_eq!(expected(&contents), Some(-1));
    contents.readers = vec![reading(&gas, 2_500_999, Some("EUR")), StoredReader::new(&gas, "https://x", [1; 32])];
    assert_eq!(expected(&contents), None);
}
