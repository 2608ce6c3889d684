//! From what people wrote to a [`Tariff`]: every value is checked once, here, and every complaint names the value.

use super::config::{
    BlockConfig, DebtConfig, FeeConfig, FreeConfig, Number, STANDING_DAYS, StandingConfig, TariffConfig, TaxConfig,
    VersionConfig,
};
use super::rate::{Percent, Price, Rounding, scaled};
use super::version::{Base, Block, Debt, Fee, Free, Period, Standing, StandingRate, Tariff, Tax, TaxRule, Version};
use crate::money::{Currency, Money};
use coinless_protocol::Commodity;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use rust_decimal::Decimal;

/// Why a definition is no tariff: which value, what is wrong with it and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct TariffError {
    /// The value's place: `versions[0].blocks[1].price`, counted from 0.
    pub at: String,
    /// What is wrong with it and what to do.
    pub problem: String,
}

/// The most versions of a tariff.
pub const MAX_VERSIONS: usize = 256;
/// The most blocks, taxes, and fees of a version, each.
pub const MAX_ITEMS: usize = 32;
/// The most credit units that a block may end at, a free allowance may have, or one purchase may buy: 10^12.
pub const MAX_PURCHASE_UNITS: u64 = 1_000_000_000_000;
const MAX_NAME_CHARS: usize = 64;
const MAX_STANDING_DAYS: u16 = 3660;

impl TariffConfig {
    /// The tariff for `commodity` in `currency`.
    ///
    /// # Errors
    /// [`TariffError`] names the first value that is wrong.
    pub fn build(&self, currency: Currency, commodity: Commodity) -> Result<Tariff, TariffError> {
        let zone = self.zone.as_deref().map_or(Ok(TimeZone::UTC), |name| {
            let named = TimeZoneDatabase::bundled().get(name);
            named.map_err(|_| error("zone", format!("{name:?} is no time zone; write for example \"Africa/Nairobi\"")))
        })?;
        let simple = VersionConfig { price: self.price, tax_percent: self.tax_percent, ..VersionConfig::default() };
        let versions = if self.versions.is_empty() {
            vec![Reader { at: String::new(), currency }.version(&simple)?]
        } else {
            if self.price.is_some() || self.tax_percent.is_some() {
                return Err(error("price", "write prices and taxes inside the versions, or leave the versions out"));
            }
            limit("versions", self.versions.len(), MAX_VERSIONS)?;
            let version = |(i, version)| Reader { at: format!("versions[{i}]."), currency }.version(version);
            self.versions.iter().enumerate().map(version).collect::<Result<Vec<_>, _>>()?
        };
        for (i, pair) in versions.windows(2).enumerate() {
            if pair[0].from >= pair[1].from {
                let problem = "each version needs a later day than the one before it";
                return Err(error(&format!("versions[{}].from", i + 1), problem));
            }
        }
        Ok(Tariff { commodity, currency, zone, versions })
    }
}

/// Reads the values of one version.
struct Reader {
    at: String,
    currency: Currency,
}

impl Reader {
    fn version(&self, config: &VersionConfig) -> Result<Version, TariffError> {
        let from = config.from.as_deref().map(|day| {
            let problem = || format!("{day:?} is no day; write for example \"2026-07-01\"");
            day.parse::<Date>().map_err(|_| self.error("from", problem()))
        });
        let year_starts_in = config.year_starts_in.unwrap_or(1);
        if !(1..=12).contains(&year_starts_in) {
            return Err(self.error("year_starts_in", "a month is a number from 1 to 12"));
        }
        let minimum = self.money("minimum", config.minimum)?.unwrap_or(Money::from_minor(1));
        let maximum = self.money("maximum", config.maximum)?.unwrap_or(Money::MAX);
        if minimum > maximum {
            return Err(self.error("minimum", "it is greater than the maximum"));
        }
        limit(&format!("{}fees", self.at), config.fees.len(), MAX_ITEMS)?;
        let fee = |(i, fee)| self.fee(&format!("fees[{i}]"), fee);
        Ok(Version {
            from: from.transpose()?,
            blocks: self.blocks(config)?,
            period: Period { kind: config.period, year_starts_in },
            over: config.blocks_over,
            rounding: config.rounding.unwrap_or(Rounding::Up),
            prices_include_tax: config.prices_include_tax,
            taxes: self.taxes(config)?,
            standing: config.standing.as_ref().map(|standing| self.standing(standing)).transpose()?,
            debt: config.debt.as_ref().map(|debt| self.debt(debt)).transpose()?,
            free: config.free.as_ref().map(|free| self.free(free)).transpose()?,
            fees: config.fees.iter().enumerate().map(fee).collect::<Result<_, _>>()?,
            minimum,
            maximum,
        })
    }

    fn blocks(&self, config: &VersionConfig) -> Result<Vec<Block>, TariffError> {
        let blocks = match (config.price, config.blocks.as_slice()) {
            (Some(price), []) => vec![Block { up_to: None, price: self.price("price", price)? }],
            (None, []) => return Err(self.error("price", "it is missing; write for example price = \"0.85\"")),
            (Some(_), [_, ..]) => return Err(self.error("price", "write either a price or blocks, not both")),
            (None, blocks) => {
                limit(&format!("{}blocks", self.at), blocks.len(), MAX_ITEMS)?;
                let block = |(i, block)| self.block(&format!("blocks[{i}]"), block, i + 1 == blocks.len());
                blocks.iter().enumerate().map(block).collect::<Result<Vec<_>, _>>()?
            }
        };
        for (i, pair) in blocks.windows(2).enumerate() {
            if pair[1].up_to.is_some_and(|end| pair[0].up_to >= Some(end)) {
                return Err(self.error(&format!("blocks[{}].up_to", i + 1), "a block ends after the one before it"));
            }
        }
        if blocks.last().is_none_or(|block| block.price.is_zero()) {
            return Err(self.error("price", "the price (of the last block) must be greater than 0"));
        }
        Ok(blocks)
    }

    fn block(&self, name: &str, config: &BlockConfig, last: bool) -> Result<Block, TariffError> {
        let at = format!("{name}.up_to");
        let up_to = config.up_to.map(|units| self.units(&at, units)).transpose()?;
        if up_to.is_none() != last {
            return Err(self.error(&at, "every block but the last needs an end, and the last has none"));
        }
        Ok(Block { up_to, price: self.price(&format!("{name}.price"), config.price)? })
    }

    fn taxes(&self, config: &VersionConfig) -> Result<Vec<Tax>, TariffError> {
        if let Some(percent) = config.tax_percent {
            if !config.taxes.is_empty() {
                return Err(self.error("tax_percent", "write either tax_percent or taxes, not both"));
            }
            let percent = self.percent("tax_percent", percent)?;
            let of = Base { energy: true, standing: true, taxes: Vec::new() };
            let rule = TaxRule::Percent { percent, of };
            return Ok(vec![Tax { name: "tax".to_owned(), rule, rounding: Rounding::HalfUp }]);
        }
        limit(&format!("{}taxes", self.at), config.taxes.len(), MAX_ITEMS)?;
        let mut taxes: Vec<Tax> = Vec::with_capacity(config.taxes.len());
        for (i, tax) in config.taxes.iter().enumerate() {
            let at = format!("taxes[{i}]");
            self.name(&format!("{at}.name"), &tax.name)?;
            let reserved = ["energy", "standing", "all"].contains(&tax.name.as_str());
            if reserved || taxes.iter().any(|other| other.name == tax.name) {
                return Err(self.error(&format!("{at}.name"), format!("{:?} names something else already", tax.name)));
            }
            let rule = self.tax_rule(&at, tax, &taxes)?;
            if config.prices_include_tax && !on_prices_only(&rule) {
                let problem = "a tax that prices include is per cent of energy and standing charge only";
                return Err(self.error(&at, problem));
            }
            taxes.push(Tax { name: tax.name.clone(), rule, rounding: tax.rounding });
        }
        Ok(taxes)
    }

    fn tax_rule(&self, at: &str, tax: &TaxConfig, before: &[Tax]) -> Result<TaxRule, TariffError> {
        match (tax.percent, tax.per_unit) {
            (None, Some(price)) if tax.of.is_none() => {
                Ok(TaxRule::PerUnit(self.price(&format!("{at}.per_unit"), price)?))
            }
            (Some(percent), None) => {
                let percent = self.percent(&format!("{at}.percent"), percent)?;
                Ok(TaxRule::Percent { percent, of: self.base(&format!("{at}.of"), tax.of.as_deref(), before)? })
            }
            _ => Err(self.error(at, "write either percent (and of what) or per_unit")),
        }
    }

    fn base(&self, at: &str, of: Option<&[String]>, before: &[Tax]) -> Result<Base, TariffError> {
        let Some(of) = of else {
            return Ok(Base { energy: true, standing: true, taxes: Vec::new() });
        };
        limit(&format!("{}{at}", self.at), of.len(), MAX_ITEMS + 2)?;
        let mut base = Base::default();
        for name in of {
            match name.as_str() {
                "energy" => base.energy = true,
                "standing" => base.standing = true,
                "all" => base = Base { energy: true, standing: true, taxes: (0..before.len()).collect() },
                name => {
                    let place = before.iter().position(|tax| tax.name == name).ok_or_else(|| {
                        let problem = format!("{name:?} is not energy, standing, all, or a tax before this one");
                        self.error(at, problem)
                    })?;
                    if !base.taxes.contains(&place) {
                        base.taxes.push(place);
                    }
                }
            }
        }
        if base == Base::default() {
            return Err(self.error(at, "it names nothing; leave it out for energy and standing charge"));
        }
        Ok(base)
    }

    fn standing(&self, config: &StandingConfig) -> Result<Standing, TariffError> {
        let rate = match (config.per_day, config.per_month) {
            (Some(rate), None) => StandingRate::PerDay(self.price("standing.per_day", rate)?),
            (None, Some(rate)) => StandingRate::PerMonth(self.price("standing.per_month", rate)?),
            _ => return Err(self.error("standing", "write either per_day or per_month")),
        };
        let at_most_days = config.at_most_days.unwrap_or(STANDING_DAYS);
        if !(1..=MAX_STANDING_DAYS).contains(&at_most_days) {
            return Err(self.error("standing.at_most_days", format!("it is from 1 to {MAX_STANDING_DAYS}")));
        }
        Ok(Standing { rate, at_most_days, rounding: config.rounding })
    }

    fn debt(&self, config: &DebtConfig) -> Result<Debt, TariffError> {
        let percent = config.percent.map(|percent| self.percent("debt.percent", percent)).transpose()?;
        let fixed = self.money("debt.fixed", config.fixed)?;
        let leave = self.money("debt.leave", config.leave)?;
        if percent.is_none() && fixed.is_none() {
            return Err(self.error("debt", "write percent, fixed, or both"));
        }
        // Else nothing could ever be bought before the debt is paid.
        if percent > Some(Percent::HUNDRED) || (percent == Some(Percent::HUNDRED) && leave.is_none()) {
            return Err(self.error("debt.percent", "it must be under 100, or 100 with an amount to leave"));
        }
        let at_most = self.money("debt.at_most", config.at_most)?;
        let (fixed, leave) = (fixed.unwrap_or(Money::ZERO), leave.unwrap_or(Money::ZERO));
        Ok(Debt { percent, fixed, at_most, leave, rounding: config.rounding })
    }

    fn free(&self, config: &FreeConfig) -> Result<Free, TariffError> {
        let units = self.units("free.units", config.units)?;
        Ok(Free { units, counts_in_blocks: config.counts_in_blocks })
    }

    fn fee(&self, at: &str, config: &FeeConfig) -> Result<Fee, TariffError> {
        self.name(&format!("{at}.name"), &config.name)?;
        self.name(&format!("{at}.to"), &config.to)?;
        let percent = config.percent.map(|percent| self.percent(&format!("{at}.percent"), percent)).transpose()?;
        let fixed = self.money(&format!("{at}.fixed"), config.fixed)?;
        if percent.is_none() && fixed.is_none() {
            return Err(self.error(at, "write fixed, percent, or both"));
        }
        if percent >= Some(Percent::HUNDRED) {
            return Err(self.error(&format!("{at}.percent"), "it must be under 100"));
        }
        Ok(Fee {
            name: config.name.clone(),
            to: config.to.clone(),
            fixed: fixed.unwrap_or(Money::ZERO),
            percent,
            at_most: self.money(&format!("{at}.at_most"), config.at_most)?,
            rounding: config.rounding,
        })
    }

    fn price(&self, name: &str, number: Number) -> Result<Price, TariffError> {
        let problem =
            || format!("{} is no price; it is from 0 to 10^9 with at most 6 digits after the point", number.0);
        Price::new(number.0).ok_or_else(|| self.error(name, problem()))
    }

    fn percent(&self, name: &str, number: Number) -> Result<Percent, TariffError> {
        let problem = || format!("{} is no rate in per cent; it is from 0 to 1000 with at most 4 digits", number.0);
        Percent::new(number.0).ok_or_else(|| self.error(name, problem()))
    }

    fn money(&self, name: &str, number: Option<Number>) -> Result<Option<Money>, TariffError> {
        let money = |number: Number| {
            let problem = |error| self.error(name, format!("{}: {error}", number.0));
            self.currency.parse(&number.0.to_string()).map_err(problem)
        };
        number.map(money).transpose()
    }

    /// Credit units of a number of display units.
    fn units(&self, name: &str, number: Number) -> Result<u64, TariffError> {
        let units = scaled(number.0, 3).filter(|units| (1..=MAX_PURCHASE_UNITS).contains(units));
        let most = Decimal::from(MAX_PURCHASE_UNITS / 1000);
        let problem = || format!("{} is no quantity; it is from 0.001 to {most}, with at most 3 digits", number.0);
        units.ok_or_else(|| self.error(name, problem()))
    }

    fn name(&self, name: &str, text: &str) -> Result<(), TariffError> {
        let fits = !text.trim().is_empty() && text.chars().count() <= MAX_NAME_CHARS;
        if fits && !text.chars().any(char::is_control) {
            return Ok(());
        }
        Err(self.error(name, format!("a name has 1 to {MAX_NAME_CHARS} characters on one line")))
    }

    fn error(&self, name: &str, problem: impl Into<String>) -> TariffError {
        error(&format!("{}{name}", self.at), problem)
    }
}

fn on_prices_only(rule: &TaxRule) -> bool {
    matches!(rule, TaxRule::Percent { of, .. } if of.taxes.is_empty())
}

fn limit(at: &str, count: usize, most: usize) -> Result<(), TariffError> {
    if count <= most { Ok(()) } else { Err(error(at, format!("{count} are too many; at most {most} can be listed"))) }
}

fn error(at: &str, problem: impl Into<String>) -> TariffError {
    TariffError { at: at.to_owned(), problem: problem.into() }
}
