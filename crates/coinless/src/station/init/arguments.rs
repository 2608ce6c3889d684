//! Options of `coinless station init`: each answers a question.

use crate::output::Failure;
use coinless_protocol::Commodity;
use std::path::PathBuf;

/// Answers that are given beforehand. What is missing is asked on the terminal.
///
/// Options of a tariff are for all that is sold, or for one: `--tax 19 --tax water=7`.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of the station, where station.toml is written; made if it is missing.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// Name of the utility, as customers see it.
    #[arg(long)]
    pub(super) brand: Option<String>,
    /// Its name in the books: 1 to 32 of a-z, 0-9 and -.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// ISO 4217 code.
    #[arg(long)]
    pub(super) currency: Option<String>,
    /// What the meters measure: gas, water, electricity, or several with commas.
    #[arg(long)]
    pub(super) sells: Option<String>,
    /// IANA name of the time zone by which days and months begin, or UTC.
    #[arg(long)]
    pub(super) zone: Option<String>,
    /// Price of a m³ or kWh (0.29), or blocks of a month (0.10:50,0.40: the first 50 at 0.10, the rest at 0.40).
    #[arg(long, value_name = "[COMMODITY=]PRICE")]
    pub(super) price: Vec<String>,
    /// Tax in per cent; 0 for none.
    #[arg(long, value_name = "[COMMODITY=]PERCENT")]
    pub(super) tax: Vec<String>,
    /// Whether the prices contain the tax: yes or no.
    #[arg(long, value_name = "[COMMODITY=]YES|NO")]
    pub(super) tax_included: Vec<String>,
    /// Standing charge for each month; 0 for none.
    #[arg(long, value_name = "[COMMODITY=]AMOUNT")]
    pub(super) standing: Vec<String>,
    /// The least that one purchase may be; 0 for any.
    #[arg(long, value_name = "[COMMODITY=]AMOUNT")]
    pub(super) minimum: Vec<String>,
    /// The most that one purchase may be; none for any.
    #[arg(long, value_name = "[COMMODITY=]AMOUNT")]
    pub(super) maximum: Vec<String>,
    /// Who collects: manual, sandbox, daraja or stripe.
    #[arg(long)]
    pub(super) collects: Option<String>,
    /// Where people pay, with --collects manual.
    #[arg(long, value_name = "WORDS")]
    pub(super) pay_where: Option<String>,
    /// The paybill number, with --collects daraja.
    #[arg(long, value_name = "NUMBER")]
    pub(super) paybill: Option<String>,
    /// Where the provider reaches this station (https://…), with --collects daraja or stripe.
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// The page that payers see when they have paid, with --collects stripe.
    #[arg(long, value_name = "URL")]
    pub(super) return_url: Option<String>,
    /// Take the default wherever there is one, and ask nothing.
    #[arg(long)]
    pub(super) defaults: bool,
}

impl Options {
    /// Refuses a tariff for what is not sold.
    pub(super) fn check(&self, sold: &[Commodity]) -> Result<(), Failure> {
        let all = [
            ("price", &self.price),
            ("tax", &self.tax),
            ("tax-included", &self.tax_included),
            ("standing", &self.standing),
            ("minimum", &self.minimum),
            ("maximum", &self.maximum),
        ];
        for (option, values) in all {
            for (commodity, _) in values.iter().filter_map(|value| value.split_once('=')) {
                if !sold.iter().any(|sold| sold.name() == commodity) {
                    return Err(Failure::new(format!(
                        "--{option} {commodity}=…: {commodity:?} is not among what is sold"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// What was given for `commodity`: for itself, else for all.
pub(super) fn given(values: &[String], commodity: Commodity) -> Option<&str> {
    let own = values.iter().rev().filter_map(|value| value.split_once('='));
    let own = own.filter(|(name, _)| *name == commodity.name()).map(|(_, value)| value).next();
    own.or_else(|| values.iter().rev().find(|value| !value.contains('=')).map(String::as_str))
}
