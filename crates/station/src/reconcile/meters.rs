//! Meters' receipts against what was signed, and reports on meters.

use super::{Compared, Difference, Look, PAGE, note};
use crate::ledger::time;
use crate::meters::{stored_commodity, stored_currency, stored_id};
use crate::problem::Error;
use crate::store::Row;
use crate::terms::CreditWords;
use crate::work::Work;
use coinless_protocol::FineCredit;
use serde::Serialize;

/// Compares every meter's newest receipt with the token that was signed under its number. Meters of which a restore has
/// forgotten what was signed are left out.
pub(super) async fn compare(look: &Look, differences: &mut Vec<Difference>) -> Result<Compared, Error> {
    let mut compared = Compared::new("meters");
    let mut after = String::new();
    loop {
        let from = after.clone();
        let page = look.store.read(move |tx| page(&mut Work::new(tx, 0), &from)).await?;
        compared.ours += page.len();
        let found = page.iter().filter_map(SeenMeter::difference).collect();
        note(look, found, differences).await?;
        match page.last() {
            Some(last) if page.len() == PAGE => after.clone_from(&last.meter),
            _ => break,
        }
    }
    Ok(compared)
}

/// A meter with what its newest receipt says and what was signed.
struct SeenMeter {
    meter: String,
    receipt: i64,
    number: i64,
    total: i64,
    signed: Option<i64>,
    last_number: i64,
}

impl SeenMeter {
    fn difference(&self) -> Option<Difference> {
        let signed = if self.number == 0 { Some(0) } else { self.signed };
        if signed == Some(self.total) && self.number <= self.last_number {
            return None;
        }
        let ours = match signed {
            Some(total) => {
                format!("number {} signed with total {total}, the last is {}", self.number, self.last_number)
            }
            None => format!("number {} was never signed, the last is {}", self.number, self.last_number),
        };
        let theirs = format!("number {} with total {} (receipt {})", self.number, self.total, self.receipt);
        let subject = format!("{}/receipt/{}", self.meter, self.receipt);
        Some(Difference::new("meters", subject, "register_differs").ours(ours).theirs(theirs))
    }
}

fn page(work: &mut Work<'_>, after: &str) -> Result<Vec<SeenMeter>, Error> {
    let rows = work.query(
        "SELECT m.meter_id, m.receipt_number, m.receipt_credit, m.receipt_total, t.total,
                CASE WHEN m.receipt_epoch = m.epoch THEN m.last_number ELSE m.receipt_credit END FROM meter m
         LEFT JOIN token t ON t.meter_id = m.meter_id AND t.epoch = m.receipt_epoch AND t.number = m.receipt_credit
         WHERE m.meter_id > $1 AND m.receipt_number IS NOT NULL AND m.recovering_since_ms IS NULL
         AND (m.receipt_epoch = m.epoch OR m.origin_unknown = 0)
         AND (m.receipt_epoch = 0 OR m.receipt_credit > 0)
         AND (m.gap_first IS NULL OR m.receipt_credit < m.gap_first OR m.receipt_credit > m.gap_last)
         ORDER BY m.meter_id LIMIT $2",
        &[after.into(), (PAGE as i64).into()],
    )?;
    let read = |row: &Row| {
        Ok(SeenMeter {
            meter: row.text(0)?.to_owned(),
            receipt: row.int(1)?,
            number: row.int(2)?,
            total: row.int(3)?,
            signed: row.optional_int(4)?,
            last_number: row.int(5)?,
        })
    };
    rows.iter().map(read).collect()
}

/// A meter that has not been heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SilentMeter {
    /// Its label.
    pub meter: String,
    /// Its utility.
    pub utility: String,
    /// How many lines no receipt has settled.
    pub open_lines: u64,
    /// Their units.
    pub open_units: u64,
    /// When its newest receipt came in.
    pub heard: Option<String>,
    /// When the oldest of the open lines was paid.
    pub waiting_since: Option<String>,
}

/// Meters that were enrolled before `before_ms` and of which no receipt has come since; first those that credit is on its way to,
/// whichever waits longest.
///
/// # Errors
/// When the database fails.
pub fn silent(work: &mut Work<'_>, before_ms: i64) -> Result<Vec<SilentMeter>, Error> {
    let rows = work.query(
        "SELECT m.meter_id, m.utility, count(l.order_id), CAST(COALESCE(sum(l.units), 0) AS BIGINT), min(o.paid_ms),
                (SELECT max(r.received_ms) FROM receipt r WHERE r.meter_id = m.meter_id)
         FROM meter m LEFT JOIN meter_line l ON l.meter_id = m.meter_id AND l.state IN ('issued', 'void_pending')
         LEFT JOIN order_line o ON o.order_id = l.order_id AND o.line = l.line
         WHERE m.retired_ms IS NULL AND m.enrolled_ms < $1
         AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.meter_id = m.meter_id AND r.received_ms >= $1)
         GROUP BY m.meter_id, m.utility
         ORDER BY CASE WHEN count(l.order_id) > 0 THEN 0 ELSE 1 END, min(o.paid_ms), m.meter_id",
        &[before_ms.into()],
    )?;
    let read = |row: &Row| {
        Ok(SilentMeter {
            meter: stored_id(row.text(0)?)?.label().to_string(),
            utility: row.text(1)?.to_owned(),
            open_lines: row.number(2)?,
            open_units: row.number(3)?,
            waiting_since: row.optional_int(4)?.map(time),
            heard: row.optional_int(5)?.map(time),
        })
    };
    rows.iter().map(read).collect()
}

/// What was sold to a meter, what it has loaded and what was consumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credit {
    /// Its label.
    pub meter: String,
    /// What it measures.
    pub commodity: &'static str,
    /// Its utility.
    pub utility: String,
    /// Credit units of all live lines.
    pub sold_units: u64,
    /// Credit units that its newest receipt shows as loaded; none if there was no receipt.
    pub loaded_units: Option<u64>,
    /// Sold and not seen loaded.
    pub on_its_way_units: u64,
    /// What was consumed since it was made, in thousandths of a credit unit.
    pub consumed_fine: Option<i64>,
    /// The same for people.
    pub consumed: Option<String>,
    /// What is left, for people.
    pub balance: Option<String>,
    /// When its newest receipt came in.
    pub heard: Option<String>,
}

/// Sold against loaded against consumed for up to `most` meters after the identity `after`, in the order of their identities.
///
/// # Errors
/// When the database fails.
pub fn credit(work: &mut Work<'_>, after: &str, most: i64) -> Result<Vec<Credit>, Error> {
    let rows = work.query(
        "SELECT m.meter_id, m.commodity, m.utility, m.live_total, m.receipt_total, m.receipt_balance, r.consumed, r.received_ms,
                m.currency
         FROM meter m LEFT JOIN receipt r ON r.meter_id = m.meter_id AND r.number = m.receipt_number
         WHERE m.meter_id > $1 ORDER BY m.meter_id LIMIT $2",
        &[after.into(), most.into()],
    )?;
    let read = |row: &Row| {
        let commodity = stored_commodity(row, 1)?;
        let words = CreditWords { commodity, currency: stored_currency(row, 8)? };
        let shown = |fine: Option<i64>| fine.map(|fine| words.show(FineCredit(fine)));
        let sold: u64 = row.number(3)?;
        let loaded = row.optional_int(4)?.map(|_| row.number::<u64>(4)).transpose()?;
        let consumed = row.optional_int(6)?;
        Ok(Credit {
            meter: stored_id(row.text(0)?)?.label().to_string(),
            commodity: commodity.name(),
            utility: row.text(2)?.to_owned(),
            sold_units: sold,
            loaded_units: loaded,
            on_its_way_units: sold.saturating_sub(loaded.unwrap_or(0)),
            consumed_fine: consumed,
            consumed: shown(consumed),
            balance: shown(row.optional_int(5)?),
            heard: row.optional_int(7)?.map(time),
        })
    };
    rows.iter().map(read).collect()
}
