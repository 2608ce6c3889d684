//! What the sandbox utility sells and for how much: a flat price, tax, a standing charge and a fee in every sale.

use coinless_protocol::{Commodity, Units};
use coinless_station::money::{Currency, Money};
use coinless_station::sales::http::wire::{FinalCode, LineBody, QuoteBody, unit_of};
use coinless_station::sales::{Step, StepKind};
use std::collections::BTreeMap;

/// A hundred per cent in hundredths of a per cent.
const WHOLE: i128 = 10_000;

/// Prices of a sandbox utility. All money is in minor units of `currency`.
#[derive(Debug, Clone)]
pub struct Tariff {
    /// The currency.
    pub currency: Currency,
    /// Price of a thousand credit units (m³, kWh) without tax, by commodity; what is missing is not sold.
    pub price_minor: BTreeMap<Commodity, i64>,
    /// Standing charge in every sale, without tax.
    pub standing_minor: i64,
    /// Tax on price and standing charge, in hundredths of a per cent.
    pub tax_bp: i64,
    /// Fee of every sale, free of tax.
    pub fee_minor: i64,
    /// Least and most that one sale may cost.
    pub limits_minor: (i64, i64),
}

/// What an amount comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// Credit units.
    pub units: u64,
    amount: i64,
    net: i64,
    tax: i64,
}

impl Default for Tariff {
    fn default() -> Self {
        Self {
            currency: Currency::from_code("EUR").unwrap_or_else(|_| unreachable!("a constant")),
            price_minor: [(Commodity::Gas, 85), (Commodity::Water, 210), (Commodity::Electricity, 29)].into(),
            standing_minor: 150,
            tax_bp: 1_900,
            fee_minor: 25,
            limits_minor: (300, 50_000),
        }
    }
}

impl Tariff {
    /// What `amount_minor` buys.
    ///
    /// # Errors
    /// The code of the contract's closed list.
    pub fn buys(&self, commodity: Commodity, amount_minor: i64) -> Result<Sum, FinalCode> {
        let price = *self.price_minor.get(&commodity).ok_or(FinalCode::NotSold)?;
        if amount_minor < self.limits_minor.0 {
            return Err(FinalCode::AmountTooSmall);
        }
        if amount_minor > self.limits_minor.1 {
            return Err(FinalCode::AmountTooLarge);
        }
        let taxed = i128::from(amount_minor) - i128::from(self.fee_minor);
        let rate = WHOLE + i128::from(self.tax_bp);
        // Rounded half up to a minor unit.
        let net = (2 * taxed * WHOLE + rate) / (2 * rate);
        let units = (net - i128::from(self.standing_minor)) * 1000 / i128::from(price).max(1);
        let fits = |value: i128| i64::try_from(value).map_err(|_| FinalCode::AmountTooLarge);
        match u64::try_from(units) {
            Ok(units @ 1..=Units::MAX) => {
                Ok(Sum { units, amount: amount_minor, net: fits(net)?, tax: fits(taxed - net)? })
            }
            Ok(0) | Err(_) => Err(FinalCode::AmountTooSmall),
            Ok(_) => Err(FinalCode::AmountTooLarge),
        }
    }

    /// The least amount that buys `units`.
    ///
    /// # Errors
    /// The code of the contract's closed list.
    pub fn buys_units(&self, commodity: Commodity, units: u64) -> Result<Sum, FinalCode> {
        // More money never buys less.
        let (mut too_little, mut enough) = (self.limits_minor.0 - 1, self.limits_minor.1);
        if self.buys(commodity, enough)?.units < units {
            return Err(FinalCode::AmountTooLarge);
        }
        while enough - too_little > 1 {
            let middle = too_little + (enough - too_little) / 2;
            match self.buys(commodity, middle) {
                Ok(sum) if sum.units >= units => enough = middle,
                _ => too_little = middle,
            }
        }
        self.buys(commodity, enough)
    }

    /// A quote, explained.
    pub fn quote(&self, meter: &str, commodity: Commodity, sum: Sum) -> QuoteBody {
        let show = |minor| self.currency.format(Money::from_minor(minor));
        let line = |text: String, minor, step| LineBody { text, amount: show(minor), step };
        let price = self.price_minor.get(&commodity).copied().unwrap_or_default();
        let (whole, thousandths) = (sum.units / 1000, sum.units % 1000);
        let unit = commodity.display_unit();
        let credit = format!("{whole}.{thousandths:03} {unit} at {} {} a {unit}", show(price), self.currency);
        let percent = format!("{}.{:02}", self.tax_bp / 100, self.tax_bp % 100);
        let sold = Step { units: Some(sum.units), price: Some(show(price)), ..Step::of(StepKind::Block) };
        let taxed = Step { percent: Some(percent.clone()), ..Step::of(StepKind::Tax) };
        let explanation = vec![
            line(credit, sum.net - self.standing_minor, sold),
            line("standing charge".to_owned(), self.standing_minor, Step::of(StepKind::Standing)),
            line(format!("tax {percent} %"), sum.tax, taxed),
            line("service fee".to_owned(), self.fee_minor, Step::of(StepKind::Fee)),
        ];
        QuoteBody {
            meter: meter.to_owned(),
            commodity: commodity.name().to_owned(),
            unit: unit_of(commodity).to_owned(),
            units: sum.units,
            currency: self.currency.code().to_owned(),
            amount: show(sum.amount),
            net: show(sum.net),
            tax: show(sum.tax),
            fee: show(self.fee_minor),
            explanation,
            terms: self.terms(commodity),
        }
    }

    /// What a quote holds under: whoever sells names it again, and it must still be this.
    pub fn terms(&self, commodity: Commodity) -> String {
        let price = self.price_minor.get(&commodity).copied().unwrap_or_default();
        format!("flat:{price}:{}:{}:{}", self.standing_minor, self.tax_bp, self.fee_minor)
    }
}
