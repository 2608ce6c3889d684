//! Orders and lines as stored.

use crate::lifecycle::{LineState, PaymentState};
use crate::meters::{self, Meter, stored_commodity, stored_units};
use crate::money::{Currency, Money};
use crate::problem::{Code, Error};
use crate::sales::Asked;
use crate::store::Row;
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::{Commodity, MeterId, Units};

/// An order as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: String,
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
    /// When it was made.
    pub created_ms: i64,
    /// The payment provider's name.
    pub provider: String,
    /// What a customer types who pays by himself.
    pub account: String,
    /// Where the payment stands.
    pub payment: PaymentState,
    /// Why it stands there, for the payer.
    pub payment_reason: Option<String>,
    /// The provider's own id of the payment.
    pub payment_reference: Option<String>,
    /// The provider's first receipt for money.
    pub payment_receipt: Option<String>,
    /// What the payer has to do.
    pub payment_instructions: Option<String>,
    /// What was taken away again, not by us.
    pub taken_back: Money,
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
    /// What the meter measures.
    pub commodity: Commodity,
    /// The meter's utility.
    pub utility: UtilityName,
    /// What was asked for.
    pub asked: Asked,
    /// What the payer pays: `net + tax + fee`.
    pub amount: Money,
    /// Of which for the utility.
    pub net: Money,
    /// Of which taxes and levies.
    pub tax: Money,
    /// Of which fees for the service.
    pub fee: Money,
    /// Units that it buys.
    pub units: Units,
    /// The explanation of the quote, as JSON.
    pub quote: String,
    /// The sales system's own words on the quote.
    pub terms: String,
    /// Where it stands.
    pub state: LineState,
    /// Whether it will be loaded at once.
    pub immediate: bool,
    /// Why it stands there, for the payer.
    pub reason: Option<String>,
    /// When it was paid.
    pub paid_ms: Option<i64>,
    /// Whether its units are minor units of the order's currency; else they are what the meter measures.
    pub counts_money: bool,
}

impl OrderLine {
    /// `order/line`: the id of its sale and of its refund, and the subject of its tasks.
    pub fn subject(&self) -> String {
        format!("{}/{}", self.order_id, self.line)
    }
}

macro_rules! select_order {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, currency, total, payer, version, quote_version, expires_ms, created_ms, provider, account,
                    payment_state, payment_reason, payment_reference, payment_receipt, payment_instructions, taken_back
             FROM orders WHERE order_id = $1",
            $rest
        )
    };
}

macro_rules! select_line {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, line, meter_id, commodity, utility, asked_units, amount, net, tax, fee, units, quote, terms,
                    state, immediate, reason, paid_ms, counts_money
             FROM order_line WHERE order_id = $1",
            $rest
        )
    };
}

const FIND_ORDER: &str = select_order!("");
const LOCK_ORDER: &str = select_order!(" FOR UPDATE");
const FIND_LINES: &str = select_line!(" ORDER BY line");
const FIND_LINE: &str = select_line!(" AND line = $2");

/// The order with this id.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub fn find(work: &mut Work<'_>, id: &str) -> Result<Order, Error> {
    read_order(work.query_first(FIND_ORDER, &[id.into()])?.as_ref())
}

/// The order with this id, which no other process changes until this command ends.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub fn lock(work: &mut Work<'_>, id: &str) -> Result<Order, Error> {
    read_order(work.query_first(LOCK_ORDER, &[id.into()])?.as_ref())
}

/// The lines of an order, in their order.
///
/// # Errors
/// When the database fails.
pub fn lines(work: &mut Work<'_>, id: &str) -> Result<Vec<OrderLine>, Error> {
    let rows = work.query(FIND_LINES, &[id.into()])?;
    rows.iter().map(read_line).collect()
}

/// One line of an order.
///
/// # Errors
/// [`Code::UnknownLine`].
pub fn line(work: &mut Work<'_>, id: &str, number: u32) -> Result<OrderLine, Error> {
    let row = work.query_first(FIND_LINE, &[id.into(), number.into()])?;
    the_line(row.as_ref(), number)
}

/// The order with this id and its lines, in their order.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub fn find_whole(work: &mut Work<'_>, id: &str) -> Result<(Order, Vec<OrderLine>), Error> {
    let [order, lines] = work.query_each([(FIND_ORDER, &[id.into()][..]), (FIND_LINES, &[id.into()])])?;
    Ok((read_order(order.first())?, lines.iter().map(read_line).collect::<Result<_, _>>()?))
}

/// The order with this id, its lines, in their order, and their meters, in the order of their identities. No other process
/// changes any of them until this command ends.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub fn lock_whole(work: &mut Work<'_>, id: &str) -> Result<(Order, Vec<OrderLine>, Vec<Meter>), Error> {
    let key = [id.into()];
    // Meters are locked before orders, and lines are read when both are locked.
    let questions = [(meters::LOCK_OF_ORDER, &key[..]), (LOCK_ORDER, &key), (FIND_LINES, &key)];
    let [meters, order, lines] = work.query_each(questions)?;
    let lines = lines.iter().map(read_line).collect::<Result<_, _>>()?;
    Ok((read_order(order.first())?, lines, meters.iter().map(meters::read).collect::<Result<_, _>>()?))
}

/// One line of an order with the order, which no other process changes until this command ends. Its meter must be locked.
///
/// # Errors
/// [`Code::UnknownOrder`], [`Code::UnknownLine`].
pub fn lock_line(work: &mut Work<'_>, id: &str, number: u32) -> Result<(Order, OrderLine), Error> {
    let [order, line] = work.query_each([(LOCK_ORDER, &[id.into()][..]), (FIND_LINE, &[id.into(), number.into()])])?;
    Ok((read_order(order.first())?, the_line(line.first(), number)?))
}

fn the_line(row: Option<&Row>, number: u32) -> Result<OrderLine, Error> {
    row.map_or_else(|| Err(Error::refused(Code::UnknownLine, format!("this order has no line {number}"))), read_line)
}

/// The line that a task is about.
///
/// # Errors
/// [`Error::Inconsistent`] if the subject names none.
pub fn line_of_subject(work: &mut Work<'_>, subject: &str) -> Result<OrderLine, Error> {
    let (order, number) = split_subject(subject)?;
    line(work, order, number)
}

/// The line that a task is about with its order.
///
/// # Errors
/// [`Error::Inconsistent`] if the subject names none.
pub fn order_and_line(work: &mut Work<'_>, subject: &str) -> Result<(Order, OrderLine), Error> {
    let (order, number) = split_subject(subject)?;
    let questions = [(FIND_ORDER, &[order.into()][..]), (FIND_LINE, &[order.into(), number.into()])];
    let [order, line] = work.query_each(questions)?;
    Ok((read_order(order.first())?, the_line(line.first(), number)?))
}

/// The line that a task is about, with its meter and its order, which are locked in this order.
///
/// # Errors
/// [`Error::Inconsistent`] if the subject names none.
pub fn lock_line_of_subject(work: &mut Work<'_>, subject: &str) -> Result<(Meter, Order, OrderLine), Error> {
    let (order, number) = split_subject(subject)?;
    let key = [order.into(), number.into()];
    let questions = [(meters::LOCK_OF_LINE, &key[..]), (LOCK_ORDER, &key[..1]), (FIND_LINE, &key)];
    let [meter, order, line] = work.query_each(questions)?;
    let (order, line) = (read_order(order.first())?, the_line(line.first(), number)?);
    Ok((meters::found(line.meter, meter.first())?, order, line))
}

fn split_subject(subject: &str) -> Result<(&str, u32), Error> {
    let parts = subject.split_once('/').and_then(|(order, number)| Some((order, number.parse().ok()?)));
    parts.ok_or_else(|| Error::inconsistent("a task about no line"))
}

fn read_order(row: Option<&Row>) -> Result<Order, Error> {
    let row = row.ok_or_else(|| Error::refused(Code::UnknownOrder, "there is no order with this id"))?;
    let payment = row.text(10)?;
    let text = |at| Ok::<_, Error>(row.optional_text(at)?.map(str::to_owned));
    Ok(Order {
        id: row.text(0)?.to_owned(),
        currency: Currency::from_code(row.text(1)?).map_err(|error| Error::inconsistent(error.to_string()))?,
        total: Money::from_minor(row.int(2)?),
        payer: text(3)?,
        version: row.int(4)?,
        quote_version: row.int(5)?,
        expires_ms: row.int(6)?,
        created_ms: row.int(7)?,
        provider: row.text(8)?.to_owned(),
        account: row.text(9)?.to_owned(),
        payment: PaymentState::from_name(payment)
            .ok_or_else(|| Error::inconsistent(format!("a payment in state {payment}")))?,
        payment_reason: text(11)?,
        payment_reference: text(12)?,
        payment_receipt: text(13)?,
        payment_instructions: text(14)?,
        taken_back: Money::from_minor(row.int(15)?),
    })
}

fn read_line(row: &Row) -> Result<OrderLine, Error> {
    let state = row.text(13)?;
    let amount = Money::from_minor(row.int(6)?);
    let asked = match row.optional_int(5)? {
        Some(_) => Asked::Units(stored_units(row, 5)?),
        None => Asked::Money(amount),
    };
    Ok(OrderLine {
        order_id: row.text(0)?.to_owned(),
        line: row.number(1)?,
        meter: meters::stored_id(row.text(2)?)?,
        commodity: stored_commodity(row, 3)?,
        utility: meters::stored_utility(row.text(4)?)?,
        asked,
        amount,
        net: Money::from_minor(row.int(7)?),
        tax: Money::from_minor(row.int(8)?),
        fee: Money::from_minor(row.int(9)?),
        units: stored_units(row, 10)?,
        quote: row.text(11)?.to_owned(),
        terms: row.text(12)?.to_owned(),
        state: LineState::from_name(state).ok_or_else(|| Error::inconsistent(format!("a line in state {state}")))?,
        immediate: row.int(14)? != 0,
        reason: row.optional_text(15)?.map(str::to_owned),
        paid_ms: row.optional_int(16)?,
        counts_money: row.int(17)? != 0,
    })
}
