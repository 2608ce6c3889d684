//! What a station makes of a signer's answers.

use crate::support::*;
use coinless_station::issue;
use coinless_station::meters;
use coinless_station::records::{DeliveryRecord, HexKey};
use coinless_station::show;
use coinless_station::signer::SignError;
use coinless_station::store::SqliteTx;
use coinless_station::tasks::{Kind, Task};
use coinless_station::work::Work;

#[test]
fn only_what_a_person_can_help_with_is_shown_and_all_is_tried_again() {
    let mut tx = SqliteTx::in_memory().unwrap();
    let id = meter(1);
    let record = DeliveryRecord {
        id: id.as_str().to_owned(),
        label: id.label().to_string(),
        commodity: "gas".to_owned(),
        public_key: HexKey(meter_key()),
        initial_units: 0,
        max_credit_units: 500_000,
        customer: None,
        place: None,
        money: None,
    };
    let task = Task { kind: Kind::Sign, subject: format!("{}/0/1", id.as_str()), attempts: 0 };
    tx.apply(|tx| {
        let mut work = Work::new(tx, START_MS);
        meters::enrol(&mut work, &record, &utility())?;
        Ok::<_, coinless_station::problem::Error>(work.queue(Kind::Sign, task.subject.clone())?)
    })
    .unwrap();
    let words = || "why it did not".to_owned();
    let answers = [
        (SignError::Unavailable(words()), 0),
        (SignError::OverQuota { until_ms: None, words: words() }, 1),
        (SignError::Refused(words()), 1),
    ];
    for (n, (answer, shown)) in answers.into_iter().enumerate() {
        tx.apply(|tx| {
            let mut work = Work::new(tx, START_MS);
            issue::signed(&mut work, &task, &Err(answer.clone()))?;
            assert!(work.after.later, "it should be tried again after {answer:?}");
            let attempts = work.query_first("SELECT attempts, due_ms FROM outbox WHERE task = 'sign'", &[])?.unwrap();
            assert_eq!(attempts.int(0)?, n as i64 + 1);
            assert!(attempts.int(1)? > START_MS);
            let exceptions = show::exceptions(&mut work)?;
            assert_eq!(exceptions.len(), shown, "{answer:?}");
            assert!(exceptions.iter().all(|one| one.cause == "signer_refused" && one.detail == words()));
            Ok::<_, coinless_station::problem::Error>(())
        })
        .unwrap();
    }
}
