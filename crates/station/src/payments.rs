//! The payment of an order: asked for once, then asked about until its outcome is known.

mod late;
mod money;
mod unpaid;

pub use money::Patience;
pub(crate) use money::{came, hold_stray};
pub use unpaid::cancel;
pub(crate) use unpaid::end;

use crate::lifecycle::{self, LineEvent, LineState, PaymentEvent, PaymentState};
use crate::orders::{self, Order, OrderLine};
use crate::problem::{Code, Error};
use crate::provider::{Notice, PaymentOutcome, PaymentRequest, SHARED_ADDRESS};
use crate::records::{from_hex, to_hex};
use crate::recovery;
use crate::refunds;
use crate::tasks::{Kind, Task, back_off};
use crate::telemetry::Words;
use crate::utilities::UtilityName;
use crate::work::Work;
use ring::digest::{SHA256, digest};
use ring::hmac;
use std::collections::BTreeSet;

/// The cause of an exception about a payment whose outcome has been unknown for too long.
pub(crate) const STUCK: &str = "payment_stuck";

/// Characters of an account.
const ACCOUNT_LENGTH: usize = 10;
/// What an account is made of.
const ACCOUNT_DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What steps need to know of the station around them.
#[derive(Clone)]
pub struct Context {
    /// The utilities that want to hear when a meter has its credit.
    pub confirming: BTreeSet<UtilityName>,
    /// The providers where customers pay by themselves: that nobody has paid yet is no fault of theirs.
    pub push: BTreeSet<String>,
    /// Where providers call back.
    pub callbacks: Callbacks,
    /// How long is waited for others.
    pub patience: Patience,
}

/// Addresses of callbacks.
#[derive(Clone)]
pub struct Callbacks {
    base: String,
    key: hmac::Key,
}

impl Callbacks {
    /// Addresses below `base` (`http://127.0.0.1:8600`), made unguessable with `key`.
    pub fn new(base: String, key: &[u8; 32]) -> Self {
        Self { base, key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The path of the callbacks of a provider about `subject`: a payment, a refund, or [`SHARED_ADDRESS`]. Its last part is
    /// HMAC-SHA-256 in hexadecimal: who does not know the address cannot even make the station ask.
    pub fn path(&self, provider: &str, subject: &str) -> String {
        let mac = hmac::sign(&self.key, message(provider, subject).as_bytes());
        format!("/v1/callbacks/{provider}/{}/{}", subject.replace('/', "."), to_hex(mac.as_ref()))
    }

    /// The whole address.
    pub fn url(&self, provider: &str, subject: &str) -> String {
        format!("{}{}", self.base, self.path(provider, subject))
    }

    /// The subject of a callback's path, if its last part is right; none for [`SHARED_ADDRESS`].
    ///
    /// # Errors
    /// [`Code::BadCallback`].
    pub fn subject(&self, provider: &str, part: &str, mac: &str) -> Result<Option<String>, Error> {
        let subject = part.replace('.', "/");
        let given = from_hex(mac).unwrap_or_default();
        hmac::verify(&self.key, message(provider, &subject).as_bytes(), &given)
            .map_err(|_| Error::refused(Code::BadCallback, "the address of the callback is not right"))?;
        Ok((subject != SHARED_ADDRESS).then_some(subject))
    }
}

fn message(provider: &str, subject: &str) -> String {
    format!("{provider}\n{subject}")
}

/// What a customer types who pays an order by himself: 10 characters of its id's SHA-256, in Crockford's base 32 (no I, L, O, U).
pub fn account(order_id: &str) -> String {
    let hash = digest(&SHA256, order_id.as_bytes());
    let digits = hash.as_ref().iter().take(ACCOUNT_LENGTH);
    digits.map(|byte| char::from(ACCOUNT_DIGITS[usize::from(byte % 32)])).collect()
}

/// Whether a text may be the [`account`] of an order.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_LENGTH && text.bytes().all(|byte| ACCOUNT_DIGITS.contains(&byte))
}

/// Moves the payment of `order` on by an event.
///
/// # Errors
/// [`Code::NotPossibleNow`] if the event does not fit its state.
pub fn step(work: &mut Work<'_>, order: &Order, event: PaymentEvent, reason: Option<&str>) -> Result<(), Error> {
    let to = lifecycle::next_payment(order.payment, event)
        .map_err(|refusal| Error::refused(Code::NotPossibleNow, format!("payment: {}", refusal.words())))?;
    if to == order.payment && reason == order.payment_reason.as_deref() {
        return Ok(());
    }
    work.execute_one(
        "moving a payment on",
        "UPDATE orders SET payment_state = $2, payment_reason = $3, version = version + 1
         WHERE order_id = $1 AND payment_state = $4",
        &[order.id.as_str().into(), to.name().into(), reason.into(), order.payment.name().into()],
    )?;
    work.touch(&order.id);
    Ok(())
}

/// What the provider is to be asked: to collect, if the outcome is still open; what became of it, also after the end, since a
/// genuine callback then may mean that the provider has changed its word. With the provider's name.
///
/// # Errors
/// When the database fails.
pub fn request(work: &mut Work<'_>, task: &Task, context: &Context) -> Result<Option<(String, PaymentRequest)>, Error> {
    let order = orders::find(work, &task.subject)?;
    let ask = match task.kind {
        Kind::QueryPayment => order.payment != PaymentState::None,
        _ => order.payment.is_open(),
    };
    let request = |order: Order| PaymentRequest {
        callback_url: context.callbacks.url(&order.provider, &order.id),
        payment_id: order.id,
        amount: order.total,
        currency: order.currency,
        payer: order.payer,
        account: order.account,
        reference: order.payment_reference,
        created_ms: order.created_ms,
    };
    Ok(ask.then(|| (order.provider.clone(), request(order))))
}

/// Notes that a payment that may be asked for only once is asked for now; gives whether it was not before.
///
/// # Errors
/// When the database fails.
pub fn mark_sent(work: &mut Work<'_>, order_id: &str) -> Result<bool, Error> {
    let marked = work.execute(
        "UPDATE orders SET payment_sent_ms = $2 WHERE order_id = $1 AND payment_sent_ms IS NULL",
        &[order_id.into(), work.now_ms.into()],
    )?;
    Ok(marked == 1)
}

/// Takes a genuine callback in: whatever it says of a payment, the station asks now.
///
/// # Errors
/// [`Code::UnknownOrder`] if nothing with this id was asked for.
pub fn called_back(work: &mut Work<'_>, provider: &str, notice: &Notice) -> Result<(), Error> {
    match notice {
        Notice::Payment { payment_id, reference } => remember_and_ask(work, provider, payment_id, reference.as_deref()),
        Notice::Outcome { payment_id, said: _ } => remember_and_ask(work, provider, payment_id, None),
        Notice::Push { account, receipt } => {
            let row =
                work.query_first("SELECT order_id FROM pay_account WHERE account = $1", &[account.as_str().into()])?;
            match row {
                Some(row) => ask(work, provider, row.text(0)?, None),
                None => {
                    let detail = format!("receipt {receipt} of {provider} is for an account that no order has");
                    work.exception(&format!("{provider}/{receipt}"), "unknown_account", &detail).map_err(Error::from)
                }
            }
        }
        Notice::Money { receipt } => {
            let row = work.query_first(
                "SELECT order_id FROM money_receipt WHERE provider = $1 AND receipt = $2 AND order_id <> ''",
                &[provider.into(), receipt.as_str().into()],
            )?;
            // Another program may share the account at the provider.
            row.map_or(Ok(()), |row| ask(work, provider, row.text(0)?, None))
        }
        Notice::Refund { refund_id, said } => refunds::said(work, refund_id, said),
        Notice::Nothing => Ok(()),
    }
}

/// Takes in what a provider that cannot be asked said of its own accord, as if it had been asked.
///
/// # Errors
/// [`Code::UnknownOrder`] if nothing with this id was asked for.
pub fn told(
    work: &mut Work<'_>,
    provider: &str,
    order_id: &str,
    said: &PaymentOutcome,
    context: &Context,
) -> Result<(), Error> {
    if remember(work, provider, order_id)? == Remembered::Over {
        return Ok(());
    }
    // Without its lock: meters are locked before orders, and that it was asked for does not change.
    was_asked_for(&orders::find(work, order_id)?, provider)?;
    match said {
        PaymentOutcome::Captured(_) | PaymentOutcome::Declined { .. } | PaymentOutcome::TakenBack { .. } => {
            let task = Task { kind: Kind::QueryPayment, subject: order_id.to_owned(), attempts: 0 };
            outcome(work, &task, said, context)
        }
        PaymentOutcome::Pending { .. } | PaymentOutcome::NotFound | PaymentOutcome::Unknown { .. } => Ok(()),
    }
}

/// What becomes of a genuine word of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remembered {
    /// It is taken in, if it was asked for.
    Open,
    /// Its order ended here before anybody remembered the payment: that is before a person, and nobody is asked.
    Over,
}

/// A genuine word of a payment that was not asked for here: it was, if a restore forgot it.
fn remember(work: &mut Work<'_>, provider: &str, order_id: &str) -> Result<Remembered, Error> {
    let is_new = |order: &Order| order.payment == PaymentState::None && order.provider == provider;
    let order = orders::find(work, order_id)?;
    if !is_new(&order) || !recovery::may_have_forgotten(work, &order)? {
        return Ok(Remembered::Open);
    }
    refunds::lock_meters(work, order_id)?;
    let order = orders::lock(work, order_id)?;
    let is_over = is_new(&order) && !recovery::accepted_before(work, &order)?;
    Ok(if is_over { Remembered::Over } else { Remembered::Open })
}

fn remember_and_ask(work: &mut Work<'_>, provider: &str, order_id: &str, reference: Option<&str>) -> Result<(), Error> {
    match remember(work, provider, order_id)? {
        Remembered::Open => ask(work, provider, order_id, reference),
        Remembered::Over => Ok(()),
    }
}

fn was_asked_for(order: &Order, provider: &str) -> Result<(), Error> {
    match order.payment != PaymentState::None && order.provider == provider {
        true => Ok(()),
        false => Err(Error::refused(Code::UnknownOrder, "no payment with this id was asked for")),
    }
}

fn ask(work: &mut Work<'_>, provider: &str, order_id: &str, reference: Option<&str>) -> Result<(), Error> {
    let order = orders::lock(work, order_id)?;
    was_asked_for(&order, provider)?;
    note_reference(work, &order, reference)?;
    // After the end it is asked once more too: a contradicting word must come before a person.
    Ok(work.queue(Kind::QueryPayment, order_id)?)
}

fn note_reference(work: &mut Work<'_>, order: &Order, reference: Option<&str>) -> Result<(), Error> {
    let Some(reference) = reference else { return Ok(()) };
    match order.payment_reference.as_deref() {
        Some(known) if known == reference => Ok(()),
        Some(known) => {
            let detail = format!("the provider named this payment {known}, and now {reference}");
            Ok(work.exception(&order.id, "two_references", &detail)?)
        }
        None => work.execute_one(
            "noting a reference",
            "UPDATE orders SET payment_reference = $2 WHERE order_id = $1",
            &[order.id.as_str().into(), reference.into()],
        ),
    }
}

/// Takes in what the provider said.
///
/// # Errors
/// When the database fails.
pub fn outcome(work: &mut Work<'_>, task: &Task, said: &PaymentOutcome, context: &Context) -> Result<(), Error> {
    let nobody_pays = matches!(said, PaymentOutcome::Pending { .. }) && unpaid::is_over(work, &task.subject, context)?;
    // Meters are locked before orders: what is not paid gives its room back.
    let gives_room_back = matches!(
        said,
        PaymentOutcome::Captured(_) | PaymentOutcome::Declined { .. } | PaymentOutcome::TakenBack { .. }
    );
    let (order, lines) = if gives_room_back || nobody_pays {
        let (order, lines, _) = orders::lock_whole(work, &task.subject)?;
        (order, lines)
    } else {
        (orders::lock(work, &task.subject)?, Vec::new())
    };
    if !order.payment.is_open() {
        return late::outcome(work, &order, task, said);
    }
    match said {
        PaymentOutcome::Captured(receipts) => {
            came(work, &order, &lines, receipts)?;
            finish_both(work, &order.id)
        }
        PaymentOutcome::Declined { reason } => unpaid::declined(work, &order, &lines, reason),
        PaymentOutcome::Pending { .. } if nobody_pays => {
            unpaid::declined(work, &order, &lines, "nobody paid in time: order again")
        }
        PaymentOutcome::Pending { reference, instructions } => {
            note_reference(work, &order, reference.as_deref())?;
            note_instructions(work, &order, instructions.as_deref())?;
            step(work, &order, PaymentEvent::Pending, None)?;
            move_lines(work, &order, LineState::PaymentUnknown, LineEvent::PaymentPending)?;
            ask_later(work, task)
        }
        PaymentOutcome::TakenBack { .. } => {
            // It came and went before anybody knew: nothing is sold for it.
            lines.iter().try_for_each(|line| crate::sell::release(work, line))?;
            let reason = "the money was taken away again; a person is looking at it";
            orders::step_all(work, &lines, LineEvent::WrongMoney, Some(reason))?;
            late::outcome(work, &order, task, said)?;
            finish_both(work, &order.id)
        }
        // The request itself may not have arrived: the same payment is asked for again, later and later.
        PaymentOutcome::NotFound if task.kind == Kind::QueryPayment && order_may_be_sent(work, &order)? => {
            work.queue_again(Kind::Pay, &order.id, task.attempts + 1, back_off(work.now_ms, task.attempts))?;
            Ok(work.finish(task)?)
        }
        PaymentOutcome::NotFound => unclear(work, &order, task, "the provider does not know what it was told"),
        PaymentOutcome::Unknown { why } => unclear(work, &order, task, why),
    }
}

/// A payment that may be asked for only once, and was, is not asked for again.
fn order_may_be_sent(work: &mut Work<'_>, order: &Order) -> Result<bool, Error> {
    let row =
        work.query_first("SELECT payment_sent_ms FROM orders WHERE order_id = $1", &[order.id.as_str().into()])?;
    Ok(row.is_some_and(|row| row.optional_int(0).is_ok_and(|sent| sent.is_none())))
}

fn note_instructions(work: &mut Work<'_>, order: &Order, instructions: Option<&str>) -> Result<(), Error> {
    if instructions.is_none() || instructions == order.payment_instructions.as_deref() {
        return Ok(());
    }
    work.execute_one(
        "noting instructions",
        "UPDATE orders SET payment_instructions = $2, version = version + 1 WHERE order_id = $1",
        &[order.id.as_str().into(), instructions.into()],
    )?;
    work.touch(&order.id);
    Ok(())
}

fn unclear(work: &mut Work<'_>, order: &Order, task: &Task, why: &str) -> Result<(), Error> {
    tracing::warn!(why = %Words(why), attempts = task.attempts, "the outcome of a payment is unknown; asking again");
    step(work, order, PaymentEvent::Unclear, Some("the payment provider has not answered yet"))?;
    move_lines(work, order, LineState::AwaitingPayment, LineEvent::PaymentUnclear)?;
    ask_later(work, task)
}

fn move_lines(work: &mut Work<'_>, order: &Order, from: LineState, event: LineEvent) -> Result<(), Error> {
    let lines: Vec<OrderLine> = orders::lines(work, &order.id)?.into_iter().filter(|line| line.state == from).collect();
    orders::step_all(work, &lines, event, None)
}

/// A payment that was asked for is from then on only asked about.
fn ask_later(work: &mut Work<'_>, task: &Task) -> Result<(), Error> {
    let due_ms = back_off(work.now_ms, task.attempts);
    if task.kind == Kind::QueryPayment {
        return Ok(work.again_at(task, due_ms)?);
    }
    work.queue_again(Kind::QueryPayment, &task.subject, task.attempts, due_ms)?;
    Ok(work.finish(task)?)
}

fn finish_both(work: &mut Work<'_>, order_id: &str) -> Result<(), Error> {
    for kind in [Kind::Pay, Kind::QueryPayment] {
        work.finish_unless_asked_again(&Task { kind, subject: order_id.to_owned(), attempts: 0 })?;
    }
    Ok(())
}
