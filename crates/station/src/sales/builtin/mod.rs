//! The built-in sales system: tariffs over the station's own database, for a utility that has no sales system of its own.
//!
//! What a meter bought is its *history*; it has a version, which the terms of a quote name. A quote is honoured as it was made
//! unless another purchase changed the history meanwhile, and the same would cost something else now.

mod debt;
mod history;

use super::{
    Asked, ConfirmationOutcome, ExplanationLine, Lookup, Quote, QuoteError, ReversalOutcome, SaleEntry, SaleOutcome,
    SaleRequest, SalesSystem,
};
use crate::meters::{stored_id, stored_units};
use crate::money::{Currency, Money};
use crate::problem::Error;
use crate::provider::Call;
use crate::service::now_ms;
use crate::store::{Row, Store};
use crate::tariff::{self, Breakdown, History, LineKind, Tariff};
use crate::utilities::UtilityName;
use crate::work::Work;
use coinless_protocol::{Commodity, MeterId};
use history::{Effect, Known, Terms, moment};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use debt::{Owes, change_debt, owes};
pub use history::{debt, set_debt};

/// What one utility sells and for how much.
#[derive(Debug, Clone)]
pub struct Tariffs {
    /// The utility's name.
    pub utility: UtilityName,
    /// The currency.
    pub currency: Currency,
    /// Tariffs by commodity.
    pub tariffs: BTreeMap<Commodity, Tariff>,
}

/// The built-in sales system: [`Tariffs`] over the station's database, each call in a transaction of its own.
pub struct BuiltIn {
    tariffs: Arc<Tariffs>,
    store: Arc<dyn Store>,
}

impl BuiltIn {
    /// Sells by `tariffs` and keeps its sales in `store`.
    pub fn new(tariffs: Tariffs, store: Arc<dyn Store>) -> Self {
        Self { tariffs: Arc::new(tariffs), store }
    }

    /// Runs a command of this sales system in a transaction of its own.
    fn write<T: Send + 'static>(
        &self,
        sale: &SaleRequest,
        command: fn(&mut Work<'_>, &Tariffs, &SaleRequest) -> Result<T, Error>,
    ) -> impl Future<Output = Result<T, Error>> + Send + use<T> {
        let (tariffs, sale) = (self.tariffs.clone(), sale.clone());
        self.store.write(move |tx| command(&mut Work::new(tx, now_ms()), &tariffs, &sale))
    }
}

impl SalesSystem for BuiltIn {
    fn lookup<'a>(&'a self, _: MeterId) -> Call<'a, Lookup> {
        // Whose meter it is stands in the station's own register.
        Box::pin(async { Lookup::Known { customer: None, place: None } })
    }

    fn trial<'a>(&'a self, meter: MeterId, commodity: Commodity, asked: Asked) -> Call<'a, Result<Quote, QuoteError>> {
        let tariffs = self.tariffs.clone();
        let answer = self
            .store
            .read(move |tx| Ok::<_, Error>(trial(&mut Work::new(tx, now_ms()), &tariffs, meter, commodity, asked)));
        Box::pin(async move { answer.await.unwrap_or_else(|error| Err(unavailable(&error))) })
    }

    fn vend<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        let answer = self.write(sale, vend);
        let unknown = |error: Error| SaleOutcome::Unknown { why: error.to_string(), contradicts: false };
        Box::pin(async move { answer.await.unwrap_or_else(unknown) })
    }

    fn last_response<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        // The same sale again is the same sale.
        self.vend(sale)
    }

    fn keeps_sales_apart(&self) -> bool {
        false
    }

    fn sells_money(&self) -> bool {
        true
    }

    fn wants_confirmation(&self) -> bool {
        // Its sales are in the same database as the deliveries.
        false
    }

    fn confirm<'a>(&'a self, _: &'a SaleRequest) -> Call<'a, ConfirmationOutcome> {
        Box::pin(async { ConfirmationOutcome::Confirmed })
    }

    fn reverse<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ReversalOutcome> {
        let answer = self.write(sale, reverse);
        let unknown = |error: Error| ReversalOutcome::Unknown { why: error.to_string(), contradicts: false };
        Box::pin(async move { answer.await.unwrap_or_else(unknown) })
    }

    fn sales<'a>(&'a self, from_ms: i64, to_ms: i64) -> Call<'a, Result<Vec<SaleEntry>, String>> {
        let utility = self.tariffs.utility.clone();
        let answer = self.store.read(move |tx| sales(&mut Work::new(tx, 0), &utility, from_ms, to_ms));
        Box::pin(async move { answer.await.map_err(|error: Error| error.to_string()) })
    }
}

fn unavailable(error: &Error) -> QuoteError {
    QuoteError::Unavailable { why: error.to_string() }
}

/// What is bought for a meter now; nothing is changed.
///
/// # Errors
/// [`QuoteError`].
pub fn trial(
    work: &mut Work<'_>,
    tariffs: &Tariffs,
    meter: MeterId,
    commodity: Commodity,
    asked: Asked,
) -> Result<Quote, QuoteError> {
    let tariff = tariffs.tariffs.get(&commodity).ok_or(QuoteError::NotSold(commodity))?;
    let known = history::find(work, &tariffs.utility, meter.as_str()).map_err(|error| unavailable(&error))?;
    let breakdown = breakdown(work, tariff, meter, asked, known.history).map_err(|error| unavailable(&error))?;
    let breakdown = breakdown.map_err(|error| QuoteError::Amount(error.to_string()))?;
    quote(&breakdown, known.version).map_err(|error| unavailable(&error))
}

/// What is offered to a meter with this history: of what it measures, with what the meter itself says of its consumption where the tariff
/// asks for it, or of money, if that is what its credit counts.
fn breakdown(
    work: &mut Work<'_>,
    tariff: &Tariff,
    meter: MeterId,
    asked: Asked,
    past: History,
) -> Result<Result<Breakdown, tariff::QuoteError>, Error> {
    let now = moment(work);
    if counts_money(work, meter)? {
        return Ok(tariff.quote_money(asked, &past, now));
    }
    let past = History { read_back: history::read_back(work, tariff, meter)?, ..past };
    Ok(tariff.quote(asked, &past, now))
}

/// Whether a meter's credit is money. What is not enrolled is sold what it measures.
fn counts_money(work: &mut Work<'_>, meter: MeterId) -> Result<bool, Error> {
    let row =
        work.query_first("SELECT 1 FROM meter WHERE meter_id = $1 AND currency IS NOT NULL", &[meter.as_str().into()])?;
    Ok(row.is_some())
}

fn quote(breakdown: &Breakdown, version: i64) -> Result<Quote, Error> {
    let line = |line: &tariff::Line| ExplanationLine {
        text: line.text.clone(),
        amount: line.amount.clone(),
        within: line.kind == LineKind::Within,
        step: line.step.clone(),
    };
    Ok(Quote {
        units: breakdown.units,
        amount: breakdown.total,
        net: breakdown.net(),
        tax: breakdown.tax(),
        fee: breakdown.fee(),
        explanation: breakdown.lines.iter().map(line).collect(),
        terms: Terms::of(breakdown, version).to_json()?,
    })
}

/// Makes a sale, or gives its outcome again.
///
/// # Errors
/// When the database fails, or the id was used for another sale.
pub fn vend(work: &mut Work<'_>, tariffs: &Tariffs, sale: &SaleRequest) -> Result<SaleOutcome, Error> {
    if let Some(outcome) = known(work, sale)? {
        return Ok(outcome);
    }
    let before = history::lock(work, &tariffs.utility, &sale.meter_id)?;
    let mut terms = Terms::from_json(&sale.terms)?;
    if terms.version() != before.version {
        // Another purchase came between: the same must still cost the same.
        match quote_again(work, tariffs, sale, &before)? {
            Some(again) => terms = Terms::of(&again, before.version),
            None => {
                insert(work, tariffs, sale, "reversed", None)?;
                let reason = "another purchase for this meter changed its price: order again".to_owned();
                return Ok(SaleOutcome::Failed { reason });
            }
        }
    }
    let effect = history::apply(work, &tariffs.utility, &sale.meter_id, &before, &terms)?;
    insert(work, tariffs, sale, "sold", Some(&effect))?;
    Ok(SaleOutcome::Sold { units: sale.units })
}

/// What was accepted, quoted once more after another purchase; nothing if it would not be the same.
fn quote_again(
    work: &mut Work<'_>,
    tariffs: &Tariffs,
    sale: &SaleRequest,
    before: &Known,
) -> Result<Option<Breakdown>, Error> {
    let Some(tariff) = tariffs.tariffs.get(&sale.commodity) else { return Ok(None) };
    let again = breakdown(work, tariff, stored_id(&sale.meter_id)?, sale.asked, before.history)?.ok();
    Ok(again.filter(|again| (again.units, again.total) == (sale.units, sale.amount)))
}

/// What was said of this sale before: the first word on an id stands.
fn known(work: &mut Work<'_>, sale: &SaleRequest) -> Result<Option<SaleOutcome>, Error> {
    let row = work.query_first(
        "SELECT state, meter_id, amount, units FROM sale WHERE sale_id = $1",
        &[sale.sale_id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    if row.text(0)? != "sold" {
        return Ok(Some(SaleOutcome::Failed { reason: "the sale was taken back".to_owned() }));
    }
    if row.text(1)? != sale.meter_id || row.int(2)? != sale.amount.minor() {
        return Err(Error::inconsistent("a sale exists with other content"));
    }
    Ok(Some(SaleOutcome::Sold { units: stored_units(&row, 3)? }))
}

/// Takes a sale back; one that was never made leaves a tombstone, so that it never will be.
///
/// # Errors
/// When the database fails.
pub fn reverse(work: &mut Work<'_>, tariffs: &Tariffs, sale: &SaleRequest) -> Result<ReversalOutcome, Error> {
    let row = work
        .query_first("SELECT state, effect FROM sale WHERE sale_id = $1 FOR UPDATE", &[sale.sale_id.as_str().into()])?;
    match row {
        None => insert(work, tariffs, sale, "reversed", None)?,
        Some(row) if row.text(0)? == "sold" => {
            if let Some(effect) = row.optional_text(1)? {
                history::undo(work, &tariffs.utility, &sale.meter_id, &Effect::from_json(effect)?)?;
            }
            work.execute_one(
                "taking a sale back",
                "UPDATE sale SET state = 'reversed' WHERE sale_id = $1 AND state = 'sold'",
                &[sale.sale_id.as_str().into()],
            )?;
        }
        Some(_) => {}
    }
    Ok(ReversalOutcome::Reversed)
}

fn insert(
    work: &mut Work<'_>,
    tariffs: &Tariffs,
    sale: &SaleRequest,
    state: &'static str,
    effect: Option<&Effect>,
) -> Result<(), Error> {
    let effect = effect.map(Effect::to_json).transpose()?;
    work.execute_one(
        "noting a sale",
        "INSERT INTO sale (sale_id, meter_id, amount, units, utility, at_ms, state, effect)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            sale.sale_id.as_str().into(),
            sale.meter_id.as_str().into(),
            sale.amount.minor().into(),
            (sale.units.get() as i64).into(), // at most 10^15
            tariffs.utility.as_str().into(),
            work.now_ms.into(),
            state.into(),
            effect.into(),
        ],
    )
}

fn sales(work: &mut Work<'_>, utility: &UtilityName, from_ms: i64, to_ms: i64) -> Result<Vec<SaleEntry>, Error> {
    let rows = work.query(
        "SELECT sale_id, meter_id, amount, units, state, at_ms FROM sale
         WHERE utility = $1 AND at_ms >= $2 AND at_ms < $3 ORDER BY at_ms, sale_id",
        &[utility.as_str().into(), from_ms.into(), to_ms.into()],
    )?;
    let read = |row: &Row| {
        Ok(SaleEntry {
            sale_id: row.text(0)?.to_owned(),
            meter_id: row.text(1)?.to_owned(),
            amount: Money::from_minor(row.int(2)?),
            units: stored_units(row, 3)?,
            reversed: row.text(4)? == "reversed",
            at_ms: row.int(5)?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
