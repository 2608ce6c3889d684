//! Orders: one request of a payer, one payment, and lines that each may end differently.
//!
//! The caller makes the order's id (UUIDv7) before the first send. The id covers the request: the same again is the same
//! order, another one a conflict.

mod request;
mod rows;

pub use request::{Line, LineRequest, OrderRequest};
pub use rows::{
    Order, OrderLine, find, find_whole, line, line_of_subject, lines, lock, lock_line, lock_line_of_subject,
    lock_whole, order_and_line,
};

use crate::float::{self, Credential};
use crate::lifecycle::{self, LineEvent, LineState, PaymentEvent, PaymentState};
use crate::meters::{self, Meter};
use crate::money::{Currency, Money};
use crate::payments;
use crate::problem::{Code, Error};
use crate::recovery;
use crate::sales::{Asked, Quote};
use crate::store::{Expect, Row, Value};
use crate::tasks::{Kind, Task};
use crate::work::Work;
use coinless_protocol::{MeterId, Units};
use std::collections::BTreeMap;

/// Most lines of an order.
pub const MAX_LINES: usize = 500;
/// How long a quote may be accepted.
pub const QUOTE_LIFETIME_MS: i64 = 30 * 60 * 1000;

/// A line with its meter and what the sales system offers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// The line.
    pub line: Line,
    /// Its meter.
    pub meter: Meter,
    /// The offer.
    pub quote: Quote,
}

/// How an order is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayBy {
    /// The provider's name.
    pub provider: String,
    /// Whether customers pay by themselves and name the order's account.
    pub is_push: bool,
}

/// The sum of all lines.
///
/// # Errors
/// [`Code::BadAmount`] if it is too large.
pub fn total(lines: &[QuotedLine]) -> Result<Money, Error> {
    let total = lines.iter().try_fold(Money::ZERO, |sum, line| sum.checked_add(line.quote.amount));
    let total = total.filter(|total| *total <= Money::MAX);
    total.ok_or_else(|| Error::refused(Code::BadAmount, "the sum is absurdly large"))
}

/// Makes an order of quoted lines, or finds the same one. Gives whether it is new.
///
/// # Errors
/// [`Code::OrderConflict`] if the id is used for another request, [`Code::OverMaximumCredit`] if a meter cannot take its lines.
pub fn put(
    work: &mut Work<'_>,
    id: &str,
    request: &OrderRequest,
    currency: Currency,
    lines: &[QuotedLine],
    pay_by: &PayBy,
) -> Result<bool, Error> {
    let sums = by_meter(lines.iter().map(|line| (line.meter.id, line.quote.units, line.line.immediate)))?;
    let keys: Vec<[Value; 1]> = sums.keys().map(|meter| [meter.as_str().into()]).collect();
    let account = payments::account(id);
    let named = [id.into(), account.as_str().into()];
    let mut questions = vec![(SAME, &named[..1]), (recovery::AWAITED, &named)];
    questions.extend(keys.iter().map(|key| (meters::FIND, &key[..])));
    let answers = work.query_all(&questions)?;
    let [known, awaited, meters @ ..] = &answers[..] else { return Err(Error::inconsistent("answers are missing")) };
    if is_same(known.first(), request)? {
        return Ok(false);
    }
    // What is paid already is not asked for again.
    let is_paid = recovery::is_awaited(awaited)?;
    if !is_paid {
        for ((id, sum), meter) in sums.iter().zip(meters) {
            check_meter(&meters::found(*id, meter.first())?, *sum)?;
        }
    }
    let request_json = serde_json::to_string(request).map_err(|error| Error::inconsistent(error.to_string()))?;
    let (digest, expires_ms) = (request.digest()?, work.now_ms + QUOTE_LIFETIME_MS);
    let was_restored = lines.iter().any(|line| line.meter.gap.is_some());
    let made_ms = if was_restored { recovery::made_ms(work, id)? } else { None }.unwrap_or(work.now_ms);
    // Another process may make it between the look and the insertion.
    work.put(
        "INSERT INTO orders (order_id, request, request_digest, currency, total, payer, version, quote_version,
                             expires_ms, provider, account, payment_state, captured, refunding, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $8, $9, 'none', 0, 0, $10) ON CONFLICT (order_id) DO NOTHING",
        &[
            id.into(),
            request_json.into(),
            digest.as_slice().into(),
            currency.code().into(),
            total(lines)?.minor().into(),
            request.payer.as_deref().into(),
            expires_ms.into(),
            pay_by.provider.as_str().into(),
            account.as_str().into(),
            made_ms.into(),
        ],
        Expect::OneOrAgain,
    )?;
    if pay_by.is_push {
        work.execute_one(
            "giving an order its account",
            "INSERT INTO pay_account (account, order_id) VALUES ($1, $2)",
            &[account.into(), id.into()],
        )?;
    }
    for (number, line) in (1_u32..).zip(lines) {
        insert_line(work, id, number, line)?;
    }
    work.queue_at(Kind::Expire, id, expires_ms)?;
    work.touch(id);
    if is_paid {
        recovery::arrived(work, id)?;
    }
    Ok(true)
}

/// Whether the order exists and was made by the same request.
///
/// # Errors
/// [`Code::OrderConflict`] if it was made by another one.
pub fn exists(work: &mut Work<'_>, id: &str, request: &OrderRequest) -> Result<bool, Error> {
    is_same(work.query_first(SAME, &[id.into()])?.as_ref(), request)
}

/// What an order was made of.
const SAME: &str = "SELECT request, request_digest, erased_ms FROM orders WHERE order_id = $1";

fn is_same(row: Option<&Row>, request: &OrderRequest) -> Result<bool, Error> {
    let Some(row) = row else { return Ok(false) };
    let same = match row.optional_bytes(1)? {
        // Of an order whose payer was erased it is not known any more who that was.
        Some(digest) if row.optional_int(2)?.is_some() => digest == request.without_payer().digest()?,
        Some(digest) => digest == request.digest()?,
        // Made before digests were kept.
        None => serde_json::from_str::<OrderRequest>(row.text(0)?).is_ok_and(|known| known == *request),
    };
    if same {
        return Ok(true);
    }
    let detail =
        "this id is used for an order with other content: GET it to see which, and make a new id for a new order";
    Err(Error::refused(Code::OrderConflict, detail))
}

fn insert_line(work: &mut Work<'_>, id: &str, number: u32, line: &QuotedLine) -> Result<(), Error> {
    let QuotedLine { line, meter, quote } = line;
    let explanation =
        serde_json::to_string(&quote.explanation).map_err(|error| Error::inconsistent(error.to_string()))?;
    let asked_units = match line.asked {
        Asked::Money(_) => None,
        Asked::Units(units) => Some(units.get() as i64),
    };
    work.execute_one(
        "making a line",
        "INSERT INTO order_line (order_id, line, meter_id, commodity, utility, asked_units, amount, net, tax, fee, units,
                                 quote, terms, state, immediate, counts_money)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'quoted', $14, $15)",
        &[
            id.into(),
            number.into(),
            meter.id.as_str().into(),
            (meter.commodity as i64).into(),
            meter.utility.as_str().into(),
            asked_units.into(),
            quote.amount.minor().into(),
            quote.net.minor().into(),
            quote.tax.minor().into(),
            quote.fee.minor().into(),
            (quote.units.get() as i64).into(),
            explanation.into(),
            quote.terms.as_str().into(),
            line.immediate.into(),
            meter.currency.is_some().into(),
        ],
    )
}

/// Refuses lines that their meters cannot take, all lines of one meter together, and meters that nothing is sold to now.
///
/// # Errors
/// [`Code::OverMaximumCredit`], [`Code::Recovering`], [`Code::UnknownMeter`].
pub fn check_rooms(work: &mut Work<'_>, lines: impl Iterator<Item = (MeterId, Units, bool)>) -> Result<(), Error> {
    by_meter(lines)?.into_iter().try_for_each(|(id, sum)| check_meter(&meters::find(work, id)?, sum))
}

fn check_meter(meter: &Meter, (units, immediate): (Units, bool)) -> Result<(), Error> {
    meter.check_sellable()?;
    meter.check_room(units, immediate)
}

/// The sums of all lines of each meter, in the order of the meters.
fn by_meter(lines: impl Iterator<Item = (MeterId, Units, bool)>) -> Result<BTreeMap<MeterId, (Units, bool)>, Error> {
    let mut sums = BTreeMap::<MeterId, (Units, bool)>::new();
    for (meter, units, immediate) in lines {
        let sum = sums.entry(meter).or_default();
        let more = sum.0.checked_add(units);
        *sum = (more.ok_or_else(|| Error::refused(Code::BadAmount, "absurdly large"))?, sum.1 || immediate);
    }
    Ok(sums)
}

/// Accepts a quote: from here on the provider is asked to collect. Accepting it again changes nothing.
///
/// # Errors
/// As [`accept_with`].
pub fn accept(work: &mut Work<'_>, id: &str, quote_version: i64) -> Result<(), Error> {
    accept_with(work, id, quote_version, None)
}

/// Accepts a quote, with the credential of a float if the order is to be paid from one: then it is paid at once.
///
/// # Errors
/// [`Code::QuoteExpired`] if it is another version or too old, [`Code::OverMaximumCredit`] if a meter filled up meanwhile,
/// [`Code::BadCredential`] or [`Code::FloatTooSmall`] if the float does not pay; then nothing is accepted.
pub fn accept_with(
    work: &mut Work<'_>,
    id: &str,
    quote_version: i64,
    credential: Option<&Credential>,
) -> Result<(), Error> {
    let (order, all, meters) = lock_whole(work, id)?;
    if quote_version != order.quote_version {
        let detail = format!("the quote to accept is version {}: GET the order and look at it", order.quote_version);
        return Err(Error::refused(Code::QuoteExpired, detail));
    }
    let too_late = order.payment == PaymentState::None && work.now_ms > order.expires_ms;
    if too_late || all.iter().any(|line| line.state == LineState::Expired) {
        return Err(Error::refused(Code::QuoteExpired, "nobody accepted this quote in time: make a new order"));
    }
    if order.payment != PaymentState::None {
        return Ok(());
    }
    let sums = by_meter(all.iter().map(|line| (line.meter, line.units, line.immediate)))?;
    // What was accepted before, and a restore forgot, goes on under its own id; while it recovers nothing else is sold.
    let recovering = meters.iter().any(|meter| meter.recovering_since_ms.is_some());
    let was_accepted = recovering && recovery::may_have_forgotten(work, &order)?;
    for meter in meters.iter().filter(|_| !was_accepted) {
        check_meter(meter, sums.get(&meter.id).copied().unwrap_or_default())?;
    }
    for meter in &meters {
        let sum = sums.get(&meter.id).copied().ok_or_else(|| Error::inconsistent("a meter of no line"))?;
        meters::reserve(work, meter.id, sum.0)?;
    }
    accepted(work, &order, &all)?;
    match credential {
        credential if order.provider == float::PROVIDER => return float::pay(work, id, credential),
        Some(_) => {
            let detail = "only an order whose provider is float takes a credential";
            return Err(Error::refused(Code::Malformed, detail));
        }
        None if was_accepted => return recovery::ask_again(work, id),
        None => {}
    }
    Ok(work.queue(Kind::Pay, id)?)
}

/// Moves an order on whose quote was accepted, and whose room is reserved.
pub(crate) fn accepted(work: &mut Work<'_>, order: &Order, lines: &[OrderLine]) -> Result<(), Error> {
    step_all(work, lines, LineEvent::Accepted, None)?;
    payments::step(work, order, PaymentEvent::Accepted, None)?;
    Ok(work.finish(&Task { kind: Kind::Expire, subject: order.id.clone(), attempts: 0 })?)
}

/// Forgets a quote that nobody accepted.
///
/// # Errors
/// When the database fails.
pub fn expire(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    let order = lock(work, id)?;
    if order.payment != PaymentState::None {
        return Ok(());
    }
    let open: Vec<_> = lines(work, id)?.into_iter().filter(|line| line.state == LineState::Quoted).collect();
    step_all(work, &open, LineEvent::QuoteExpired, Some("nobody accepted the quote in time"))
}

/// Moves a line on by an event; gives its new state. It must still be in the state in which it was read.
///
/// # Errors
/// [`Code::NotPossibleNow`] or [`Code::AlreadyDelivered`] with the refusal's words if the event does not fit the state.
pub fn step(work: &mut Work<'_>, line: &OrderLine, event: LineEvent, reason: Option<&str>) -> Result<LineState, Error> {
    let to = set_state(work, line, event, reason)?;
    count_change(work, &line.order_id)?;
    Ok(to)
}

/// Moves several lines of one order on by the same event.
///
/// # Errors
/// As [`step`].
pub fn step_all(work: &mut Work<'_>, lines: &[OrderLine], event: LineEvent, reason: Option<&str>) -> Result<(), Error> {
    let Some(first) = lines.first() else { return Ok(()) };
    for line in lines {
        set_state(work, line, event, reason)?;
    }
    count_change(work, &first.order_id)
}

fn set_state(
    work: &mut Work<'_>,
    line: &OrderLine,
    event: LineEvent,
    reason: Option<&str>,
) -> Result<LineState, Error> {
    let to = lifecycle::next(line.state, event).map_err(|refusal| {
        let code = match refusal {
            lifecycle::Refusal::InTheMeter => Code::AlreadyDelivered,
            _ => Code::NotPossibleNow,
        };
        Error::refused(code, format!("line {}: {}", line.line, refusal.words()))
    })?;
    work.execute_one(
        "moving a line on",
        "UPDATE order_line SET state = $3, reason = $4, paid_ms = COALESCE(paid_ms, $6)
         WHERE order_id = $1 AND line = $2 AND state = $5",
        &[
            line.order_id.as_str().into(),
            line.line.into(),
            to.name().into(),
            reason.into(),
            line.state.name().into(),
            (to == LineState::Paid).then_some(work.now_ms).into(),
        ],
    )?;
    Ok(to)
}

fn count_change(work: &mut Work<'_>, order_id: &str) -> Result<(), Error> {
    work.execute_one(
        "counting a change",
        "UPDATE orders SET version = version + 1 WHERE order_id = $1",
        &[order_id.into()],
    )?;
    work.touch(order_id);
    Ok(())
}
