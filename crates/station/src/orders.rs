//! Orders: one request of a payer, one payment, and lines that each may end differently.
//!
//! The caller makes the order's id (UUIDv7) before the first send. The id covers the request: the same again is the same
//! order, another one a conflict.

use crate::meters::{self, stored_units};
use crate::money::{Currency, Money};
use crate::problem::{Code, Error};
use crate::sales::Quote;
use crate::store::Row;
use crate::tasks::Kind;
use crate::work::Work;
use coinless_protocol::{MeterId, Units};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most lines of an order.
pub const MAX_LINES: usize = 500;
/// How long a quote may be accepted.
pub const QUOTE_LIFETIME_MS: i64 = 30 * 60 * 1000;

/// What a payer asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// 1 to 500 lines.
    pub lines: Vec<LineRequest>,
    /// ISO 4217 code; the station's own if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Who pays, as the payment provider knows them; at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
}

/// One line of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    /// The meter's number with its check character.
    pub meter: String,
    /// A decimal number in the order's currency.
    pub amount: String,
    /// The credit will be loaded at once: the newest receipt's balance counts against the meter's maximum too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub immediate: bool,
}

/// A line that was read and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The meter.
    pub meter: MeterId,
    /// What the payer pays.
    pub amount: Money,
    /// Whether it will be loaded at once.
    pub immediate: bool,
}

impl OrderRequest {
    /// Reads and checks the lines.
    ///
    /// # Errors
    /// A refusal that says what is wrong with which line.
    pub fn parse(&self, currency: Currency) -> Result<Vec<Line>, Error> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            return Err(Error::refused(Code::Malformed, format!("an order has 1 to {MAX_LINES} lines")));
        }
        if self.currency.as_deref().is_some_and(|code| code != currency.code()) {
            return Err(Error::refused(Code::WrongCurrency, format!("this station sells in {currency}")));
        }
        if self.payer.as_deref().is_some_and(|payer| payer.chars().count() > 64) {
            return Err(Error::refused(Code::Malformed, "payer has at most 64 characters"));
        }
        let parse = |line: &LineRequest| {
            let meter = meters::parse_label(&line.meter)?;
            let amount = currency
                .parse(&line.amount)
                .map_err(|error| Error::refused(Code::BadAmount, format!("{}: {error}", meter.label())))?;
            Ok(Line { meter, amount, immediate: line.immediate })
        };
        self.lines.iter().map(parse).collect()
    }
}

/// States of an order line (DESIGN §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// Offered.
    Quoted,
    /// The quote was accepted; the provider is asked to collect.
    AwaitingPayment,
    /// Whether the money was collected is not known; it is asked again.
    PaymentUnknown,
    /// The money is here.
    Paid,
    /// Whether the sales system sold is not known; it is asked again.
    SaleUnknown,
    /// Sold.
    Sold,
    /// The token is signed.
    Issued,
    /// A receipt shows that the meter has it. Final.
    Delivered,
    /// A void was asked for; a receipt decides.
    VoidPending,
    /// A receipt shows that the meter can never load it.
    Voided,
    /// The sales system took the sale back.
    SaleReversed,
    /// The money is back. Final.
    Refunded,
    /// Nobody accepted the quote in time. Final.
    Expired,
    /// Not paid, or not sold; what was paid goes back. Final if nothing was paid.
    Failed,
    /// A person must look.
    Exception,
}

impl LineState {
    const ALL: [Self; 15] = [
        Self::Quoted,
        Self::AwaitingPayment,
        Self::PaymentUnknown,
        Self::Paid,
        Self::SaleUnknown,
        Self::Sold,
        Self::Issued,
        Self::Delivered,
        Self::VoidPending,
        Self::Voided,
        Self::SaleReversed,
        Self::Refunded,
        Self::Expired,
        Self::Failed,
        Self::Exception,
    ];

    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quoted => "quoted",
            Self::AwaitingPayment => "awaiting_payment",
            Self::PaymentUnknown => "payment_unknown",
            Self::Paid => "paid",
            Self::SaleUnknown => "sale_unknown",
            Self::Sold => "sold",
            Self::Issued => "issued",
            Self::Delivered => "delivered",
            Self::VoidPending => "void_pending",
            Self::Voided => "voided",
            Self::SaleReversed => "sale_reversed",
            Self::Refunded => "refunded",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Exception => "exception",
        }
    }

    fn from_name(name: &str) -> Result<Self, Error> {
        let state = Self::ALL.into_iter().find(|state| state.name() == name);
        state.ok_or_else(|| Error::inconsistent(format!("a line in state {name}")))
    }
}

/// An order as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// The request that the id covers, as canonical JSON.
    pub request: String,
    /// The currency.
    pub currency: Currency,
    /// The sum of all lines.
    pub total: Money,
    /// Who pays.
    pub payer: Option<String>,
    /// Rises with each change.
    pub version: i64,
    /// The version of the quote that may be accepted.
    pub quote_version: i64,
    /// Until when it may be accepted.
    pub expires_ms: i64,
    /// Where the payment stands.
    pub payment: crate::payments::PaymentState,
    /// Why it stands there, for the payer.
    pub payment_reason: Option<String>,
}

/// An order line as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Its order.
    pub order_id: String,
    /// Its number, from 1.
    pub line: u32,
    /// The meter.
    pub meter: MeterId,
    /// What the payer pays.
    pub amount: Money,
    /// Of which for the utility.
    pub net: Money,
    /// Of which tax.
    pub tax: Money,
    /// Units that it buys.
    pub units: Units,
    /// The explanation of the quote, as JSON.
    pub quote: String,
    /// Where it stands.
    pub state: LineState,
    /// Whether it will be loaded at once.
    pub immediate: bool,
    /// Why it stands there, for the payer.
    pub reason: Option<String>,
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
    lines: &[(Line, Quote)],
) -> Result<bool, Error> {
    let request_json = serde_json::to_string(request).map_err(|error| Error::inconsistent(error.to_string()))?;
    if let Some(same) = exists(work, id, request)? {
        return Ok(!same);
    }
    check_rooms(work, lines.iter().map(|(line, quote)| (line.meter, quote.units, line.immediate)))?;
    let total = lines.iter().try_fold(Money::ZERO, |sum, (line, _)| sum.checked_add(line.amount));
    let total = total.ok_or_else(|| Error::refused(Code::BadAmount, "the sum is absurdly large"))?;
    let expires_ms = work.now_ms + QUOTE_LIFETIME_MS;
    work.execute_one(
        "making an order",
        "INSERT INTO orders (order_id, request, currency, total, payer, version, quote_version, expires_ms,
                             payment_state, captured, refunding, created_ms)
         VALUES ($1, $2, $3, $4, $5, 1, 1, $6, 'none', 0, 0, $7)",
        &[
            id.into(),
            request_json.into(),
            currency.code().into(),
            total.minor().into(),
            request.payer.as_deref().into(),
            expires_ms.into(),
            work.now_ms.into(),
        ],
    )?;
    for (number, (line, quote)) in (1_u32..).zip(lines) {
        insert_line(work, id, number, line, quote)?;
    }
    work.queue_at(Kind::Expire, id, expires_ms)?;
    work.touch(id);
    Ok(true)
}

/// Whether the order exists: none if it does not, some if it was made by the same request.
///
/// # Errors
/// [`Code::OrderConflict`] if it was made by another one.
pub fn exists(work: &mut Work<'_>, id: &str, request: &OrderRequest) -> Result<Option<bool>, Error> {
    let row = work.query_first("SELECT request FROM orders WHERE order_id = $1", &[id.into()])?;
    let Some(row) = row else { return Ok(None) };
    let known: OrderRequest =
        serde_json::from_str(row.text(0)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    if known == *request {
        return Ok(Some(true));
    }
    let detail =
        "this id is used for an order with other content: GET it to see which, and make a new id for a new order";
    Err(Error::refused(Code::OrderConflict, detail))
}

fn insert_line(work: &mut Work<'_>, id: &str, number: u32, line: &Line, quote: &Quote) -> Result<(), Error> {
    let explanation =
        serde_json::to_string(&quote.explanation).map_err(|error| Error::inconsistent(error.to_string()))?;
    work.execute_one(
        "making a line",
        "INSERT INTO order_line (order_id, line, meter_id, amount, net, tax, units, quote, state, immediate)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'quoted', $9)",
        &[
            id.into(),
            number.into(),
            line.meter.as_str().into(),
            line.amount.minor().into(),
            quote.net.minor().into(),
            quote.tax.minor().into(),
            (quote.units.get() as i64).into(),
            explanation.into(),
            line.immediate.into(),
        ],
    )
}

/// Refuses lines that their meters cannot take, all lines of one meter together.
///
/// # Errors
/// [`Code::OverMaximumCredit`], [`Code::UnknownMeter`].
pub fn check_rooms(work: &mut Work<'_>, lines: impl Iterator<Item = (MeterId, Units, bool)>) -> Result<(), Error> {
    let mut sums = std::collections::BTreeMap::<MeterId, (Units, bool)>::new();
    for (meter, units, immediate) in lines {
        let sum = sums.entry(meter).or_default();
        let more = sum.0.checked_add(units);
        *sum = (more.ok_or_else(|| Error::refused(Code::BadAmount, "absurdly large"))?, sum.1 || immediate);
    }
    sums.into_iter().try_for_each(|(id, (units, immediate))| meters::find(work, id)?.check_room(units, immediate))
}

/// Accepts a quote: from here on the provider is asked to collect. Accepting it again changes nothing.
///
/// # Errors
/// [`Code::QuoteExpired`] if it is another version or too old, [`Code::OverMaximumCredit`] if a meter filled up meanwhile.
pub fn accept(work: &mut Work<'_>, id: &str, quote_version: i64) -> Result<(), Error> {
    let order = find(work, id)?;
    if quote_version != order.quote_version {
        let detail = format!("the quote to accept is version {}: GET the order and look at it", order.quote_version);
        return Err(Error::refused(Code::QuoteExpired, detail));
    }
    let all = lines(work, id)?;
    if all.iter().any(|line| line.state == LineState::Expired) || (order.is_quoted() && work.now_ms > order.expires_ms)
    {
        return Err(Error::refused(Code::QuoteExpired, "nobody accepted this quote in time: make a new order"));
    }
    if !order.is_quoted() {
        return Ok(());
    }
    check_rooms(work, all.iter().map(|line| (line.meter, line.units, line.immediate)))?;
    for line in &all {
        work.execute_one(
            "reserving room",
            "UPDATE meter SET reserved_units = reserved_units + $2 WHERE meter_id = $1",
            &[line.meter.as_str().into(), (line.units.get() as i64).into()],
        )?;
        set_state(work, line, LineState::AwaitingPayment, None)?;
    }
    crate::payments::set_state(work, id, crate::payments::PaymentState::Sent, None)?;
    work.execute("DELETE FROM outbox WHERE subject = $1 AND task = $2", &[id.into(), Kind::Expire.name().into()])?;
    Ok(work.queue(Kind::Pay, id)?)
}

/// Forgets a quote that nobody accepted.
///
/// # Errors
/// When the database fails.
pub fn expire(work: &mut Work<'_>, id: &str) -> Result<(), Error> {
    for line in lines(work, id)?.iter().filter(|line| line.state == LineState::Quoted) {
        set_state(work, line, LineState::Expired, Some("nobody accepted the quote in time"))?;
    }
    Ok(())
}

/// The order with this id.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub fn find(work: &mut Work<'_>, id: &str) -> Result<Order, Error> {
    let row = work.query_first(
        "SELECT order_id, request, currency, total, payer, version, quote_version, expires_ms, payment_state,
                payment_reason FROM orders WHERE order_id = $1",
        &[id.into()],
    )?;
    let row = row.ok_or_else(|| Error::refused(Code::UnknownOrder, "there is no order with this id"))?;
    Ok(Order {
        id: row.text(0)?.to_owned(),
        request: row.text(1)?.to_owned(),
        currency: Currency::from_code(row.text(2)?).map_err(|error| Error::inconsistent(error.to_string()))?,
        total: Money::from_minor(row.int(3)?),
        payer: row.optional_text(4)?.map(str::to_owned),
        version: row.int(5)?,
        quote_version: row.int(6)?,
        expires_ms: row.int(7)?,
        payment: crate::payments::PaymentState::from_name(row.text(8)?)?,
        payment_reason: row.optional_text(9)?.map(str::to_owned),
    })
}

impl Order {
    fn is_quoted(&self) -> bool {
        self.payment == crate::payments::PaymentState::None
    }
}

/// The lines of an order, in their order.
///
/// # Errors
/// When the database fails.
pub fn lines(work: &mut Work<'_>, id: &str) -> Result<Vec<OrderLine>, Error> {
    let rows = work.query(
        "SELECT order_id, line, meter_id, amount, net, tax, units, quote, state, immediate, reason
         FROM order_line WHERE order_id = $1 ORDER BY line",
        &[id.into()],
    )?;
    rows.iter().map(read_line).collect()
}

/// One line of an order.
///
/// # Errors
/// [`Code::UnknownLine`].
pub fn line(work: &mut Work<'_>, id: &str, number: u32) -> Result<OrderLine, Error> {
    let row = work.query_first(
        "SELECT order_id, line, meter_id, amount, net, tax, units, quote, state, immediate, reason
         FROM order_line WHERE order_id = $1 AND line = $2",
        &[id.into(), number.into()],
    )?;
    row.as_ref()
        .map_or_else(|| Err(Error::refused(Code::UnknownLine, format!("this order has no line {number}"))), read_line)
}

fn read_line(row: &Row) -> Result<OrderLine, Error> {
    Ok(OrderLine {
        order_id: row.text(0)?.to_owned(),
        line: row.number(1)?,
        meter: meters::stored_id(row.text(2)?)?,
        amount: Money::from_minor(row.int(3)?),
        net: Money::from_minor(row.int(4)?),
        tax: Money::from_minor(row.int(5)?),
        units: stored_units(row, 6)?,
        quote: row.text(7)?.to_owned(),
        state: LineState::from_name(row.text(8)?)?,
        immediate: row.int(9)? != 0,
        reason: row.optional_text(10)?.map(str::to_owned),
    })
}

impl OrderLine {
    /// `order/line`: the id of its sale, and the subject of its tasks.
    pub fn subject(&self) -> String {
        format!("{}/{}", self.order_id, self.line)
    }
}

/// The line that a task is about.
///
/// # Errors
/// [`Error::Inconsistent`] if the subject names none.
pub fn line_of_subject(work: &mut Work<'_>, subject: &str) -> Result<OrderLine, Error> {
    let parts = subject.split_once('/').and_then(|(order, number)| Some((order, number.parse().ok()?)));
    let (order, number) = parts.ok_or_else(|| Error::inconsistent("a task about no line"))?;
    line(work, order, number)
}

/// Moves a line on. It must still be in the state in which it was read.
///
/// # Errors
/// [`Error::Inconsistent`] if it moved meanwhile.
pub fn set_state(work: &mut Work<'_>, line: &OrderLine, to: LineState, reason: Option<&str>) -> Result<(), Error> {
    work.execute_one(
        "moving a line on",
        "UPDATE order_line SET state = $3, reason = $4 WHERE order_id = $1 AND line = $2 AND state = $5",
        &[line.order_id.as_str().into(), line.line.into(), to.name().into(), reason.into(), line.state.name().into()],
    )?;
    work.execute_one(
        "counting a change",
        "UPDATE orders SET version = version + 1 WHERE order_id = $1",
        &[line.order_id.as_str().into()],
    )?;
    work.touch(&line.order_id);
    Ok(())
}
