//! Each rule by itself, with its arithmetic.

use crate::{adds_up, at, pay, tariff, units, want};
use coinless_protocol::Commodity::{Electricity, Gas, Water};
use coinless_station::money::Money;
use coinless_station::tariff::{Breakdown, Counter, History};
use jiff::civil::date;

const NOW: &str = "2026-07-14T10:00:00Z";

fn quote(definition: &str, minor: i64, history: &History) -> Breakdown {
    let quote = tariff(definition, "EUR", Electricity).quote(pay(minor), history, at(NOW)).unwrap();
    adds_up(&quote);
    quote
}

fn texts(quote: &Breakdown) -> Vec<&str> {
    quote.lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn a_price_and_a_tax_are_enough() {
    let tariff = tariff("price = '0.85'\ntax_percent = '19'", "EUR", Gas);
    let quote = tariff.quote(pay(5000), &History::default(), at(NOW)).unwrap();
    adds_up(&quote);
    // 50.00 / 1.19 = 42.0168: 42.02 and 19 % of it, 7.98; 42.02 / 0.85 = 49.435 m³.
    assert_eq!((quote.energy.minor(), quote.tax().minor(), quote.units), (4202, 798, units(49_435)));
    assert_eq!(texts(&quote), ["49.435 m³ at 0.85 EUR a m³", "tax 19 % of gas"]);
    // 50.01: 42.03 would need 7.99. So 42.02 and 7.98, and one cent is left.
    let quote = tariff.quote(pay(5001), &History::default(), at(NOW)).unwrap();
    assert_eq!((quote.energy.minor(), quote.tax().minor(), quote.rounding.minor()), (4202, 798, 1));
    assert_eq!(texts(&quote)[2], "rounding: not enough for another 0.001 m³");
}

#[test]
fn debt_is_recovered_within_its_limits() {
    let definition = "[[versions]]\nprice = '1'\ntax_percent = '10'\nstanding = { per_month = '5' }\n\
                      debt = { percent = '30', fixed = '1', at_most = '20', leave = '4' }";
    let owes = |debt| History { debt: Money::from_minor(debt), ..History::default() };
    let debt = |minor, owed| quote(definition, minor, &owes(owed)).debt.minor();
    // 30 % of 30.00 and 1.00.
    assert_eq!(debt(3000, 50_000), 1000);
    // At most 20.00, and never more than is owed.
    assert_eq!(debt(10_000, 50_000), 2000);
    assert_eq!(debt(3000, 700), 700);
    // 11.00: 30 % and 1.00 are 4.30, but 5.50 is due and 4.00 must be left.
    assert_eq!(debt(1100, 50_000), 150);
    assert_eq!(debt(900, 50_000), 0);
    assert_eq!(debt(3000, 0), 0);
    let quote = quote(definition, 3000, &owes(50_000));
    assert_eq!(quote.after.debt.minor(), 49_000);
    assert!(texts(&quote).contains(&"debt recovered (490.00 EUR is left)"));
}

#[test]
fn the_free_allowance_is_given_once_a_month() {
    let definition = "[[versions]]\nblocks = [{ up_to = '60', price = '0.10' }, { price = '0.20' }]\n\
                      free = { units = '50', counts_in_blocks = true }";
    let first = quote(definition, 200, &History::default());
    // 10 kWh are left of the first block: 1.00; 1.00 / 0.20 = 5 kWh.
    assert_eq!((first.units, first.free), (units(65_000), units(50_000)));
    assert!(texts(&first).contains(&"free allowance of 2026-07: 50.000 kWh, which count in the blocks"));
    assert_eq!(first.after.month, Some(Counter { start: date(2026, 7, 1), units: units(65_000) }));
    let second = quote(definition, 200, &first.after);
    assert_eq!((second.units, second.free), (units(10_000), units(0)));
    let tariff = tariff(definition, "EUR", Electricity);
    let august = tariff.quote(pay(200), &second.after, at("2026-08-01T00:00:00Z")).unwrap();
    assert_eq!(august.free, units(50_000));
    // A quantity counts the free units, and the least payment is the tariff's minimum.
    let little = tariff.quote(want(40_000), &History::default(), at(NOW)).unwrap();
    assert_eq!((little.total.minor(), little.units), (1, units(50_100)));

    let apart = quote(&definition.replace("true", "false"), 200, &History::default());
    // 20 kWh of the first block.
    assert_eq!((apart.units, apart.after.month.unwrap().units), (units(70_000), units(20_000)));
}

#[test]
fn fees_come_first_and_say_whose_they_are() {
    let definition = "[[versions]]\nprice = '1'\nfees = [\n\
                      { name = 'service fee', to = 'PayShop', fixed = '0.50', percent = '1', at_most = '1.20' },\n\
                      { name = 'city fund', to = 'the city', percent = '2.5', rounding = 'down' }]";
    let fees = |minor| {
        let quote = quote(definition, minor, &History::default());
        quote.fees.iter().map(|fee| fee.amount.minor()).collect::<Vec<_>>()
    };
    // 0.50 + 0.20 = 0.70; 2.5 % of 19.30 = 0.4825. 0.50 + 1.00 is more than 1.20; 2.5 % of 98.80 = 2.47.
    assert_eq!(fees(2000), [70, 48]);
    assert_eq!(fees(10_000), [120, 247]);
    let quote = quote(definition, 2000, &History::default());
    assert_eq!(&texts(&quote)[1..], ["service fee, for PayShop", "city fund, for the city"]);
    assert_eq!((quote.fee().minor(), quote.net().minor(), quote.fees[0].to.as_str()), (118, 1882, "PayShop"));
}

#[test]
fn a_long_absence_is_not_confiscated() {
    let daily = "[[versions]]\nprice = '1'\nstanding = { per_day = '0.10' }";
    let since = |time: &str| History { last_purchase: Some(at(time)), ..History::default() };
    // At most 92 days: 9.20, the latest ones.
    let quote_ = quote(daily, 2000, &since("2020-01-01T00:00:00Z"));
    assert_eq!(quote_.standing.minor(), 920);
    assert_eq!(texts(&quote_)[1], "standing charge, 92 days (2026-04-14 to 2026-07-14) at 0.10 EUR a day");
    assert_eq!(quote(daily, 2000, &since("2026-07-13T23:59:59Z")).standing.minor(), 10);
    assert_eq!(quote(daily, 2000, &since("2026-07-14T00:00:00Z")).standing.minor(), 0);
    // A clock that went back charges nothing, and does not make the days due again.
    let ahead = quote(daily, 2000, &since("2026-08-01T00:00:00Z"));
    assert_eq!((ahead.standing.minor(), ahead.after.last_purchase), (0, Some(at("2026-08-01T00:00:00Z"))));
    // A first purchase pays for its day.
    assert_eq!(quote(daily, 2000, &History::default()).standing.minor(), 10);
    let monthly = daily.replace("per_day", "per_month");
    assert_eq!(quote(&monthly, 2000, &History::default()).standing.minor(), 10);
    assert_eq!(quote(&monthly, 2000, &since("2026-07-01T00:00:00Z")).standing.minor(), 0);
    let months = quote(&monthly, 2000, &since("2026-05-31T00:00:00Z"));
    assert_eq!(texts(&months)[1], "standing charge, 2 months (2026-06 to 2026-07) at 0.10 EUR a month");
}

#[test]
fn what_was_read_back_fills_the_blocks_where_the_tariff_says_so() {
    let bought = "[[versions]]\nblocks = [{ up_to = '10', price = '1' }, { price = '2' }]";
    let consumed = bought.replace("[[versions]]", "[[versions]]\nblocks_over = 'consumed'");
    let july = |credit| Some(Counter { start: date(2026, 7, 1), units: units(credit) });
    let history = History { month: july(10_000), read_back: july(4000), ..History::default() };
    let by_meter = quote(&consumed, 600, &history);
    assert_eq!(by_meter.units, units(6000));
    let text = "6.000 kWh at 1.00 EUR a kWh (block 1, up to 10.000 kWh a month, read back from the meter)";
    assert_eq!(texts(&by_meter), [text]);
    let by_sale = quote(bought, 600, &history);
    assert_eq!(texts(&by_sale), ["3.000 kWh at 2.00 EUR a kWh (block 2, over 10.000 kWh a month, bought)"]);
    // A reading of another month says nothing of this one.
    let old = History { read_back: Some(Counter { start: date(2026, 6, 1), units: units(4000) }), ..history };
    assert_eq!(quote(&consumed, 600, &old).lines, by_sale.lines);
    assert_eq!(by_meter.after.month, july(16_000));
}

#[test]
fn tax_in_the_price_is_shown_within_it() {
    let definition = "[[versions]]\nprices_include_tax = true\nprice = '1.07'\nstanding = { per_month = '2.38' }\n\
                      taxes = [{ name = 'VAT', percent = '7', of = ['energy'] }, { name = 'levy', percent = '19', of = ['standing'] }]";
    let quote = tariff(definition, "EUR", Water).quote(pay(1308), &History::default(), at(NOW)).unwrap();
    adds_up(&quote);
    // 2.38 / 1.19 = 2.00; 13.08 - 2.38 = 10.70 = 10 * 1.07.
    let taxes: Vec<_> = quote.taxes.iter().map(|tax| tax.amount.minor()).collect();
    assert_eq!((quote.energy.minor(), quote.standing.minor(), taxes), (1000, 200, vec![70, 38]));
    assert_eq!(&texts(&quote)[2..], ["of which VAT 7 % of water", "of which levy 19 % of standing charge"]);
}

/// A cent or two with several taxes that are each rounded: they are never more than what they are in, and no part is negative.
#[test]
fn tax_in_very_small_sums() {
    let inside = |percent: &str, rounding: &str, standing: &str| {
        let tax = |name| format!("{{ name = '{name}', percent = '{percent}', rounding = '{rounding}' }}");
        format!(
            "[[versions]]\nprices_include_tax = true\nprice = '10'\nstanding = {{ per_month = '{standing}' }}\ntaxes = [{}, {}]",
            tax("a"),
            tax("b")
        )
    };
    let parts = |definition: &str, minor| {
        let quote = quote(definition, minor, &History::default());
        let taxes: Vec<_> = quote.taxes.iter().map(|tax| tax.amount.minor()).collect();
        (quote.energy.minor(), quote.standing.minor(), taxes)
    };
    // 1 * 40 / 180 = 0.22, up to 1; nothing is left for the other tax.
    assert_eq!(parts(&inside("40", "up", "0"), 1), (0, 0, vec![1, 0]));
    // 13 * 10 / 120 = 1.08, up to 2, twice; 9 are left, under the 10 of the standing charge without tax.
    assert_eq!(parts(&inside("10", "up", "0.12"), 13), (0, 9, vec![2, 2]));
    // 2 * 10 / 120 = 0.17, down to 0: neither part is more than its price.
    assert_eq!(parts(&inside("10", "down", "0.01"), 2), (1, 1, vec![0, 0]));
}

#[test]
fn what_was_bought_is_counted_by_month_and_by_year() {
    let definition = "[[versions]]\nprice = '1'\nyear_starts_in = 7";
    let counter = |month, credit| Some(Counter { start: date(2026, month, 1), units: units(credit) });
    let tariff = tariff(definition, "EUR", Electricity);
    let mut history = History { month: counter(6, 7000), year: counter(1, 9000), ..History::default() };
    for (time, month, year) in [
        (NOW, counter(7, 2000), counter(7, 2000)),
        ("2026-07-31T23:59:59Z", counter(7, 4000), counter(7, 4000)),
        ("2026-08-01T00:00:00Z", counter(8, 2000), counter(7, 6000)),
    ] {
        history = tariff.quote(pay(200), &history, at(time)).unwrap().after;
        assert_eq!((history.month, history.year), (month, year), "{time}");
    }
}

#[test]
fn a_meter_that_counts_money_gets_what_fees_and_debt_leave() {
    let definition = "[[versions]]\nprice = '1'\ntax_percent = '10'\nstanding = { per_day = '5' }\nfree = { units = '3' }\n\
                      debt = { percent = '30' }\nminimum = '2'\nmaximum = '100'\n\
                      fees = [{ name = 'service', to = 'caretaker', fixed = '0.50', percent = '10' }]";
    let tariff = tariff(definition, "EUR", Electricity);
    let owes = |debt| History { debt: Money::from_minor(debt), ..History::default() };
    let quote = tariff.quote_money(pay(2_000), &owes(10_000), at(NOW)).unwrap();
    adds_up(&quote);
    // 20.00: a fee of 2.50, 30 % of 17.50 for the debt; no tax, no standing charge, nothing free.
    assert_eq!((quote.fee().minor(), quote.debt.minor(), quote.units), (250, 525, units(1_225)));
    assert_eq!((quote.tax(), quote.standing, quote.free), (Money::ZERO, Money::ZERO, units(0)));
    assert_eq!(quote.after.debt, Money::from_minor(9_475));
    assert_eq!((quote.after.month, quote.after.free_given), (None, None), "it fills no block");
    assert!(quote.to_string().ends_with("12.25 EUR"), "{quote}");
    assert_eq!(texts(&quote)[0], "credit; the meter prices what is used by itself");
    // The other way round: the least sum that leaves so much.
    let back = tariff.quote_money(want(1_225), &owes(10_000), at(NOW)).unwrap();
    assert_eq!((back.units, back.total.minor()), (units(1_225), 2_000));
    let refused = |minor| tariff.quote_money(pay(minor), &owes(0), at(NOW)).unwrap_err().to_string();
    assert!(refused(199).contains("2.00") && refused(10_001).contains("100.00"));
}
