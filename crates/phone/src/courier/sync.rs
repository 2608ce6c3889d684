//! Bringing receipts to the station, and what that allows to delete.

use super::{entitled, meter, orders};
use crate::Error;
use crate::api::{self, ApiError};
use crate::io::Station;
use crate::records::{MeterKey, ReceiptKey, StoredOrder, StoredReceipt, StoredToken, StoredVisit, TokenKey};
use crate::store::{Contents, Damaged, Store};
use crate::wire::PaymentState;
use coinless_protocol::receipt::Decision;

/// What a sync has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// The receipts that the station has taken.
    pub uploaded: Vec<ReceiptKey>,
    /// The meters whose reports the station has taken.
    pub reports: Vec<MeterKey>,
    /// The orders that were not finished or whose end the payer was not shown, as they stand.
    pub orders: Vec<StoredOrder>,
    /// Tokens that are new on this phone.
    pub new_tokens: Vec<TokenKey>,
    /// Tokens that no one needs any more.
    pub deleted: Vec<TokenKey>,
    /// What did not work. It stays in the store, and the same again is right.
    pub problems: Vec<Problem>,
    /// Problems that the station has taken.
    pub problems_taken: Vec<uuid::Uuid>,
    /// What in the store cannot be read.
    pub damaged: Vec<Damaged>,
}

/// Something that a sync could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{about}: {error}")]
pub struct Problem {
    /// What it is about.
    pub about: String,
    /// Why it did not work.
    pub error: Error,
}

impl SyncReport {
    /// Notes a problem; says whether the station is out of reach, so that there is no use in going on.
    fn note(&mut self, about: String, error: Error) -> bool {
        let unreachable = matches!(error, Error::Station(ApiError::NoAnswer(_)));
        self.problems.push(Problem { about, error });
        unreachable
    }
}

/// Brings the station at `url` the receipts that it has not acknowledged, goes on with every order that is not finished (those
/// too that the station never answered; it pays only what the payer agreed to), stores new tokens, and deletes the tokens that
/// no one needs any more.
///
/// # Errors
/// [`Error::Store`]; everything else is in the report.
pub async fn sync<S: Store, N: Station>(store: &mut S, station: &mut N, url: &str) -> Result<SyncReport, Error> {
    let contents = store.load().await?;
    let mut report = SyncReport { damaged: contents.damaged, ..SyncReport::default() };
    let mut reachable = true;
    for receipt in contents.receipts.iter().filter(|receipt| receipt.station == url && !receipt.acknowledged) {
        match meter::upload(store, station, receipt).await {
            Ok(()) => report.uploaded.push(receipt.key),
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => reachable = !report.note(format!("receipt {}", receipt.key), error),
        }
        if !reachable {
            break;
        }
    }
    if reachable {
        reachable = bring_reports(store, station, url, &contents.visits, &mut report).await?;
    }
    if reachable {
        let (taken, wrong) = entitled::bring_problems(store, station, url, &contents.problems).await?;
        report.problems_taken = taken;
        for (id, error) in wrong {
            reachable &= !report.note(format!("reported problem {id}"), error);
        }
    }
    let forgotten_since_ms = if reachable { forgotten_since(station, &mut report, &mut reachable).await } else { None };
    let mut known: Vec<_> = contents.orders.into_iter().filter(|order| order.station == url).collect();
    let was_paid =
        |order: &StoredOrder| order.view.as_ref().is_some_and(|view| view.payment.state != PaymentState::None);
    let since = |order: &StoredOrder| forgotten_since_ms.is_some_and(|since_ms| made_ms(order) >= since_ms);
    for order in known.iter_mut().filter(|order| !order.is_open() && was_paid(order) && since(order)) {
        match orders::bring_back(store, station, order).await {
            Ok(new) => report.new_tokens.extend(new),
            Err(error @ Error::Store(_)) => return Err(error),
            // It does not miss this one.
            Err(_) => {}
        }
    }
    for mut order in known.into_iter().filter(|order| order.is_open() || !order.told) {
        if reachable && order.is_open() {
            // As it is now: somebody may have followed it meanwhile.
            if let Some(now) = store.load().await?.order(order.id) {
                order.clone_from(now);
            }
            match orders::advance(store, station, &mut order).await {
                Ok(new) => report.new_tokens.extend(new),
                Err(error @ Error::Store(_)) => return Err(error),
                Err(error) => reachable = !report.note(format!("order {}", order.id), error),
            }
        }
        report.orders.push(order);
    }
    clean_up(store, &mut report).await?;
    Ok(report)
}

/// Brings the station its meters' reports; says whether it is in reach. What it refuses is dropped, since the next report counts
/// everything again.
async fn bring_reports<S: Store, N: Station>(
    store: &mut S,
    station: &mut N,
    url: &str,
    visits: &[StoredVisit],
    report: &mut SyncReport,
) -> Result<bool, Error> {
    for visit in visits.iter().filter(|visit| visit.station == url) {
        let Some(kept) = &visit.report else { continue };
        match api::report(station, &kept.bytes).await {
            Ok(taken) if taken.meter == visit.key.meter.as_str() => report.reports.push(visit.key),
            Ok(_) => {
                let error = Error::StationAnswer("it has taken another report".into());
                report.note(format!("report {} of {}", kept.number, visit.key.meter), error);
                continue;
            }
            Err(error) if error.is_unknown_question() => return Ok(true),
            Err(error @ ApiError::Refused(_)) => {
                report.note(format!("report {} of {}", kept.number, visit.key.meter), error.into());
            }
            Err(error) => {
                let unreachable = report.note(format!("report {} of {}", kept.number, visit.key.meter), error.into());
                if unreachable {
                    return Ok(false);
                }
                continue;
            }
        }
        store.save_visit(&StoredVisit { report: None, ..visit.clone() }).await?;
    }
    Ok(true)
}

/// Since when the station may have forgotten orders, if it was restored from a backup.
async fn forgotten_since<N: Station>(station: &mut N, report: &mut SyncReport, reachable: &mut bool) -> Option<i64> {
    match api::recovery(station).await {
        Ok(recovery) => recovery.orders_since_ms,
        // A station that does not know the question is never in this state.
        Err(ApiError::Refused(_)) => None,
        // What keeps it from answering keeps it from more, which is noted then.
        Err(ApiError::Unclear { .. } | ApiError::Recovering) => None,
        Err(error) => {
            *reachable = !report.note("the station".to_owned(), error.into());
            None
        }
    }
}

/// When the order was made, by its id (RFC 9562 §5.7), in milliseconds since 1970-01-01 UTC.
fn made_ms(order: &StoredOrder) -> i64 {
    let made = order.id.get_timestamp().map(|made| made.to_unix());
    made.map_or(i64::MAX, |(seconds, nanos)| {
        i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000).saturating_add(i64::from(nanos) / 1_000_000)
    })
}

/// Deletes tokens that no one needs any more, and then receipts that say nothing that a newer one does not say.
async fn clean_up<S: Store>(store: &mut S, report: &mut SyncReport) -> Result<(), Error> {
    let mut contents = store.load().await?;
    let current = contents.current_tokens();
    let may_go = |token: &&StoredToken| may_be_deleted(token, current.contains(&token.key), &contents);
    let mut deleted: Vec<TokenKey> = contents.tokens.iter().filter(may_go).map(|token| token.key).collect();
    // Old valve commands and clocks go before the newer ones whose answers settle them.
    deleted.sort_by_key(|token| (token.numbers.valve, token.numbers.clock));
    for token in deleted {
        store.remove_token(&token).await?;
        contents.tokens.retain(|kept| kept.key != token);
        report.deleted.push(token);
    }
    for receipt in contents.receipts.iter().filter(|receipt| is_past(receipt, &contents)) {
        store.remove_receipt(&receipt.key).await?;
    }
    Ok(())
}

/// A token may go when the station has acknowledged a receipt of the same meter and key that settles it.
///
/// One more case: what is refused for good, as a void that found its line loaded, and no receipt covers it before the next purchase.
/// It may go when the station has acknowledged the receipt that says so and wants it carried no longer.
fn may_be_deleted(token: &StoredToken, is_current: bool, contents: &Contents) -> bool {
    let acknowledged = |receipt: &&StoredReceipt| receipt.acknowledged && receipt.station == token.station;
    let orders_readable = !contents.damaged.iter().any(|damaged| damaged.may_be_order);
    let not_wanted = orders_readable && !is_current;
    contents.settling(token).any(|receipt| acknowledged(&receipt))
        || (not_wanted && contents.receipts.iter().filter(acknowledged).any(|receipt| refuses_for_good(receipt, token)))
}

fn refuses_for_good(receipt: &StoredReceipt, token: &StoredToken) -> bool {
    use Decision::{BadContent, Closed, InRefusedRange, TotalWouldFall};
    let (outcome, key) = (receipt.receipt.outcome, &token.key);
    let about_it =
        if key.has_credit() { outcome.token == key.numbers.credit } else { token.answered == Some(receipt.key.number) };
    receipt.is_of_meter(key)
        && about_it
        && receipt.receipt.registers.epoch == key.epoch
        && matches!(outcome.decision, InRefusedRange | TotalWouldFall | Closed | BadContent)
}

/// The station has it and a newer one of the same meter, and no token waits for it.
fn is_past(receipt: &StoredReceipt, contents: &Contents) -> bool {
    let key = receipt.key;
    let newer = contents.receipts.iter().any(|other| {
        (other.key.meter, other.key.meter_key) == (key.meter, key.meter_key)
            && other.key.number > key.number
            && other.acknowledged
    });
    receipt.acknowledged && newer && !contents.tokens.iter().any(|token| receipt.is_of_meter(&token.key))
}
