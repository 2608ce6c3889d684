use super::*;
use crate::money::Currency;
use coinless_protocol::Commodity;

fn credit(commodity: &str, in_money: bool) -> CreditWords {
    let currency = in_money.then(|| Currency::from_code("EUR").unwrap());
    CreditWords { commodity: Commodity::from_name(commodity).unwrap(), currency }
}

#[test]
fn the_examples_of_the_page_are_good() {
    let page = include_str!("../../../../../docs/registers.md");
    let mut seen = 0;
    for block in page.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let head = text.lines().next().unwrap();
        let commodity = ["gas", "electricity"].into_iter().find(|name| head.contains(name)).unwrap();
        let credit = credit(commodity, head.contains("EUR"));
        if head.starts_with("# tariff") {
            read_tariff(text, credit, FineCredit(0)).unwrap_or_else(|error| panic!("{head}: {error}"));
        } else {
            read_settings(text, credit).unwrap_or_else(|error| panic!("{head}: {error}"));
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn a_tariff_is_what_it_says() {
    let text = "standing_per_day = \"0.30 EUR\"\n[[rates]]\nname = \"day\"\nprice = \"0.32 EUR\"\n[[rates]]\nname = \"night\"\n\
                price = \"0.2165 EUR\"\n[[switch]]\ndays = \"fri-mon\"\nat = \"22:30\"\nrate = \"night\"\n\
                [[steps]]\nfrom = \"300 kWh\"\nmore = \"0.05 EUR\"";
    let tariff = read_tariff(text, credit("electricity", true), FineCredit(7)).unwrap();
    assert_eq!(tariff.rates.as_slice(), [Price(32_000), Price(21_650)]);
    let switch = tariff.switches[0];
    assert_eq!((switch.days.bits(), switch.at.get(), switch.rate), (0b111_0001, 45, 1));
    assert_eq!((tariff.steps[0].from, tariff.steps[0].more), (300, Price(5_000)));
    assert_eq!((tariff.standing_per_day, tariff.debt.total), (30_000, FineCredit(7)));
}

#[test]
fn settings_are_what_they_say() {
    let text = "low_credit = \"1.5 kWh\"\nutc_offset = \"-03:30\"\nshut_on = []\n[friendly]\ncap = \"1 kWh\"\n\
                periods = [{ days = \"daily\", from = \"18:00\", to = \"24:00\" }]\ndays = [\"1970-01-02\"]\n\
                [no_cut]\ndays = [\"2026-11-15..2027-03-15\"]";
    let settings = read_settings(text, credit("electricity", false)).unwrap();
    assert_eq!((settings.low_credit, settings.utc_offset_quarters), (1_500, -14));
    let period = settings.friendly[0];
    assert_eq!((period.from.get(), period.to.get(), settings.friendly_cap), (36, 0, 1_000));
    assert_eq!((settings.friendly_days[0].first(), settings.no_cut[0].first()), (1, 20_772));
    assert_eq!(settings.shut_on, SensorSet::NONE);
    assert_eq!(settings.no_cut_cap, 0);
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_to_write() {
    let tariffs = [
        ("price = 0.32", 1, "expected a string"),
        ("standing_per_day = \"1 EUR\"\nprise = \"1 EUR\"", 2, "unknown field"),
        ("\nprice = \"0.32\"", 2, "20.00 EUR"),
        ("price = \"1 EUR\"\n[[rates]]\nname = \"a\"\nprice = \"1 EUR\"", 1, "not both"),
        ("price = \"1 EUR\"\n[[switch]]\ndays = \"mon\"\nat = \"6:00\"\nrate = \"day\"", 4, "22:00"),
        ("price = \"1 EUR\"\n[[switch]]\ndays = \"monday\"\nat = \"06:00\"\nrate = \"day\"", 3, "mon-fri"),
        (
            "[[rates]]\nname = \"a\"\nprice = \"1 EUR\"\n[[switch]]\ndays = \"mon\"\nat = \"06:00\"\nrate = \"b\"",
            7,
            "there are: a",
        ),
        ("price = \"1 EUR\"\n[[steps]]\nfrom = \"0.5 kWh\"\nmore = \"1 EUR\"", 3, "whole kWh"),
        ("price = \"1 EUR\"\ndebt_percent = 101", 2, "0 to 100"),
    ];
    for (text, line, problem) in tariffs {
        let error = read_tariff(text, credit("electricity", true), FineCredit(0)).unwrap_err();
        assert!(error.line == line && error.problem.contains(problem), "{text}: {error}");
    }
    let error = read_tariff("price = \"1 EUR\"", credit("gas", false), FineCredit(0)).unwrap_err();
    assert!(error.problem.contains("station's own tariff"), "{error}");
    let settings = [
        ("low_credit = \"10\"", 1, "kWh"),
        ("low_credit = \"0.0001 kWh\"", 1, "the least is 0.001 kWh"),
        ("low_credit = \"1 kWh\"\nvery_low_credit = \"2 kWh\"", 2, "not be above"),
        ("disuse_days = 3\nload_limit_w = 3500", 2, "belong together"),
        ("utc_offset = \"1\"", 1, "+01:00"),
        ("volume_correction = \"3\"", 1, "0.5 to 2"),
        ("shut_on = [\"cover\", \"door\"]", 1, "\"reverse flow\""),
        ("[no_cut]\ndays = [\"2026-02-30\"]", 2, "2026-12-24"),
        ("[no_cut]\ndays = [\"2026-03-02..2026-03-01\"]", 2, "2026-12-24"),
        ("max_credit = \"0 kWh\"", 1, "hold some"),
    ];
    for (text, line, problem) in settings {
        let error = read_settings(text, credit("electricity", false)).unwrap_err();
        assert!(error.line == line && error.problem.contains(problem), "{text}: {error}");
    }
    let many: String =
        (0..13).map(|hour| format!("[[switch]]\ndays = \"mon\"\nat = \"{hour:02}:00\"\nrate = \"a\"\n")).collect();
    let text = format!("[[rates]]\nname = \"a\"\nprice = \"1 EUR\"\n{many}");
    assert!(read_tariff(&text, credit("gas", true), FineCredit(0)).unwrap_err().problem.contains("at most 12"));
}
