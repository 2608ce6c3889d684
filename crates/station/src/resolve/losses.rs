//! Money that is gone: who bears it, and small differences that are left as they are.

use super::{order_of, refuse};
use crate::ledger::{self, Account, Event, Movement};
use crate::lifecycle::LineState;
use crate::money::{Amount, Currency, Money};
use crate::orders::{self, Order};
use crate::problem::Error;
use crate::refunds;
use crate::utilities::UtilityName;
use crate::work::Work;

/// Who bears money that was taken away after something was given for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// Whoever runs the station.
    Station,
    /// A utility of the order: it is owed so much less.
    Utility(UtilityName),
    /// The payer, who has paid it once more, to the bank.
    Payer,
}

impl Bearer {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Station => "borne by the station",
            Self::Utility(_) => "borne by a utility",
            Self::Payer => "paid once more",
        }
    }

    fn account(&self) -> Account {
        match self {
            Self::Station => Account::Losses,
            Self::Utility(utility) => Account::UtilityPayable(utility.clone()),
            Self::Payer => Account::Bank,
        }
    }
}

/// Books who bears what stands in suspense because of an exception.
///
/// # Errors
/// [`crate::problem::Code::NotPossibleNow`] if nothing does, or what was taken away may still be set off against a refund.
pub(super) fn bear(
    work: &mut Work<'_>,
    subject: &str,
    cause: &str,
    bearer: &Bearer,
    operator: &str,
) -> Result<Vec<String>, Error> {
    let is_twice = match cause {
        "taken_back" => false,
        "refunded_twice" => true,
        _ => return refuse("only money that was taken away or refunded twice is borne by somebody"),
    };
    let order = orders::find(work, order_of(subject))?;
    if let Bearer::Utility(utility) = bearer {
        let lines = orders::lines(work, &order.id)?;
        if lines.iter().all(|line| line.utility != *utility) {
            return refuse(format!("nothing of this order is for {utility}"));
        }
    }
    let (name, amount) = if is_twice { twice(work, &order, subject)? } else { taken(work, &order)? };
    let movement = Movement {
        subject: &order.id,
        cause: format!("{name}, borne"),
        event: Event::Borne,
        currency: amount.1,
        debit: bearer.account(),
        credits: vec![(Account::Suspense, amount.0)],
        operator: Some(operator),
    };
    ledger::book(work, &movement)?;
    let by = bearer.account().name();
    Ok(vec![format!("{} are out of suspense, booked to {by}", amount.with_currency())])
}

/// What was taken away of an order at whose end nothing can be set off against it any more.
fn taken(work: &mut Work<'_>, order: &Order) -> Result<(String, Amount), Error> {
    let is_open = |state: LineState| {
        !matches!(state, LineState::Delivered | LineState::Refunded | LineState::Expired | LineState::Failed)
    };
    if let Some(line) = orders::lines(work, &order.id)?.into_iter().find(|line| is_open(line.state)) {
        return refuse(format!(
            "line {} is {}: if its money goes back, it is this; void it or wait for its end, then say who bears the rest",
            line.line,
            line.state.name()
        ));
    }
    let open = work.query_first(
        "SELECT refund_id FROM refund WHERE order_id = $1 AND state IN ('due', 'declined')",
        &[order.id.as_str().into()],
    )?;
    if let Some(row) = open {
        return refuse(format!("refund {} is not at its end: see to it before", row.text(0)?));
    }
    let left = refunds::left(work, &order.id)?.min(refunds::in_suspense(work, &order.id, order.currency)?);
    if left <= Money::ZERO {
        return refuse("nothing that was taken away of this order is left: see to what else of it is in suspense");
    }
    work.execute_one(
        "noting who bears a loss",
        "UPDATE orders SET borne = borne + $2 WHERE order_id = $1",
        &[order.id.as_str().into(), left.minor().into()],
    )?;
    let up_to = order.currency.format(order.taken_back);
    Ok((format!("taken back up to {up_to}"), Amount(left, order.currency)))
}

/// What a provider gave back after a person had paid it back.
fn twice(work: &mut Work<'_>, order: &Order, refund_id: &str) -> Result<(String, Amount), Error> {
    let cause = refunds::twice_cause(work, refund_id)?;
    let row = work.query_first(
        "SELECT e.amount, m.currency FROM entry e JOIN movement m ON m.subject = e.subject AND m.cause = e.cause
         WHERE e.subject = $1 AND e.cause = $2 AND e.account = 'suspense'",
        &[order.id.as_str().into(), cause.as_str().into()],
    )?;
    let Some(row) = row else { return refuse("nothing of this is in suspense") };
    let borne = work.query_first(
        "SELECT cause FROM movement WHERE subject = $1 AND cause = $2",
        &[order.id.as_str().into(), format!("{cause}, borne").into()],
    )?;
    if borne.is_some() {
        return refuse("it was booked before who bears it");
    }
    let currency = Currency::from_code(row.text(1)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    Ok((cause, Amount(Money::from_minor(row.int(0)?), currency)))
}

/// Books the difference between a receipt and what its provider's statement says of it, if it is less than one whole unit of its
/// currency: who counts in other units rounds.
///
/// # Errors
/// [`crate::problem::Code::NotPossibleNow`] if it is more, or not such a difference.
pub(super) fn round(work: &mut Work<'_>, subject: &str, cause: &str, operator: &str) -> Result<Vec<String>, Error> {
    if cause != "statement_other_amount" {
        return refuse("only a statement_other_amount is a difference that can be left as rounding");
    }
    let row = work.query_first(
        "SELECT r.provider, r.amount, r.currency, e.amount FROM exception e
         JOIN money_receipt r ON r.provider || '/' || r.receipt = e.subject
         WHERE e.subject = $1 AND e.cause = $2",
        &[subject.into(), cause.into()],
    )?;
    let Some(row) = row else { return refuse("there is no receipt of this") };
    let currency = Currency::from_code(row.text(2)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    let theirs = row.optional_text(3)?.and_then(|text| text.strip_suffix(currency.code()));
    let theirs = theirs.and_then(|number| currency.parse(number.trim()).ok());
    let Some(theirs) = theirs else { return refuse("the statement says it in another currency") };
    let difference = theirs.minor() - row.int(1)?;
    let whole = 10_i64.pow(u32::from(currency.digits()));
    if difference == 0 || difference.abs() >= whole {
        return refuse(format!(
            "rounding is less than {}: ask the provider about this",
            Amount(Money::from_minor(whole), currency).with_currency()
        ));
    }
    let clearing = Account::Clearing(row.text(0)?.to_owned());
    let (event, debit, credit) = match difference {
        1.. => (Event::RoundingGained, clearing, Account::Rounding),
        _ => (Event::RoundingLost, Account::Rounding, clearing),
    };
    let amount = Money::from_minor(difference.abs());
    let movement = Movement {
        subject,
        cause: "rounding".to_owned(),
        event,
        currency,
        debit,
        credits: vec![(credit, amount)],
        operator: Some(operator),
    };
    ledger::book(work, &movement)?;
    Ok(vec![format!("{} are booked as rounding", Amount(amount, currency).with_currency())])
}
