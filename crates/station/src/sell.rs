//! The sale of a paid line, a step of its own in the utility's sales system.

use crate::ledger::{self, Account, Movement};
use crate::orders::{self, LineState, OrderLine};
use crate::payments::Context;
use crate::problem::Error;
use crate::registers;
use crate::sales::{SaleOutcome, SaleRequest};
use crate::tasks::{Task, back_off};
use crate::work::Work;

/// The sale of a line, whatever its state.
pub(crate) fn sale_of(work: &mut Work<'_>, line: &OrderLine) -> Result<SaleRequest, Error> {
    Ok(SaleRequest {
        sale_id: line.subject(),
        meter_id: line.meter.as_str().to_owned(),
        amount: line.amount,
        currency: orders::find(work, &line.order_id)?.currency,
        units: line.units,
    })
}

/// What the sales system is to be asked, if the line is paid and not known to be sold.
///
/// # Errors
/// When the database fails.
pub fn request(work: &mut Work<'_>, subject: &str) -> Result<Option<SaleRequest>, Error> {
    let line = orders::line_of_subject(work, subject)?;
    if !matches!(line.state, LineState::Paid | LineState::SaleUnknown) {
        return Ok(None);
    }
    sale_of(work, &line).map(Some)
}

/// Takes in what the sales system said.
///
/// # Errors
/// When the database fails.
pub fn outcome(work: &mut Work<'_>, task: &Task, said: SaleOutcome) -> Result<(), Error> {
    let line = orders::line_of_subject(work, &task.subject)?;
    if !matches!(line.state, LineState::Paid | LineState::SaleUnknown) {
        return Ok(work.finish(task)?);
    }
    match said {
        SaleOutcome::Sold { units } if units == line.units => sold(work, &line)?,
        SaleOutcome::Sold { units } => {
            let detail = format!("sold were {} units, quoted {}", units.get(), line.units.get());
            work.exception(&task.subject, "other_units_sold", &detail)?;
            let reason = "the utility sold another quantity than quoted; a person is looking at it";
            orders::set_state(work, &line, LineState::Exception, Some(reason))?;
        }
        SaleOutcome::Failed { reason } => {
            release(work, &line)?;
            orders::set_state(work, &line, LineState::Failed, Some(&reason))?;
            crate::refunds::owe(work, &line, Account::PayerMoneyHeld)?;
        }
        SaleOutcome::Unknown { why } => {
            tracing::warn!(why, attempts = task.attempts, "the outcome of a sale is unknown; asking again");
            if line.state == LineState::Paid {
                let reason = "the utility's sales system has not answered yet";
                orders::set_state(work, &line, LineState::SaleUnknown, Some(reason))?;
            }
            return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
        }
    }
    Ok(work.finish(task)?)
}

fn sold(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    let movement = Movement {
        order_id: &line.order_id,
        cause: format!("line {} sold", line.line),
        currency: orders::find(work, &line.order_id)?.currency,
        debit: Account::PayerMoneyHeld,
        credits: vec![(Account::SoldUndelivered, line.amount)],
    };
    ledger::book(work, movement)?;
    orders::set_state(work, line, LineState::Sold, None)?;
    registers::count(work, line.meter, &line.order_id, line.line, line.units)
}

/// Gives back the room that was reserved in the meter for a line that will not be sold.
pub(crate) fn release(work: &mut Work<'_>, line: &OrderLine) -> Result<(), Error> {
    work.execute_one(
        "releasing a reservation",
        "UPDATE meter SET reserved_units = reserved_units - $2 WHERE meter_id = $1",
        &[line.meter.as_str().into(), (line.units.get() as i64).into()],
    )
}

/// Books a delivered line: from here on the money is the utility's and the tax office's.
pub(crate) fn delivered(work: &mut Work<'_>, line: &OrderLine, context: &Context) -> Result<(), Error> {
    let movement = Movement {
        order_id: &line.order_id,
        cause: format!("line {} delivered", line.line),
        currency: orders::find(work, &line.order_id)?.currency,
        debit: Account::SoldUndelivered,
        credits: vec![(Account::UtilityPayable(context.utility.clone()), line.net), (Account::TaxPayable, line.tax)],
    };
    ledger::book(work, movement)?;
    orders::set_state(work, line, LineState::Delivered, None)
}
