//! The station's configuration. Every value has a default, so that a station runs without a file.

use crate::app::AppConfig;
use crate::float;
use crate::money::Currency;
use crate::payments::Patience;
use crate::provider::PaymentProvider;
use crate::provider::daraja::{Daraja, DarajaC2b, DarajaConfig, DarajaStk};
use crate::provider::manual::{Manual, ManualConfig};
use crate::provider::sandbox::Sandbox;
use crate::provider::stripe::{Stripe, StripeConfig};
use crate::sales::SalesSystem;
use crate::sales::builtin::{BuiltIn, Tariffs};
use crate::sales::http::{HttpSales, HttpSalesConfig};
use crate::store::Store;
use crate::tariff::{Number, TariffConfig, VersionConfig};
use crate::utilities::{Utilities, Utility, UtilityName};
use coinless_protocol::Commodity;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// The configuration file (TOML).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where payment providers reach this station from outside; the listening address if it is left out.
    pub public_url: Option<String>,
    /// A PostgreSQL database, `postgres://user:password@host/name`; SQLite in the data folder if it is left out.
    pub database: Option<String>,
    /// The Unix socket of a signer that runs apart (`docs/signing.md`); one inside this process if it is left out.
    pub signer_socket: Option<PathBuf>,
    /// The utilities that sell through this station.
    pub utilities: Vec<UtilityConfig>,
    /// The payment providers.
    pub providers: ProvidersConfig,
    /// How long others are waited for.
    pub patience: PatienceConfig,
    /// The phone app that is served.
    pub app: AppConfig,
}

/// The payment providers. If none is configured, payments go to a sandbox inside this process, and no money moves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProvidersConfig {
    /// The name of the one that is taken if an order names none; the first of those below if it is left out.
    pub default: Option<String>,
    /// M-Pesa by Safaricom's Daraja: `daraja-stk` if it has a passkey, `daraja-paybill` if it may pull transactions.
    pub daraja: Option<DarajaConfig>,
    /// Stripe: `stripe`.
    pub stripe: Option<StripeConfig>,
    /// Cash and bank transfers that a cashier marks: `manual`.
    pub manual: Option<ManualConfig>,
    /// A sandbox that runs elsewhere: `sandbox`. No money moves.
    pub sandbox: Option<SandboxConfig>,
}

/// How long others are waited for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatienceConfig {
    /// Minutes until a payment whose outcome stays unknown comes before a person.
    pub payment_minutes: u32,
    /// Minutes until a paid line that the utility has not sold is taken back from it, and refunded.
    pub sale_minutes: u32,
    /// Days until an order ends that a customer was to pay by himself, at a counter or into a paybill, and did not.
    pub unpaid_days: u16,
    /// Minutes until a refund that has not gone through comes before a person.
    pub refund_minutes: u32,
    /// Minutes until a token that the signer has not signed comes before a person.
    pub signature_minutes: u32,
    /// Minutes until a sale that the utility has not taken back after a void comes before a person.
    pub reversal_minutes: u32,
}

impl Default for PatienceConfig {
    fn default() -> Self {
        Self {
            payment_minutes: 120,
            sale_minutes: 24 * 60,
            unpaid_days: 7,
            refund_minutes: 24 * 60,
            signature_minutes: 60,
            reversal_minutes: 24 * 60,
        }
    }
}

impl From<&PatienceConfig> for Patience {
    fn from(config: &PatienceConfig) -> Self {
        let ms = |minutes: u32| i64::from(minutes) * 60_000;
        Self {
            payment_ms: ms(config.payment_minutes),
            sale_ms: ms(config.sale_minutes),
            refund_ms: ms(config.refund_minutes),
            signature_ms: ms(config.signature_minutes),
            reversal_ms: ms(config.reversal_minutes),
            unpaid_ms: ms(u32::from(config.unpaid_days) * 24 * 60),
        }
    }
}

/// A utility.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UtilityConfig {
    /// Its name in the books and in file names: 1 to 32 of `a-z0-9-`.
    pub name: String,
    /// Its name for people; the same if it is left out.
    #[serde(default)]
    pub brand: Option<String>,
    /// ISO 4217 code of the currency that it sells in.
    pub currency: Currency,
    /// Tariffs of the built-in sales system by commodity (`docs/tariffs.md`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tariffs: BTreeMap<String, TariffConfig>,
    /// Its own sales system (`docs/sales-system.md`), instead of tariffs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales: Option<HttpSalesConfig>,
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
        let number = |cents, digits| Some(Number(Decimal::new(cents, digits)));
        let tariff = |cents, tax| {
            let (price, tax_percent) = (number(cents, 2), number(tax, 0));
            let (minimum, maximum) = (number(1, 0), number(500, 0));
            let version = VersionConfig { price, tax_percent, minimum, maximum, ..VersionConfig::default() };
            TariffConfig { versions: vec![version], ..TariffConfig::default() }
        };
        let tariffs = [("gas", tariff(85, 19)), ("water", tariff(210, 7)), ("electricity", tariff(29, 19))];
        let sample = UtilityConfig {
            name: "sample-utility".to_owned(),
            brand: Some("Sample Utility".to_owned()),
            currency: Currency::from_code("EUR").unwrap_or_else(|_| unreachable!("a constant")),
            tariffs: tariffs.map(|(name, tariff)| (name.to_owned(), tariff)).into(),
            sales: None,
        };
        Self {
            public_url: None,
            database: None,
            signer_socket: None,
            utilities: vec![sample],
            providers: ProvidersConfig::default(),
            patience: PatienceConfig::default(),
            app: AppConfig::default(),
        }
    }
}

/// Why a configuration makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// The utilities, each with its own sales system or a built-in one that keeps its sales in `store`.
    ///
    /// # Errors
    /// [`ConfigError`] that names the wrong value.
    pub fn utilities(&self, store: &Arc<dyn Store>) -> Result<Utilities, ConfigError> {
        let utilities = self.utilities.iter().map(|utility| utility.build(store)).collect::<Result<_, _>>()?;
        let wrong = "there must be at least one [[utilities]], each with a name of its own";
        Utilities::new(utilities).ok_or_else(|| ConfigError(wrong.to_owned()))
    }

    /// The configured payment providers, the default one first; none if none is configured.
    ///
    /// # Errors
    /// [`ConfigError`] that names the wrong value.
    pub fn providers(&self, store: &Arc<dyn Store>) -> Result<Vec<Arc<dyn PaymentProvider>>, ConfigError> {
        fn wrong(error: impl std::fmt::Display) -> ConfigError {
            ConfigError(format!("providers: {error}"))
        }
        let config = &self.providers;
        let mut providers: Vec<Arc<dyn PaymentProvider>> = Vec::new();
        if let Some(daraja) = &config.daraja {
            let client = Daraja::open(daraja).map_err(wrong)?;
            if daraja.passkey_file.is_some() {
                providers.push(Arc::new(DarajaStk::new(client.clone()).map_err(wrong)?));
            }
            if daraja.pull_transactions {
                providers.push(Arc::new(DarajaC2b::new(client).map_err(wrong)?));
            }
        }
        if let Some(stripe) = &config.stripe {
            providers.push(Arc::new(Stripe::new(stripe).map_err(wrong)?));
        }
        if let Some(manual) = &config.manual {
            providers.push(Arc::new(Manual::new(manual, store.clone()).map_err(wrong)?));
        }
        if let Some(sandbox) = &config.sandbox {
            providers.push(Arc::new(Sandbox::new(&sandbox.url, sandbox.key.as_bytes()).map_err(wrong)?));
        }
        check_names(&providers).map_err(wrong)?;
        if let Some(default) = &config.default {
            if default == float::PROVIDER {
                return Err(wrong(
                    "default: \"float\" is what managers pay from in advance; an order asks for it by name",
                ));
            }
            let at = providers.iter().position(|provider| provider.name() == default);
            let at =
                at.ok_or_else(|| wrong(format!("default: {default:?} is not one of those that are configured")))?;
            providers.swap(0, at);
        }
        Ok(providers)
    }

    /// The names of the utilities.
    ///
    /// # Errors
    /// [`ConfigError`] that names the wrong one.
    pub fn utility_names(&self) -> Result<Vec<UtilityName>, ConfigError> {
        self.utilities.iter().map(UtilityConfig::name).collect()
    }
}

/// Names are those of accounts and callback addresses: each once, and none of a float, whose money is not a provider's.
fn check_names(providers: &[Arc<dyn PaymentProvider>]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in providers.iter().map(|provider| provider.name()) {
        let good = (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !good {
            return Err(format!("{name:?} is no name: 1 to 32 of a-z, 0-9 and -"));
        }
        if name == float::PROVIDER {
            return Err("no provider may be named \"float\": orders that are paid from a float name it".to_owned());
        }
        if !seen.insert(name) {
            return Err(format!("two providers are named {name}"));
        }
    }
    Ok(())
}

impl UtilityConfig {
    /// The utility's name.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn name(&self) -> Result<UtilityName, ConfigError> {
        self.name.parse().map_err(|error| ConfigError(format!("utilities.name {:?}: {error}", self.name)))
    }

    fn build(&self, store: &Arc<dyn Store>) -> Result<Utility, ConfigError> {
        let name = self.name()?;
        let sales: Arc<dyn SalesSystem> = match &self.sales {
            Some(_) if !self.tariffs.is_empty() => {
                return Err(ConfigError(format!("utility {name}: it has either tariffs or a sales system of its own")));
            }
            Some(sales) => {
                let sales = HttpSales::new(sales, name.clone(), self.currency);
                Arc::new(sales.map_err(|error| ConfigError(format!("utility {name}: {error}")))?)
            }
            None => Arc::new(BuiltIn::new(self.tariffs()?, store.clone())),
        };
        let brand = self.brand.clone().unwrap_or_else(|| name.to_string());
        Ok(Utility { name, brand, currency: self.currency, sales })
    }

    /// The tariffs of its built-in sales system.
    ///
    /// # Errors
    /// [`ConfigError`] that names the wrong value.
    pub fn tariffs(&self) -> Result<Tariffs, ConfigError> {
        let wrong = |what: &str, why: String| ConfigError(format!("utility {}: tariffs.{what}: {why}", self.name));
        let read = |(name, tariff): (&String, &TariffConfig)| {
            let commodity = Commodity::from_name(name)
                .ok_or_else(|| wrong(name, "it must be gas, water or electricity".to_owned()))?;
            let tariff = tariff.build(self.currency, commodity).map_err(|error| wrong(name, error.to_string()))?;
            Ok((commodity, tariff))
        };
        let tariffs = self.tariffs.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Tariffs { utility: self.name()?, currency: self.currency, tariffs })
    }
}

#[cfg(test)]
mod tests;
