//! Published tariffs: each test shows its arithmetic. Where the source prints a worked example, its numbers are met.

use crate::{adds_up, at, pay, tariff, units, want};
use coinless_protocol::Commodity::{Electricity, Gas, Water};
use coinless_station::money::Money;
use coinless_station::tariff::{Breakdown, Counter, History};
use jiff::civil::date;

fn taxes(quote: &Breakdown) -> Vec<(&str, i64)> {
    quote.taxes.iter().map(|tax| (tax.name.as_str(), tax.amount.minor())).collect()
}

fn amounts(quote: &Breakdown) -> Vec<&str> {
    quote.lines.iter().map(|line| line.amount.as_str()).collect()
}

/// Techpoint Magazine, "How to predict and get more UMEME Yaka units on every purchase", techpointmag.com: 20,000 shillings
/// as the first purchase of a month; fee 3,360, VAT 3,051, left 13,589; 15 kWh for 3,750; 9,839 at 750.9 buy 13.1; in all 28.1.
#[test]
fn uganda_first_and_second_purchase_of_a_month() {
    let tariff = tariff(include_str!("published/uganda-2021.toml"), "UGX", Electricity);
    let history = History { last_purchase: Some(at("2021-01-20T09:00:00Z")), ..History::default() };
    let first = tariff.quote(pay(20_000), &history, at("2021-02-03T09:00:00Z")).unwrap();
    adds_up(&first);
    // 20000 / 1.18 = 16949.15, so 16949 without VAT and 3051 VAT (18 % of 16949 = 3050.82).
    // 16949 - 3360 = 13589; - 15 * 250 = 9839; 9839 / 0.7509 = 13102.9 Wh; 15000 + 13102 = 28102 Wh.
    assert_eq!((first.standing.minor(), first.tax().minor(), first.energy.minor()), (3360, 3051, 13_589));
    assert_eq!(first.units, units(28_102));
    assert_eq!(amounts(&first), ["3750", "9839", "3360", "3051"]);

    // The second purchase of the month has neither fee nor cheap block: 16949 / 0.7509 = 22571.5 Wh.
    let second = tariff.quote(pay(20_000), &first.after, at("2021-02-17T09:00:00Z")).unwrap();
    assert_eq!((second.standing.minor(), second.energy.minor(), second.units), (0, 16_949, units(22_571)));

    // "If you do not purchase units for many months, service fee accumulates" (Daily Monitor): March and April.
    let later = tariff.quote(pay(20_000), &second.after, at("2021-04-02T09:00:00Z")).unwrap();
    assert_eq!(later.standing.minor(), 6720);
}

/// The article's example: 94.1 kWh at 0.89 are 83.75, excise duty 2.51, together 86.26, VAT 13.80, in all 100.06.
#[test]
fn zambia_tax_on_tax_and_a_new_version() {
    let tariff = tariff(include_str!("published/zambia-2017-2020.toml"), "ZMW", Electricity);
    let quote = tariff.quote(want(94_100), &History::default(), at("2019-12-01T09:00:00Z")).unwrap();
    adds_up(&quote);
    // 94.1 * 0.89 = 83.749; 3 % of 83.75 = 2.5125; 16 % of 86.26 = 13.8016.
    assert_eq!((quote.energy.minor(), quote.total.minor(), quote.version), (8375, 10_006, None));
    assert_eq!(taxes(&quote), [("excise duty", 251), ("VAT", 1380)]);
    // 83.75 pay for one Wh more: 83.75 / 0.89 = 94.1011 kWh.
    assert_eq!(quote.units, units(94_101));

    // 310 kWh after the change: 100 * 0.47 = 47.00, 200 * 0.85 = 170.00, 10 * 1.94 = 19.40; 236.40;
    // 3 % = 7.092; 16 % of 243.49 = 38.9584; 282.45.
    let quote = tariff.quote(want(310_000), &History::default(), at("2020-02-01T09:00:00Z")).unwrap();
    assert_eq!(amounts(&quote), ["47.00", "170.00", "19.40", "7.09", "38.96"]);
    assert_eq!((quote.total.minor(), quote.version), (28_245, Some(date(2020, 1, 26))));
}

/// The article's example: 500 shillings buy 32.3 kWh as the first purchase of a month. It prints every part for 32.3 kWh; they
/// add up to 500.42, because it rounds the quantity to one digit.
#[test]
fn kenya_levies_on_stated_bases() {
    let tariff = tariff(include_str!("published/kenya.toml"), "KES", Electricity);
    let now = at("2015-03-10T09:00:00Z");
    let quote = tariff.quote(want(32_300), &History::default(), now).unwrap();
    adds_up(&quote);
    // 32.3 * 2.50 = 80.75; * 5.71 = 184.433; * 0.17 = 5.491; * 0.05 = 1.615; * 0.18 = 5.814; 5 % of 80.75 = 4.0375;
    // * 0.03 = 0.969; 16 % of (150 + 80.75 + 184.43 + 5.49 = 420.67) = 67.3072.
    assert_eq!((quote.standing.minor(), quote.energy.minor(), quote.units), (15_000, 8075, units(32_300)));
    let levies = [("fuel cost", 18_443), ("forex", 549), ("WARMA", 162), ("inflation", 581), ("REP", 404), ("ERC", 97)];
    assert_eq!(taxes(&quote), [&levies[..], &[("VAT", 6731)]].concat());
    assert_eq!(quote.total.minor(), 50_042);

    // The other way: a kWh costs 2.50 + 5.71 + 0.17 + 0.05 + 0.18 + 0.125 + 0.03 + 16 % of 8.38 = 10.1058;
    // (500 - 150 * 1.16) / 10.1058 = 32.2587 kWh, which is the article's 32.3.
    // Rounded part by part it is 32.260: 80.65 + 150 + 184.20 + 5.48 + 1.61 + 5.81 + 4.03 + 0.97 + 16 % of 420.33 (67.25) = 500.00.
    let quote = tariff.quote(pay(50_000), &History::default(), now).unwrap();
    adds_up(&quote);
    assert_eq!(quote.units, units(32_260), "{quote}");
}

/// The newsletter's example: 2,000 rand buy 500 kWh for 715.80, 500 kWh for 847.70, and 240.44 kWh for 436.50.
#[test]
fn johannesburg_increasing_blocks_with_tax_in_the_price() {
    let tariff = tariff(include_str!("published/johannesburg-2018.toml"), "ZAR", Electricity);
    let now = at("2018-09-05T09:00:00Z");
    let quote = tariff.quote(pay(200_000), &History::default(), now).unwrap();
    adds_up(&quote);
    // 2000 - 500 * 1.4316 - 500 * 1.6954 = 436.50; / 1.8154 = 240.4429 kWh. VAT in it: 2000 * 15 / 115 = 260.8696.
    assert_eq!(amounts(&quote), ["715.80", "847.70", "436.50", "260.87"]);
    assert_eq!((quote.units, quote.tax().minor(), quote.energy.minor()), (units(1_240_442), 26_087, 173_913));

    // Two purchases of a month fill the same blocks as one.
    let half = tariff.quote(pay(100_000), &History::default(), now).unwrap();
    let rest = tariff.quote(pay(100_000), &half.after, now).unwrap();
    assert_eq!(half.units.get() + rest.units.get(), 1_240_442);
    // A new month, by the clock of Johannesburg (UTC+2), begins again.
    let next = tariff.quote(want(500_000), &rest.after, at("2018-09-30T22:00:00Z")).unwrap();
    assert_eq!(next.total.minor(), 71_580);
}

/// Blocks by the calendar year, over what was bought.
#[test]
fn shanghai_blocks_by_the_year() {
    let tariff = tariff(include_str!("published/shanghai-2014.toml"), "CNY", Gas);
    // 310 * 3.00 = 930.00; 70.00 / 3.30 = 21.2121 m³.
    let quote = tariff.quote(pay(100_000), &History::default(), at("2015-01-05T02:00:00Z")).unwrap();
    adds_up(&quote);
    assert_eq!((amounts(&quote), quote.units), (vec!["930.00", "70.00"], units(331_212)));
    // With 510 m³ bought this year: 10 * 3.30 + 20 * 4.20 = 117.00.
    let year = Some(Counter { start: date(2015, 1, 1), units: units(510_000) });
    let history = History { year, ..History::default() };
    let quote = tariff.quote(want(30_000), &history, at("2015-12-31T02:00:00Z")).unwrap();
    assert_eq!((amounts(&quote), quote.total.minor()), (vec!["33.00", "84.00"], 11_700));
    // 16:00 UTC is the next year in Shanghai: 30 * 3.00.
    let quote = tariff.quote(want(30_000), &history, at("2015-12-31T16:00:00Z")).unwrap();
    assert_eq!(quote.total.minor(), 9000);
}

/// Increasing blocks of water, VAT on top.
#[test]
fn cape_town_water() {
    let tariff = tariff(include_str!("published/cape-town-2018.toml"), "ZAR", Water);
    let now = at("2018-08-01T09:00:00Z");
    // 6 * 40.73 = 244.38; 4.5 * 48.88 = 219.96; 464.34; 15 % = 69.651; 533.99.
    let quote = tariff.quote(want(10_500), &History::default(), now).unwrap();
    adds_up(&quote);
    assert_eq!((amounts(&quote), quote.total.minor()), (vec!["244.38", "219.96", "69.65"], 53_399));
    // The next 100 litres are in the third block: 12.713, up to 12.72; 15 % = 1.908; 14.63.
    let quote = tariff.quote(want(100), &quote.after, now).unwrap();
    assert_eq!((quote.energy.minor(), quote.tax().minor(), quote.total.minor()), (1272, 191, 1463));
}

/// A unit price and a standing charge by the day, both with VAT, over a change of both.
#[test]
fn britain_standing_charge_over_a_change_of_price() {
    let tariff = tariff(include_str!("published/britain-2024.toml"), "GBP", Electricity);
    let bought = |time: &str| History { last_purchase: Some(at(time)), ..History::default() };
    // 7 days: 7 * 0.6012 = 4.2084; (20 - 4.21) / 0.2236 = 70.617 kWh; VAT in it: 20 * 5 / 105 = 0.952.
    let quote = tariff.quote(pay(2000), &bought("2024-08-01T08:00:00Z"), at("2024-08-08T17:00:00Z")).unwrap();
    adds_up(&quote);
    assert_eq!((amounts(&quote), quote.units), (vec!["15.79", "4.21", "0.95"], units(70_617)));
    // 29 and 30 September: 2 * 0.6012 = 1.2024; 1 to 3 October: 3 * 0.6099 = 1.8297; (20 - 3.03) / 0.2450 = 69.2653 kWh.
    let quote = tariff.quote(pay(2000), &bought("2024-09-28T08:00:00Z"), at("2024-10-03T17:00:00Z")).unwrap();
    assert_eq!((amounts(&quote), quote.units), (vec!["16.97", "1.20", "1.83", "0.95"], units(69_265)));
    // Before the first version nothing is sold.
    let error = tariff.quote(pay(2000), &History::default(), at("2024-06-30T22:59:59Z")).unwrap_err();
    assert_eq!(error.to_string(), "no tariff is in force on 2024-06-30: the first version holds from 2024-07-01");
    // 23:00 UTC is 1 July in London.
    assert!(tariff.quote(pay(2000), &History::default(), at("2024-06-30T23:00:00Z")).is_ok());
}

/// Decreasing blocks.
#[test]
fn flemingsburg_decreasing_blocks() {
    let tariff = tariff(include_str!("published/flemingsburg.toml"), "USD", Gas);
    // 9.665 + 4 * 6.993 + 20 * 6.853 + 5 * 6.653 = 9.665 + 27.972 + 137.060 + 33.265 = 207.962.
    let quote = tariff.quote(want(30_000), &History::default(), at("2024-02-10T12:00:00Z")).unwrap();
    adds_up(&quote);
    assert_eq!(quote.total, Money::from_minor(20_796));
    // Lines are rounded so that they add up: 9.67, 37.637 - 9.67, 174.697 - 37.64, 207.962 - 174.70.
    assert_eq!(amounts(&quote), ["9.67", "27.97", "137.06", "33.26"]);
}
