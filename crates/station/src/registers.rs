//! Credit registers: which order lines each signed number counts, and what a receipt settles (DESIGN §2).
//!
//! Every number that is signed counts the *live* lines of its meter. A line is counted from `first_number` on; a void ends
//! that with `last_number`, and every later token must be refused by a meter that stands in `first_number..=last_number`,
//! until a receipt shows on which side the meter is. Several unsettled voids share the hull of their ranges: a meter inside
//! the hull that is in none of them refuses too, answers with a receipt, and gets a new token with the range that is left.

use crate::meters::{self, Meter, stored_units};
use crate::problem::Error;
use crate::tasks::Kind;
use crate::work::Work;
use coinless_protocol::token::{Conditions, Needs, Order, RefusedRange, Token};
use coinless_protocol::{CreditNumber, MeterId, Register, Units};

/// What a receipt settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The order.
    pub order_id: String,
    /// The line in it.
    pub line: u32,
    /// How it ended.
    pub end: LineEnd,
}

/// How a line of a meter ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// The meter has it.
    Delivered,
    /// The meter can never load it.
    Voided,
}

/// Counts a sold line from the next number on, and commits that number's token.
///
/// # Errors
/// When the database fails or the line is counted already.
pub fn count(work: &mut Work<'_>, meter_id: MeterId, order_id: &str, line: u32, units: Units) -> Result<(), Error> {
    let meter = meters::find(work, meter_id)?;
    let live = meter.live_total.checked_add(units).ok_or_else(|| Error::inconsistent("a total over 10^15"))?;
    work.execute_one(
        "counting a line",
        "INSERT INTO meter_line (meter_id, order_id, line, units, state, epoch, first_number)
         VALUES ($1, $2, $3, $4, 'issued', $5, $6)",
        &[
            meter_id.as_str().into(),
            order_id.into(),
            line.into(),
            (units.get() as i64).into(),
            i64::from(meter.epoch.0).into(),
            (meter.last_number.0 + 1).into(),
        ],
    )?;
    commit_next(work, &meter, live)
}

/// Leaves an issued line out from the next number on, and commits that number's token with the refused range.
///
/// # Errors
/// When the database fails or the line is not issued.
pub fn leave_out(work: &mut Work<'_>, meter_id: MeterId, order_id: &str, line: u32) -> Result<(), Error> {
    let meter = meters::find(work, meter_id)?;
    let rows = work.query(
        "UPDATE meter_line SET state = 'void_pending', last_number = $4
         WHERE meter_id = $1 AND order_id = $2 AND line = $3 AND state = 'issued' RETURNING units",
        &[meter_id.as_str().into(), order_id.into(), line.into(), meter.last_number.0.into()],
    )?;
    let row = rows.first().ok_or_else(|| Error::inconsistent("a void of a line that is not issued"))?;
    let live = meter.live_total.checked_sub(stored_units(row, 0)?);
    commit_next(work, &meter, live.ok_or_else(|| Error::inconsistent("a negative total"))?)
}

/// Settles lines by a receipt that shows the meter at `number`, in any order, late or repeated; then commits a new token if the
/// newest one would be refused by the meter where it stands.
///
/// # Errors
/// When the database fails.
pub fn settle(work: &mut Work<'_>, meter_id: MeterId, number: CreditNumber) -> Result<Vec<Settled>, Error> {
    let mut settled = Vec::new();
    for open in open_lines(work, meter_id)? {
        let Some(end) = open.end_at(number) else { continue };
        let state = if end == LineEnd::Delivered { "delivered" } else { "voided" };
        work.execute_one(
            "settling a line",
            "UPDATE meter_line SET state = $4 WHERE meter_id = $1 AND order_id = $2 AND line = $3",
            &[meter_id.as_str().into(), open.order_id.as_str().into(), open.line.into(), state.into()],
        )?;
        let units = open.units.get() as i64;
        // A line that was voided and is found loaded is counted again.
        let counted_again = if end == LineEnd::Delivered && open.last.is_some() { units } else { 0 };
        work.execute_one(
            "releasing a reservation",
            "UPDATE meter SET reserved_units = reserved_units - $2, live_total = live_total + $3 WHERE meter_id = $1",
            &[meter_id.as_str().into(), units.into(), counted_again.into()],
        )?;
        settled.push(Settled { order_id: open.order_id, line: open.line, end });
    }
    replace_refused(work, meter_id)?;
    Ok(settled)
}

/// If lines are open and the meter, where it was last seen, would refuse the newest token, commits a new one.
fn replace_refused(work: &mut Work<'_>, meter_id: MeterId) -> Result<(), Error> {
    let meter = meters::find(work, meter_id)?;
    let Some(seen) = meter.newest_receipt else { return Ok(()) };
    if seen.credit >= meter.last_number || open_lines(work, meter_id)?.is_empty() {
        return Ok(());
    }
    let row = work.query_first(
        "SELECT total, refused_first, refused_last FROM token WHERE meter_id = $1 AND epoch = $2 AND number = $3",
        &[meter_id.as_str().into(), i64::from(meter.epoch.0).into(), meter.last_number.0.into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent("the newest token is missing"))?;
    let in_range = match (row.optional_int(1)?, row.optional_int(2)?) {
        (Some(first), Some(last)) => (first..=last).contains(&i64::from(seen.credit.0)),
        _ => false,
    };
    let refused = in_range || stored_units(&row, 0)? < seen.total;
    if refused { commit_next(work, &meter, meter.live_total) } else { Ok(()) }
}

/// Commits number and content of the meter's next token; it is signed by a task of its own.
fn commit_next(work: &mut Work<'_>, meter: &Meter, live: Units) -> Result<(), Error> {
    let number = CreditNumber(meter.last_number.0 + 1);
    let ranges = open_lines(work, meter.id)?.into_iter().filter_map(|open| RefusedRange::new(open.first, open.last?));
    let refused = ranges.reduce(RefusedRange::hull);
    let token = Token {
        meter: meter.id,
        meter_key: meter.key.hash().hint(),
        epoch: meter.epoch,
        order: Order::Credit {
            register: Register { number, total: live },
            conditions: Conditions { refused, needs: Needs::default() },
        },
    };
    let payload = token.to_payload().map_err(|error| Error::inconsistent(error.to_string()))?;
    let id = meter.id.as_str();
    work.execute_one(
        "using a number",
        "UPDATE meter SET last_number = $2, live_total = $3 WHERE meter_id = $1 AND last_number = $4",
        &[id.into(), number.0.into(), (live.get() as i64).into(), meter.last_number.0.into()],
    )?;
    work.execute_one(
        "committing a token",
        "INSERT INTO token (meter_id, epoch, number, total, refused_first, refused_last, payload)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            id.into(),
            i64::from(meter.epoch.0).into(),
            number.0.into(),
            (live.get() as i64).into(),
            refused.map(|range| range.first().0).into(),
            refused.map(|range| range.last().0).into(),
            payload.as_slice().into(),
        ],
    )?;
    Ok(work.queue(Kind::Sign, format!("{id}/{}/{}", meter.epoch.0, number.0))?)
}

/// A line of a meter that no receipt has settled.
#[derive(Debug)]
struct OpenLine {
    order_id: String,
    line: u32,
    units: Units,
    first: CreditNumber,
    last: Option<CreditNumber>,
}

impl OpenLine {
    /// What a meter that stands, or once stood, at `number` says of this line.
    fn end_at(&self, number: CreditNumber) -> Option<LineEnd> {
        match self.last {
            _ if number < self.first => None,
            Some(last) if number > last => Some(LineEnd::Voided),
            _ => Some(LineEnd::Delivered),
        }
    }
}

fn open_lines(work: &mut Work<'_>, meter_id: MeterId) -> Result<Vec<OpenLine>, Error> {
    let rows = work.query(
        "SELECT order_id, line, units, first_number, last_number FROM meter_line
         WHERE meter_id = $1 AND state IN ('issued', 'void_pending')",
        &[meter_id.as_str().into()],
    )?;
    let read = |row: &crate::store::Row| {
        Ok(OpenLine {
            order_id: row.text(0)?.to_owned(),
            line: row.number(1)?,
            units: stored_units(row, 2)?,
            first: CreditNumber(row.number(3)?),
            last: row.optional_int(4)?.map(|_| row.number(4).map(CreditNumber)).transpose()?,
        })
    };
    rows.iter().map(read).collect()
}
