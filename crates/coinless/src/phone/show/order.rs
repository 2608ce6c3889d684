//! Orders, and how their lines stand.

use super::{DeliveryResult, TokenResult};
use crate::phone::deliver;
use coinless_phone::courier::{BoughtAt, Refund};
use coinless_phone::records::StoredOrder;
use coinless_phone::store::Contents;
use coinless_phone::wire::{LineState, LineView, OrderView, PaymentState};
use coinless_protocol::Commodity;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// An order on this phone.
#[derive(Serialize)]
pub struct OrderResult {
    order: String,
    station: String,
    currency: Option<String>,
    total: Option<String>,
    payment: PaymentState,
    payment_reason: Option<String>,
    /// Nothing will change any more.
    finished: bool,
    rejected: Option<String>,
    lines: Vec<LineResult>,
}

/// One line of an order.
#[derive(Serialize)]
struct LineResult {
    line: u32,
    meter: String,
    label: String,
    commodity: Option<String>,
    amount: String,
    units: Option<u64>,
    shown: Option<String>,
    /// As the station says; none if it has not answered yet.
    state: Option<LineState>,
    reason: Option<String>,
    paid: bool,
    sold: bool,
    on_phone: bool,
    loaded: bool,
    /// Number of the token that is to be carried.
    token: Option<u32>,
    #[serde(skip)]
    words: &'static str,
}

impl OrderResult {
    /// An order of a store.
    pub fn new(order: &StoredOrder, contents: &Contents) -> Self {
        let view = order.view.as_ref();
        let lines = match view {
            Some(view) => view.lines.iter().map(|line| LineResult::new(view, line, order, contents)).collect(),
            None => {
                (1..).zip(&order.request.lines).map(|(number, asked)| LineResult::unanswered(number, asked)).collect()
            }
        };
        Self {
            order: order.id.to_string(),
            station: order.station.clone(),
            currency: view.map(|view| view.currency.clone()),
            total: view.map(|view| view.total.clone()),
            payment: view.map_or(PaymentState::None, |view| view.payment.state),
            payment_reason: view.and_then(|view| view.payment.reason.clone()),
            finished: !order.is_open(),
            rejected: order.rejected.clone(),
            lines,
        }
    }

    /// How a line stands, in words.
    pub fn state_words(view: &OrderView, line: &LineView) -> &'static str {
        match line.state {
            LineState::Quoted => "quoted, NOT PAID",
            LineState::AwaitingPayment => "waiting for the payment",
            LineState::PaymentUnknown => "what became of the payment is not known yet",
            LineState::Paid => "paid, not sold yet",
            LineState::SaleUnknown => "paid; what became of the sale is not known yet",
            LineState::Sold => "paid, sold; its token is not made yet",
            LineState::Issued => "paid, sold; NOT LOADED yet",
            LineState::Delivered => "paid, sold, LOADED",
            LineState::VoidPending => "refund asked for; its void token must reach the meter first",
            LineState::Voided => "taken back from the meter; the money is on its way back",
            LineState::SaleReversed => "the sale is reversed; the money is on its way back",
            LineState::Refunded => "refunded",
            LineState::Expired => "not paid in time; nothing was bought",
            LineState::Failed if view.payment.state == PaymentState::Declined => "payment declined; nothing was bought",
            LineState::Failed => "ended without a sale",
            LineState::Exception => "a person at the station must look at this",
            LineState::Other => "in a state that this program does not know",
        }
    }
}

impl LineResult {
    fn new(view: &OrderView, line: &LineView, order: &StoredOrder, contents: &Contents) -> Self {
        let number = view.lines.iter().position(|other| other.line == line.line);
        let token = line.token_key();
        let on_phone = token.is_some_and(|key| contents.tokens.iter().any(|stored| stored.key == key));
        let covered = token.is_some_and(|key| contents.receipts.iter().any(|receipt| receipt.covers(&key)));
        let loaded = line.state == LineState::Delivered || (line.state == LineState::Issued && covered);
        let words = match line.state {
            LineState::Issued if loaded => "paid, sold, LOADED; the station does not know it yet: sync",
            LineState::Issued if on_phone => "paid, sold, on this phone, NOT LOADED yet",
            _ => OrderResult::state_words(view, line),
        };
        let asked = number.and_then(|number| order.request.lines.get(number));
        Self {
            line: line.line,
            meter: line.meter.clone(),
            label: asked.map_or_else(|| line.label.clone(), |asked| asked.meter.clone()),
            commodity: Some(line.commodity.clone()),
            amount: line.amount.clone(),
            units: line.quote.as_ref().map(|quote| quote.units),
            shown: line.quote.as_ref().map(|quote| quote.shown.clone()),
            state: Some(line.state),
            reason: line.reason.clone(),
            paid: view.payment.state == PaymentState::Captured && line.state != LineState::Refunded,
            sold: matches!(
                line.state,
                LineState::Sold | LineState::Issued | LineState::Delivered | LineState::VoidPending | LineState::Voided
            ),
            on_phone,
            loaded,
            token: token.map(|key| key.number.0),
            words,
        }
    }

    /// A line of an order that the station has never answered.
    fn unanswered(line: u32, asked: &coinless_phone::wire::RequestLine) -> Self {
        Self {
            line,
            meter: asked.meter.split('-').next().unwrap_or("").to_owned(),
            label: asked.meter.clone(),
            commodity: None,
            amount: asked.amount.to_string(),
            units: None,
            shown: None,
            state: None,
            reason: None,
            paid: false,
            sold: false,
            on_phone: false,
            loaded: false,
            token: None,
            words: "the station has not answered; NOT PAID",
        }
    }
}

impl Display for OrderResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.order)?;
        if let (Some(total), Some(currency)) = (&self.total, &self.currency) {
            write!(f, "  {total} {currency}")?;
        }
        writeln!(f)?;
        if let Some(rejected) = &self.rejected {
            return writeln!(f, "  NOT PAID: {rejected}");
        }
        for line in &self.lines {
            let shown = line.shown.as_deref().unwrap_or("");
            write!(f, "  {}  {}  {:>8}  {shown:>12}  {}", line.line, line.label, line.amount, line.words)?;
            if let Some(reason) = &line.reason {
                write!(f, " ({reason})")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A purchase.
#[derive(Serialize)]
pub struct BuyResult {
    #[serde(flatten)]
    order: OrderResult,
    /// It was begun earlier.
    resumed: bool,
    /// What the meter's receipt says, with `--at`.
    meter: Option<Loaded>,
    /// What became of each token, with `--at`.
    pub deliveries: Vec<DeliveryResult>,
}

/// What a meter's receipt says after the loading.
#[derive(Serialize)]
struct Loaded {
    meter: String,
    label: String,
    receipt: u32,
    credit_number: u32,
    /// Credit units sold to the meter since it was made.
    total: u64,
    /// The same before the loading, if a receipt says so.
    total_before: Option<u64>,
    /// Credit units loaded now.
    loaded: Option<u64>,
    #[serde(skip)]
    commodity: Commodity,
}

impl BuyResult {
    /// A purchase as far as it got.
    pub fn new(result: &BoughtAt, contents: &Contents) -> Self {
        let bought = &result.bought;
        let (order, resumed) = (OrderResult::new(&bought.order, contents), bought.resumed);
        let Some(Ok(delivered)) = &result.delivered else {
            return Self { order, resumed, meter: None, deliveries: Vec::new() };
        };
        let meter = delivered.identity.meter;
        let newest = contents.newest_receipt(&meter, delivered.identity.meter_key).map(|newest| {
            let (total, total_before) = (newest.receipt.total, result.total_before);
            Loaded {
                meter: meter.to_string(),
                label: meter.label().to_string(),
                receipt: newest.key.number,
                credit_number: newest.receipt.registers.credit.0,
                total: total.get(),
                total_before: total_before.map(|before| before.get()),
                loaded: total_before.and_then(|before| total.checked_sub(before)).map(|loaded| loaded.get()),
                commodity: delivered.identity.commodity,
            }
        });
        Self { order, resumed, meter: newest, deliveries: deliver::results(delivered, contents) }
    }
}

impl Display for BuyResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.order)?;
        for delivery in &self.deliveries {
            write!(f, "{delivery}")?;
        }
        if let Some(Loaded { label, receipt, loaded: Some(loaded @ 1..), commodity, .. }) = &self.meter {
            let shown = super::delivery::units(*loaded, *commodity);
            writeln!(f, "{label} says in its receipt {receipt}: {shown} loaded now")?;
        }
        if self.resumed {
            writeln!(f, "This purchase was begun earlier; nothing else was bought now.")?;
        }
        let waiting = self.order.lines.iter().any(|line| line.on_phone && !line.loaded);
        if waiting {
            writeln!(f, "PAID IS NOT LOADED: carry this phone to the meter, then `coinless phone deliver`")?;
        }
        Ok(())
    }
}

/// A request for money back.
#[derive(Serialize)]
pub struct RefundResult {
    #[serde(flatten)]
    order: OrderResult,
    /// The lines that were asked back.
    asked: Vec<u32>,
    /// The void tokens to be carried to their meters.
    voids: Vec<TokenResult>,
    next: &'static str,
}

impl RefundResult {
    /// What a request has brought.
    pub fn new(refund: &Refund, contents: &Contents) -> Self {
        let next = if refund.voids.is_empty() {
            "Run `coinless phone sync` to see how it goes on."
        } else {
            "No money moves yet. First carry the void token to the meter (`coinless phone deliver`), so that the credit can never \
             be loaded; then `coinless phone sync` brings the meter's receipt, and the money comes back."
        };
        let voids = refund.voids.iter().map(TokenResult::new).collect();
        Self { order: OrderResult::new(&refund.order, contents), asked: refund.lines.clone(), voids, next }
    }
}

impl Display for RefundResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.order)?;
        for token in &self.voids {
            writeln!(f, "void {token}: on this phone")?;
        }
        writeln!(f, "{}", self.next)
    }
}
