//! Simulated meters with their valves, in memory, in files and over UDP.

use super::*;
use crate::flash::{Chip, FileFlash, FileFlashError, RamChip, layout};
use coinless_meter::desk_chip::CHIP_BYTES;
use coinless_meter::{Issuer, IssuerRole, Pressed, commission};
use coinless_protocol::coap::{Client, ClientEvent, Code, ContentFormat, Method, Request};
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_protocol::settings::Settings;
use coinless_protocol::state::ShutCause;
use coinless_protocol::tariff::{Debt, Price, Tariff};
use coinless_protocol::token::{Clock, Conditions, Content, Order, Set, Token};
use coinless_protocol::{Commodity, CreditKind, CreditNumber, Currency, Epoch, FineCredit, Register, Units};
use embedded_storage::nor_flash::NorFlash;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const M3: i64 = 1_000_000;

/// Any free port.
const HERE: Options = Options {
    links: LinkChoice {
        listen: Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))),
        serial: false,
        ws: None,
        bluez: false,
        ndef: None,
    },
    mains: false,
    keeps_time: false,
};

/// Long enough for a slow machine.
const LONG: Duration = Duration::from_secs(20);

fn issuer() -> KeyPair {
    KeyPair::from_secret(&[2; 32]).unwrap()
}

fn blueprint(commodity: Commodity) -> Blueprint {
    Blueprint {
        id: "CLS0000000017".parse().unwrap(),
        commodity,
        credit: CreditKind::Unit,
        issuers: vec![Issuer { role: IssuerRole::Operational, key: issuer().public_key() }],
        readings_key: Some(KeyPair::from_secret(&[3; 32]).unwrap().public_key()),
        initial: None,
        max_credit: None,
    }
}

fn ram_meter(commodity: Commodity) -> SimulatedMeter<RamChip, u8> {
    let factory = blueprint(commodity).factory([1; 32]).unwrap();
    let chip = commission(RamChip::new(5), &layout(), &factory).unwrap();
    SimulatedMeter::start(chip, 7).unwrap()
}

fn credit(number: u32, total: u64, key: &PublicKey) -> Vec<u8> {
    let register = Register { number: CreditNumber(number), total: Units::new(total).unwrap() };
    let order = Order::credit(register, Conditions::default());
    let meter = "CLS0000000017".parse().unwrap();
    let token = Token { meter, meter_key: key.hash().hint(), epoch: Epoch(0), order };
    token.sign(&key.hash(), &issuer()).unwrap().to_vec()
}

#[test]
fn gas_flows_while_the_valve_is_open_and_stops_at_zero() {
    let mut meter = ram_meter(Commodity::Gas);
    assert_eq!(meter.consume(0, FineCredit(M3), None).used, FineCredit::ZERO);
    assert_eq!(meter.press_open(1_000), Pressed::Opened);
    let first = meter.consume(2_000, FineCredit(M3 + M3 / 4), None);
    assert_eq!(first.used, FineCredit(M3 + M3 / 4));
    assert!(meter.valve_is_open());
    let rest = meter.consume(2_000 + first.elapsed_ms, FineCredit(M3), None);
    assert_eq!((rest.used, meter.balance()), (FineCredit(M3 - M3 / 4), FineCredit::ZERO));
    assert!(!meter.valve_is_open());
    assert!(meter.meter().flags().causes.contains(ShutCause::NoCredit));
    assert!(!meter.meter().flags().valve_failed);
}

#[test]
fn an_open_appliance_is_shut_off_three_times_and_then_for_good() {
    let mut meter = ram_meter(Commodity::Gas);
    let mut now = 0;
    for round in 1..=3 {
        assert_eq!(meter.press_open(now), Pressed::Opened);
        let flow = meter.consume(now, FineCredit(M3 / 2), Some(Duration::from_secs(30)));
        assert_eq!(flow.used, FineCredit(6_000), "round {round}");
        assert!(!meter.valve_is_open() && flow.elapsed_ms < 1_000);
        now += 60_000;
    }
    assert!(matches!(meter.press_open(now), Pressed::HeldShut(_)));
    meter.meter_mut().clear_cause(now, ShutCause::Flow).unwrap();
    meter.settle(now);
    assert!(!meter.valve_is_open());
    assert_eq!(meter.press_open(now), Pressed::Opened);
    // After the check the same flow is an appliance in use.
    assert_eq!(meter.consume(now, FineCredit(M3 / 2), None).used, FineCredit(M3 / 2));
}

#[test]
fn a_cut_in_memory_is_a_restart_from_the_chip() {
    for steps in (0..3_000).step_by(61) {
        let mut meter = ram_meter(Commodity::Water);
        meter.press_open(0);
        meter.meter().flash().cut_after(steps);
        let used = meter.consume(0, FineCredit(M3 / 4), None).used;
        let chip = meter.into_chip();
        let cut = chip.is_cut();
        chip.power_on();
        let again = SimulatedMeter::<_, u8>::start(chip, 1).unwrap();
        let lost = 2 * M3 - used.0 - again.balance().0;
        // What is lost is lost to the utility, and is at most the bound and the pulse under way.
        assert!((-11_000..=0).contains(&lost), "{lost}");
        assert!(again.valve_is_open() && again.meter().fault().is_none());
        assert!(cut || steps > 2_500);
    }
}

#[test]
fn the_chip_in_a_file_keeps_its_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter");
    let mut chip = FileFlash::create(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(FileFlash::open(&path), Err(FileFlashError::InUse)));
    chip.write(8, &[0xf0; 8]).unwrap();
    assert!(chip.write(8, &[0; 8]).is_err(), "a word is programmed once");
    assert!(chip.write(17, &[0; 8]).is_err() && chip.write(16, &[0; 7]).is_err() && chip.erase(0, 100).is_err());
    assert!(chip.write(CHIP_BYTES, &[0; 8]).is_err(), "the valve is no part of the flash");
    chip.drive_valve(coinless_meter::ValveCommand::Open);
    drop(chip);
    let mut chip = FileFlash::open(&path).unwrap();
    assert!(chip.valve_is_open());
    chip.erase(0, 2048).unwrap();
    chip.write(8, &[0; 8]).unwrap();
    drop(chip);
    std::fs::write(&path, b"something else").unwrap();
    assert!(matches!(FileFlash::open(&path), Err(FileFlashError::NotAChip)));
}

#[test]
fn a_meter_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter");
    let bad = Blueprint { readings_key: None, ..blueprint(Commodity::Gas) };
    assert!(matches!(make(&path, &bad), Err(MakeError::Commission(_))));
    assert!(!path.exists());
    make(&path, &blueprint(Commodity::Gas)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(make(&path, &blueprint(Commodity::Gas)), Err(MakeError::Exists)));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn the_flash_of_a_meter_with_a_secure_element_holds_no_private_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter");
    make_for_element(&path, &blueprint(Commodity::Gas)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[24..56], [0; 32]);
    let flash = FileFlash::open(&path).unwrap();
    assert!(matches!(coinless_meter::Meter::mount(flash, &layout()), Err(coinless_meter::MountError::NoKey)));
}

/// Posts a token as a phone does, without repeats; gives the receipt, or none if the meter falls silent.
async fn post(link: &str, key: &PublicKey, token: &[u8], wait: Duration) -> Option<Receipt> {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(link.strip_prefix("coap://").unwrap()).await.unwrap();
    let format = Some(ContentFormat::CoseSign1);
    let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: token };
    let mut client = Client::start(0, 77, &request).unwrap();
    socket.send(client.first_datagram()).await.unwrap();
    let mut buffer = [0; 512];
    loop {
        // A dead meter's socket is refused by the host, or nothing comes.
        let Ok(Ok(len)) = tokio::time::timeout(wait, socket.recv(&mut buffer)).await else { return None };
        if let ClientEvent::Response(response, ack) = client.receive(0, &buffer[..len]) {
            if let Some(ack) = ack {
                socket.send(&ack).await.unwrap();
            }
            assert_eq!(response.code, Code::CHANGED);
            return Some(Receipt::verified(&response.payload, key, &key.hash()).unwrap());
        }
    }
}

/// Something that is done to a meter in its process.
enum Act {
    Line(&'static str),
    Token(Vec<u8>),
}
use Act::{Line, Token as Hand};

/// Runs the meter of a file and does `acts` to it; gives what it told.
async fn story(path: &std::path::Path, key: &PublicKey, acts: Vec<Act>) -> Vec<Report> {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let (reports, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let report = |report: &Report| reports.send(report.clone()).unwrap();
    let mut told = Vec::new();
    let acting = async {
        let Some(Report::Listening { link, .. }) = heard.recv().await else { panic!("not listening") };
        for act in acts {
            match act {
                Line(line) => sender.send(line.to_owned()).unwrap(),
                Hand(token) => {
                    let receipt = post(&link, key, &token, LONG).await.unwrap();
                    assert_eq!(receipt.outcome.decision, Decision::Applied);
                }
            }
            told.push(heard.recv().await.unwrap());
        }
    };
    tokio::select! {
        ended = run(path, HERE, receiver, report) => panic!("ended: {ended:?}"),
        () = acting => {}
    }
    told
}

#[test]
fn a_meter_process_takes_tokens_and_control_lines_and_goes_on_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter");
    let key = make(&path, &blueprint(Commodity::Gas)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let acts = vec![Line("open"), Line("consume 3m3"), Line("nonsense"), Line("open")];
    let told = runtime.block_on(story(&path, &key, acts));
    assert!(matches!(&told[0], Report::Open { opened: true, valve: "open", .. }));
    assert!(matches!(&told[1], Report::Consumed { used_fine: 2_000_000, left_fine: 0, valve: "shut", .. }));
    assert!(matches!(&told[2], Report::Error { .. }));
    assert!(matches!(&told[3], Report::Open { opened: false, outcome: "held shut", .. }));
    let told = runtime.block_on(story(&path, &key, vec![Hand(credit(1, 1500, &key)), Line("show"), Line("open")]));
    assert!(matches!(
        &told[0],
        Report::Token { decision: "applied", balance_before_fine: 0, balance_fine: 1_500_000, armed: true, .. }
    ));
    let Report::Show(shown) = &told[1] else { panic!("{told:?}") };
    assert_eq!((shown.number, shown.total_units, shown.consumed_fine, shown.valve), (1, 1500, 2_000_000, "shut"));
    assert_eq!(
        told[1].to_string(),
        "gas meter CLS0000000017-Z: balance 1.500 m³; valve shut, armed: a press opens it; credit number 1 of epoch 0, \
         total 1.500 m³; consumed 2.000 m³; receipt 1\n  \
         clock never set; tariff 0, settings 0, keys 0\n  \
         events: credit used up 1, low credit 1, start 2"
    );
    assert!(matches!(&told[2], Report::Open { opened: true, valve: "open", .. }));
    let json = serde_json::to_value(&told[1]).unwrap();
    assert_eq!((json["event"].as_str(), json["label"].as_str()), (Some("show"), Some("CLS0000000017-Z")));
}

/// A token of registers.
fn registers(set: Set<'_>, key: &PublicKey) -> Vec<u8> {
    let meter = "CLS0000000017".parse().unwrap();
    let token = Token { meter, meter_key: key.hash().hint(), epoch: Epoch(0), order: Order::Set(set) };
    token.sign(&key.hash(), &issuer()).unwrap().to_vec()
}

#[test]
fn a_meter_of_money_shows_what_people_need_to_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter");
    let euro = CreditKind::Money(Currency::new(*b"EUR", 2).unwrap());
    let key = make(&path, &Blueprint { credit: euro, ..blueprint(Commodity::Electricity) }).unwrap();
    // 0.30 EUR for a kWh, 0.20 EUR a day, and 12 EUR of debt, 0.50 a day.
    let debt = Debt { total: FineCredit(1_200_000), per_day: 50_000, per_cent: 0 };
    let rates = heapless::Vec::from_slice(&[Price(30_000)]).unwrap();
    let tariff = Tariff { rates, standing_per_day: 20_000, debt, ..Tariff::default() }.to_bytes().unwrap();
    let settings = Settings {
        low_credit: 500,
        very_low_credit: 100,
        emergency: 200,
        load_limit_w: 3_000,
        load_limit_s: 30,
        ..Settings::default()
    };
    let settings = settings.to_bytes().unwrap();
    let content = |bytes| Some(Content { number: 1, bytes });
    let clock = Some(Clock { unix_s: 1_790_000_000, answers: None });
    let set = Set { tariff: content(&tariff), settings: content(&settings), clock, ..Set::default() };
    let acts = vec![
        Hand(registers(set, &key)),
        Hand(credit(1, 1_000, &key)),
        Line("open"),
        Line("consume 10kWh"),
        Line("wait 2d"),
        Line("load 4000 for 60"),
        Line("show"),
        Line("sensor cover on"),
        Line("clear tamper"),
        Line("open"),
        Line("consume 20 kWh"),
        Line("emergency"),
        Line("emergency"),
        Line("open"),
        Line("sensor battery off"),
        Line("show"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(story(&path, &key, acts));
    let words: Vec<_> = told.iter().map(ToString::to_string).collect();
    let expected = [
        "token: applied; now tariff 1, settings 1, keys 0 of epoch 0; valve shut",
        "token 1: applied; balance 0.00 EUR -> 10.00 EUR; valve shut, armed: a press opens it",
        "button pressed: opened; valve open",
        "used 10.000 kWh; left 7.00 EUR; valve open",
        "2 d went by; balance 5.60 EUR; valve open",
        "4000 W for 30 s; valve shut, armed: a press opens it",
    ];
    assert_eq!(words[..6], expected);
    let Report::Show(shown) = &told[6] else { panic!("{told:?}") };
    let clock = shown.clock.as_deref().unwrap();
    assert!(clock.starts_with("2026-09-23T19:1"), "{clock}");
    let expected = format!(
        "electricity meter CLS0000000017-Z: balance 5.60 EUR; valve shut, armed: a press opens it; credit number 1 of epoch 0, \
         total 10.00 EUR; consumed 3.00 EUR; receipt 2\n  \
         debt 11.00 EUR; price 0.30 EUR per kWh; 10.000 kWh metered\n  \
         clock not known, at least {clock}; tariff 1, settings 1, keys 0\n  \
         events: load limit 1, low credit 1, start 1"
    );
    assert_eq!(words[6], expected);
    let expected = [
        "sensor cover on; valve shut (tamper)",
        "done; valve shut, armed: a press opens it",
        "button pressed: opened; valve open",
        "used 16.334 kWh of 20.000 kWh; left -0.0002 EUR; valve shut (no credit)",
        "emergency credit taken; valve shut, armed: a press opens it",
        "no emergency credit is offered now; valve shut, armed: a press opens it",
        "button pressed: opened; valve open",
        "sensor low battery off; valve open",
    ];
    assert_eq!(words[7..15], expected);
    assert!(
        words[15].contains("\n  VERY LOW CREDIT; emergency credit taken; debt 10.50 EUR; price 0.30 EUR per kWh"),
        "{}",
        words[15]
    );
    let Report::Show(shown) = &told[15] else { panic!("{told:?}") };
    assert_eq!((shown.alarm, shown.emergency_taken, shown.price_fine), (2, true, Some(30_000)));
    assert_eq!((shown.events["cover opened"], shown.clock_known, shown.debt_fine), (1, false, 1_050_000));
}

#[test]
fn a_clock_that_goes_on_is_known_after_a_restart() {
    let mut meter = ram_meter(Commodity::Water);
    let key = KeyPair::from_secret(&[1; 32]).unwrap().public_key();
    let answers = Some(meter.meter_mut().challenge(1).unwrap());
    let clock = Some(Clock { unix_s: 1_790_000_000, answers });
    meter.meter_mut().token(1, &registers(Set { clock, ..Set::default() }, &key)).unwrap();
    meter.settle(1);
    let chip = meter.into_chip();
    let surroundings = Surroundings { clock: Some(1_790_000_600), ..Surroundings::default() };
    let meter = SimulatedMeter::<_, u8>::start_in(chip, 1, surroundings).unwrap();
    assert_eq!(meter.meter().clock(0), Some((1_790_000_600, true)));
    let meter = SimulatedMeter::<_, u8>::start(meter.into_chip(), 1).unwrap();
    assert!(meter.meter().clock(0).is_some_and(|(_, known)| !known));
}

#[test]
fn gas_and_water_spare_their_battery_unless_they_are_on_the_mains() {
    let busy = |commodity, mains| {
        let chip = ram_meter(commodity).into_chip();
        let surroundings = Surroundings { mains, ..Surroundings::default() };
        let mut meter = SimulatedMeter::<_, u8>::start_in(chip, 1, surroundings).unwrap();
        (0..100).filter(|_| meter.meter_mut().signed_identity(1, [1; 8]).is_err()).count()
    };
    assert_eq!((busy(Commodity::Gas, false), busy(Commodity::Water, false)), (88, 88));
    assert_eq!((busy(Commodity::Gas, true), busy(Commodity::Electricity, false)), (0, 0));
}

/// The variable that names the state file of a meter in a process of its own.
const CHILD_STATE: &str = "COINLESS_TEST_METER_STATE";

#[test]
#[ignore = "the test of fail points starts this as a process of its own"]
fn child() {
    let state = std::path::PathBuf::from(std::env::var_os(CHILD_STATE).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = |report: &Report| println!("{}", serde_json::to_string(report).unwrap());
    runtime.block_on(run(&state, HERE, stdin_lines(), report)).unwrap();
}

/// Starts a meter in a process of its own; gives it, its link and the lines that it will print.
fn spawn_child(
    state: &std::path::Path,
    failpoint: &str,
) -> (std::process::Child, String, impl Iterator<Item = String>) {
    use std::io::BufRead;
    use std::process::{Command, Stdio};
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "meter::tests::child", "--ignored", "--nocapture"])
        .env(CHILD_STATE, state)
        .env(crate::failpoint::VARIABLE, failpoint)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let listening = lines.by_ref().find(|line| line.contains("listening")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&listening[listening.find('{').unwrap()..]).unwrap();
    (child, json["link"].as_str().unwrap().to_owned(), lines)
}

#[test]
fn killed_at_every_failpoint_a_token_is_applied_once() {
    use std::os::unix::process::ExitStatusExt;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for point in crate::failpoint::METER {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meter");
        let key = make(&path, &blueprint(Commodity::Gas)).unwrap();
        let token = credit(1, 1500, &key);
        let (mut child, link, _lines) = spawn_child(&path, point);
        let receipt = runtime.block_on(async {
            tokio::select! {
                receipt = post(&link, &key, &token, LONG) => receipt,
                // Half a second for what was sent before it died.
                () = async {
                    while child.try_wait().unwrap().is_none() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                } => None,
            }
        });
        assert_eq!(child.wait().unwrap().signal(), Some(9), "{point}");
        assert_eq!(receipt.is_some(), *point == "meter.after_send");

        // Standard input has ended, and the meter goes on.
        let (mut child, link, _lines) = spawn_child(&path, "");
        let receipt = runtime.block_on(post(&link, &key, &token, LONG)).unwrap();
        let journaled = !["meter.before_verify", "meter.before_journal"].contains(point);
        let expected = if journaled { Decision::NotNewer } else { Decision::Applied };
        assert_eq!((receipt.outcome.decision, receipt.number), (expected, if journaled { 2 } else { 1 }), "{point}");
        assert_eq!(receipt.total, Units::new(1500).unwrap());
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success(), "a meter that is told to end ends well");
    }
}
