//! What we noted of a provider against its statement: the other direction of [`super::provider`].

use super::provider::{Statement, currency};
use super::{Difference, HOUR_MS, Look, PAGE, note};
use crate::ledger::{Period, time};
use crate::money::{Amount, Money};
use crate::problem::Error;
use crate::provider::{EntryKind, PaymentProvider};
use crate::store::Row;
use crate::work::Work;
use std::collections::HashSet;

/// What we noted in this time and the statement does not have; gives how many rows were looked at.
pub(super) async fn compare(
    look: &Look,
    provider: &dyn PaymentProvider,
    period: Period,
    statement: &Statement,
    differences: &mut Vec<Difference>,
) -> Result<usize, Error> {
    let of = |kind| statement.entries.iter().filter(move |entry| entry.kind == kind);
    let receipts: HashSet<String> = of(EntryKind::Payment).map(|entry| entry.receipt.clone()).collect();
    let by_id: HashSet<String> = of(EntryKind::Refund).filter_map(|entry| entry.refund_id.clone()).collect();
    let without_id = of(EntryKind::Refund).filter(|entry| entry.refund_id.is_none());
    let by_payment: HashSet<(String, i64)> =
        without_id.filter_map(|entry| Some((entry.payment_id.clone()?, entry.amount.minor()))).collect();
    let states_refunds = provider.states_refunds();
    let provider = provider.name();
    let source = format!("provider:{provider}");
    let mut looked_at = 0;
    for is_refund in [false, true].into_iter().filter(|is_refund| !is_refund || states_refunds) {
        let mut after = (period.from_ms, String::new());
        loop {
            let (name, from) = (provider.to_owned(), after.clone());
            let page =
                look.store.read(move |tx| page(&mut Work::new(tx, 0), is_refund, &name, &from, period.to_ms)).await?;
            looked_at += page.len();
            // What may have happened before the statement begins is not missing in it.
            let stated = page.iter().filter(|row| row.earliest_ms - HOUR_MS >= statement.since_ms);
            let missing = stated.filter(|row| match is_refund {
                false => !receipts.contains(&row.id),
                true => {
                    let pair = (row.order_id.clone(), row.amount.0.minor());
                    !by_id.contains(&row.id) && !by_payment.contains(&pair)
                }
            });
            let found = missing.map(|row| row.missing(&source, provider, is_refund)).collect();
            note(look, found, differences).await?;
            match page.last() {
                Some(last) if page.len() == PAGE => after = (last.at_ms, last.id.clone()),
                _ => break,
            }
        }
    }
    Ok(looked_at)
}

/// A receipt or a refund of ours.
struct Noted {
    at_ms: i64,
    id: String,
    order_id: String,
    amount: Amount,
    /// It cannot have happened before.
    earliest_ms: i64,
}

impl Noted {
    fn missing(&self, source: &str, provider: &str, is_refund: bool) -> Difference {
        let (subject, cause) = match is_refund {
            false => (format!("{provider}/{}", self.id), "not_in_statement"),
            true => (self.id.clone(), "refund_not_in_statement"),
        };
        let ours = format!("{} at {} for order {}", self.amount.with_currency(), time(self.at_ms), self.order_id);
        Difference::new(source, subject, cause).ours(ours).of(self.amount)
    }
}

fn page(
    work: &mut Work<'_>,
    is_refund: bool,
    provider: &str,
    after: &(i64, String),
    to_ms: i64,
) -> Result<Vec<Noted>, Error> {
    let parameters = [provider.into(), after.0.into(), after.1.as_str().into(), to_ms.into(), (PAGE as i64).into()];
    let rows = match is_refund {
        false => work.query(
            "SELECT m.at_ms, m.receipt, m.order_id, m.amount, m.currency, COALESCE(o.created_ms, m.at_ms) FROM money_receipt m
             LEFT JOIN orders o ON o.order_id = m.order_id
             WHERE m.provider = $1 AND (m.at_ms > $2 OR (m.at_ms = $2 AND m.receipt > $3)) AND m.at_ms < $4
             ORDER BY m.at_ms, m.receipt LIMIT $5",
            &parameters,
        )?,
        true => work.query(
            "SELECT r.done_ms, r.refund_id, r.order_id, r.amount, r.currency, r.due_ms FROM refund r
             JOIN orders o ON o.order_id = r.order_id
             WHERE o.provider = $1 AND (r.done_ms > $2 OR (r.done_ms = $2 AND r.refund_id > $3)) AND r.done_ms < $4
             ORDER BY r.done_ms, r.refund_id LIMIT $5",
            &parameters,
        )?,
    };
    let read = |row: &Row| {
        Ok(Noted {
            at_ms: row.int(0)?,
            id: row.text(1)?.to_owned(),
            order_id: row.text(2)?.to_owned(),
            amount: Amount(Money::from_minor(row.int(3)?), currency(row, 4)?),
            earliest_ms: row.int(5)?,
        })
    };
    rows.iter().map(read).collect()
}
