//! M-Pesa in Kenya, through Safaricom's Daraja API: two providers over one account of the shop.
//!
//! [`DarajaStk`] (`daraja-stk`) asks the payer's telephone for its PIN; with [`DarajaC2b`] (`daraja-paybill`) the customer pays
//! by himself into the paybill and names the order's account. `docs/payments/daraja.md` says what M-Pesa promises, what it
//! does not, and what is done about it. Names of fields and codes are from developer.safaricom.co.ke/apis.

mod c2b;
mod client;
mod codes;
mod notices;
mod refund;
mod statement;
mod stk;
mod text;
mod wire;

pub use c2b::DarajaC2b;
pub use stk::DarajaStk;

use crate::money::{Currency, Money};
use crate::payments;
use crate::provider::{MoneyReceipt, PaymentOutcome};
use client::Client;
use serde::{Deserialize, Serialize};
use statement::{Recent, Row};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The provider that asks the payer's telephone, in the ledger and in callback URLs.
pub const STK_NAME: &str = "daraja-stk";
/// The provider where customers pay by themselves.
pub const C2B_NAME: &str = "daraja-paybill";
/// What a payer is to M-Pesa.
const PHONE_HINT: &str = "telephone number";

/// Most bytes of a file with a secret.
const MAX_SECRET_BYTES: u64 = 4096;
/// Words that Safaricom does not take in a registered address, or says to avoid (page Register URL).
const BAD_WORDS: [&str; 7] = ["mpesa", "m-pesa", "safaricom", "exec", "cmd", "sql", "query"];
/// What an account code of a prompt ends with, so that the shop's statement tells prompts from customers who pay by
/// themselves. No account code has this letter.
const PROMPT_MARK: char = 'U';

/// How the shop is known to Daraja. Secrets are in files of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DarajaConfig {
    /// Where Daraja is.
    #[serde(default = "production")]
    pub url: String,
    /// The shop's paybill number: 5 to 7 digits.
    pub short_code: String,
    /// A file with the consumer key of the Daraja app.
    pub consumer_key_file: PathBuf,
    /// A file with its consumer secret.
    pub consumer_secret_file: PathBuf,
    /// A file with the passkey of the paybill; needed to ask telephones.
    #[serde(default)]
    pub passkey_file: Option<PathBuf>,
    /// Whether the short code is registered for Pull Transactions. Needed where customers pay by themselves. It decides under
    /// which number money of a prompt is booked: change it only when no order of the last two days is open.
    #[serde(default)]
    pub pull_transactions: bool,
    /// Least time between two looks into the statement for payments that are waited for, in milliseconds.
    #[serde(default = "five_seconds")]
    pub pull_every_ms: u64,
    /// How money is given back; a refund needs a person if it is left out.
    #[serde(default)]
    pub refunds: Option<DarajaRefunds>,
    /// How long one answer may take, in milliseconds; then the outcome is unknown.
    #[serde(default = "twenty_seconds")]
    pub timeout_ms: u64,
}

/// Who gives money back, by the B2C API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DarajaRefunds {
    /// The short code that money goes out from; the paybill's own if it may both receive and disburse.
    pub short_code: String,
    /// The name of the API user of the M-Pesa portal.
    pub initiator: String,
    /// A file with that user's password as Safaricom's certificate encrypted it, in base 64.
    pub security_credential_file: PathBuf,
}

/// Why Daraja cannot be used with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("M-Pesa: {0}")]
pub struct DarajaError(String);

fn production() -> String {
    "https://api.safaricom.co.ke".to_owned()
}

fn five_seconds() -> u64 {
    5_000
}

fn twenty_seconds() -> u64 {
    20_000
}

/// The shop's account at Daraja. Both providers share it: each new OAuth token ends the one before.
pub struct Daraja {
    client: Client,
    short_code: String,
    passkey: Option<Secret>,
    refunds: Option<Refunds>,
    recent: Option<Recent>,
}

/// A text that is shown to nobody.
struct Secret(String);

struct Refunds {
    short_code: String,
    initiator: String,
    credential: Secret,
}

impl Daraja {
    /// The account that `config` describes. Nothing is sent.
    ///
    /// # Errors
    /// [`DarajaError`] that says which value is wrong, or which file cannot be read.
    pub fn open(config: &DarajaConfig) -> Result<Arc<Self>, DarajaError> {
        let refunds = config.refunds.as_ref().map(|refunds| {
            check_short_code("refunds.short_code", &refunds.short_code)?;
            Ok(Refunds {
                short_code: refunds.short_code.clone(),
                initiator: refunds.initiator.clone(),
                credential: Secret::read(&refunds.security_credential_file)?,
            })
        });
        check_short_code("short_code", &config.short_code)?;
        if !(1_000..=60_000).contains(&config.timeout_ms) {
            return Err(DarajaError("timeout_ms must be 1000 to 60000".to_owned()));
        }
        let key = Secret::read(&config.consumer_key_file)?;
        let secret = Secret::read(&config.consumer_secret_file)?;
        let pull_every = Duration::from_millis(config.pull_every_ms);
        Ok(Arc::new(Self {
            client: Client::new(&config.url, key, secret, Duration::from_millis(config.timeout_ms))?,
            short_code: config.short_code.clone(),
            passkey: config.passkey_file.as_deref().map(Secret::read).transpose()?,
            refunds: refunds.transpose()?,
            recent: config.pull_transactions.then(|| Recent::new(pull_every)),
        }))
    }

    /// Registers the address to which M-Pesa sends validations and confirmations of customers who pay by themselves; once in
    /// the life of a short code. Payments go through when the station does not answer.
    ///
    /// # Errors
    /// What Safaricom would have against the address, what Daraja said against it, or that it did not answer.
    pub async fn register_urls(&self, address: &str) -> Result<(), DarajaError> {
        check_address(address)?;
        let body = wire::RegisterUrls {
            short_code: &self.short_code,
            response_type: "Completed",
            confirmation_url: address,
            validation_url: address,
        };
        let said = self.client.post("/mpesa/c2b/v2/registerurl", &body).await.map_err(|none| DarajaError(none.why))?;
        said.accepted().map_err(DarajaError)
    }

    /// Registers the short code for Pull Transactions; once in its life.
    ///
    /// `telephone` is the one of the short code's papers, `address` any address of the station.
    ///
    /// # Errors
    /// What Daraja said against it, or that it did not answer.
    pub async fn register_pull(&self, telephone: &str, address: &str) -> Result<(), DarajaError> {
        let body = wire::RegisterPull {
            short_code: &self.short_code,
            request_type: "Pull",
            nominated_number: telephone,
            call_back_url: address,
        };
        let said =
            self.client.post("/pulltransactions/v1/register", &body).await.map_err(|none| DarajaError(none.why))?;
        match said.body::<wire::PullRegistered>().map_err(DarajaError)?.response_status.0.as_str() {
            // 1001: it was registered before.
            "1000" | "1001" => Ok(()),
            status => Err(DarajaError(format!("registering for Pull Transactions was answered {status}"))),
        }
    }

    /// Whether an account in the statement is one of a prompt. Customers type names that end with the same letter, and a shop
    /// that asks no telephones has no prompts.
    fn is_prompt(&self, account: &str) -> bool {
        let code = account.strip_suffix(PROMPT_MARK);
        self.passkey.is_some() && code.is_some_and(payments::is_account)
    }

    /// What the statement of the last two days has for `account` since `since_ms`: every payment, and whether any of it was
    /// taken away again; nothing if nobody paid.
    async fn collected(&self, recent: &Recent, account: &str, since_ms: i64) -> Result<Option<PaymentOutcome>, String> {
        let rows = recent.entries(&self.client, &self.short_code, account, since_ms).await?;
        let (reversals, payments): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.is_reversal);
        let receipts: Vec<_> = payments.iter().map(receipt).collect();
        let Some(first) = reversals.first() else {
            return Ok((!receipts.is_empty()).then_some(PaymentOutcome::Captured(receipts)));
        };
        let sum = reversals.iter().try_fold(Money::ZERO, |sum, row| sum.checked_add(row.amount));
        let amount = sum.ok_or_else(|| "reversals over all bounds".to_owned())?;
        let reason = format!("reversed in M-Pesa, {}", first.receipt);
        Ok(Some(PaymentOutcome::TakenBack { receipts, amount, currency: first.currency, reason }))
    }
}

fn receipt(row: &Row) -> MoneyReceipt {
    MoneyReceipt { receipt: row.receipt.clone(), amount: row.amount, currency: row.currency }
}

impl Secret {
    fn read(path: &Path) -> Result<Self, DarajaError> {
        let wrong = |why: &str| DarajaError(format!("{}: {why}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| wrong(&error.to_string()))?.len();
        if size > MAX_SECRET_BYTES {
            return Err(wrong("too large for a secret"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let text = text.trim();
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plain { Ok(Self(text.to_owned())) } else { Err(wrong("it must hold one line of plain characters")) }
    }
}

fn check_short_code(what: &str, code: &str) -> Result<(), DarajaError> {
    let good = (5..=7).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(()) } else { Err(DarajaError(format!("{what} must be 5 to 7 digits"))) }
}

fn check_address(address: &str) -> Result<(), DarajaError> {
    if !address.starts_with("https://") {
        return Err(DarajaError(format!("Safaricom calls https:// addresses only, and this is {address}")));
    }
    let small = address.to_ascii_lowercase();
    match BAD_WORDS.into_iter().find(|word| small.contains(word)) {
        Some(word) => Err(DarajaError(format!(
            "Safaricom takes no address with the word \"{word}\", and this is {address}: give the station another public_url"
        ))),
        None => Ok(()),
    }
}

/// The whole shillings of an amount, or why it cannot be paid, for the payer.
fn shillings(amount: Money, currency: Currency) -> Result<String, String> {
    if currency.code() != "KES" {
        return Err(format!("M-Pesa moves Kenyan shillings (KES) only, and this is in {currency}"));
    }
    let (whole, cents) = (amount.minor() / 100, amount.minor() % 100);
    if cents != 0 || whole <= 0 {
        let shown = currency.format(amount);
        return Err(format!("M-Pesa moves whole shillings only, and this is {shown} KES: choose a sum without cents"));
    }
    Ok(whole.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_shillings() {
        let kes = Currency::from_code("KES").unwrap();
        assert_eq!(shillings(Money::from_minor(50_000), kes), Ok("500".to_owned()));
        assert!(shillings(Money::from_minor(50_050), kes).unwrap_err().contains("500.50 KES"));
        assert!(shillings(Money::ZERO, kes).is_err());
        assert!(shillings(Money::from_minor(500), Currency::from_code("EUR").unwrap()).unwrap_err().contains("EUR"));
    }

    #[test]
    fn addresses() {
        let path = format!("/v1/callbacks/{C2B_NAME}/-/00");
        assert_eq!(check_address(&format!("https://station.example{path}")), Ok(()));
        for bad in ["http://station.example", "https://M-Pesa.example", "https://mysql.example"] {
            assert!(check_address(&format!("{bad}{path}")).unwrap_err().to_string().contains(bad), "{bad}");
        }
    }

    #[test]
    fn short_codes() {
        for good in ["12345", "174379", "1234567"] {
            assert_eq!(check_short_code("short_code", good), Ok(()));
        }
        for bad in ["", "1234", "12345678", "17437a", "+17437"] {
            assert!(check_short_code("short_code", bad).is_err(), "{bad}");
        }
    }
}
