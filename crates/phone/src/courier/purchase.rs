//! What a payer wants to buy, and what can be said of it before anything is sent.

use crate::records::{Consent, StoredOrder};
use crate::round::Round;
use crate::store::Contents;
use crate::wire::{LineView, MeterInfo, OrderRequest, RequestLine};
use crate::{Amount, Asked, Error, Sum};
use coinless_protocol::MeterId;
use std::collections::HashSet;

/// Most lines of one order.
pub const MAX_LINES: usize = 500;
/// Most characters of a payer's or a provider's name, as at the station.
const MAX_NAME_CHARS: usize = 64;

/// What a payer wants to buy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purchase {
    /// For which meters, and what is asked for each: 1 to 500 lines.
    pub lines: Vec<PurchaseLine>,
    /// Who pays, as the payment provider knows them: a telephone number, for example; at most 64 characters.
    pub payer: Option<String>,
    /// The payment provider's name; the station's first one if it is left out.
    pub provider: Option<String>,
    /// The most that the payer wants to pay in all.
    pub most: Option<Amount>,
    /// The file that the lines come from, to be kept with the order.
    pub round: Option<Round>,
}

/// One line of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseLine {
    /// The meter.
    pub meter: MeterId,
    /// What is asked for it.
    pub asked: Asked,
}

impl Purchase {
    /// Checks everything that needs no station.
    ///
    /// # Errors
    /// [`Error::BadPurchase`].
    pub fn check(&self) -> Result<(), Error> {
        let bad = |why: String| Err(Error::BadPurchase(why));
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            return bad(format!("these are {} lines, and an order has 1 to {MAX_LINES}", self.lines.len()));
        }
        let mut known = HashSet::new();
        if let Some(twice) = self.lines.iter().find(|line| !known.insert(line.meter)) {
            let label = twice.meter.label();
            return bad(format!("{label} is in two lines: put all that it is to get in one"));
        }
        for (what, name) in [("payer", &self.payer), ("provider", &self.provider)] {
            let Some(name) = name else { continue };
            let fits = !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS;
            if !fits || name.contains(char::is_control) {
                return bad(format!("the {what} has 1 to {MAX_NAME_CHARS} characters, on one line"));
            }
        }
        Ok(())
    }

    /// The request for it; lines of the meter `at` are to be loaded at once.
    pub fn request(&self, at: Option<MeterId>) -> OrderRequest {
        let line = |line: &PurchaseLine| RequestLine {
            meter: line.meter.label().to_string(),
            asked: line.asked.clone(),
            immediate: at == Some(line.meter),
        };
        let lines = self.lines.iter().map(line).collect();
        OrderRequest { lines, currency: None, payer: self.payer.clone(), provider: self.provider.clone() }
    }

    /// Quantities are in units that their meters count in.
    pub(super) fn check_units(&self, meters: &[MeterInfo]) -> Result<(), Error> {
        for line in &self.lines {
            let Asked::Quantity(quantity) = &line.asked else { continue };
            let info = meters.iter().find(|info| info.meter == line.meter.as_str());
            if let Some(info) = info.filter(|info| !quantity.fits(&info.commodity)) {
                let (label, commodity) = (line.meter.label(), &info.commodity);
                return Err(Error::BadPurchase(format!("{label} measures {commodity}, and {quantity} is none of it")));
            }
        }
        Ok(())
    }

    /// The sum of the amounts of money among the lines.
    pub(super) fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        self.lines.iter().filter_map(|line| line.asked.amount()).for_each(|amount| {
            sum.add(amount.as_str());
        });
        sum
    }

    /// Refuses a total that is more than the payer wants to pay.
    pub(super) fn check_most(&self, total: &str, currency: &str) -> Result<(), Error> {
        let Some(most) = &self.most else { return Ok(()) };
        let mut sum = Sum::default();
        if sum.add(total) && sum.millionths() <= u128::from(most.millionths()) {
            return Ok(());
        }
        Err(Error::TooExpensive { total: total.to_owned(), currency: currency.to_owned(), most: most.clone() })
    }

    /// An order for the same meters and amounts at the same station whose outcome the payer was not shown.
    ///
    /// # Errors
    /// [`Error::OtherPayer`] if its payer or provider is another: then it may be another purchase or the same, and neither to pay
    /// twice nor to leave one out can be undone.
    pub(super) fn begun<'a>(&self, contents: &'a Contents, url: &str) -> Result<Option<&'a StoredOrder>, Error> {
        let open = |order: &&StoredOrder| order.station == url && !order.told && order.rejected.is_none();
        let same: Vec<_> = contents.orders.iter().filter(open).filter(|order| self.has_lines_of(order)).collect();
        let by_link = |order: &StoredOrder| order.consent == Consent::QuoteFirst;
        let same_payer = |order: &&&StoredOrder| {
            let request = &order.request;
            by_link(order) || (request.payer == self.payer && request.provider == self.provider)
        };
        match (same.iter().find(same_payer), same.first()) {
            (Some(order), _) => Ok(Some(order)),
            (None, Some(order)) => Err(Error::OtherPayer(order.id)),
            (None, None) => Ok(None),
        }
    }

    fn has_lines_of(&self, order: &StoredOrder) -> bool {
        let lines = &order.request.lines;
        lines.len() == self.lines.len()
            && (1..).zip(lines.iter().zip(&self.lines)).all(|(number, (stored, line))| {
                MeterId::from_label(&stored.meter) == Ok(line.meter)
                    && (stored.asked == line.asked || is_bought(order, number, &line.asked))
            })
    }
}

/// Whether a line of an order that came from a link, which does not say how it was asked for, buys the quantity `asked`.
fn is_bought(order: &StoredOrder, line: u32, asked: &Asked) -> bool {
    let view: Option<&LineView> = order.view.as_ref().and_then(|view| view.line(line));
    match (&order.consent, asked, view.and_then(|view| view.quote.as_ref())) {
        (Consent::QuoteFirst, Asked::Quantity(quantity), Some(quote)) => quote.units == quantity.units().get(),
        _ => false,
    }
}
