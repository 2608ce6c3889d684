//! Erasing who pays and who has a meter. The ledger, tokens and receipts hold no such data and are not touched.
//!
//! Nothing of an order that is not finished is erased: its refund may need the payer.

use crate::audit::{self, Action};
use crate::lifecycle::{LineState, PaymentState};
use crate::meters;
use crate::orders::{self, OrderLine, OrderRequest};
use crate::problem::{Code, Error};
use crate::problem_reports;
use crate::readers;
use crate::sales::{ExplanationLine, Step};
use crate::work::Work;
use coinless_protocol::MeterId;

/// Most open orders that a refusal names.
const MOST_NAMED: usize = 5;
/// What stands where a text was.
pub(crate) const ERASED: &str = "erased";

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// How many orders lost their payer now.
    pub orders: usize,
    /// Whether names or places of a meter were erased now.
    pub names: bool,
    /// How many problems that people reported were erased now.
    pub problems: u64,
}

/// Which of a meter's people are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    Everybody,
    /// Those before the last change of tenant.
    EarlierTenants,
}

/// Erases the payer of an order, and every text that may name him. The same again erases nothing.
///
/// # Errors
/// [`Code::UnknownOrder`]; [`Code::NotPossibleNow`] that says what is still open.
pub fn order(work: &mut Work<'_>, order_id: &str, operator: &str) -> Result<Erased, Error> {
    orders::lock(work, order_id)?;
    if let Some(open) = what_is_open(work, order_id)? {
        let detail = format!("order {order_id} is not finished ({open}): its payer may be needed for a refund");
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    let orders = usize::from(erase_order(work, order_id)?);
    let erased = Erased { orders, problems: problem_reports::erase_of_order(work, order_id)?, ..Erased::default() };
    if erased != Erased::default() {
        audit::note(work, order_id, Action::EraseOrder, operator)?;
    }
    Ok(erased)
}

/// Erases what a person reported, whatever it is about. The same again erases nothing.
///
/// # Errors
/// [`Code::UnknownOrder`] if there is no such report.
pub fn problem(work: &mut Work<'_>, id: &str, operator: &str) -> Result<Erased, Error> {
    if !problem_reports::is_known(work, id)? {
        let detail = format!("{id} is neither an order's id nor that of a problem that was reported");
        return Err(Error::refused(Code::UnknownOrder, detail));
    }
    let problems = u64::from(problem_reports::erase_one(work, id)?);
    if problems > 0 {
        audit::note(work, id, Action::EraseProblem, operator)?;
    }
    Ok(Erased { problems, ..Erased::default() })
}

/// The orders with a line for a meter. Reads every line there is: outside the writer.
///
/// # Errors
/// When the database fails.
pub fn orders_of(work: &mut Work<'_>, meter: MeterId) -> Result<Vec<String>, Error> {
    let rows = work.query(
        "SELECT DISTINCT order_id FROM order_line WHERE meter_id = $1 ORDER BY order_id",
        &[meter.as_str().into()],
    )?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Erases the customer and the place of a meter, those of earlier tenants, and the payers of its orders, which
/// [`orders_of`] gave; or only what is from before the last change of tenant. The same again erases nothing.
///
/// # Errors
/// [`Code::UnknownMeter`]; [`Code::NotPossibleNow`] that says which orders are still open, and then nothing is erased.
pub fn meter(
    work: &mut Work<'_>,
    id: MeterId,
    orders_of: &[String],
    whose: Whose,
    operator: &str,
) -> Result<Erased, Error> {
    meters::lock(work, id)?;
    let before_ms = match whose {
        Whose::Everybody => i64::MAX,
        Whose::EarlierTenants => last_change_ms(work, id)?,
    };
    let mut open = Vec::new();
    let mut erased = Erased::default();
    for order_id in orders_of {
        if orders::lock(work, order_id)?.created_ms >= before_ms {
            continue;
        }
        match what_is_open(work, order_id)? {
            Some(what) => open.push(format!("{order_id} ({what})")),
            None => {
                erased.orders += usize::from(erase_order(work, order_id)?);
                erased.problems += problem_reports::erase_of_order(work, order_id)?;
            }
        }
    }
    if !open.is_empty() {
        let more = if open.len() > MOST_NAMED { ", …" } else { "" };
        let detail = format!(
            "{} order(s) of meter {} are not finished, and a refund may need the payer: {}{more}",
            open.len(),
            id.label(),
            open[..open.len().min(MOST_NAMED)].join(", ")
        );
        return Err(Error::refused(Code::NotPossibleNow, detail));
    }
    erased.names = erase_names(work, id, whose)?;
    erased.problems += problem_reports::erase_of_meter(work, id, before_ms)?;
    if whose == Whose::Everybody {
        // Phones of people: who of them still is there types the code again.
        erased.names |= readers::end(work, id)? > 0;
    }
    if erased != Erased::default() {
        let action = if whose == Whose::Everybody { Action::EraseMeter } else { Action::EraseEarlier };
        audit::note(work, id.as_str(), action, operator)?;
    }
    Ok(erased)
}

fn last_change_ms(work: &mut Work<'_>, id: MeterId) -> Result<i64, Error> {
    let row = work.query_first("SELECT max(until_ms) FROM tenancy WHERE meter_id = $1", &[id.as_str().into()])?;
    // Without a change nobody is an earlier tenant.
    Ok(row.map(|row| row.optional_int(0)).transpose()?.flatten().unwrap_or(i64::MIN))
}

fn erase_names(work: &mut Work<'_>, id: MeterId, whose: Whose) -> Result<bool, Error> {
    let mut names = work.execute(
        "UPDATE tenancy SET customer = NULL, place = NULL
         WHERE meter_id = $1 AND (customer IS NOT NULL OR place IS NOT NULL)",
        &[id.as_str().into()],
    )?;
    if whose == Whose::Everybody {
        names += work.execute(
            "UPDATE meter SET customer = NULL, place = NULL
             WHERE meter_id = $1 AND (customer IS NOT NULL OR place IS NOT NULL)",
            &[id.as_str().into()],
        )?;
    }
    Ok(names > 0)
}

/// What keeps an order from being finished, if anything.
fn what_is_open(work: &mut Work<'_>, order_id: &str) -> Result<Option<String>, Error> {
    let is_finished = |state: LineState| {
        matches!(state, LineState::Delivered | LineState::Refunded | LineState::Expired | LineState::Failed)
    };
    let lines = orders::lines(work, order_id)?;
    if let Some(line) = lines.iter().find(|line| !is_finished(line.state)) {
        return Ok(Some(format!("line {} is {}", line.line, line.state.name())));
    }
    let payment: PaymentState = orders::find(work, order_id)?.payment;
    if payment.is_open() {
        return Ok(Some(format!("its payment is {}", payment.name())));
    }
    let refund = work.query_first(
        "SELECT state FROM refund WHERE order_id = $1 AND state IN ('due', 'declined') LIMIT 1",
        &[order_id.into()],
    )?;
    if let Some(row) = refund {
        return Ok(Some(format!("a refund is {}", row.text(0)?)));
    }
    let exception = work.query_first(
        "SELECT cause FROM exception WHERE (subject = $1 OR subject LIKE $2) AND resolved_ms IS NULL ORDER BY cause LIMIT 1",
        &[order_id.into(), format!("{order_id}/%").into()],
    )?;
    if let Some(row) = exception {
        return Ok(Some(format!("nobody has seen to the exception {}", row.text(0)?)));
    }
    // The words of a quote are told to the sales system with all that it still has to hear of the line.
    for line in &lines {
        let task = work.query_first("SELECT task FROM outbox WHERE subject = $1", &[line.subject().into()])?;
        if let Some(task) = task {
            return Ok(Some(format!("line {} is still to be told to its utility ({})", line.line, task.text(0)?)));
        }
    }
    Ok(None)
}

/// Erases the words of a line: why it stands where it does, and what the sales system said of its quote. The amounts stay.
fn erase_words(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    let unreadable = |error: serde_json::Error| Error::inconsistent(format!("a stored quote: {error}"));
    let mut explanation: Vec<ExplanationLine> = serde_json::from_str(&line.quote).map_err(unreadable)?;
    for part in &mut explanation {
        ERASED.clone_into(&mut part.text);
        part.step = Step::default();
    }
    work.execute_one(
        "erasing the words of a line",
        "UPDATE order_line SET reason = NULL, quote = $3, terms = '' WHERE order_id = $1 AND line = $2",
        &[
            line.order_id.as_str().into(),
            line.line.into(),
            serde_json::to_string(&explanation).map_err(unreadable)?.into(),
        ],
    )
}

/// Erases what names the payer; gives whether that was not done before.
fn erase_order(work: &mut Work<'_>, order_id: &str) -> Result<bool, Error> {
    let row =
        work.query_first("SELECT request FROM orders WHERE order_id = $1 AND erased_ms IS NULL", &[order_id.into()])?;
    let Some(row) = row else { return Ok(false) };
    let unreadable = |error: serde_json::Error| Error::inconsistent(format!("a stored request: {error}"));
    let text = match row.text(0)? {
        // As earlier versions kept it.
        "{}" => OrderRequest::NOT_KNOWN,
        text => text,
    };
    let request = serde_json::from_str::<OrderRequest>(text).map_err(unreadable)?.without_payer();
    work.execute_one(
        "erasing a payer",
        "UPDATE orders SET payer = NULL, request = $2, request_digest = $3, payment_reason = NULL,
                           payment_instructions = NULL, erased_ms = $4, version = version + 1 WHERE order_id = $1",
        &[
            order_id.into(),
            serde_json::to_string(&request).map_err(unreadable)?.into(),
            // Not of the whole request: whoever has the database could try telephone numbers against it.
            request.digest()?.as_slice().into(),
            work.now_ms.into(),
        ],
    )?;
    for line in orders::lines(work, order_id)? {
        erase_words(work, &line)?;
    }
    // Who paid, as a cashier noted it; `''` is none.
    work.execute("UPDATE cash SET note = $2 WHERE order_id = $1 AND note <> ''", &[order_id.into(), ERASED.into()])?;
    for sql in [
        "UPDATE exception SET detail = $3 WHERE subject = $1 OR subject LIKE $2",
        "UPDATE exception SET resolution = $3 WHERE (subject = $1 OR subject LIKE $2) AND resolution IS NOT NULL
         AND resolution NOT LIKE 'seen: %'",
        // What was only seen may still be decided.
        "UPDATE exception SET resolution = 'seen: ' || $3 WHERE (subject = $1 OR subject LIKE $2) AND resolution LIKE 'seen: %'",
    ] {
        work.execute(sql, &[order_id.into(), format!("{order_id}/%").into(), ERASED.into()])?;
    }
    work.touch(order_id);
    Ok(true)
}
