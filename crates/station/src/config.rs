//! The station's configuration. Every value has a default, so that a station runs without a file.

use crate::money::Currency;
use crate::sales::builtin::{FlatTariff, Tariffs};
use coinless_protocol::Commodity;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The configuration file (TOML).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the utility, as on receipts and in the ledger.
    pub utility: String,
    /// ISO 4217 code of the currency.
    pub currency: Currency,
    /// Where payment providers reach this station from outside; the listening address if it is left out.
    pub public_url: Option<String>,
    /// Least amount of one line, a decimal number.
    pub min_amount: String,
    /// Largest amount of one line, a decimal number.
    pub max_amount: String,
    /// Flat tariffs by commodity.
    pub tariffs: BTreeMap<String, TariffConfig>,
    /// The sandbox payment provider; one inside this process if it is left out.
    pub sandbox: Option<SandboxConfig>,
}

/// A flat tariff.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffConfig {
    /// Price of one m³ or kWh without tax, in the currency's major unit.
    pub price: Decimal,
    /// Tax in per cent, on top.
    pub tax_percent: Decimal,
}

/// Where a sandbox provider runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Its URL.
    pub url: String,
    /// The key of its callbacks' signatures.
    pub key: String,
}

impl Default for Config {
    fn default() -> Self {
        let tariff = |cents, tax| TariffConfig { price: Decimal::new(cents, 2), tax_percent: Decimal::new(tax, 0) };
        let tariffs = [("gas", tariff(85, 19)), ("water", tariff(210, 7)), ("electricity", tariff(29, 19))];
        Self {
            utility: "Sample Utility".to_owned(),
            currency: Currency::from_code("EUR").unwrap_or_else(|_| unreachable!("a constant")),
            public_url: None,
            min_amount: "1.00".to_owned(),
            max_amount: "500.00".to_owned(),
            tariffs: tariffs.map(|(name, tariff)| (name.to_owned(), tariff)).into(),
            sandbox: None,
        }
    }
}

/// Why a configuration makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(String);

impl Config {
    /// The tariffs of the built-in sales system.
    ///
    /// # Errors
    /// [`ConfigError`] that names the wrong value.
    pub fn tariffs(&self) -> Result<Tariffs, ConfigError> {
        let money =
            |name: &str, text: &str| self.currency.parse(text).map_err(|error| ConfigError(format!("{name}: {error}")));
        let limits = (money("min_amount", &self.min_amount)?, money("max_amount", &self.max_amount)?);
        if limits.0 > limits.1 {
            return Err(ConfigError("min_amount is greater than max_amount".to_owned()));
        }
        let read = |(name, tariff): (&String, &TariffConfig)| {
            let commodity = Commodity::from_name(name)
                .ok_or_else(|| ConfigError(format!("tariffs.{name}: it must be gas, water or electricity")))?;
            if tariff.price <= Decimal::ZERO || tariff.tax_percent < Decimal::ZERO {
                return Err(ConfigError(format!("tariffs.{name}: a price is positive and a tax not negative")));
            }
            Ok((commodity, FlatTariff { price: tariff.price, tax_percent: tariff.tax_percent }))
        };
        let tariffs = self.tariffs.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Tariffs { utility: self.utility.clone(), currency: self.currency, limits, tariffs })
    }
}
