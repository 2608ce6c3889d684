//! Every behaviour of the sandbox utility, as the adapter tells it.

use crate::sandbox::{Behaviour, CallKind, Fault, Options, Setting, Utility};
use crate::support::{Bench, METER, PATIENT_MS, Raw, TOKEN, adapter, raw, sale};
use coinless_protocol::{Commodity, Units};
use coinless_station::money::Money;
use coinless_station::sales::http::MAX_ANSWER_BYTES;
use coinless_station::sales::{
    Asked, ConfirmationOutcome, Lookup, QuoteError, ReversalOutcome, SaleOutcome, SaleRequest, SalesSystem,
};

fn is_unknown(said: &SaleOutcome) -> bool {
    matches!(said, SaleOutcome::Unknown { .. })
}

fn sold(asked: &SaleRequest) -> SaleOutcome {
    SaleOutcome::Sold { units: asked.units }
}

/// One line for each sale that stands in the utility's books and was not taken back.
fn standing(utility: &Utility) -> Vec<String> {
    utility.sales().into_iter().filter(|sale| !sale.reversed).map(|sale| sale.sale_id).collect()
}

fn options() -> Options {
    let mut options = Options::new(TOKEN);
    options.blocked.insert("CLS0000000025".to_owned());
    options.unknown.insert("CLS0000000033".to_owned());
    options.tariff.price_minor.remove(&Commodity::Electricity);
    options
}

#[tokio::test]
async fn lookups_and_quotes() {
    let bench = Bench::with(options()).await;
    let (meter, blocked, unknown) =
        (METER.parse().unwrap(), "CLS0000000025".parse().unwrap(), "CLS0000000033".parse().unwrap());
    let known = Lookup::Known { customer: Some("Sandbox Customer".into()), place: Some("1 Sandbox Street".into()) };
    assert_eq!(bench.sales.lookup(meter).await, known);
    assert!(matches!(bench.sales.lookup(blocked).await, Lookup::Refused { .. }));
    assert!(matches!(bench.sales.lookup(unknown).await, Lookup::Refused { .. }));

    let quote = bench.quote(5_000).await;
    // 49.75 without the fee / 1.19 = 41.8067; 41.81 - 1.50 = 40.31; 40.31 / 0.85 = 47.423 m³
    let parts = (quote.net.minor(), quote.tax.minor(), quote.fee.minor(), quote.units.get());
    assert_eq!(parts, (4_181, 794, 25, 47_423));
    let lines: Vec<_> = quote.explanation.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["47.423 m³ at 0.85 EUR a m³", "standing charge", "tax 19.00 %", "service fee"]);

    let units = |units| Asked::Units(Units::new(units).unwrap());
    let exact = bench.sales.trial(meter, Commodity::Gas, units(47_423)).await.unwrap();
    assert!(exact.units.get() >= 47_423 && exact.amount.minor() <= 5_000);
    let less = bench.quote(exact.amount.minor() - 1).await;
    assert!(less.units.get() < 47_423, "it is the least sum that buys so much");

    let money = |minor| Asked::Money(Money::from_minor(minor));
    let refused = async |meter, commodity, asked| bench.sales.trial(meter, commodity, asked).await.unwrap_err();
    assert_eq!(refused(meter, Commodity::Electricity, money(5_000)).await, QuoteError::NotSold(Commodity::Electricity));
    assert!(matches!(refused(meter, Commodity::Gas, money(299)).await, QuoteError::Amount(_)));
    assert!(matches!(refused(meter, Commodity::Gas, money(50_001)).await, QuoteError::Amount(_)));
    assert!(matches!(refused(meter, Commodity::Gas, units(1_000_000_000)).await, QuoteError::Amount(_)));
    assert!(matches!(refused(blocked, Commodity::Gas, money(5_000)).await, QuoteError::Refused(_)));
    assert!(matches!(refused(unknown, Commodity::Gas, money(5_000)).await, QuoteError::Refused(_)));
    assert!(bench.utility.sales().is_empty());
}

#[tokio::test]
async fn the_life_of_a_sale() {
    let bench = Bench::start().await;
    let asked = bench.sale("order/1").await;
    assert_eq!(bench.sales.last_response(&asked).await, SaleOutcome::NotFound);
    for _ in 0..2 {
        assert_eq!(bench.sales.vend(&asked).await, sold(&asked));
        assert_eq!(bench.sales.last_response(&asked).await, sold(&asked));
    }
    // Under the same id another sale is neither made nor refused for good.
    let quote = bench.quote(6_000).await;
    let amount = Money::from_minor(6_000);
    let other = SaleRequest { amount, asked: Asked::Money(amount), units: quote.units, ..asked.clone() };
    assert!(is_unknown(&bench.sales.vend(&other).await));
    assert!(matches!(bench.sales.reverse(&other).await, ReversalOutcome::Unknown { .. }));
    assert_eq!(bench.sales.last_response(&asked).await, sold(&asked));

    assert_eq!(bench.sales.confirm(&asked).await, ConfirmationOutcome::Confirmed);
    assert_eq!(bench.sales.confirm(&asked).await, ConfirmationOutcome::Confirmed);
    assert!(matches!(bench.sales.reverse(&asked).await, ReversalOutcome::Refused { .. }));
    assert_eq!(standing(&bench.utility), ["order.1"]);
}

#[tokio::test]
async fn a_sale_that_was_taken_back_is_never_made() {
    let bench = Bench::start().await;
    let (never, once) = (bench.sale("order/1").await, bench.sale("order/2").await);
    assert_eq!(bench.sales.vend(&once).await, sold(&once));
    for asked in [&never, &once, &never, &once] {
        assert_eq!(bench.sales.reverse(asked).await, ReversalOutcome::Reversed);
        assert!(matches!(bench.sales.vend(asked).await, SaleOutcome::Failed { .. }));
        assert!(matches!(bench.sales.last_response(asked).await, SaleOutcome::Failed { .. }));
        assert!(matches!(bench.sales.confirm(asked).await, ConfirmationOutcome::Refused { .. }));
    }
    assert_eq!(standing(&bench.utility), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_is_final_and_stays() {
    let bench = Bench::with(options()).await;
    let asked = bench.sale("order/1").await;
    let stale = SaleRequest { terms: "flat:1:2:3:4".into(), ..asked.clone() };
    let blocked = SaleRequest { sale_id: "order/2".into(), meter_id: "CLS0000000025".into(), ..asked.clone() };
    let unknown = SaleRequest { sale_id: "order/3".into(), meter_id: "CLS0000000033".into(), ..asked };
    for asked in [stale, blocked, unknown] {
        for _ in 0..2 {
            assert!(matches!(bench.sales.vend(&asked).await, SaleOutcome::Failed { .. }));
            assert!(matches!(bench.sales.last_response(&asked).await, SaleOutcome::Failed { .. }));
        }
        assert_eq!(bench.sales.reverse(&asked).await, ReversalOutcome::Reversed);
    }
    assert!(bench.utility.sales().is_empty());
}

#[tokio::test]
async fn the_list_is_read_page_by_page() {
    let bench = Bench::with(Options { page: 2, ..Options::new(TOKEN) }).await;
    let mut sales = Vec::new();
    for line in 1..=5 {
        let asked = bench.sale(&format!("order/{line}")).await;
        assert_eq!(bench.sales.vend(&asked).await, sold(&asked));
        sales.push(asked);
    }
    assert_eq!(bench.sales.reverse(&sales[2]).await, ReversalOutcome::Reversed);
    let listed = bench.sales.sales(0, i64::MAX).await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|entry| (entry.sale_id.as_str(), entry.reversed)).collect();
    ids.sort_unstable();
    let wanted = [("order/1", false), ("order/2", false), ("order/3", true), ("order/4", false), ("order/5", false)];
    assert_eq!(ids, wanted);
    assert!(listed.iter().all(|entry| entry.units == sales[0].units && entry.amount == sales[0].amount));
    let (from_ms, to_ms) = (listed[0].at_ms, listed[4].at_ms);
    assert_eq!(bench.sales.sales(from_ms, to_ms + 1).await.unwrap().len(), 5);
    assert!(bench.sales.sales(from_ms, to_ms).await.unwrap().iter().all(|entry| entry.at_ms < to_ms));
    assert_eq!(bench.sales.sales(0, from_ms).await, Ok(Vec::new()));
    bench.behave(Behaviour::Down, 0, None);
    assert!(bench.sales.sales(0, i64::MAX).await.is_err());
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_sale_is_unknown_and_comes_right_under_the_same_id() {
    let bench = Bench::start().await;
    let impatient = bench.impatient();
    let mut line = 0;
    for behaviour in Behaviour::ALL {
        for (way, fault) in behaviour.faults(CallKind::Vend).iter().enumerate() {
            line += 1;
            let asked = bench.sale(&format!("order/{line}")).await;
            bench.behave(behaviour, way, None);
            let late = matches!(fault, Fault::LateAnswer | Fault::LateWork);
            let sales = if late { &impatient } else { &bench.sales };
            let said = sales.vend(&asked).await;
            match fault {
                Fault::SaysFailed => assert!(matches!(said, SaleOutcome::Failed { .. }), "{fault:?}: {said:?}"),
                Fault::OtherUnits => assert!(
                    matches!(said, SaleOutcome::Sold { units } if units != asked.units),
                    "a person sees it: {said:?}"
                ),
                Fault::OtherAmount | Fault::OtherSale => assert!(
                    matches!(said, SaleOutcome::Unknown { contradicts: true, .. }),
                    "a person sees it: {said:?}"
                ),
                _ => assert!(matches!(said, SaleOutcome::Unknown { contradicts: false, .. }), "{fault:?}: {said:?}"),
            }
            let last = bench.sales.last_response(&asked).await;
            match fault {
                Fault::Unavailable | Fault::Refuse => assert!(is_unknown(&last), "{fault:?}: {last:?}"),
                Fault::LateWork => assert_eq!(last, SaleOutcome::NotFound),
                Fault::Internal if behaviour == Behaviour::Forgetful => assert_eq!(last, SaleOutcome::NotFound),
                _ => assert_eq!(last, sold(&asked), "{fault:?}"),
            }
            bench.utility.set(Setting::default());
            assert_eq!(bench.sales.vend(&asked).await, sold(&asked), "{fault:?}");
            assert_eq!(bench.sales.last_response(&asked).await, sold(&asked), "{fault:?}");
        }
    }
    bench.utility.late_works(1).await;
    let wanted: Vec<_> = (1..=line).map(|line| format!("order.{line}")).collect();
    let mut standing = standing(&bench.utility);
    standing.sort_by_key(|id| id.split_once('.').unwrap().1.parse::<u32>().unwrap());
    assert_eq!(standing, wanted, "each once");
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_reversal_or_confirmation_is_unknown() {
    let bench = Bench::start().await;
    let impatient = bench.impatient();
    let mut line = 0;
    for behaviour in Behaviour::ALL {
        for way in 0..behaviour.faults(CallKind::Change).len() {
            line += 2;
            let (kept, back) =
                (bench.sale(&format!("order/{line}")).await, bench.sale(&format!("order/{}", line + 1)).await);
            assert_eq!(bench.sales.vend(&kept).await, sold(&kept));
            bench.behave(behaviour, way, None);
            let said = impatient.reverse(&back).await;
            assert!(matches!(said, ReversalOutcome::Unknown { .. }), "{behaviour:?} {way}: {said:?}");
            let said = impatient.confirm(&kept).await;
            assert!(matches!(said, ConfirmationOutcome::Unknown { .. }), "{behaviour:?} {way}: {said:?}");
            bench.utility.set(Setting::default());
            assert_eq!(bench.sales.reverse(&back).await, ReversalOutcome::Reversed);
            assert_eq!(bench.sales.confirm(&kept).await, ConfirmationOutcome::Confirmed);
        }
    }
}

#[tokio::test]
async fn a_sale_that_arrives_after_its_reversal_is_not_made() {
    let bench = Bench::start().await;
    let asked = bench.sale("order/1").await;
    bench.behave(Behaviour::Slow, 1, Some(1));
    assert!(is_unknown(&bench.impatient().vend(&asked).await));
    assert_eq!(bench.sales.last_response(&asked).await, SaleOutcome::NotFound);
    assert_eq!(bench.sales.reverse(&asked).await, ReversalOutcome::Reversed);
    bench.utility.set(Setting::default());
    bench.utility.late_works(1).await;
    assert!(bench.utility.sales().is_empty());
    assert!(matches!(bench.sales.last_response(&asked).await, SaleOutcome::Failed { .. }));
}

#[tokio::test]
async fn a_utility_that_is_down_gives_no_lookup_and_no_quote() {
    let bench = Bench::start().await;
    let meter = METER.parse().unwrap();
    let asked = Asked::Money(Money::from_minor(5_000));
    for way in 0..2 {
        bench.behave(Behaviour::Down, way, None);
        assert!(matches!(bench.sales.lookup(meter).await, Lookup::Unavailable { .. }));
        let quote = bench.sales.trial(meter, Commodity::Gas, asked).await;
        assert!(matches!(quote, Err(QuoteError::Unavailable { .. })), "{quote:?}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_never_a_final_answer() {
    let bench = Bench::start().await;
    let asked = bench.sale("order/1").await;
    let stranger = adapter(&bench.folder, &bench.url, "another", PATIENT_MS);
    assert!(is_unknown(&stranger.vend(&asked).await));
    assert!(is_unknown(&stranger.last_response(&asked).await));
    assert!(matches!(stranger.reverse(&asked).await, ReversalOutcome::Unknown { .. }));
    assert!(bench.utility.sales().is_empty());
}

#[tokio::test]
async fn what_cannot_be_reached_or_goes_elsewhere_is_unknown() {
    let bench = Bench::start().await;
    let asked = bench.sale("order/1").await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = free.local_addr().unwrap();
    drop(free);
    let elsewhere =
        format!("HTTP/1.1 307 Elsewhere\r\nlocation: {}/v1/sales/order.1\r\ncontent-length: 0\r\n\r\n", bench.url);
    let servers = [
        ("refused", refused),
        ("closed", raw(Raw::Bytes(Vec::new())).await),
        ("half a head", raw(Raw::Bytes(b"HTTP/1.1 200 OK\r\ncontent-".to_vec())).await),
        ("silent", raw(Raw::Silence).await),
        ("redirect", raw(Raw::Bytes(elsewhere.into_bytes())).await),
        ("endless head", raw(Raw::Endless("HTTP/1.1 200 OK\r\n")).await),
    ];
    for (name, address) in servers {
        let sales = adapter(&bench.folder, &format!("http://{address}"), TOKEN, 1_000);
        assert!(is_unknown(&sales.vend(&asked).await), "{name}");
        assert!(is_unknown(&sales.last_response(&asked).await), "{name}");
        assert!(sales.sales(0, 1).await.is_err(), "{name}");
    }
    let endless = raw(Raw::Endless("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")).await;
    let sales = adapter(&bench.folder, &format!("http://{endless}"), TOKEN, PATIENT_MS);
    let said = sales.vend(&asked).await;
    let too_long = format!("more than {MAX_ANSWER_BYTES} bytes");
    assert!(matches!(&said, SaleOutcome::Unknown { why, .. } if why.contains(&too_long)), "{said:?}");
    assert!(bench.utility.seen().is_empty(), "no redirect is followed");
    let no_id = sale("no id at all");
    assert!(is_unknown(&bench.sales.vend(&no_id).await));
    assert!(bench.utility.seen().is_empty());
}

#[tokio::test]
async fn a_utility_that_was_killed_remembers() {
    let bench = Bench::start().await;
    let (first, second) = (bench.sale("order/1").await, bench.sale("order/2").await);
    assert_eq!(bench.sales.vend(&first).await, sold(&first));
    assert_eq!(bench.sales.reverse(&second).await, ReversalOutcome::Reversed);
    let path = bench.folder.path().join("sales.jsonl");
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend(b"\n{\"sale_id\":\"order.3\",\"body\":{\"met");
    std::fs::write(&path, torn).unwrap();

    let again = Utility::open(&path, Options::new(TOKEN)).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sales = adapter(&bench.folder, &format!("http://{}", listener.local_addr().unwrap()), TOKEN, PATIENT_MS);
    tokio::spawn(again.clone().serve(listener));
    assert_eq!(sales.last_response(&first).await, sold(&first));
    assert!(matches!(sales.vend(&second).await, SaleOutcome::Failed { .. }));
    let third = SaleRequest { sale_id: "order/3".into(), ..first };
    assert_eq!(sales.last_response(&third).await, SaleOutcome::NotFound);
    assert_eq!(sales.vend(&third).await, sold(&third));
    let reopened = Utility::open(&path, Options::new(TOKEN)).unwrap();
    assert_eq!(standing(&reopened), ["order.1", "order.3"]);
}

#[tokio::test]
async fn its_behaviour_is_switched_by_a_call_from_this_machine() {
    let bench = Bench::start().await;
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(30)).unwrap();
    let url = format!("{}/admin/setting", bench.url);
    let wanted = Setting { behaviour: Behaviour::Unclear, calls: Some(1), way: Some(2) };
    assert_eq!(http.put(&url).json(&wanted).send().await.unwrap().status(), 401);
    assert_eq!(bench.utility.setting(), Setting::default());
    let answer = http.put(&url).bearer_auth(TOKEN).json(&wanted).send().await.unwrap();
    assert_eq!(answer.json::<Setting>().await.unwrap(), wanted);
    let asked = bench.sale("order/1").await;
    assert!(is_unknown(&bench.sales.vend(&asked).await));
    assert_eq!(bench.sales.vend(&asked).await, sold(&asked));
    let wrong = http.put(&url).bearer_auth(TOKEN).body("{\"behaviour\":\"angry\"}").send().await.unwrap();
    assert_eq!(wrong.status(), 400);
}

#[test]
fn one_seed_goes_wrong_in_one_way() {
    let draw = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut setting = Setting { behaviour: Behaviour::Contradictory, calls: Some(50), way: None };
        (0..60).map(|_| setting.next(CallKind::Vend, &mut random)).collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    let faults = Behaviour::Contradictory.faults(CallKind::Vend);
    assert!(faults.iter().all(|fault| draw(7).contains(&Some(*fault))));
    assert_eq!(draw(7).iter().filter(|fault| fault.is_none()).count(), 10);
}
