//! What holds for every tariff.

use crate::{adds_up, at, pay, want};
use coinless_protocol::{Commodity, Units};
use coinless_station::money::{Currency, Money};
use coinless_station::tariff::{
    Asked, BlockConfig, Breakdown, Counter, DebtConfig, FeeConfig, FreeConfig, History, Number, PeriodConfig,
    QuoteError, Rounding, StandingConfig, Tariff, TariffConfig, TaxConfig, VersionConfig,
};
use jiff::civil::date;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;

const NOW: &str = "2026-07-14T10:00:00Z";

fn number(range: std::ops::RangeInclusive<i64>, digits: u32) -> impl Strategy<Value = Number> {
    range.prop_map(move |mantissa| Number(Decimal::new(mantissa, digits)))
}

fn rounding() -> impl Strategy<Value = Rounding> {
    select(vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down])
}

/// One to four blocks, with prices that go any way; a block but the last may be for nothing.
fn blocks() -> impl Strategy<Value = Vec<BlockConfig>> {
    let ends = proptest::collection::btree_set(1_i64..=300_000, 0..=3);
    (ends, proptest::collection::vec(0_i64..=3_000_000, 3), 1_i64..=3_000_000).prop_map(|(ends, prices, last)| {
        let price = |millionths| Number(Decimal::new(millionths, 6));
        let block = |(end, cost)| BlockConfig { up_to: Some(Number(Decimal::new(end, 3))), price: price(cost) };
        let mut blocks: Vec<_> = ends.into_iter().zip(prices).map(block).collect();
        blocks.push(BlockConfig { up_to: None, price: price(last) });
        blocks
    })
}

/// Up to four taxes; each names the prices, and those before it by a mask.
fn taxes(prices_include_tax: bool) -> impl Strategy<Value = Vec<TaxConfig>> {
    let tax = (any::<bool>(), number(0..=400_000, 4), number(0..=500_000, 6), 1_u8..32, rounding());
    proptest::collection::vec(tax, 0..=4).prop_map(move |taxes| {
        let tax = |(i, (per_unit, percent, price, mask, rounding)): (usize, (bool, Number, Number, u8, Rounding))| {
            let name = format!("tax {i}");
            if per_unit && !prices_include_tax {
                return TaxConfig { name, percent: None, of: None, per_unit: Some(price), rounding };
            }
            let before = if prices_include_tax { 0 } else { i };
            let names = ["energy", "standing", "tax 0", "tax 1", "tax 2"];
            let named = names.iter().take(2 + before).enumerate().filter(|(place, _)| mask & (1 << place) != 0);
            let of: Vec<_> = named.map(|(_, name)| (*name).to_owned()).collect();
            let of = if of.is_empty() { None } else { Some(of) };
            TaxConfig { name, percent: Some(percent), of, per_unit: None, rounding }
        };
        taxes.into_iter().enumerate().map(tax).collect()
    })
}

fn fees() -> impl Strategy<Value = Vec<FeeConfig>> {
    let fee = (number(1..=300, 2), number(0..=200_000, 4), option::of(number(1..=500, 2)), rounding());
    proptest::collection::vec(fee, 0..=2).prop_map(|fees| {
        let fee = |(fixed, percent, at_most, rounding)| {
            let (name, to) = ("fee".to_owned(), "agent".to_owned());
            FeeConfig { name, to, fixed: Some(fixed), percent: Some(percent), at_most, rounding }
        };
        fees.into_iter().map(fee).collect()
    })
}

fn debt() -> impl Strategy<Value = DebtConfig> {
    let limits = (option::of(number(1..=2000, 2)), option::of(number(1..=1000, 2)));
    (number(0..=999_999, 4), option::of(number(1..=500, 2)), limits, rounding()).prop_map(
        |(percent, fixed, (at_most, leave), rounding)| DebtConfig {
            percent: Some(percent),
            fixed,
            at_most,
            leave,
            rounding,
        },
    )
}

fn version() -> impl Strategy<Value = VersionConfig> {
    let standing = (any::<bool>(), number(0..=900_000, 6), rounding()).prop_map(|(daily, rate, rounding)| {
        let (per_day, per_month) = if daily { (Some(rate), None) } else { (None, Some(rate)) };
        StandingConfig { per_day, per_month, at_most_days: None, rounding }
    });
    let free = (number(1..=60_000, 3), any::<bool>())
        .prop_map(|(units, counts_in_blocks)| FreeConfig { units, counts_in_blocks });
    let parts = (blocks(), any::<bool>(), option::of(standing), option::of(debt()), option::of(free), fees());
    (any::<bool>(), select(vec![None, Some(Rounding::Up), Some(Rounding::HalfUp), Some(Rounding::Down)]), parts)
        .prop_flat_map(|(prices_include_tax, rounding, parts)| {
            taxes(prices_include_tax).prop_map(move |taxes| {
                let (blocks, yearly, standing, debt, free, fees) = parts.clone();
                let period = if yearly { PeriodConfig::Year } else { PeriodConfig::Month };
                let shape = VersionConfig { prices_include_tax, rounding, period, ..VersionConfig::default() };
                VersionConfig { blocks, taxes, standing, debt, free, fees, ..shape }
            })
        })
}

fn history() -> impl Strategy<Value = History> {
    (0_u64..400_000, 0_i64..20_000, option::of(0_i64..200), any::<bool>()).prop_map(|(bought, debt, days, given)| {
        History {
            month: Some(Counter { start: date(2026, 7, 1), units: Units::new(bought).unwrap() }),
            year: Some(Counter { start: date(2026, 1, 1), units: Units::new(bought * 3).unwrap() }),
            read_back: None,
            last_purchase: days.map(|days| at(NOW) - jiff::SignedDuration::from_hours(24 * days)),
            debt: Money::from_minor(debt),
            free_given: given.then_some(date(2026, 7, 1)),
        }
    })
}

fn currency() -> impl Strategy<Value = Currency> {
    // Two digits mostly; none and three.
    select(vec!["EUR", "EUR", "EUR", "JPY", "KWD"]).prop_map(|code| Currency::from_code(code).unwrap())
}

/// The tariff of a version. A currency without minor units has no cents to write, so its amounts are made whole.
fn build(mut version: VersionConfig, currency: Currency) -> Tariff {
    if currency.digits() == 0 {
        let whole = |number: &mut Number| number.0 = number.0.ceil();
        for fee in &mut version.fees {
            fee.fixed.iter_mut().chain(&mut fee.at_most).for_each(whole);
        }
        if let Some(debt) = &mut version.debt {
            debt.fixed.iter_mut().chain(&mut debt.at_most).chain(&mut debt.leave).for_each(whole);
        }
    }
    let config = TariffConfig { versions: vec![version], ..TariffConfig::default() };
    config.build(currency, Commodity::Electricity).unwrap()
}

/// Minor units by which splitting a purchase can save: each rounded fee or tax one, and each percentage of what was saved.
fn spare(version: &VersionConfig) -> i64 {
    let mut taxes: Vec<Decimal> = Vec::new();
    for tax in &version.taxes {
        let percent = tax.percent.map_or(Decimal::ZERO, |percent| percent.0 / Decimal::ONE_HUNDRED);
        let base: Decimal = taxes.iter().sum();
        taxes.push(Decimal::ONE + percent * base);
    }
    let all = taxes.iter().sum::<Decimal>() + Decimal::from(version.fees.len());
    i64::try_from(all.ceil()).unwrap()
}

/// A payment of any size; small ones meet the limits, middling ones the ends of blocks.
fn payment() -> impl Strategy<Value = i64> {
    prop_oneof![1_i64..1000, 1_i64..100_000, 1_i64..3_000_000]
}

/// Credit units of an answer.
fn bought(quote: &Result<Breakdown, QuoteError>) -> u64 {
    match quote {
        Ok(quote) => quote.units.get(),
        Err(QuoteError::TooLittle { .. } | QuoteError::BelowMinimum { .. } | QuoteError::Unaffordable { .. }) => 0,
        Err(QuoteError::TooMuch) => u64::MAX,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn parts_and_lines_add_up(
        version in version(), history in history(), currency in currency(), minor in payment()
    ) {
        let tariff = build(version, currency);
        if let Ok(quote) = tariff.quote(pay(minor), &history, at(NOW)) {
            adds_up(&quote);
            prop_assert_eq!(quote.total.minor(), minor);
            prop_assert!(quote.units >= quote.free && quote.units.get() > 0);
            prop_assert_eq!(quote.after.debt.minor() + quote.debt.minor(), history.debt.minor());
        }
    }

    #[test]
    fn money_and_quantity_are_inverse(
        version in version(), history in history(), currency in currency(), minor in payment(), credit in 1_u64..900_000
    ) {
        let tariff = build(version, currency);
        let ask = |asked: Asked| tariff.quote(asked, &history, at(NOW));
        if let Ok(quote) = ask(pay(minor)) {
            let again = ask(Asked::Units(quote.units)).unwrap();
            prop_assert!(again.total <= quote.total, "{}\n{}", quote, again);
            prop_assert!(again.units >= quote.units);
        }
        let Ok(quote) = ask(want(credit)) else { return Ok(()) };
        prop_assert!(quote.units.get() >= credit);
        prop_assert_eq!(&ask(Asked::Money(quote.total)).unwrap(), &quote);
        // It is the least payment that does.
        let less = ask(pay(quote.total.minor() - 1));
        prop_assert!(bought(&less) < credit, "{:?}", less);
    }

    #[test]
    fn more_money_never_buys_less(
        version in version(), history in history(), currency in currency(), minor in payment(), more in 1_i64..50
    ) {
        let tariff = build(version, currency);
        let units = |minor| bought(&tariff.quote(pay(minor), &history, at(NOW)));
        prop_assert!(units(minor) <= units(minor + more));
    }

    #[test]
    fn units_are_never_sold_below_their_price(
        version in version(), history in history(), currency in currency(), minor in payment()
    ) {
        let version = VersionConfig { rounding: None, prices_include_tax: false, taxes: Vec::new(), ..version };
        let (blocks, shifted) = (version.blocks.clone(), version.free.as_ref().is_some_and(|free| free.counts_in_blocks));
        let yearly = version.period == PeriodConfig::Year;
        let Ok(quote) = build(version, currency).quote(pay(minor), &history, at(NOW)) else { return Ok(()) };
        // The price of each unit by itself, in the currency's major unit.
        let used = if yearly { history.year } else { history.month }.unwrap().units.get();
        let from = used + if shifted { quote.free.get() } else { 0 };
        let to = from + quote.units.get() - quote.free.get();
        let (mut price, mut lower) = (Decimal::ZERO, 0);
        for block in blocks {
            let upper = block.up_to.map_or(u64::MAX, |end| u64::try_from(end.0 * Decimal::ONE_THOUSAND).unwrap());
            price += Decimal::from(upper.min(to).saturating_sub(lower.max(from))) * block.price.0 / Decimal::ONE_THOUSAND;
            lower = upper;
        }
        prop_assert!(price <= Decimal::new(quote.energy.minor(), currency.digits().into()), "{price}\n{}", quote);
    }

    /// Without recovery of debt, which is limited for each purchase, and with energy rounded up.
    #[test]
    fn splitting_a_purchase_gains_no_more_than_the_rounding(
        version in version(), history in history(), currency in currency(), one in payment(), two in payment()
    ) {
        let version = VersionConfig { debt: None, rounding: None, ..version };
        let spare = spare(&version);
        let tariff = build(version, currency);
        let Ok(first) = tariff.quote(pay(one), &history, at(NOW)) else { return Ok(()) };
        let Ok(second) = tariff.quote(pay(two), &first.after, at(NOW)) else { return Ok(()) };
        let whole = tariff.quote(pay(one + two + spare), &history, at(NOW));
        prop_assert!(first.units.get() + second.units.get() <= bought(&whole), "{}
{}
{:?}", first, second, whole);
    }

    #[test]
    fn nothing_panics(
        version in version(), currency in currency(), minor in any::<i64>(), credit in 0..=Units::MAX, debt in any::<i64>(),
        bought in 0..=Units::MAX, now in -300_000_000_000_i64..=250_000_000_000, last in -300_000_000_000_i64..=250_000_000_000
    ) {
        let time = |second| jiff::Timestamp::from_second(second).unwrap();
        let month = Some(Counter { start: time(now).to_zoned(jiff::tz::TimeZone::UTC).date().first_of_month(), units: Units::new(bought).unwrap() });
        let history = History { month, debt: Money::from_minor(debt), last_purchase: Some(time(last)), ..History::default() };
        let tariff = build(version, currency);
        for asked in [pay(minor), want(credit)] {
            if let Ok(quote) = tariff.quote(asked, &history, time(now)) {
                adds_up(&quote);
            }
        }
    }
}
