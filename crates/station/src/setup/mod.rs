//! Setting a station up: from a landlord's answers to a configuration file with comments, and to sums that he can check.
//!
//! Nothing here reads a file or a clock. The text that [`Setup::file`] gives is read back by whoever writes it, with the parser of
//! [`config`](crate::config), and compared with [`Setup::utility`].

mod file;
mod simple;

pub use simple::{Prices, SimpleTariff, example, example_sum, example_units, read_number, round_up};

use crate::config::UtilityConfig;
use crate::money::Currency;
use crate::utilities::UtilityName;
use coinless_protocol::Commodity;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most characters of a name for people.
const MAX_BRAND_CHARS: usize = 64;
/// Most characters of the words that say where to pay; as [`crate::provider::manual`] has it.
const MAX_WHERE_CHARS: usize = 500;
/// Most bytes of an address.
const MAX_URL_BYTES: usize = 500;

/// Why an answer is none, and what to answer instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnswerError(String);

impl AnswerError {
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// What a landlord says of his station: one utility with a built-in sales system, and who collects.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The utility's name in the books.
    pub name: UtilityName,
    /// Its name for people.
    pub brand: String,
    /// The currency that it sells in.
    pub currency: Currency,
    /// IANA name of the time zone in which days and months begin; UTC if there is none.
    pub zone: Option<String>,
    /// What is sold, and for how much.
    pub tariffs: BTreeMap<Commodity, SimpleTariff>,
    /// Who collects the money.
    pub collects: Collects,
}

/// Who collects the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collects {
    /// Nobody: a sandbox inside the station, to try things. No money moves.
    Sandbox,
    /// People: cash at a counter, or bank transfers.
    Manual {
        /// Words for the payer.
        pay_where: String,
    },
    /// M-Pesa in Kenya, by Safaricom's Daraja.
    Daraja {
        /// The paybill number.
        short_code: String,
        /// Where Daraja reaches this station.
        public_url: String,
        /// The folder of the files with the keys.
        secrets: PathBuf,
    },
    /// Cards and wallets, by Stripe.
    Stripe {
        /// Where Stripe's page sends the payer afterwards.
        return_url: String,
        /// Where Stripe reaches this station.
        public_url: String,
        /// The folder of the files with the keys.
        secrets: PathBuf,
    },
}

/// A file that is to be filled in by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToFill {
    /// The file.
    pub path: PathBuf,
    /// What belongs into it, and where it is found.
    pub what: &'static str,
}

impl Collects {
    /// The kinds, by the names that people type.
    pub const KINDS: [&str; 4] = ["manual", "sandbox", "daraja", "stripe"];

    /// Its kind, one of [`Collects::KINDS`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Manual { .. } => "manual",
            Self::Sandbox => "sandbox",
            Self::Daraja { .. } => "daraja",
            Self::Stripe { .. } => "stripe",
        }
    }

    /// The files with keys that must be there before the station runs.
    pub fn to_fill(&self) -> Vec<ToFill> {
        let file = |folder: &Path, name: &str, what| ToFill { path: folder.join(name), what };
        match self {
            Self::Manual { .. } | Self::Sandbox => Vec::new(),
            Self::Daraja { secrets, .. } => vec![
                file(secrets, "daraja-consumer-key", "the consumer key of the app, from developer.safaricom.co.ke"),
                file(secrets, "daraja-consumer-secret", "its consumer secret"),
                file(secrets, "daraja-passkey", "the passkey of the paybill, which Safaricom sends when it goes live"),
            ],
            Self::Stripe { secrets, .. } => vec![
                file(secrets, "stripe-secret-key", "the secret key, sk_… or rk_…: Dashboard, Developers, API keys"),
                file(
                    secrets,
                    "stripe-webhook-secret",
                    "the webhook's secret, whsec_…: Dashboard, Developers, Webhooks",
                ),
            ],
        }
    }

    /// Refuses a currency that this one does not move.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn check_currency(kind: &str, currency: Currency) -> Result<(), AnswerError> {
        if kind == "daraja" && currency.code() != "KES" {
            return Err(AnswerError::new(format!(
                "M-Pesa moves Kenyan shillings (KES) only, and you sell in {currency}"
            )));
        }
        Ok(())
    }
}

impl Setup {
    /// The text of the configuration file.
    pub fn file(&self) -> String {
        file::text(self)
    }

    /// What the file says of the utility.
    pub fn utility(&self) -> UtilityConfig {
        let tariff = |(commodity, tariff): (&Commodity, &SimpleTariff)| {
            (commodity.name().to_owned(), tariff.config(self.zone.as_deref()))
        };
        UtilityConfig {
            name: self.name.to_string(),
            brand: Some(self.brand.clone()),
            currency: self.currency,
            tariffs: self.tariffs.iter().map(tariff).collect(),
            sales: None,
        }
    }
}

/// A name for people: 1 to 64 characters.
///
/// # Errors
/// [`AnswerError`].
pub fn read_brand(text: &str) -> Result<String, AnswerError> {
    one_line("a name", text, MAX_BRAND_CHARS)
}

/// Words that say where to pay: 1 to 500 characters.
///
/// # Errors
/// [`AnswerError`].
pub fn read_pay_where(text: &str) -> Result<String, AnswerError> {
    one_line("where to pay", text, MAX_WHERE_CHARS)
}

/// A name in the books.
///
/// # Errors
/// [`AnswerError`].
pub fn read_name(text: &str) -> Result<UtilityName, AnswerError> {
    text.parse().map_err(|_| AnswerError::new("write 1 to 32 of a-z, 0-9 and -, and begin with a letter: house-12"))
}

/// The name in the books that is near a name for people: `Zoë's House 12` becomes `zo-s-house-12`.
pub fn name_from_brand(brand: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = brand.chars().map(plain).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name = format!("utility-{name}");
    }
    name.truncate(32);
    name.trim_end_matches('-').to_owned()
}

/// A currency, in capital or small letters.
///
/// # Errors
/// [`AnswerError`].
pub fn read_currency(text: &str) -> Result<Currency, AnswerError> {
    Currency::from_code(&text.to_ascii_uppercase()).map_err(|error| AnswerError::new(error.to_string()))
}

/// What is sold: `gas, water`, in any order.
///
/// # Errors
/// [`AnswerError`].
pub fn read_commodities(text: &str) -> Result<Vec<Commodity>, AnswerError> {
    let words = text.split([',', ' ', ';']).filter(|word| !word.is_empty() && *word != "and");
    let read = |word: &str| {
        let found = Commodity::from_name(&word.to_ascii_lowercase());
        found
            .ok_or_else(|| AnswerError::new(format!("{word:?} is not sold: write gas, water, electricity, or several")))
    };
    let mut found = words.map(read).collect::<Result<Vec<_>, _>>()?;
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Err(AnswerError::new("write gas, water, electricity, or several of them with commas"));
    }
    Ok(found)
}

/// A time zone's IANA name; none for UTC.
///
/// # Errors
/// [`AnswerError`].
pub fn read_zone(text: &str) -> Result<Option<String>, AnswerError> {
    if text.eq_ignore_ascii_case("utc") {
        return Ok(None);
    }
    let found = jiff::tz::TimeZoneDatabase::bundled().get(text);
    let name = found.ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    let wrong =
        || AnswerError::new(format!("{text:?} is no time zone; write for example Africa/Nairobi or Europe/Berlin"));
    name.map(Some).ok_or_else(wrong)
}

/// An address that others reach from outside.
///
/// # Errors
/// [`AnswerError`].
pub fn read_url(text: &str) -> Result<String, AnswerError> {
    let good = reqwest::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host());
    if good && text.len() <= MAX_URL_BYTES && text.is_ascii() {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(AnswerError::new("write an address that begins with https://"))
}

/// A paybill number.
///
/// # Errors
/// [`AnswerError`].
pub fn read_short_code(text: &str) -> Result<String, AnswerError> {
    let good = (5..=7).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text.to_owned()) } else { Err(AnswerError::new("a paybill number has 5 to 7 digits")) }
}

/// Who collects: one of [`Collects::KINDS`].
///
/// # Errors
/// [`AnswerError`].
pub fn read_kind(text: &str) -> Result<&'static str, AnswerError> {
    let text = text.to_ascii_lowercase();
    let kind = Collects::KINDS.into_iter().find(|kind| *kind == text);
    kind.ok_or_else(|| AnswerError::new(format!("write one of {}", Collects::KINDS.join(", "))))
}

fn one_line(what: &str, text: &str, most: usize) -> Result<String, AnswerError> {
    let text = text.trim();
    if !(1..=most).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(AnswerError::new(format!("write {what} in 1 to {most} characters, on one line")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_brands() {
        for (brand, name) in [
            ("House 12", "house-12"),
            ("  Zoë's  House ", "zo-s-house"),
            ("12 High Street", "utility-12-high-street"),
            ("水", "utility"),
            (&"x y".repeat(30), "x-yx-yx-yx-yx-yx-yx-yx-yx-yx-yx"),
        ] {
            assert_eq!(name_from_brand(brand), name);
            assert!(read_name(name).is_ok());
        }
    }

    #[test]
    fn answers_are_read_or_refused_with_words() {
        let names = |text| read_commodities(text).map(|found| found.iter().map(|c| c.name()).collect::<Vec<_>>());
        assert_eq!(names("water and Gas").unwrap(), ["gas", "water"]);
        assert_eq!(names("electricity,electricity").unwrap(), ["electricity"]);
        assert!(names("steam").unwrap_err().to_string().contains("\"steam\" is not sold"));
        assert!(names(" , ").is_err());
        assert_eq!(read_currency("kes").unwrap().code(), "KES");
        assert!(read_currency("euro").is_err());
        assert_eq!(read_zone("Europe/Berlin").unwrap().as_deref(), Some("Europe/Berlin"));
        assert_eq!(read_zone("utc"), Ok(None));
        assert!(read_zone("Berlin").is_err());
        assert_eq!(read_url("https://pay.example/x/").unwrap(), "https://pay.example/x");
        assert!(read_url("http://pay.example").is_err());
        assert!(read_short_code("1234").is_err());
        assert!(read_brand("a\nb").is_err() && read_brand(" ").is_err());
        assert!(read_pay_where(&"x".repeat(501)).is_err());
        assert_eq!(read_kind("Stripe"), Ok("stripe"));
        assert!(Collects::check_currency("daraja", read_currency("EUR").unwrap()).is_err());
    }
}
