//! The payment of an order: asked for once, then asked about until its outcome is known.

use crate::ledger::{self, Account, Movement};
use crate::money::{Currency, Money};
use crate::orders::{self, LineState, Order};
use crate::problem::{Code, Error};
use crate::provider::{PaymentOutcome, PaymentRequest};
use crate::records::{from_hex, to_hex};
use crate::tasks::{Kind, Task, back_off};
use crate::work::Work;
use ring::hmac;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What steps need to know of the station around them.
#[derive(Clone)]
pub struct Context {
    /// Name of the payment provider.
    pub provider: String,
    /// Name of the utility.
    pub utility: String,
    /// Where the provider reaches this station: `http://127.0.0.1:8600`.
    pub callback_base: String,
    /// Makes callback URLs unguessable.
    pub callback_key: [u8; 32],
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Nobody accepted the quote.
    None,
    /// The provider is asked to collect.
    Sent,
    /// The provider gave no answer that says anything; it is asked again.
    Unknown,
    /// The money is here. Final.
    Captured,
    /// The money was not collected. Final.
    Declined,
}

impl PaymentState {
    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Captured => "captured",
            Self::Declined => "declined",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, Error> {
        [Self::None, Self::Sent, Self::Unknown, Self::Captured, Self::Declined]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| Error::inconsistent(format!("a payment in state {name}")))
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Sent | Self::Unknown)
    }
}

impl Context {
    /// The path of a payment's callback. Its last part is HMAC-SHA-256 of the payment's id in hexadecimal: who does not know
    /// the URL cannot even make the station ask.
    pub fn callback_path(&self, payment_id: &str) -> String {
        let mac = hmac::sign(&self.callback_hmac(), payment_id.as_bytes());
        format!("/v1/callbacks/{}/{payment_id}/{}", self.provider, to_hex(mac.as_ref()))
    }

    /// Whether the last part of a callback's path is that of this payment.
    pub fn is_callback_mac(&self, payment_id: &str, given: &str) -> bool {
        from_hex(given).is_some_and(|mac| hmac::verify(&self.callback_hmac(), payment_id.as_bytes(), &mac).is_ok())
    }

    fn callback_hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.callback_key)
    }
}

pub(crate) fn set_state(
    work: &mut Work<'_>,
    order_id: &str,
    state: PaymentState,
    reason: Option<&str>,
) -> Result<(), Error> {
    work.execute_one(
        "moving a payment on",
        "UPDATE orders SET payment_state = $2, payment_reason = $3, version = version + 1 WHERE order_id = $1",
        &[order_id.into(), state.name().into(), reason.into()],
    )?;
    work.touch(order_id);
    Ok(())
}

/// What the provider is to be asked: to collect, if the outcome is still open; what became of it, also after the end, since a
/// genuine callback then may mean that the provider has changed its word.
///
/// # Errors
/// When the database fails.
pub fn request(work: &mut Work<'_>, task: &Task, context: &Context) -> Result<Option<PaymentRequest>, Error> {
    let order = orders::find(work, &task.subject)?;
    let ask = match task.kind {
        Kind::QueryPayment => order.payment != PaymentState::None,
        _ => order.payment.is_open(),
    };
    Ok(ask.then(|| PaymentRequest {
        payment_id: order.id.clone(),
        amount: order.total,
        currency: order.currency,
        callback_url: format!("{}{}", context.callback_base, context.callback_path(&order.id)),
        payer: order.payer,
    }))
}

/// A genuine callback: makes the station ask now, whatever the callback says.
///
/// # Errors
/// [`Code::UnknownOrder`] if no payment has this id.
pub fn called_back(work: &mut Work<'_>, payment_id: &str) -> Result<(), Error> {
    match orders::find(work, payment_id)?.payment {
        PaymentState::None => Err(Error::refused(Code::UnknownOrder, "no payment with this id was asked for")),
        // After the end it is asked once more too: a contradicting word must come before a person.
        _ => Ok(work.queue(Kind::QueryPayment, payment_id)?),
    }
}

/// Takes in what the provider said.
///
/// # Errors
/// When the database fails.
pub fn outcome(work: &mut Work<'_>, task: &Task, said: PaymentOutcome, context: &Context) -> Result<(), Error> {
    let order = orders::find(work, &task.subject)?;
    if !order.payment.is_open() {
        return after_the_end(work, &order, task, said, context);
    }
    match said {
        PaymentOutcome::Captured { amount, currency } if (amount, currency) == (order.total, order.currency) => {
            captured(work, &order, context)?;
            finish_both(work, &order.id)
        }
        PaymentOutcome::Captured { amount, currency } => {
            let detail = format!(
                "the provider says that it collected {} {currency}, asked for were {} {}",
                currency.format(amount),
                order.currency.format(order.total),
                order.currency
            );
            other_amount(work, &order, amount, currency, &detail, context)?;
            finish_both(work, &order.id)
        }
        PaymentOutcome::Declined { reason } => {
            declined(work, &order, &reason)?;
            finish_both(work, &order.id)
        }
        PaymentOutcome::Pending => {
            move_lines(work, &order, LineState::PaymentUnknown, LineState::AwaitingPayment)?;
            if order.payment == PaymentState::Unknown {
                set_state(work, &order.id, PaymentState::Sent, None)?;
            }
            ask_later(work, task)
        }
        // The request itself may not have arrived: the same payment is asked for again.
        PaymentOutcome::NotFound if task.kind == Kind::QueryPayment => {
            work.queue_at(Kind::Pay, &order.id, back_off(work.now_ms, task.attempts))?;
            Ok(work.finish(task)?)
        }
        PaymentOutcome::NotFound => unknown(work, &order, task, "the provider does not know what it was just told"),
        PaymentOutcome::Unknown { why } => unknown(work, &order, task, &why),
    }
}

fn captured(work: &mut Work<'_>, order: &Order, context: &Context) -> Result<(), Error> {
    receive(work, order, order.total, order.currency, context)?;
    for line in orders::lines(work, &order.id)? {
        orders::set_state(work, &line, LineState::Paid, None)?;
        work.queue(Kind::Sell, line.subject())?;
    }
    Ok(())
}

fn receive(
    work: &mut Work<'_>,
    order: &Order,
    amount: Money,
    currency: Currency,
    context: &Context,
) -> Result<(), Error> {
    let movement = Movement {
        order_id: &order.id,
        cause: "payment captured".to_owned(),
        currency,
        debit: Account::Captured(context.provider.clone()),
        credits: vec![(Account::PayerMoneyHeld, amount)],
    };
    ledger::book(work, movement)?;
    // In the order's own currency: what may be refunded at most.
    let captured = if currency == order.currency { amount } else { Money::ZERO };
    work.execute_one(
        "noting a capture",
        "UPDATE orders SET captured = $2 WHERE order_id = $1 AND captured = 0",
        &[order.id.as_str().into(), captured.minor().into()],
    )?;
    set_state(work, &order.id, PaymentState::Captured, None)
}

/// Money came, but not what was asked for: it is held, nothing is sold, and a person must look.
fn other_amount(
    work: &mut Work<'_>,
    order: &Order,
    amount: Money,
    currency: Currency,
    detail: &str,
    context: &Context,
) -> Result<(), Error> {
    work.exception(&order.id, "other_amount", detail)?;
    receive(work, order, amount, currency, context)?;
    for line in orders::lines(work, &order.id)? {
        crate::sell::release(work, &line)?;
        orders::set_state(
            work,
            &line,
            LineState::Exception,
            Some("another amount was paid; a person is looking at it"),
        )?;
    }
    Ok(())
}

fn declined(work: &mut Work<'_>, order: &Order, reason: &str) -> Result<(), Error> {
    set_state(work, &order.id, PaymentState::Declined, Some(reason))?;
    for line in orders::lines(work, &order.id)? {
        crate::sell::release(work, &line)?;
        orders::set_state(work, &line, LineState::Failed, Some(reason))?;
    }
    Ok(())
}

fn unknown(work: &mut Work<'_>, order: &Order, task: &Task, why: &str) -> Result<(), Error> {
    tracing::warn!(why, attempts = task.attempts, "the outcome of a payment is unknown; asking again");
    if order.payment != PaymentState::Unknown {
        set_state(work, &order.id, PaymentState::Unknown, Some("the payment provider has not answered yet"))?;
    }
    move_lines(work, order, LineState::AwaitingPayment, LineState::PaymentUnknown)?;
    ask_later(work, task)
}

fn move_lines(work: &mut Work<'_>, order: &Order, from: LineState, to: LineState) -> Result<(), Error> {
    for line in orders::lines(work, &order.id)?.iter().filter(|line| line.state == from) {
        orders::set_state(work, line, to, None)?;
    }
    Ok(())
}

/// A payment that was asked for is from then on only asked about.
fn ask_later(work: &mut Work<'_>, task: &Task) -> Result<(), Error> {
    let due_ms = back_off(work.now_ms, task.attempts);
    if task.kind == Kind::QueryPayment {
        return Ok(work.again_at(task, due_ms)?);
    }
    work.queue_at(Kind::QueryPayment, &task.subject, due_ms)?;
    Ok(work.finish(task)?)
}

fn finish_both(work: &mut Work<'_>, order_id: &str) -> Result<(), Error> {
    for kind in [Kind::Pay, Kind::QueryPayment] {
        work.finish(&Task { kind, subject: order_id.to_owned(), attempts: 0 })?;
    }
    Ok(())
}

/// How often a provider that gives no clear word after the end is asked once more.
const TRIES_AFTER_THE_END: u32 = 8;

/// The provider speaks of a payment whose outcome was taken as final. The same word is nothing new; another one comes before a
/// person, and money that came after all is held.
fn after_the_end(
    work: &mut Work<'_>,
    order: &Order,
    task: &Task,
    said: PaymentOutcome,
    context: &Context,
) -> Result<(), Error> {
    let unclear = matches!(said, PaymentOutcome::Pending | PaymentOutcome::NotFound | PaymentOutcome::Unknown { .. });
    if unclear && task.kind == Kind::QueryPayment && task.attempts < TRIES_AFTER_THE_END {
        return Ok(work.again_at(task, back_off(work.now_ms, task.attempts))?);
    }
    match said {
        PaymentOutcome::Captured { amount, currency } if order.payment == PaymentState::Declined => {
            let detail = format!(
                "the provider declined this payment, and now says that it collected {} {currency}: it is held, nothing is sold",
                currency.format(amount)
            );
            work.exception(&order.id, "captured_after_decline", &detail)?;
            receive(work, order, amount, currency, context)?;
            let reason = "the payment was declined and collected later; a person is looking at it";
            for line in orders::lines(work, &order.id)? {
                orders::set_state(work, &line, LineState::Exception, Some(reason))?;
            }
        }
        PaymentOutcome::Declined { reason } if order.payment == PaymentState::Captured => {
            let detail = format!("the provider collected this payment, and now says that it declined it: {reason}");
            work.exception(&order.id, "declined_after_capture", &detail)?;
        }
        _ => {}
    }
    Ok(work.finish(task)?)
}
