//! Credit registers: which order lines each signed number counts, and what a receipt settles (DESIGN §2).
//!
//! Every number that is signed counts the *live* lines of its meter. A line is counted from `first_number` on; a void ends
//! that with `last_number`, and every later token must be refused by a meter that stands in `first_number..=last_number`,
//! until a receipt shows on which side the meter is. Several unsettled voids share the hull of their ranges: a meter inside
//! the hull that is in none of them refuses too, answers with a receipt, and gets a new token with the range that is left.
//!
//! When the key epoch rises, numbers begin anew and totals go on. A meter at number 0 of a later epoch counts what it counted when it
//! rose; that is told by its total, if all numbers with that total tell the same. Number 0 is in the range of every void of a line that an
//! earlier epoch counted.

use crate::audit::{self, Action};
use crate::meters::{self, Meter, stored_units};
use crate::operator::Operator;
use crate::problem::Error;
use crate::recovery;
use crate::store::Row;
use crate::tasks::Kind;
use crate::work::Work;
use coinless_protocol::token::{Conditions, Credit, Order, RefusedRange, Set, Token};
use coinless_protocol::{CreditNumber, Epoch, MeterId, Register, Units};

/// What the id of a line begins with that is what was left on another meter. The rest is that meter's identity.
const TRANSFER: &str = "transfer/";
/// What the id of a line begins with that is a meter's initial credit. The rest is that meter's identity.
const INITIAL: &str = "initial/";

/// Whether a line of a meter is of no order, and so nobody's money.
pub(crate) fn is_of_no_order(order_id: &str) -> bool {
    [TRANSFER, INITIAL].iter().any(|beginning| order_id.starts_with(beginning))
}

/// The id of the line that is a meter's initial credit.
pub(crate) fn initial_line(meter: MeterId) -> String {
    format!("{INITIAL}{meter}")
}

/// The id of the line that is what was left on the meter `old`.
pub(crate) fn transfer_line(old: MeterId) -> String {
    format!("{TRANSFER}{old}")
}

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
    /// After a restore nothing can prove any more whether the meter has it: it is counted again, and will be delivered.
    CountedAgain,
}

/// Counts a sold line of a locked meter from the next number on, and commits that number's token.
///
/// # Errors
/// When the database fails or the line is counted already.
pub fn count(work: &mut Work<'_>, meter: &Meter, order_id: &str, line: u32, units: Units) -> Result<(), Error> {
    let live = meter.live_total.checked_add(units).ok_or_else(|| Error::inconsistent("a total over 10^15"))?;
    // Numbers that a restore forgot may count it already: a void must be refused there too.
    let may_be_in_gap = recovery::is_of_forgotten_life(work, meter, order_id)?;
    let forgotten = if meter.origin_unknown { Some(0) } else { meter.gap.map(|gap| gap.first().0) };
    let from = forgotten.filter(|_| may_be_in_gap);
    work.execute_one(
        "counting a line",
        "INSERT INTO meter_line (meter_id, order_id, line, units, state, epoch, first_number, refused_first)
         VALUES ($1, $2, $3, $4, 'issued', $5, $6, $7)",
        &[
            meter.id.as_str().into(),
            order_id.into(),
            line.into(),
            (units.get() as i64).into(),
            i64::from(meter.epoch.0).into(),
            (meter.last_number.0 + 1).into(),
            from.into(),
        ],
    )?;
    commit_next(work, meter, live)
}

/// Leaves an issued line out from the next number on, and commits that number's token with the refused range.
///
/// # Errors
/// When the database fails or the line is not issued.
pub fn leave_out(work: &mut Work<'_>, meter_id: MeterId, order_id: &str, line: u32) -> Result<(), Error> {
    let meter = meters::lock(work, meter_id)?;
    // The closing token counts it: the meter's last receipt decides.
    meter.check_in_use()?;
    let rows = work.query(
        "UPDATE meter_line SET state = 'void_pending', last_number = $4, last_epoch = $5
         WHERE meter_id = $1 AND order_id = $2 AND line = $3 AND state = 'issued' RETURNING units",
        &[
            meter_id.as_str().into(),
            order_id.into(),
            line.into(),
            meter.last_number.0.into(),
            i64::from(meter.epoch.0).into(),
        ],
    )?;
    let row = rows.first().ok_or_else(|| Error::inconsistent("a void of a line that is not issued"))?;
    let live = meter.live_total.checked_sub(stored_units(row, 0)?);
    commit_next(work, &meter, live.ok_or_else(|| Error::inconsistent("a negative total"))?)
}

/// Where a receipt shows a meter, and what is known of the lines that are counted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The key epoch.
    pub epoch: Epoch,
    /// The number of the credit register.
    pub number: CreditNumber,
    counts: Counts,
}

/// What a meter counts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Counts {
    /// What was signed under the number.
    Known,
    /// What one of these numbers counts, but which is not known.
    OneOf(Vec<(Epoch, CreditNumber)>),
}

impl Standing {
    /// Whether its total is one that was signed in an earlier key epoch.
    pub(crate) fn has_origin(&self) -> bool {
        matches!(&self.counts, Counts::OneOf(origins) if !origins.is_empty())
    }
}

/// The total that was signed under the number `$3` of the key epoch `$2` of the meter `$1`.
pub(crate) const SIGNED_TOTAL: &str = "SELECT total FROM token WHERE meter_id = $1 AND epoch = $2 AND number = $3";

/// What is known of a meter that stands at this number with this total. `signed`: what was signed under it is known.
///
/// # Errors
/// When the database fails.
pub(crate) fn standing(
    work: &mut Work<'_>,
    meter: &Meter,
    (epoch, number): (Epoch, CreditNumber),
    total: Units,
    signed: bool,
) -> Result<Standing, Error> {
    let counts = match (number.0, epoch.0) {
        (0, 0) => Counts::Known,
        (0, _) if !meter.origin_unknown => Counts::OneOf(origins(work, meter.id, epoch, total)?),
        _ if signed => Counts::Known,
        _ => Counts::OneOf(Vec::new()),
    };
    Ok(Standing { epoch, number, counts })
}

/// The numbers of earlier key epochs that had this total.
fn origins(work: &mut Work<'_>, id: MeterId, epoch: Epoch, total: Units) -> Result<Vec<(Epoch, CreditNumber)>, Error> {
    let rows = work.query(
        "SELECT epoch, number FROM token WHERE meter_id = $1 AND total = $2 AND epoch < $3",
        &[id.as_str().into(), (total.get() as i64).into(), i64::from(epoch.0).into()],
    )?;
    let read = |row: &Row| Ok((Epoch(row.number(0)?), CreditNumber(row.number(1)?)));
    let mut origins = rows.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
    if total == Units::ZERO {
        origins.push((Epoch(0), CreditNumber(0)));
    }
    Ok(origins)
}

/// Settles lines by what the newest receipt of a meter shows, which came before it could; then commits a new token if the newest
/// one would be refused by the meter where it stands.
///
/// # Errors
/// When the database fails.
pub fn settle(work: &mut Work<'_>, meter_id: MeterId) -> Result<Vec<Settled>, Error> {
    let meter = meters::lock(work, meter_id)?;
    let Some(seen) = meter.newest_receipt else { return Ok(Vec::new()) };
    let at = (seen.registers.epoch, seen.registers.credit);
    let signed = is_known(work, meter_id, at)?;
    let standing = standing(work, &meter, at, seen.total, signed)?;
    let open = open_lines(work, &meter)?;
    settle_open(work, &meter, &standing, open)
}

/// Settles lines by a receipt that shows a locked meter there, in any order, late or repeated; then commits a new token if the
/// newest one would be refused by the meter where it stands. `open`: the lines that are open.
pub(crate) fn settle_open(
    work: &mut Work<'_>,
    meter: &Meter,
    standing: &Standing,
    open: Vec<OpenLine>,
) -> Result<Vec<Settled>, Error> {
    let (meter_id, mut left) = (meter.id, open.len());
    let mut settled = Vec::new();
    for open in open {
        let end = match open.told_by(standing, meter) {
            Told::Nothing => continue,
            Told::OnlyLater => {
                narrow(work, meter_id, &open, standing.number)?;
                continue;
            }
            Told::End(end) => end,
        };
        finish(work, meter, &open, end)?;
        left -= usize::from(end != LineEnd::CountedAgain);
        settled.push(Settled { order_id: open.order_id, line: open.line, end });
    }
    if settled.iter().any(|settled| settled.end == LineEnd::CountedAgain) {
        refresh(work, meter_id)?;
    } else if left > 0 || meter.is_closing() {
        replace_refused(work, meter_id)?;
    }
    Ok(settled)
}

/// Ends an open line, or counts it again.
fn finish(work: &mut Work<'_>, meter: &Meter, open: &OpenLine, end: LineEnd) -> Result<(), Error> {
    let meter_id = meter.id;
    let (state, is_open) = match end {
        LineEnd::Delivered => ("delivered", false),
        LineEnd::Voided => ("voided", false),
        LineEnd::CountedAgain => ("issued", true),
    };
    work.execute_one(
        "settling a line",
        "UPDATE meter_line SET state = $4, refused_last = NULL WHERE meter_id = $1 AND order_id = $2 AND line = $3",
        &[meter_id.as_str().into(), open.order_id.as_str().into(), open.line.into(), state.into()],
    )?;
    if end == LineEnd::CountedAgain {
        // Every number from here on counts it, and earlier ones may, from `refused_first` on.
        work.execute_one(
            "counting a line again",
            "UPDATE meter_line SET last_number = NULL, last_epoch = NULL WHERE meter_id = $1 AND order_id = $2 AND line = $3",
            &[meter_id.as_str().into(), open.order_id.as_str().into(), open.line.into()],
        )?;
        if open.first.0 < meter.epoch {
            // It may be loaded since before the epoch rose: at number 0 nobody can tell, beyond it every number counts it.
            work.execute_one(
                "counting a line again in another key epoch",
                "UPDATE meter_line SET epoch = $4, first_number = $5, refused_first = 0
                 WHERE meter_id = $1 AND order_id = $2 AND line = $3",
                &[
                    meter_id.as_str().into(),
                    open.order_id.as_str().into(),
                    open.line.into(),
                    i64::from(meter.epoch.0).into(),
                    (meter.last_number.0 + 1).into(),
                ],
            )?;
        }
    }
    let units = open.units.get() as i64;
    let released = if is_open { 0 } else { units };
    // A line that was voided and is found loaded, or may be, is counted again.
    let counted_again = if end != LineEnd::Voided && open.void.is_some() { units } else { 0 };
    work.execute_one(
        "releasing a reservation",
        "UPDATE meter SET reserved_units = reserved_units - $2, live_total = live_total + $3 WHERE meter_id = $1",
        &[meter_id.as_str().into(), released.into(), counted_again.into()],
    )
}

/// The meter has passed the numbers up to here without the line: only later ones can still load it.
fn narrow(work: &mut Work<'_>, meter_id: MeterId, open: &OpenLine, number: CreditNumber) -> Result<(), Error> {
    work.execute_one(
        "narrowing the range of a void",
        "UPDATE meter_line SET refused_first = $4 WHERE meter_id = $1 AND order_id = $2 AND line = $3",
        &[meter_id.as_str().into(), open.order_id.as_str().into(), open.line.into(), (number.0 + 1).into()],
    )
}

/// Whether this station knows what it signed under a number, which it does not of those that a restore forgot.
///
/// # Errors
/// When the database fails.
pub fn is_known(work: &mut Work<'_>, id: MeterId, (epoch, number): (Epoch, CreditNumber)) -> Result<bool, Error> {
    let row = work.query_first(SIGNED_TOTAL, &[id.as_str().into(), i64::from(epoch.0).into(), number.0.into()])?;
    Ok(row.is_some() || (epoch.0, number.0) == (0, 0))
}

/// Commits a fresh token for a meter with open lines, whatever the newest one says.
///
/// # Errors
/// When the database fails.
pub fn refresh(work: &mut Work<'_>, meter_id: MeterId) -> Result<(), Error> {
    let meter = meters::lock(work, meter_id)?;
    if open_lines(work, &meter)?.is_empty() {
        return Ok(());
    }
    commit_next(work, &meter, meter.live_total)
}

/// Commits a test token: the next number with the same total, which is worth nothing and goes the way of all credit; gives its
/// number.
///
/// # Errors
/// [`crate::problem::Code::NotPossibleNow`] if the meter hangs no more.
pub fn test(work: &mut Work<'_>, meter_id: MeterId, operator: &Operator) -> Result<(Epoch, CreditNumber), Error> {
    let meter = meters::lock(work, meter_id)?;
    meter.check_in_use()?;
    commit_next(work, &meter, meter.live_total)?;
    audit::note(work, meter_id.as_str(), Action::TestToken, operator.as_str())?;
    Ok((meter.epoch, CreditNumber(meter.last_number.0 + 1)))
}

/// The bytes of the token of a number, once it is signed.
///
/// # Errors
/// When the database fails.
pub fn signed_bytes(
    work: &mut Work<'_>,
    meter_id: MeterId,
    (epoch, number): (Epoch, CreditNumber),
) -> Result<Option<Vec<u8>>, Error> {
    let row = work.query_first(
        "SELECT bytes FROM token WHERE meter_id = $1 AND epoch = $2 AND number = $3",
        &[meter_id.as_str().into(), i64::from(epoch.0).into(), number.0.into()],
    )?;
    let bytes = row.map(|row| row.optional_bytes(0).map(|bytes| bytes.map(<[u8]>::to_vec))).transpose()?;
    Ok(bytes.flatten())
}

/// Commits the first closing token of a locked meter, of which everything is known already that it counts.
pub(crate) fn close(work: &mut Work<'_>, meter: &Meter) -> Result<(), Error> {
    commit_next(work, meter, meter.live_total)
}

/// An open line of a meter is taken for loaded, by a decision of people.
pub(crate) fn take_as_loaded(work: &mut Work<'_>, meter: &Meter, order_id: &str, line: u32) -> Result<(), Error> {
    let open = open_lines(work, meter)?.into_iter().find(|open| open.order_id == order_id && open.line == line);
    let open = open.ok_or_else(|| Error::inconsistent("a line to be taken for loaded that is not open"))?;
    finish(work, meter, &open, LineEnd::Delivered)
}

/// The bytes of the newest signed token of a meter.
///
/// # Errors
/// When the database fails.
pub fn newest_bytes(work: &mut Work<'_>, meter_id: MeterId) -> Result<Option<Vec<u8>>, Error> {
    let row = work.query_first(
        "SELECT bytes FROM token WHERE meter_id = $1 ORDER BY epoch DESC, number DESC LIMIT 1",
        &[meter_id.as_str().into()],
    )?;
    let bytes = row.map(|row| row.optional_bytes(0).map(|bytes| bytes.map(<[u8]>::to_vec))).transpose()?;
    Ok(bytes.flatten())
}

/// After a restore: a line of which it was proved, in the life that is forgotten, that it can never be loaded is counted no more.
///
/// # Errors
/// When the database fails or the line is not open.
pub fn forget(work: &mut Work<'_>, meter_id: MeterId, order_id: &str, line: u32) -> Result<(), Error> {
    let meter = meters::lock(work, meter_id)?;
    let open = open_lines(work, &meter)?.into_iter().find(|open| open.order_id == order_id && open.line == line);
    let open = open.ok_or_else(|| Error::inconsistent("a line to be forgotten that is not open"))?;
    finish(work, &meter, &open, LineEnd::Voided)?;
    if open.void.is_some() {
        return Ok(());
    }
    work.execute_one(
        "counting a line no more",
        "UPDATE meter SET live_total = live_total - $2 WHERE meter_id = $1 AND live_total >= $2",
        &[meter.id.as_str().into(), (open.units.get() as i64).into()],
    )
}

/// If lines are open, or it is to be closed, and the meter, where it was last seen, would refuse the newest token, commits a new one.
fn replace_refused(work: &mut Work<'_>, meter_id: MeterId) -> Result<(), Error> {
    let meter = meters::find(work, meter_id)?;
    let Some(seen) = meter.newest_receipt else { return Ok(()) };
    // One that has not risen to the newest key epoch needs the token with the keys first.
    if seen.registers.epoch != meter.epoch
        || seen.registers.credit >= meter.last_number
        || !meter.is_closing() && open_lines(work, &meter)?.is_empty()
    {
        return Ok(());
    }
    let row = work.query_first(
        "SELECT total, refused_first, refused_last FROM token WHERE meter_id = $1 AND epoch = $2 AND number = $3",
        &[meter_id.as_str().into(), i64::from(meter.epoch.0).into(), meter.last_number.0.into()],
    )?;
    // After a restore the newest number is one that was skipped: a fresh token is owed.
    let Some(row) = row else { return commit_next(work, &meter, meter.live_total) };
    let in_range = match (row.optional_int(1)?, row.optional_int(2)?) {
        (Some(first), Some(last)) => (first..=last).contains(&i64::from(seen.registers.credit.0)),
        _ => false,
    };
    // As long as it stands in the gap of a recovery, every token is refused.
    let gap = meter.gap.filter(|_| meter.recovering_since_ms.is_some());
    let hopeless = gap.is_some_and(|gap| gap.contains(seen.registers.credit));
    let refused = in_range || stored_units(&row, 0)? < seen.total;
    if refused && !hopeless { commit_next(work, &meter, meter.live_total) } else { Ok(()) }
}

/// Commits number and content of the meter's next token; it is signed by a task of its own.
fn commit_next(work: &mut Work<'_>, meter: &Meter, live: Units) -> Result<(), Error> {
    let number = CreditNumber(meter.last_number.0 + 1);
    let gap = meter.gap.filter(|_| meter.recovering_since_ms.is_some());
    let ranges = open_lines(work, meter)?.into_iter().filter_map(|open| open.void.map(|void| void.refused));
    let refused = ranges.chain(gap).reduce(RefusedRange::hull);
    let token = Token {
        meter: meter.id,
        meter_key: meter.key.hash().hint(),
        epoch: meter.epoch,
        order: Order::Set(Set {
            credit: Some(Credit {
                register: Register { number, total: live },
                conditions: Conditions { refused, needs: meter.needs },
                closing: meter.replaced_by.is_some(),
            }),
            ..Set::default()
        }),
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
pub(crate) struct OpenLine {
    order_id: String,
    line: u32,
    units: Units,
    /// The first number that counts it.
    first: (Epoch, CreditNumber),
    /// If it is to be void.
    void: Option<Void>,
}

/// The void of a line that no receipt has settled.
#[derive(Debug, Clone, Copy)]
struct Void {
    /// The last number that is known to count the line.
    last: (Epoch, CreditNumber),
    /// The numbers of the meter's newest key epoch that may count it; number 0 among them if an earlier epoch may.
    refused: RefusedRange,
}

/// What a receipt tells of an open line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// Numbers up to this one can not load it any more.
    OnlyLater,
    End(LineEnd),
}

impl OpenLine {
    /// What a meter that stands, or once stood, there says of this line.
    fn told_by(&self, at: &Standing, meter: &Meter) -> Told {
        let counted = self.is_counted_at(at);
        if counted == Some(true) {
            return Told::End(LineEnd::Delivered);
        }
        let Some(void) = self.void else { return Told::Nothing };
        if at.epoch < meter.epoch {
            // It may rise yet. Of the numbers that a restore forgot nothing is known.
            let passed = counted == Some(false) && (at.epoch, at.number) > void.last && !meter.origin_unknown;
            return if passed { Told::End(LineEnd::Voided) } else { Told::Nothing };
        }
        // After a restore it is not yet known what was sold since the backup.
        let recovering = meter.recovering_since_ms.is_some();
        let passed = at.number > void.refused.last() || counted == Some(false) && at.number == void.refused.last();
        match (counted, void.refused.contains(at.number)) {
            _ if passed => Told::End(LineEnd::Voided),
            (Some(false), true) => Told::OnlyLater,
            // It may have it or not. Counting it again is right in both cases, a refund in one.
            (None, true) if !recovering => Told::End(LineEnd::CountedAgain),
            _ => Told::Nothing,
        }
    }

    /// Whether a meter that stands there has it; none if that is not known.
    fn is_counted_at(&self, at: &Standing) -> Option<bool> {
        let Counts::OneOf(origins) = &at.counts else { return Some(self.is_counted_by((at.epoch, at.number))) };
        let mut told = origins.iter().map(|origin| self.is_counted_by(*origin));
        let first = told.next()?;
        told.all(|next| next == first).then_some(first)
    }

    fn is_counted_by(&self, number: (Epoch, CreditNumber)) -> bool {
        number >= self.first && self.void.is_none_or(|void| number <= void.last)
    }
}

/// Asks for the lines of the meter `$1` that no receipt has settled.
pub(crate) const OPEN: &str =
    "SELECT order_id, line, units, first_number, last_number, refused_first, refused_last, epoch, last_epoch FROM meter_line
     WHERE meter_id = $1 AND state IN ('issued', 'void_pending')";

fn open_lines(work: &mut Work<'_>, meter: &Meter) -> Result<Vec<OpenLine>, Error> {
    read_open(&work.query(OPEN, &[meter.id.as_str().into()])?, meter.epoch)
}

/// The lines in the answer to [`OPEN`] of a meter whose newest key epoch is `epoch`.
pub(crate) fn read_open(rows: &[Row], epoch: Epoch) -> Result<Vec<OpenLine>, Error> {
    let number =
        |row: &Row, at| Ok::<_, Error>(row.optional_int(at)?.map(|_| row.number(at)).transpose()?.map(CreditNumber));
    let read = |row: &Row| {
        let first = (Epoch(row.number(7)?), CreditNumber(row.number(3)?));
        let void = match number(row, 4)? {
            None => None,
            Some(last) => {
                let last = (Epoch(row.number(8)?), last);
                // What an earlier epoch may have loaded is there at number 0.
                let from = if first.0 < epoch { CreditNumber(0) } else { first.1 };
                let to = if last.0 < epoch { CreditNumber(0) } else { last.1 };
                // Widened over a gap, or narrowed by a receipt.
                let (from, to) = (number(row, 5)?.unwrap_or(from), number(row, 6)?.unwrap_or(to));
                // One that was narrowed to nothing is settled.
                RefusedRange::new(from.min(to), to).map(|refused| Void { last, refused })
            }
        };
        Ok(OpenLine {
            order_id: row.text(0)?.to_owned(),
            line: row.number(1)?,
            units: stored_units(row, 2)?,
            first,
            void,
        })
    };
    rows.iter().map(read).collect()
}
