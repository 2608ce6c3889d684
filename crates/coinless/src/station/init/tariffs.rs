//! The questions about one tariff, and the example that shows whether the answers were meant.

use super::super::ask::{Asker, Question};
use super::super::check;
use super::Options;
use super::arguments::given;
use crate::output::Failure;
use coinless_protocol::Commodity;
use coinless_station::money::Currency;
use coinless_station::service::now_ms;
use coinless_station::setup::{self, AnswerError, SimpleTariff};
use coinless_station::tariff::Number;

/// Display units (m³, kWh) of the purchase that is offered as the greatest one.
const MOST_UNITS: u32 = 500;

/// Who is asked about which tariff.
pub(super) struct Asking<'a> {
    pub(super) asker: &'a Asker,
    pub(super) options: &'a Options,
    pub(super) currency: Currency,
    pub(super) commodity: Commodity,
    pub(super) zone: Option<&'a str>,
    pub(super) brand: &'a str,
}

impl Asking<'_> {
    /// Asks until whoever answers says that the example is right.
    pub(super) fn tariff(&self) -> Result<SimpleTariff, Failure> {
        let mut by_options = true;
        loop {
            let tariff = self.once(by_options)?;
            let built = tariff.build(self.zone, self.currency, self.commodity);
            let example = match built {
                Ok(built) => check::example(self.brand, &built, setup::example_units(tariff.prices.blocks()), None),
                Err(error) => Err(Failure::new(error.to_string())),
            };
            match example {
                Ok(_) if self.is_given() => return Ok(tariff),
                Err(error) if self.is_given() => return Err(error),
                Ok(example) => {
                    eprintln!("\n{}\n", example.words);
                    let question = Question {
                        words: "Is that right?".to_owned(),
                        option: "defaults",
                        default: Some("yes".to_owned()),
                    };
                    if self.asker.yes(&question, None)? {
                        return Ok(tariff);
                    }
                }
                Err(error) => eprintln!("  {error}"),
            }
            // What an option said is asked as well now.
            by_options = false;
        }
    }

    /// Whether nobody needs to be asked: the price is all that has no default.
    fn is_given(&self) -> bool {
        let options = self.options;
        let all = [&options.price, &options.tax, &options.standing, &options.minimum, &options.maximum];
        options.defaults || all.into_iter().all(|values| given(values, self.commodity).is_some())
    }

    fn once(&self, by_options: bool) -> Result<SimpleTariff, Failure> {
        let (options, commodity) = (self.options, self.commodity);
        let (name, unit, currency) = (commodity.name(), commodity.display_unit(), self.currency);
        let given = |values: &'_ [String]| given(values, commodity).filter(|_| by_options).map(str::to_owned);
        let ask = |words: String, option, default: Option<&str>| Question {
            words,
            option,
            default: default.map(str::to_owned),
        };

        let words = format!(
            "Price of {name} in {currency} a {unit}: 0.29, or blocks of a month: 0.10 up to 50, 0.25 up to 300, 0.40"
        );
        let prices = |text: &str| {
            let tariff = SimpleTariff { prices: text.parse()?, ..SimpleTariff::default() };
            self.checked(tariff)
        };
        let mut tariff = self.asker.ask(&ask(words, "price", None), given(&options.price).as_deref(), prices)?;

        let with = |change: fn(&mut SimpleTariff, Option<Number>), tariff: &SimpleTariff| {
            let tariff = tariff.clone();
            move |text: &str| {
                let mut tariff = tariff.clone();
                change(&mut tariff, amount(text)?);
                self.checked(tariff)
            }
        };
        let words = format!("Tax on {name} in per cent, 0 for none");
        let set = with(|tariff, tax| tariff.tax_percent = tax, &tariff);
        tariff = self.asker.ask(&ask(words, "tax", Some("0")), given(&options.tax).as_deref(), set)?;
        if tariff.tax_percent.is_some() {
            let question = ask("Is the tax in the price already?".to_owned(), "tax-included", Some("no"));
            tariff.prices_include_tax = self.asker.yes(&question, given(&options.tax_included).as_deref())?;
        }
        let words = format!("Standing charge in {currency} a month, 0 for none");
        let set = with(|tariff, amount| tariff.standing_per_month = amount, &tariff);
        tariff = self.asker.ask(&ask(words, "standing", Some("0")), given(&options.standing).as_deref(), set)?;
        let words = format!("The least that one purchase may be in {currency}, 0 for any");
        let set = with(|tariff, amount| tariff.minimum = amount, &tariff);
        tariff = self.asker.ask(&ask(words, "minimum", Some("0")), given(&options.minimum).as_deref(), set)?;
        let words = format!("The most that one purchase may be in {currency}, against typing errors; none for any");
        let most = self.most(&tariff);
        let set = with(|tariff, amount| tariff.maximum = amount, &tariff);
        self.asker.ask(&ask(words, "maximum", most.as_deref()), given(&options.maximum).as_deref(), set)
    }

    fn checked(&self, tariff: SimpleTariff) -> Result<SimpleTariff, AnswerError> {
        tariff.build(self.zone, self.currency, self.commodity).map(|_| tariff)
    }

    /// A round sum that is more than people buy at once.
    fn most(&self, tariff: &SimpleTariff) -> Option<String> {
        let built = tariff.build(self.zone, self.currency, self.commodity).ok()?;
        let sum = setup::example_sum(&built, MOST_UNITS, now_ms()).ok()?;
        Some(self.currency.format(sum))
    }
}

/// An amount; none for `0` and `none`.
fn amount(text: &str) -> Result<Option<Number>, AnswerError> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    setup::read_number(text).map(|number| Some(number).filter(|number| !number.0.is_zero()))
}
