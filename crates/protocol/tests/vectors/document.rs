//! The tables of `docs/protocol.md`: every key and its bytes, every code in its words, every size.

use crate::support::{hex, issuer, longest_meter_id, meter, unhex};
use crate::token_cases::{self, closing, refused, token};
use crate::{
    coap, identities, operational_keys, problems, readings, receipts, reports, settings, tariffs, token_cases::credit,
    tokens,
};
use coinless_protocol::identity::{Identity, MAX_IDENTITY_BYTES, MAX_SIGNED_IDENTITY_BYTES};
use coinless_protocol::problem::{MAX_PROBLEM_BYTES, Refusal};
use coinless_protocol::readings::MAX_SEALED_BYTES;
use coinless_protocol::receipt::MAX_RECEIPT_BYTES;
use coinless_protocol::report::{Event, MAX_REPORT_BYTES, MAX_SEALED_REPORT_BYTES};
use coinless_protocol::settings::{Sensor, SensorSet, Settings};
use coinless_protocol::tariff::{Debt, Price, Step, Tariff};
use coinless_protocol::token::{
    Clock, Conditions, Content, MAX_CONTENT_BYTES, MAX_CREDIT_TOKEN_BYTES, MAX_PLAIN_TOKEN_BYTES, MAX_TOKEN_BYTES,
    Needs, Order, Set, Token, Valve, ValveOrder,
};
use coinless_protocol::{FineCredit, MeterId, Units, coap::MAX_MESSAGE_BYTES};
use std::collections::BTreeMap;

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md")).unwrap()
}

/// What stands between the heading and the next one.
fn section(heading: &str) -> String {
    let document = document();
    let lines = document.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading).skip(1);
    let section: Vec<_> = lines.take_while(|line| !line.starts_with('#')).collect();
    assert!(!section.is_empty(), "docs/protocol.md has no section {heading}");
    section.join("\n")
}

/// The row of `section` that begins like this.
#[track_caller]
fn row<'a>(section: &'a str, start: &str) -> &'a str {
    let line = section.lines().find(|line| line.starts_with(start));
    line.unwrap_or_else(|| panic!("docs/protocol.md has no row {start}"))
}

/// The keys of a map and the bytes of each entry.
fn entries(map: &[u8]) -> Vec<(u64, usize)> {
    let mut input = minicbor::Decoder::new(map);
    let count = input.map().unwrap().unwrap();
    let entry = |_| {
        let before = input.position();
        let key = input.u64().unwrap();
        input.skip().unwrap();
        (key, input.position() - before)
    };
    (0..count).map(entry).collect()
}

/// The table of keys in the section under `heading` has every key of `maps` and no other, and says how many bytes its entry
/// has, at least and at most.
fn check_keys(heading: &str, maps: impl IntoIterator<Item = Vec<u8>>) {
    let mut sizes = BTreeMap::<u64, (usize, usize)>::new();
    for (key, bytes) in maps.into_iter().flat_map(|map| entries(&map)) {
        let (least, most) = sizes.entry(key).or_insert((bytes, bytes));
        (*least, *most) = ((*least).min(bytes), (*most).max(bytes));
    }
    let section = section(heading);
    let table: Vec<_> =
        section.lines().skip_while(|line| !line.starts_with("| key |")).take_while(|l| l.starts_with('|')).collect();
    for (key, (least, most)) in &sizes {
        let line = row(&section, &format!("| {key} |"));
        let bytes = if least == most { format!("| {least} |") } else { format!("| {least}–{most} |") };
        assert!(line.ends_with(&bytes), "{heading}: the code says {bytes} of {line}");
    }
    // Head, rule, and the row of the map head.
    assert_eq!(table.len(), sizes.len() + 3, "{heading}: {table:#?}");
}

fn all_bytes<'a>(bytes: impl IntoIterator<Item = &'a String>) -> Vec<Vec<u8>> {
    bytes.into_iter().map(|bytes| unhex(bytes)).collect()
}

#[test]
fn keys_of_tokens() {
    let needs = Conditions { needs: Needs { tariff: 1, ..Needs::default() }, ..refused(0, 0) };
    let early = Set { clock: Some(Clock { unix_s: 1, answers: None }), ..Set::default() };
    let more = [credit(longest_meter_id(), 0, 1, 0, needs), token(longest_meter_id(), 0, Order::Set(early))];
    let more = more.map(|token| token.to_payload().unwrap().to_vec());
    check_keys("Token", all_bytes(tokens::vectors().iter().map(|v| &v.payload)).into_iter().chain(more));
    let valve = section("Token");
    let valve = row(&valve, "| 10 |");
    for (name, order) in tokens::COMMANDS {
        assert!(valve.contains(&format!("{} {name}", order as u8)), "{valve}");
    }
}

#[test]
fn keys_of_contents() {
    let small = Tariff {
        rates: [Price(0)].into_iter().collect(),
        steps: [Step { from: 0, more: Price(0) }].into_iter().collect(),
        switches: [tariffs::switch(1, 0, 0)].into_iter().collect(),
        standing_per_day: 1,
        debt: Debt { total: FineCredit(1), per_day: 1, per_cent: 1 },
        ..Tariff::default()
    };
    let small = small.to_bytes().unwrap().to_vec();
    let vectors = all_bytes(tariffs::vectors().iter().map(|v| &v.content));
    check_keys("Content of the tariff register", vectors.into_iter().chain([small]));

    let longest = settings::longest();
    let small = Settings {
        low_credit: 1,
        very_low_credit: 1,
        emergency: 1,
        friendly_cap: 1,
        friendly: longest.friendly.iter().take(1).copied().collect(),
        friendly_days: longest.friendly_days.iter().take(1).copied().collect(),
        no_cut: longest.no_cut.iter().take(1).copied().collect(),
        no_cut_cap: 1,
        utc_offset_quarters: 1,
        open_by_token: Some(false),
        max_credit: Some(Units::new(1).unwrap()),
        correction_ppm: 500_000,
        load_limit_w: 1,
        load_limit_s: 1,
        excess_flow: 1,
        leak_h: 1,
        disuse_days: 1,
        shut_on: SensorSet::NONE,
    };
    let small = small.to_bytes().unwrap().to_vec();
    let vectors = all_bytes(settings::vectors().iter().map(|v| &v.content));
    check_keys("Content of the settings register", vectors.into_iter().chain([small]));
    let sensors = section("Content of the settings register");
    let sensors = row(&sensors, "| 17 |");
    for sensor in Sensor::ALL {
        assert!(sensors.contains(&format!("{} {}", sensor as u8, sensor.words())), "{sensors}");
    }
}

#[test]
fn keys_of_what_meters_say() {
    check_keys("Receipt", all_bytes(receipts::vectors().iter().map(|v| &v.payload)));
    let reports = reports::vectors();
    check_keys("Report", all_bytes(reports.iter().map(|v| &v.payload)));
    let plain: Vec<_> = reports.iter().map(|v| v.plain.len() / 2).collect();
    let (least, most) = (plain.iter().min().unwrap(), plain.iter().max().unwrap());
    assert!(section("Report").contains(&format!("of these seven, {least} to {most} bytes:")), "{plain:?}");
    check_keys("Identity", all_bytes(identities::vectors().iter().map(|v| &v.payload)));
}

#[test]
fn events() {
    let section = section("Report");
    let table: Vec<_> = section.lines().skip_while(|line| !line.starts_with("| place | event |")).skip(2).collect();
    let rows: Vec<_> = table.into_iter().take_while(|line| line.starts_with('|')).collect();
    let wanted: Vec<_> = Event::ALL.iter().map(|event| format!("| {} | {} |", *event as u8, event.words())).collect();
    assert_eq!(rows, wanted);
}

#[test]
fn refusals_and_decisions() {
    let rows = |section: &str| {
        section.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit()).count()
    };
    let refusals = section("Refusals");
    for refusal in Refusal::ALL {
        let (code, title, coap) = (refusal as u8, refusal.title(), refusal.coap_code());
        row(&refusals, &format!("| {code} | {title} | {coap} |"));
    }
    assert_eq!(rows(&refusals), Refusal::ALL.len());
    let decisions = section("Decisions");
    for (code, decision) in receipts::decisions() {
        row(&decisions, &format!("| {code} | {} |", decision.name()));
    }
    assert_eq!(rows(&decisions), receipts::decisions().len());
}

fn signed(token: &Token<'_>) -> usize {
    token.sign(&meter().hash(), &issuer().pair).unwrap().len()
}

fn token_bytes(name: &str) -> usize {
    tokens::vectors().iter().find(|v| v.name.starts_with(name)).unwrap().signed_bytes
}

/// Name, smallest, typical, largest, limit.
type Row = (&'static str, usize, usize, usize, usize);

fn check_sizes(rows: &[Row]) {
    let rows = rows.iter().map(|(name, smallest, typical, largest, limit)| {
        assert!(smallest <= typical && typical <= largest && largest <= limit, "{name}");
        format!("| {name} | {smallest} | {typical} | {largest} | {limit} |")
    });
    have_rows(rows.collect());
}

#[track_caller]
fn have_rows(rows: Vec<String>) {
    let section = section("Sizes");
    let missing: Vec<_> = rows.into_iter().filter(|row| !section.lines().any(|line| line == row)).collect();
    assert!(missing.is_empty(), "docs/protocol.md does not have\n{}", missing.join("\n"));
}

#[test]
fn sizes_of_credit_tokens() {
    let (plain, most_plain, most) = (Conditions::default(), MAX_PLAIN_TOKEN_BYTES, MAX_CREDIT_TOKEN_BYTES);
    let (short, long): (MeterId, _) = ("CLS0".parse().unwrap(), longest_meter_id());
    let small = |conditions| signed(&credit(short, 0, 1, 0, conditions));
    let large = |conditions| signed(&credit(long, u16::MAX, u32::MAX, Units::MAX, conditions));
    let (one, full) = (refused(0, 0), refused(u32::MAX, u32::MAX));
    let needs = Needs { tariff: 1, ..Needs::default() };
    let read = signed(&token(short, 0, Order::Read([0; 8])));
    check_sizes(&[
        ("credit token without conditions", small(plain), token_bytes("credit, typical"), large(plain), most_plain),
        ("void, or token with a range", small(one), token_bytes("void"), large(full), most),
        (
            "token with range and needs",
            small(Conditions { needs, ..one }),
            token_bytes("credit, with range and needs"),
            large(token_cases::longest_conditions()),
            most,
        ),
        (
            "closing token",
            signed(&closing(short, 0, 1, 0, plain)),
            token_bytes("closing token"),
            token_bytes("closing token, largest"),
            most,
        ),
        ("read request", read, token_bytes("read request"), token_bytes("read request, largest"), MAX_TOKEN_BYTES),
    ]);
}

#[test]
fn sizes_of_other_tokens() {
    let (short, long): (MeterId, _) = ("CLS0".parse().unwrap(), longest_meter_id());
    let valve = |number| Some(Valve { number, command: ValveOrder::Release });
    let clock = Some(Clock { unix_s: 1, answers: None });
    let small = |set| signed(&token(short, 0, Order::Set(set)));
    let with_valve =
        |id, epoch, number| signed(&token(id, epoch, Order::Set(Set { valve: valve(number), ..Set::default() })));
    let one_key = operational_keys::keys(&operational_keys::ONE).to_bytes().unwrap();
    let keys = token(short, 0, Order::Keys(Content { number: 1, bytes: crate::support::leak(one_key.to_vec()) }));
    let Order::Set(credit) = credit(short, 0, 1, 0, Conditions::default()).order else { unreachable!() };
    let rows: [(_, _, &str, _); 6] = [
        ("tariff token", token_bytes("tariff, smallest"), "tariff, one price", token_bytes("tariff, largest")),
        ("settings token", token_bytes("settings, smallest"), "settings, alarms", token_bytes("settings, largest")),
        ("valve command", with_valve(short, 0, 1), "valve: hold shut", with_valve(long, u16::MAX, u32::MAX)),
        ("clock token", small(Set { clock, ..Set::default() }), "clock", token_bytes("clock, largest")),
        ("keys token", signed(&keys), "keys, one", token_bytes("keys, largest")),
        (
            "credit token with valve command and clock",
            small(Set { valve: valve(1), clock, ..credit }),
            "credit, valve command and clock",
            token_bytes("largest credit, with valve and clock"),
        ),
    ];
    check_sizes(
        &rows
            .map(|(name, smallest, typical, largest)| (name, smallest, token_bytes(typical), largest, MAX_TOKEN_BYTES)),
    );
}

/// The bytes of the vectors with these names.
fn three<T>(vectors: &[T], of: impl Fn(&T) -> (&str, usize), names: [&str; 3]) -> [usize; 3] {
    names.map(|name| vectors.iter().map(&of).find(|(found, _)| found.starts_with(name)).unwrap().1)
}

#[test]
fn sizes_of_contents() {
    let tariffs = three(&tariffs::vectors(), |v| (&v.name, v.content_bytes), ["empty", "one price", "largest"]);
    let settings = three(&settings::vectors(), |v| (&v.name, v.content_bytes), ["empty", "alarms", "largest"]);
    let keys = three(&operational_keys::vectors(), |v| (&v.name, v.content_bytes), ["one", "one", "two"]);
    let named = |name, [smallest, typical, largest]: [usize; 3]| (name, smallest, typical, largest, MAX_CONTENT_BYTES);
    check_sizes(&[
        named("content of the tariff register", tariffs),
        named("content of the settings register", settings),
        named("content of the keys register", keys),
    ]);
}

#[test]
fn sizes_of_what_meters_say() {
    let receipts = three(&receipts::vectors(), |v| (&v.name, v.signed_bytes), ["smallest", "applied", "largest"]);
    let readings = three(&readings::vectors(), |v| (&v.name, v.sealed_bytes), ["smallest", "typical", "largest"]);
    let in_reports = |bytes: fn(&reports::ReportVector) -> usize| {
        three(&reports::vectors(), |v| (&v.name, bytes(v)), ["smallest", "typical", "largest"])
    };
    let identities = identities::vectors();
    let identity = three(&identities, |v| (&v.name, v.payload_bytes), ["smallest", "water, open", "largest"]);
    let signed_bytes = |v: &identities::IdentityVector| v.proof.as_ref().map_or(0, |proof| proof.signed_bytes);
    let [_, typical, largest] =
        three(&identities, |v| (&v.name, signed_bytes(v)), ["smallest", "gas, challenged", "largest"]);
    let smallest =
        Identity { challenge: Some([0; 8]), ..Identity::from_bytes(&unhex(&identities[0].payload)).unwrap() };
    let smallest = smallest.sign(&meter().hash(), &meter().pair).unwrap().len();
    let mut problems: Vec<_> = problems::vectors().iter().map(|v| v.bytes.len() / 2).collect();
    problems.sort_unstable();
    let [first, .., last] = problems[..] else { panic!("{problems:?}") };
    let named = |name, [smallest, typical, largest]: [usize; 3], limit| (name, smallest, typical, largest, limit);
    check_sizes(&[
        named("receipt", receipts, MAX_RECEIPT_BYTES),
        named("sealed readings", readings, MAX_SEALED_BYTES),
        named("report", in_reports(|v| v.signed_bytes), MAX_REPORT_BYTES),
        named("sealed content of a report", in_reports(|v| v.sealed_bytes), MAX_SEALED_REPORT_BYTES),
        named("identity", identity, MAX_IDENTITY_BYTES),
        named("signed identity", [smallest, typical, largest], MAX_SIGNED_IDENTITY_BYTES),
        named("problem details", [first, problems[problems.len() / 2], last], MAX_PROBLEM_BYTES),
    ]);
}

fn message_bytes(name: &str) -> usize {
    coap::vectors().into_iter().find(|v| v.name == name).unwrap().bytes.len() / 2
}

#[test]
fn sizes_of_messages() {
    let rows = [
        ("`GET /meter`", "GET /meter"),
        ("`GET /meter` with a challenge", "GET /meter with a challenge"),
        ("`POST /token` with the typical token", "POST /token"),
        ("`POST /token` with the largest tariff token", "POST /token, the largest"),
        ("empty acknowledgement", "empty acknowledgement"),
        ("separate response with the typical receipt", "separate response with a receipt"),
        ("response with the largest receipt", "response with the largest receipt"),
        ("separate response with the largest report", "separate response with the largest report"),
        ("response with the meter's challenge", "response with a challenge"),
        ("refusal *busy* with Max-Age", "busy, try again after 300 s"),
    ];
    let rows = rows.map(|(name, vector)| {
        let bytes = message_bytes(vector);
        format!("| {name} | {bytes} |")
    });
    have_rows([rows.as_slice(), &[format!("| longest message | {MAX_MESSAGE_BYTES} |")]].concat());
    let exchange =
        ["POST /token", "empty acknowledgement", "separate response with a receipt", "empty acknowledgement"];
    let all: usize = exchange.into_iter().map(message_bytes).sum();
    assert!(section("Sizes").contains(&format!("Loading a token takes {all} bytes in four datagrams.")), "{all}");
}

/// The example of a payload, byte by byte.
#[test]
fn the_example() {
    let section = section("Token");
    let listing = section.split("```").nth(1).unwrap();
    // Two columns, apart by at least two blanks.
    let bytes: String = listing.lines().filter_map(|line| line.trim().split("  ").next()).collect();
    let vector = tokens::vectors().into_iter().find(|v| v.name.starts_with("credit, typical")).unwrap();
    assert_eq!(hex(&unhex(&bytes)), vector.payload);
    assert!(section.contains(&format!("{} bytes:", vector.payload.len() / 2)));
}
