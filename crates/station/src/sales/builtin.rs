//! The built-in sales system: a flat tariff with tax, in the station's own database.

use super::{ExplanationLine, Quote, QuoteError, ReversalOutcome, SaleOutcome, SaleRequest, SalesSystem};
use crate::money::{Currency, Money};
use crate::problem::Error;
use crate::provider::Call;
use crate::store::Store;
use crate::work::Work;
use coinless_protocol::{Commodity, MeterId, Units};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A flat tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatTariff {
    /// Price of a thousand credit units (m³, kWh) without tax, in the currency's major unit.
    pub price: Decimal,
    /// Tax in per cent, on top of the price.
    pub tax_percent: Decimal,
}

/// What one utility sells and for how much.
#[derive(Debug, Clone)]
pub struct Tariffs {
    /// The utility's name.
    pub utility: String,
    /// The currency.
    pub currency: Currency,
    /// Least and most that one line may cost.
    pub limits: (Money, Money),
    /// Tariffs by commodity.
    pub tariffs: BTreeMap<Commodity, FlatTariff>,
}

/// The built-in sales system: [`Tariffs`] over the station's database, each call in a transaction of its own.
pub struct BuiltIn {
    tariffs: Tariffs,
    store: Arc<dyn Store>,
}

impl BuiltIn {
    /// Sells by `tariffs` and keeps its sales in `store`.
    pub fn new(tariffs: Tariffs, store: Arc<dyn Store>) -> Self {
        Self { tariffs, store }
    }
}

impl SalesSystem for BuiltIn {
    fn utility(&self) -> &str {
        &self.tariffs.utility
    }

    fn currency(&self) -> Currency {
        self.tariffs.currency
    }

    fn trial<'a>(&'a self, _: MeterId, commodity: Commodity, amount: Money) -> Call<'a, Result<Quote, QuoteError>> {
        Box::pin(async move { self.tariffs.trial(commodity, amount) })
    }

    fn vend<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, SaleOutcome> {
        let asked = sale.clone();
        let answer = self.store.write(move |tx| vend(&mut Work::new(tx, 0), &asked));
        Box::pin(
            async move { answer.await.unwrap_or_else(|error: Error| SaleOutcome::Unknown { why: error.to_string() }) },
        )
    }

    fn reverse<'a>(&'a self, sale: &'a SaleRequest) -> Call<'a, ReversalOutcome> {
        let asked = sale.clone();
        let answer = self.store.write(move |tx| reverse(&mut Work::new(tx, 0), &asked));
        Box::pin(async move {
            answer.await.unwrap_or_else(|error: Error| ReversalOutcome::Unknown { why: error.to_string() })
        })
    }
}

impl Tariffs {
    /// What `amount` buys now.
    ///
    /// # Errors
    /// [`QuoteError`].
    pub fn trial(&self, commodity: Commodity, amount: Money) -> Result<Quote, QuoteError> {
        let tariff = self.tariffs.get(&commodity).ok_or(QuoteError::NotSold(commodity))?;
        let (least, most) = self.limits;
        let show = |money| format!("{} {}", self.currency.format(money), self.currency);
        if amount < least {
            return Err(QuoteError::Amount(format!("at least {} must be bought", show(least))));
        }
        if amount > most {
            return Err(QuoteError::Amount(format!("at most {} can be bought at once", show(most))));
        }
        let too_large = || QuoteError::Amount("the amount is absurdly large".to_owned());
        let net = self.net(tariff, amount).ok_or_else(too_large)?;
        let tax = amount.checked_sub(net).ok_or_else(too_large)?;
        let units = self.units(tariff, net).ok_or_else(too_large)?;
        if units == Units::ZERO {
            return Err(QuoteError::Amount(format!("{} buys less than one unit", show(amount))));
        }
        let line = |text: String, money| ExplanationLine { text, amount: self.currency.format(money) };
        let unit = commodity.display_unit();
        let what = format!("{} at {} {} a {unit}", units.fine().display(commodity), tariff.price, self.currency);
        let explanation = vec![line(what, net), line(format!("tax {} %", tariff.tax_percent), tax)];
        Ok(Quote { units, net, tax, explanation })
    }

    /// The part of `amount` without tax, rounded half up to a minor unit.
    fn net(&self, tariff: &FlatTariff, amount: Money) -> Option<Money> {
        let hundred = Decimal::ONE_HUNDRED;
        let gross = Decimal::from(amount.minor()).checked_mul(hundred)?;
        let net = gross.checked_div(hundred.checked_add(tariff.tax_percent)?)?;
        net.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().map(Money::from_minor)
    }

    /// Whole credit units that `net` buys, rounded down.
    fn units(&self, tariff: &FlatTariff, net: Money) -> Option<Units> {
        let major = Decimal::new(net.minor(), u32::from(self.currency.digits()));
        let units = major.checked_mul(Decimal::ONE_THOUSAND)?.checked_div(tariff.price)?;
        Units::new(units.floor().to_u64()?).ok()
    }
}

/// Makes a sale, or gives its outcome again.
///
/// # Errors
/// When the database fails, or the id was used for another sale.
pub fn vend(work: &mut Work<'_>, sale: &SaleRequest) -> Result<SaleOutcome, Error> {
    // The first word on an id stands: a sale, or the tombstone of one that was taken back before it was made.
    work.execute(
        "INSERT INTO sale (sale_id, meter_id, amount, units, state) VALUES ($1, $2, $3, $4, 'sold')
         ON CONFLICT (sale_id) DO NOTHING",
        &sale_row(sale),
    )?;
    let row = work.query_first(
        "SELECT state, meter_id, amount, units FROM sale WHERE sale_id = $1",
        &[sale.sale_id.as_str().into()],
    )?;
    let row = row.ok_or_else(|| Error::inconsistent("a sale vanished"))?;
    if row.text(0)? != "sold" {
        return Ok(SaleOutcome::Failed { reason: "the sale was taken back".to_owned() });
    }
    if row.text(1)? != sale.meter_id || row.int(2)? != sale.amount.minor() {
        return Err(Error::inconsistent("a sale exists with other content"));
    }
    let units = Units::new(row.number(3)?).map_err(|error| Error::inconsistent(error.to_string()))?;
    Ok(SaleOutcome::Sold { units })
}

/// Takes a sale back; one that was never made leaves a tombstone, so that it never will be.
///
/// # Errors
/// When the database fails.
pub fn reverse(work: &mut Work<'_>, sale: &SaleRequest) -> Result<ReversalOutcome, Error> {
    work.execute(
        "INSERT INTO sale (sale_id, meter_id, amount, units, state) VALUES ($1, $2, $3, $4, 'reversed')
             ON CONFLICT (sale_id) DO UPDATE SET state = 'reversed'",
        &sale_row(sale),
    )?;
    Ok(ReversalOutcome::Reversed)
}

fn sale_row(sale: &SaleRequest) -> [crate::store::Value; 4] {
    let units = sale.units.get() as i64; // at most 10^15
    [sale.sale_id.as_str().into(), sale.meter_id.as_str().into(), sale.amount.minor().into(), units.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariffs() -> Tariffs {
        let gas = FlatTariff { price: Decimal::new(85, 2), tax_percent: Decimal::new(19, 0) };
        Tariffs {
            utility: "utility".into(),
            currency: Currency::from_code("EUR").unwrap(),
            limits: (Money::from_minor(100), Money::from_minor(50_000)),
            tariffs: [(Commodity::Gas, gas)].into(),
        }
    }

    #[test]
    fn fifty_euros_of_gas() {
        let quote = tariffs().trial(Commodity::Gas, Money::from_minor(5000)).unwrap();
        // 50.00 / 1.19 = 42.0168; 42.02 / 0.85 = 49.435 m³
        assert_eq!((quote.net.minor(), quote.tax.minor(), quote.units.get()), (4202, 798, 49_435));
        assert_eq!(quote.explanation[0].text, "49.435 m³ at 0.85 EUR a m³");
    }

    #[test]
    fn limits() {
        let trial = |minor| tariffs().trial(Commodity::Gas, Money::from_minor(minor));
        assert!(trial(99).unwrap_err().to_string().contains("at least 1.00 EUR"));
        assert!(trial(50_001).unwrap_err().to_string().contains("at most 500.00 EUR"));
        assert_eq!(
            tariffs().trial(Commodity::Water, Money::from_minor(500)),
            Err(QuoteError::NotSold(Commodity::Water))
        );
    }

    #[test]
    fn a_sale_that_was_taken_back_first_is_never_made() {
        let mut tx = crate::store::SqliteTx::in_memory().unwrap();
        let mut work = Work::new(&mut tx, 0);
        let sale = SaleRequest {
            sale_id: "o/1".into(),
            meter_id: "CLS0000000017".into(),
            amount: Money::from_minor(100),
            currency: Currency::from_code("EUR").unwrap(),
            units: Units::new(7).unwrap(),
        };
        assert_eq!(reverse(&mut work, &sale).unwrap(), ReversalOutcome::Reversed);
        assert!(matches!(vend(&mut work, &sale).unwrap(), SaleOutcome::Failed { .. }));
        let sale = SaleRequest { sale_id: "o/2".into(), ..sale };
        for _ in 0..2 {
            assert_eq!(vend(&mut work, &sale).unwrap(), SaleOutcome::Sold { units: sale.units });
        }
    }
}
