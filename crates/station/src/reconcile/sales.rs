//! A sales system's sales against our sold lines.

use super::{Compared, Difference, HOUR_MS, Look, PAGE, note, slices};
use crate::ledger::{Period, time};
use crate::lifecycle::LineState;
use crate::money::{Amount, Currency, Money};
use crate::problem::Error;
use crate::sales::SaleEntry;
use crate::store::Row;
use crate::utilities::Utility;
use crate::work::Work;
use std::collections::HashMap;

pub(super) async fn compare(
    look: &Look,
    utility: &Utility,
    period: Period,
    differences: &mut Vec<Difference>,
) -> Result<Compared, Error> {
    let source = format!("utility:{}", utility.name);
    let name = utility.name.to_string();
    // What we heard of in this time may have been sold earlier, but not before it was paid.
    let asked = name.clone();
    let earliest = look.store.read(move |tx| earliest(&mut Work::new(tx, 0), &asked, period)).await?;
    let from_ms = earliest.unwrap_or(period.from_ms).min(period.from_ms) - HOUR_MS;
    let mut entries = Vec::new();
    for (from_ms, to_ms) in slices(from_ms, period.to_ms + HOUR_MS) {
        match utility.sales.sales(from_ms, to_ms).await {
            Ok(slice) => entries.extend(slice),
            Err(why) => return Ok(Compared::unread(&source, "unavailable", why)),
        }
    }
    let mut compared = Compared::new(&source);
    let within = entries.iter().filter(|entry| (period.from_ms..period.to_ms).contains(&entry.at_ms));
    let within: Vec<_> = within.cloned().collect();
    compared.theirs = within.len();
    for page in within.chunks(PAGE) {
        let (page, source, currency) = (page.to_vec(), source.clone(), utility.currency);
        let found = look.store.read(move |tx| {
            let mut work = Work::new(tx, 0);
            let judged = page.iter().map(|entry| theirs(&mut work, &source, currency, entry));
            judged.collect::<Result<Vec<_>, Error>>()
        });
        note(look, found.await?.into_iter().flatten().collect(), differences).await?;
    }
    let known: HashMap<String, SaleEntry> = entries.into_iter().map(|entry| (entry.sale_id.clone(), entry)).collect();
    let mut after = (period.from_ms, String::new());
    loop {
        let (name, from) = (name.clone(), after.clone());
        let page = look.store.read(move |tx| page(&mut Work::new(tx, 0), &name, &from, period.to_ms)).await?;
        compared.ours += page.len();
        let found = page.iter().filter_map(|line| ours(&source, line, known.get(&line.sale_id))).collect();
        note(look, found, differences).await?;
        match page.last() {
            Some(last) if page.len() == PAGE => after = (last.sold_ms, last.key.clone()),
            _ => break,
        }
    }
    Ok(compared)
}

/// A line of ours.
struct SoldLine {
    sold_ms: i64,
    /// Sorts lines that were sold in the same moment.
    key: String,
    sale_id: String,
    meter_id: String,
    amount: Amount,
    units: u64,
    state: LineState,
}

impl SoldLine {
    fn words(&self) -> String {
        let sold = if self.sold_ms == 0 { String::new() } else { format!(" sold at {}", time(self.sold_ms)) };
        let (units, meter, state) = (self.units, &self.meter_id, self.state.name());
        format!("{units} units for {} to {meter}{sold}, {state}", self.amount.with_currency())
    }
}

fn words(entry: &SaleEntry, currency: Currency) -> String {
    let reversed = if entry.reversed { ", taken back" } else { "" };
    let amount = Amount(entry.amount, currency).with_currency();
    format!("{} units for {amount} to {} at {}{reversed}", entry.units.get(), entry.meter_id, time(entry.at_ms))
}

fn earliest(work: &mut Work<'_>, utility: &str, period: Period) -> Result<Option<i64>, Error> {
    let row = work.query_first(
        "SELECT min(l.paid_ms) FROM movement m JOIN order_line l
         ON l.order_id = m.subject AND m.cause = 'line ' || CAST(l.line AS TEXT) || ' sold'
         WHERE m.at_ms >= $2 AND m.at_ms < $3 AND l.utility = $1",
        &[utility.into(), period.from_ms.into(), period.to_ms.into()],
    )?;
    Ok(row.map(|row| row.optional_int(0)).transpose()?.flatten())
}

fn page(work: &mut Work<'_>, utility: &str, after: &(i64, String), to_ms: i64) -> Result<Vec<SoldLine>, Error> {
    let rows = work.query(
        "SELECT m.at_ms, m.subject || '/' || m.cause, l.order_id, l.line, l.meter_id, l.amount, m.currency, l.units, l.state
         FROM movement m JOIN order_line l
         ON l.order_id = m.subject AND m.cause = 'line ' || CAST(l.line AS TEXT) || ' sold'
         WHERE m.at_ms >= $2 AND (m.at_ms > $2 OR m.subject || '/' || m.cause > $3) AND m.at_ms < $4 AND l.utility = $1
         ORDER BY m.at_ms, m.subject || '/' || m.cause LIMIT $5",
        &[utility.into(), after.0.into(), after.1.as_str().into(), to_ms.into(), (PAGE as i64).into()],
    )?;
    rows.iter().map(|row| read(row, row.int(0)?, row.text(1)?)).collect()
}

fn read(row: &Row, sold_ms: i64, key: &str) -> Result<SoldLine, Error> {
    let currency = Currency::from_code(row.text(6)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    Ok(SoldLine {
        sold_ms,
        key: key.to_owned(),
        sale_id: format!("{}/{}", row.text(2)?, row.int(3)?),
        meter_id: row.text(4)?.to_owned(),
        amount: Amount(Money::from_minor(row.int(5)?), currency),
        units: row.number(7)?,
        state: LineState::from_name(row.text(8)?).ok_or_else(|| Error::inconsistent("the state of a line"))?,
    })
}

/// Whether a line with this sale is still sold in our books.
fn is_sold(state: LineState) -> bool {
    matches!(
        state,
        LineState::Sold | LineState::Issued | LineState::Delivered | LineState::VoidPending | LineState::Voided
    )
}

/// What differs between a line that we sold and the sales system's sale of it.
fn ours(source: &str, line: &SoldLine, theirs: Option<&SaleEntry>) -> Option<Difference> {
    let differ = |cause, theirs: String| {
        Some(Difference::new(source, &line.sale_id, cause).ours(line.words()).theirs(theirs).of(line.amount))
    };
    match theirs {
        // Taken back: some sales systems forget such sales.
        None if !is_sold(line.state) => None,
        None => differ("sale_only_here", "nothing".to_owned()),
        Some(entry) => {
            let same =
                (entry.amount, entry.units.get(), &entry.meter_id) == (line.amount.0, line.units, &line.meter_id);
            let theirs = words(entry, line.amount.1);
            match (same, entry.reversed) {
                (false, _) => differ("sale_other_content", theirs),
                // A sale that is being taken back this moment may be taken back there already.
                (true, true) if is_sold(line.state) && line.state != LineState::Voided => {
                    differ("sale_reversed_there", theirs)
                }
                (true, false) if matches!(line.state, LineState::SaleReversed | LineState::Refunded) => {
                    differ("sale_not_reversed_there", theirs)
                }
                _ => None,
            }
        }
    }
}

/// A sale of theirs that we have not sold.
fn theirs(
    work: &mut Work<'_>,
    source: &str,
    currency: Currency,
    entry: &SaleEntry,
) -> Result<Option<Difference>, Error> {
    if entry.reversed {
        return Ok(None);
    }
    let (order, line) = entry.sale_id.split_once('/').unwrap_or((&entry.sale_id, ""));
    let row = work.query_first(
        "SELECT 0, '', l.order_id, l.line, l.meter_id, l.amount, o.currency, l.units, l.state FROM order_line l
         JOIN orders o ON o.order_id = l.order_id WHERE l.order_id = $1 AND CAST(l.line AS TEXT) = $2",
        &[order.into(), line.into()],
    )?;
    let known = row.as_ref().map(|row| read(row, 0, "")).transpose()?;
    let ours = match known {
        // Compared from our side, or on its way, or before a person already.
        Some(line)
            if is_sold(line.state)
                || matches!(
                    line.state,
                    LineState::Paid | LineState::SaleUnknown | LineState::SaleReversed | LineState::Exception
                ) =>
        {
            return Ok(None);
        }
        Some(line) if line.state == LineState::Refunded && was_sold(work, &line)? => return Ok(None),
        Some(line) => line.words(),
        None => "no such line".to_owned(),
    };
    let amount = Amount(entry.amount, currency);
    let difference = Difference::new(source, &entry.sale_id, "sale_only_there").ours(ours);
    Ok(Some(difference.theirs(words(entry, currency)).of(amount)))
}

fn was_sold(work: &mut Work<'_>, line: &SoldLine) -> Result<bool, Error> {
    let (order, number) = line.sale_id.split_once('/').unwrap_or_default();
    let row = work.query_first(
        "SELECT cause FROM movement WHERE subject = $1 AND cause = $2",
        &[order.into(), format!("line {number} sold").into()],
    )?;
    Ok(row.is_some())
}
