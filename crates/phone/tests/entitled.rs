//! A meter's readings and reported problems, at a station that says what a test wants and over lines that break.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use coinless_phone::Error;
use coinless_phone::api::ApiError;
use coinless_phone::courier::{LocalTime, earn_readings, readings, refresh_readings, report_problem, sync};
use coinless_phone::file_store::FileStore;
use coinless_phone::io::{Events, HttpAnswer, HttpMethod, HttpRequest, NoAnswer, Station};
use coinless_phone::memory_store::MemoryStore;
use coinless_phone::records::{MAX_KEPT_DAYS, StoredProblem, StoredReader};
use coinless_phone::store::Store;
use coinless_phone::wire::{DayUse, Readings};
use coinless_protocol::MeterId;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use uuid::Uuid;

const URL: &str = "https://station.example";
const DRAWN: [u8; 32] = [0xab; 32];
const TIME: LocalTime = LocalTime { now_ms: 1_795_600_000_000, offset_minutes: 60 };

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn meter() -> MeterId {
    "CLS0000000017".parse().unwrap()
}

/// A request as it was sent.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    method: HttpMethod,
    path: String,
    authorization: Option<String>,
    body: String,
}

/// Says one answer after another; none is a line that breaks.
#[derive(Default)]
struct Scripted {
    says: VecDeque<Option<(u16, String)>>,
    sent: Vec<Sent>,
}

struct NoEvents;

impl Events for NoEvents {
    async fn chunk(&mut self, _most_ms: u64) -> Result<Option<Vec<u8>>, NoAnswer> {
        Ok(None)
    }
}

impl Station for Scripted {
    type Events = NoEvents;

    async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpAnswer, NoAnswer> {
        self.sent.push(Sent {
            method: request.method,
            path: request.path.to_owned(),
            authorization: request.authorization.map(str::to_owned),
            body: String::from_utf8(request.body.to_vec()).unwrap(),
        });
        let (status, body) = self.says.pop_front().flatten().ok_or_else(|| NoAnswer("it broke".into()))?;
        Ok(HttpAnswer { status, body: body.into_bytes() })
    }

    async fn watch(&mut self, _path: &str) -> Result<NoEvents, NoAnswer> {
        Err(NoAnswer("no stream".into()))
    }
}

fn says(answers: &[Option<(u16, &str)>]) -> Scripted {
    let says = answers.iter().map(|answer| answer.map(|(status, body)| (status, body.to_owned()))).collect();
    Scripted { says, sent: Vec::new() }
}

fn refusal(status: u16, code: &str) -> String {
    format!(r#"{{"type":"urn:x","title":"t","status":{status},"detail":"why","code":"{code}"}}"#)
}

fn earn(store: &mut MemoryStore, station: &mut Scripted, drawn: [u8; 32]) -> Result<StoredReader, Error> {
    now(earn_readings(store, (station, URL), &meter(), "1234 5678", drawn))
}

const EARNED: &str = r#"{"meter":"CLS0000000017","earned_ms":1795521600000}"#;

#[test]
fn the_secret_is_stored_before_it_is_sent_and_stays_the_same() {
    let mut store = MemoryStore::default();
    let mut station = says(&[None, Some((403, &refusal(403, "wrong_code"))), Some((200, EARNED))]);
    assert!(earn(&mut store, &mut station, DRAWN).unwrap_err().is_unknown());
    let stored = store.contents.reader(&meter()).unwrap().clone();
    assert_eq!((stored.secret, stored.earned_ms), (DRAWN, None));
    let refused = earn(&mut store, &mut station, [1; 32]).unwrap_err();
    assert!(matches!(&refused, Error::Station(error) if error.code() == Some("wrong_code")));
    let earned = earn(&mut store, &mut station, [2; 32]).unwrap();
    assert_eq!((earned.secret, earned.earned_ms), (DRAWN, Some(1_795_521_600_000)));
    assert_eq!(store.contents.readers, [earned]);
    let body = format!(r#"{{"code":"1234 5678","reader":"{}"}}"#, "ab".repeat(32));
    assert!(station.sent.iter().all(|sent| sent.body == body && sent.path == "/v1/meters/CLS0000000017-Z/readers"));
    assert!(!format!("{:?}", store.contents.readers).contains("171"), "a secret is not shown");
}

#[test]
fn too_many_tries_did_nothing() {
    let mut station = says(&[Some((429, &refusal(429, "too_often")))]);
    let error = earn(&mut MemoryStore::default(), &mut station, DRAWN).unwrap_err();
    assert!(matches!(error, Error::Station(ApiError::TooOften(_))) && error.to_string() == "why");
}

#[test]
fn readings_end_with_the_tenancy() {
    let mut store = MemoryStore::default();
    let mut station = says(&[]);
    let ask = |store: &mut MemoryStore, station: &mut Scripted| now(readings(store, station, &meter(), TIME));
    assert_eq!(ask(&mut store, &mut station), Err(Error::NotEntitled(meter())));
    assert_eq!(station.sent, [], "without the code nobody is asked");
    let reader = StoredReader { earned_ms: Some(1), ..StoredReader::new(&meter(), URL, DRAWN) };
    now(store.save_reader(&reader)).unwrap();
    let told = r#"{"meter":"CLS0000000017","days":[{"day":"2026-11-27","used_fine":5}],"days_left":3,"later":1}"#;
    let other = r#"{"meter":"CLS0000000025"}"#;
    let ended = refusal(403, "not_entitled");
    let mut station = says(&[None, Some((200, told)), Some((200, other)), Some((403, &ended))]);
    assert!(ask(&mut store, &mut station).unwrap_err().is_unknown());
    let read = ask(&mut store, &mut station).unwrap();
    assert_eq!((read.days[0].used_fine, read.days_left, &read.last), (5, Some(3), &None));
    assert_eq!(store.contents.readers, [reader.told(TIME.now_ms, &read)], "to be looked at without a network");
    assert!(matches!(ask(&mut store, &mut station), Err(Error::StationAnswer(_))));
    assert_eq!(ask(&mut store, &mut station), Err(Error::NotEntitled(meter())));
    assert_eq!(store.contents.readers, [StoredReader { earned_ms: None, ..reader }]);
    let bearer = format!("Bearer {}", "ab".repeat(32));
    let path = "/v1/meters/CLS0000000017-Z/readings?offset_minutes=60";
    assert!(station.sent.iter().all(|sent| sent.path == path && sent.authorization.as_deref() == Some(&bearer)));
}

#[test]
fn readings_are_asked_for_anew_where_they_are_earned() {
    let mut store = MemoryStore::default();
    let others: [MeterId; 2] = ["CLS0000000028".parse().unwrap(), "CLS0000000039".parse().unwrap()];
    let reader = StoredReader { earned_ms: Some(1), ..StoredReader::new(&meter(), URL, DRAWN) };
    now(store.save_reader(&reader)).unwrap();
    now(store.save_reader(&StoredReader { meter: others[0], earned_ms: None, ..reader.clone() })).unwrap();
    let elsewhere = StoredReader { meter: others[1], station: "https://other.example".into(), ..reader };
    now(store.save_reader(&elsewhere)).unwrap();
    let told = r#"{"meter":"CLS0000000017","days_left":3}"#;
    let busy = refusal(429, "too_often");
    let mut station = says(&[Some((200, told)), Some((429, &busy)), None]);
    let meters = [others[0], others[1], meter()];
    let mut refresh =
        |meters: &[MeterId]| now(refresh_readings(&mut store, (&mut station, URL), meters, TIME)).unwrap();
    assert_eq!((refresh(&others), refresh(&meters), refresh(&meters), refresh(&meters)), (0, 1, 0, 0));
    assert_eq!(station.sent.len(), 3, "nobody is asked for what is not earned there");
    assert_eq!(store.contents.reader(&meter()).unwrap().last.as_ref().unwrap().readings.days_left, Some(3));
}

fn problem() -> StoredProblem {
    StoredProblem {
        id: Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0001),
        station: URL.into(),
        order: None,
        meter: Some("CLS0000000017-Z".into()),
        text: "It hisses".into(),
        contact: None,
    }
}

#[test]
fn a_problem_waits_for_its_station_under_one_id() {
    let mut store = MemoryStore::default();
    let mut station = says(&[None]);
    assert!(now(report_problem(&mut store, &mut station, &problem())).unwrap_err().is_unknown());
    assert_eq!(store.contents.problems, [problem()]);
    let busy = refusal(429, "too_often");
    let taken = format!(r#"{{"id":"{}","new":true}}"#, problem().id);
    let mut station = says(&[Some((429, &busy)), Some((200, "{}")), Some((200, &taken)), Some((200, "{}"))]);
    let report = now(sync(&mut store, &mut station, URL)).unwrap();
    assert_eq!((report.problems_taken.len(), report.problems.len()), (0, 1));
    assert_eq!(store.contents.problems, [problem()], "it was too much for now: it stays");
    let report = now(sync(&mut store, &mut station, URL)).unwrap();
    assert_eq!((report.problems_taken, report.problems), (vec![problem().id], vec![]));
    assert_eq!(store.contents.problems, []);
    let puts: Vec<_> = station.sent.iter().filter(|sent| sent.method == HttpMethod::Put).collect();
    assert!(puts.len() == 2 && puts[0] == puts[1], "{puts:?}");
    assert_eq!(puts[0].body, r#"{"meter":"CLS0000000017-Z","text":"It hisses"}"#);
}

#[test]
fn what_is_not_taken_for_good_is_not_kept() {
    let mut store = MemoryStore::default();
    let mut station = says(&[Some((400, &refusal(400, "malformed")))]);
    assert!(matches!(now(report_problem(&mut store, &mut station, &problem())), Err(Error::Station(_))));
    assert_eq!(store.contents.problems, []);
}

#[test]
fn both_are_kept_in_a_directory() {
    let place = tempfile::tempdir().unwrap();
    let day = DayUse { day: "2026-11-27".into(), used: "1.000 m³".into(), used_fine: 1_000_000, estimated: false };
    let told = Readings {
        meter: meter().to_string(),
        label: "CLS0000000017-Z".into(),
        commodity: "gas".into(),
        currency: None,
        last: None,
        days: vec![day; MAX_KEPT_DAYS + 5],
        mean: None,
        mean_fine: None,
        days_left: None,
    };
    let reader = StoredReader { earned_ms: Some(7), ..StoredReader::new(&meter(), URL, DRAWN) }.told(8, &told);
    assert_eq!(reader.last.as_ref().unwrap().readings.days.len(), MAX_KEPT_DAYS);
    let mut store = FileStore::open(place.path()).unwrap();
    now(store.save_reader(&StoredReader { earned_ms: None, ..reader.clone() })).unwrap();
    now(store.save_reader(&reader)).unwrap();
    now(store.save_problem(&problem())).unwrap();
    drop(store);
    let mut store = FileStore::open(place.path()).unwrap();
    let kept = now(store.load()).unwrap();
    assert_eq!((&kept.readers, &kept.problems, &kept.damaged), (&vec![reader], &vec![problem()], &vec![]));
    assert_eq!(kept.station_of(&meter()), Some(URL));
    now(store.remove_reader(&meter())).unwrap();
    now(store.remove_problem(problem().id)).unwrap();
    now(store.remove_problem(problem().id)).unwrap();
    assert_eq!(now(store.load()).unwrap(), coinless_phone::store::Contents::default());
}

#[test]
fn a_report_is_cut_to_what_a_station_takes() {
    let report = |text: &str, contact: &str| {
        let report = StoredProblem { text: text.into(), contact: Some(contact.into()), ..problem() }.within_limits();
        report.map(|report| (report.text.chars().count(), report.contact.map(|contact| contact.chars().count())))
    };
    assert_eq!(report(" \n", "Ada"), None);
    assert_eq!(report(" It hisses\n", " "), Some((9, None)));
    assert_eq!(report(&"é".repeat(2001), &"é".repeat(201)), Some((2000, Some(200))));
}
