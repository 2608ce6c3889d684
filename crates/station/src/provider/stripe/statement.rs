//! The statement: balance transactions (*Balance transactions*, *Reporting categories and types*).
//!
//! | balance transaction | entry |
//! |---|---|
//! | `charge`, `payment` | payment; the charge is the receipt |
//! | `refund`, `payment_refund` with our id | refund |
//! | the same without our id; a dispute; money that did not come after all | taken back |
//! | `stripe_fee` and the like, and the `fee` of any other | fee, with the balance transaction as its receipt |
//! | payouts, top-ups, transfers and reserves | none: our own money on its way |
//! | anything else that gives or takes | payment or taken back: no movement is hidden |
//!
//! Of an account that others share, what leads to a charge without our id is left out, with its fee.

use super::api::{Failure, Form};
use super::objects::{BalanceTransaction, Charge, Expandable, Source, id};
use super::{PAYMENT_ID, REFUND_ID, Stripe, amounts};
use crate::provider::{EntryKind, MAX_STATEMENT_ENTRIES, StatementEntry, StatementError};
use std::collections::HashMap;

/// Money of our own that moves between Stripe and our bank, or is set apart.
const OUR_OWN: [&str; 14] = [
    "payout",
    "payout_cancel",
    "payout_failure",
    "topup",
    "topup_reversal",
    "transfer",
    "transfer_cancel",
    "transfer_failure",
    "reserve_transaction",
    "reserved_funds",
    "payout_minimum_balance_hold",
    "payout_minimum_balance_release",
    "payment_network_reserve_hold",
    "payment_network_reserve_release",
];
const FEES: [&str; 5] = ["stripe_fee", "stripe_fx_fee", "tax_fee", "network_cost", "application_fee"];

impl Stripe {
    pub(super) async fn read_statement(&self, from_ms: i64, to_ms: i64) -> Result<Vec<StatementEntry>, StatementError> {
        let query: Form = vec![
            ("created[gte]", seconds_from(from_ms).to_string()),
            ("created[lt]", seconds_from(to_ms).to_string()),
            ("expand[]", "data.source".to_owned()),
        ];
        let unavailable = |failure: Failure| StatementError::Unavailable(failure.why());
        let moved = self.api.list("balance_transactions", &query, MAX_STATEMENT_ENTRIES).await.map_err(unavailable)?;
        let mut entries = Vec::new();
        let mut payments = HashMap::new();
        for transaction in moved {
            let payment_id = self.payment_of(&transaction, &mut payments).await.map_err(unavailable)?;
            if self.is_shared && payment_id.is_none() && is_of_a_charge(&transaction) {
                continue;
            }
            entries.extend(read(&transaction, payment_id).map_err(|why| StatementError::Unavailable(why.to_owned()))?);
        }
        if entries.len() > MAX_STATEMENT_ENTRIES {
            return Err(StatementError::Unavailable("it is too long: ask for a shorter time".to_owned()));
        }
        Ok(entries)
    }

    /// Our payment that a movement belongs to. A charge and our own refunds carry its id; a dispute and a refund by hand lead to
    /// their charge.
    async fn payment_of(
        &self,
        transaction: &BalanceTransaction,
        known: &mut HashMap<String, Option<String>>,
    ) -> Result<Option<String>, Failure> {
        let Some(source) = source(transaction) else { return Ok(None) };
        if let Some(payment) = source.metadata.value(PAYMENT_ID) {
            return Ok(Some(payment.to_owned()));
        }
        let Some(charge) = source.charge.as_deref().and_then(|charge| id(charge, "")) else { return Ok(None) };
        if let Some(payment) = known.get(charge) {
            return Ok(payment.clone());
        }
        let payment = match self.api.get::<Charge>(&format!("charges/{charge}"), &Form::new()).await {
            Ok(charge) => charge.metadata.value(PAYMENT_ID).map(str::to_owned),
            Err(Failure::NotFound) => None,
            Err(failure) => return Err(failure),
        };
        known.insert(charge.to_owned(), payment.clone());
        Ok(payment)
    }
}

/// Whether a movement is a charge or comes from one. Of a charge of ours Stripe has our id: the others are somebody else's.
fn is_of_a_charge(transaction: &BalanceTransaction) -> bool {
    source(transaction).is_some_and(|source| source.charge.is_some() || source.object == "charge")
}

/// The first whole second that is not before `ms`: a movement of second `s` is at `s` × 1000 ms.
fn seconds_from(ms: i64) -> i64 {
    ms.div_euclid(1000) + i64::from(ms.rem_euclid(1000) > 0)
}

fn source(transaction: &BalanceTransaction) -> Option<&Source> {
    match &transaction.source {
        Some(Expandable::Object(source)) => Some(source),
        _ => None,
    }
}

fn read(transaction: &BalanceTransaction, payment_id: Option<String>) -> Result<Vec<StatementEntry>, &'static str> {
    let source = source(transaction);
    let kind = transaction.kind.as_str();
    let refund_id = source.and_then(|source| source.metadata.value(REFUND_ID)).map(str::to_owned);
    // In the currency that was charged; Stripe's balance may be in another one.
    let charged = source.and_then(|source| Some((source.amount?, source.currency.as_deref()?)));
    let balance = (transaction.amount, transaction.currency.as_str());
    let own = (source.map_or(transaction.id.as_str(), |source| source.id.as_str()), charged.unwrap_or(balance));
    // A movement that is not the first of its source, and so has its own receipt.
    let further = (transaction.id.as_str(), charged.unwrap_or(balance));
    let takes = transaction.amount < 0;
    let dispute = source.is_some_and(|source| source.object == "dispute");
    let (kind, (receipt, money)) = match kind {
        kind if OUR_OWN.contains(&kind) => return Ok(Vec::new()),
        kind if FEES.contains(&kind) && takes => (EntryKind::Fee, (transaction.id.as_str(), balance)),
        "charge" | "payment" if !takes => (EntryKind::Payment, own),
        "refund" | "payment_refund" if takes && refund_id.is_some() => (EntryKind::Refund, own),
        "refund" | "payment_refund" if takes => (EntryKind::TakenBack, own),
        _ if dispute && takes => (EntryKind::TakenBack, own),
        // A dispute that was won, a refund that failed: money that came, without being asked for.
        _ if dispute || kind == "refund_failure" => (EntryKind::Payment, further),
        _ if takes => (EntryKind::TakenBack, (transaction.id.as_str(), balance)),
        _ => (EntryKind::Payment, (transaction.id.as_str(), balance)),
    };
    let entry = |kind, receipt: &str, (amount, code): (i64, &str)| -> Result<StatementEntry, &'static str> {
        let amount = amount.checked_abs().and_then(|amount| amounts::from_stripe(code, amount));
        let (amount, currency) = amount.ok_or("the statement names a sum that is none")?;
        let (payment_id, refund_id) = (payment_id.clone(), refund_id.clone());
        let at_ms = transaction.created.checked_mul(1000).ok_or("the statement names a time that is none")?;
        let receipt = receipt.to_owned();
        Ok(StatementEntry { kind, receipt, payment_id, refund_id, account: None, amount, currency, at_ms })
    };
    let mut entries = Vec::new();
    if money.0 != 0 {
        entries.push(entry(kind, receipt, money)?);
    }
    if transaction.fee != 0 {
        // A fee that is given back is money that came.
        let kind = if transaction.fee > 0 { EntryKind::Fee } else { EntryKind::Payment };
        let receipt = format!("{}-fee", transaction.id);
        entries.push(entry(kind, &receipt, (transaction.fee, &transaction.currency))?);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_movement_is_in_one_statement_only() {
        assert_eq!([seconds_from(1000), seconds_from(1001), seconds_from(1999), seconds_from(2000)], [1, 2, 2, 2]);
    }
}
