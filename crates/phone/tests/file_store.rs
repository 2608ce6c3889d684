//! The store in a directory: what a crash or a bad disk can leave there.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use coinless_phone::file_store::FileStore;
use coinless_phone::records::{
    Consent, KeptMeter, MeterKey, Part, Skip, SkipReason, StoredOrder, StoredProblem, StoredReader, StoredReceipt,
    StoredReport, StoredToken, StoredVisit, StoredWalk, TokenKey,
};
use coinless_phone::store::{Contents, Store, StoreError};
use coinless_phone::wire::{MeterInfo, OrderRequest, RequestLine};
use coinless_protocol::keys::{KeyPair, Signer};
use coinless_protocol::receipt::{Decision, Outcome, Receipt, RegisterNumbers, Sums};
use coinless_protocol::state::Flags;
use coinless_protocol::token::{Conditions, Order, Set, Token, Valve, ValveOrder};
use coinless_protocol::{Bytes, CreditNumber, Epoch, MeterId, Register, Units};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tempfile::TempDir;
use uuid::Uuid;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a file store does not wait"),
    }
}

fn meter() -> (MeterId, KeyPair) {
    ("CLS0000000017".parse().unwrap(), KeyPair::from_secret(&[5; 32]).unwrap())
}

fn order() -> StoredOrder {
    let line = RequestLine { meter: "CLS0000000017-Z".into(), asked: "50.00".parse().unwrap(), immediate: false };
    StoredOrder {
        id: Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0001),
        station: "https://station.example".into(),
        request: OrderRequest { lines: vec![line], currency: None, payer: Some("Zoë".into()), provider: None },
        consent: Consent::Amounts,
        accepted: None,
        view: None,
        rejected: None,
        told: false,
        meters: Vec::new(),
        round: None,
        receipts: BTreeMap::new(),
    }
}

fn token() -> StoredToken {
    let (meter, key) = meter();
    let register = Register { number: CreditNumber(7), total: Units::new(1000).unwrap() };
    let credit = Order::credit(register, Conditions::default());
    let token = Token { meter, meter_key: key.key_hint(), epoch: Epoch(0), order: credit };
    let bytes = token.sign(&key.public_key().hash(), &KeyPair::from_secret(&[6; 32]).unwrap()).unwrap().to_vec();
    let key = TokenKey::of(&bytes).unwrap();
    let station = "https://station.example".to_owned();
    StoredToken { key, station, order: order().id, line: 1, bytes, handed: false, answered: None }
}

fn receipt() -> StoredReceipt {
    let (meter, key) = meter();
    let receipt = Receipt {
        meter,
        number: 3,
        outcome: Outcome { decision: Decision::Applied, token: CreditNumber(7) },
        registers: RegisterNumbers { credit: CreditNumber(7), ..RegisterNumbers::default() },
        total: Units::new(1000).unwrap(),
        sums: Sums::default(),
        flags: Flags::default(),
        readings: Bytes::new(),
        challenge: None,
    };
    let bytes = receipt.sign(&key.public_key().hash(), &key).unwrap();
    StoredReceipt::new(&bytes, "https://station.example").unwrap()
}

/// A token for the valve, answered once.
fn valve_token() -> StoredToken {
    let (meter, key) = meter();
    let valve = Some(Valve { number: 3, command: ValveOrder::HoldShut });
    let order = Order::Set(Set { valve, ..Set::default() });
    let token_of = Token { meter, meter_key: key.key_hint(), epoch: Epoch(0), order };
    let bytes = token_of.sign(&key.public_key().hash(), &KeyPair::from_secret(&[6; 32]).unwrap()).unwrap().to_vec();
    StoredToken { key: TokenKey::of(&bytes).unwrap(), bytes, answered: Some(9), ..token() }
}

fn visit() -> StoredVisit {
    let (meter, key) = meter();
    let key = MeterKey { meter, meter_key: key.key_hint() };
    let report = Some(StoredReport { number: 4, bytes: vec![1, 2, 3], verified: true });
    StoredVisit { report_asked_s: 5, clock_asked_s: 6, report, ..StoredVisit::new(key, "https://station.example") }
}

/// An order for what a file says, partly loaded.
fn round_order() -> StoredOrder {
    let line = RequestLine { meter: "CLS0000000017-Z".into(), asked: "12m3".parse().unwrap(), immediate: false };
    let request = OrderRequest { lines: vec![line], provider: Some("daraja".into()), ..order().request };
    let file = coinless_phone::round::read(b"meter;amount;note\nCLS0000000017-Z;12m3;\"x\"\"y\"").unwrap();
    let consent = Consent::AtMost("42.00".parse().unwrap());
    StoredOrder { request, consent, receipts: BTreeMap::from([(1, 7)]), round: Some(file.round), ..order() }
}

/// What later versions keep besides orders, tokens and receipts.
fn kept_meter() -> KeptMeter {
    let info = MeterInfo {
        meter: "CLS0000000017".into(),
        label: "CLS0000000017-Z".into(),
        commodity: "gas".into(),
        utility: Some("Aqua".into()),
        customer: None,
        place: None,
        currency: Some("EUR".into()),
        public_key: "04ab".into(),
    };
    let named = KeptMeter::new(&meter().0, "https://station.example");
    let (name, room, picture) = ("Kitchen".into(), "Flat 3".into(), Some("data:image/webp;base64,AAAA".into()));
    KeptMeter { name, room, picture, shares: 4, usual: Some("20.00".into()), info: Some(info), ..named }
}

fn walk() -> StoredWalk {
    let skip = Skip { reason: SkipReason::NobodyHome, note: "after six".into() };
    StoredWalk { order: order().id, part: Part::new(1, 2), skipped: BTreeMap::from([(1, skip)]) }
}

fn reader() -> StoredReader {
    let (meter, station) = (meter().0, "https://station.example".to_owned());
    StoredReader { meter, station, secret: [9; 32], earned_ms: Some(1_700_000_000_000), last: None }
}

fn problem() -> StoredProblem {
    StoredProblem {
        id: Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0003),
        station: "https://station.example".into(),
        order: Some(order().id),
        meter: Some("CLS0000000017-Z".into()),
        text: "It hums.".into(),
        contact: Some("door 3".into()),
    }
}

fn filled(directory: &Path) -> FileStore {
    let mut store = FileStore::open(directory).unwrap();
    now(store.save_order(&order())).unwrap();
    now(store.save_token(&token())).unwrap();
    now(store.save_receipt(&receipt())).unwrap();
    store
}

fn contents(directory: &Path) -> Contents {
    now(FileStore::open(directory).unwrap().load()).unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn records(directory: &Path) -> Vec<PathBuf> {
    files(directory).into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}

#[test]
fn what_was_written_is_read() {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("a/b/store");
    drop(filled(&directory));
    let all =
        Contents { orders: vec![order()], tokens: vec![token()], receipts: vec![receipt()], ..Contents::default() };
    assert_eq!(contents(&directory), all);

    let mut store = FileStore::open(&directory).unwrap();
    let changed = StoredOrder { accepted: Some(2), told: true, ..order() };
    now(store.save_order(&changed)).unwrap();
    now(store.remove_token(&token().key)).unwrap();
    now(store.remove_token(&token().key)).unwrap();
    now(store.remove_receipt(&receipt().key)).unwrap();
    assert_eq!(now(store.load()).unwrap(), Contents { orders: vec![changed], ..Contents::default() });
}

#[test]
fn a_crash_while_writing_leaves_the_old_or_the_new() {
    let place = TempDir::new().unwrap();
    drop(filled(place.path()));
    let before = contents(place.path());
    for path in records(place.path()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let whole = fs::read(&path).unwrap();
        let temporary = place.path().join(format!(".tmp-{name}"));
        // Any part of the new file was written, and it was not renamed.
        for length in (0..whole.len()).step_by(17).chain([whole.len()]) {
            fs::write(&temporary, &whole[..length]).unwrap();
            assert_eq!(contents(place.path()), before);
            assert!(!temporary.exists(), "left over for ever");
        }
        // Renamed where nothing was before.
        fs::remove_file(&path).unwrap();
        fs::write(&temporary, &whole).unwrap();
        fs::rename(&temporary, &path).unwrap();
        assert_eq!(contents(place.path()), before);
    }
}

#[test]
fn a_crash_while_the_store_is_made() {
    for left in [&[][..], &["lock"], &["lock", ".tmp-format"]] {
        let place = TempDir::new().unwrap();
        left.iter().for_each(|name| fs::write(place.path().join(name), "coin").unwrap());
        drop(filled(place.path()));
        assert_eq!(contents(place.path()).damaged, []);
    }
}

#[test]
fn damage_is_reported_and_left_alone() {
    let place = TempDir::new().unwrap();
    drop(filled(place.path()));
    for path in records(place.path()) {
        let whole = fs::read(&path).unwrap();
        let is_order = path.file_name().unwrap().to_str().unwrap().starts_with("order-");
        let mut cases: Vec<Vec<u8>> = vec![Vec::new(), whole[..whole.len() / 2].to_vec(), vec![0xff; 10]];
        for at in (0..whole.len()).step_by(7) {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            cases.push(changed);
        }
        for bad in cases {
            fs::write(&path, &bad).unwrap();
            let contents = contents(place.path());
            assert_eq!(contents.orders.len() + contents.tokens.len() + contents.receipts.len(), 2);
            assert_eq!(contents.damaged.len(), 1);
            assert_eq!(contents.damaged[0].name, path.display().to_string());
            assert_eq!(contents.damaged[0].may_be_order, is_order);
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(contents(place.path()).damaged, []);
}

#[test]
fn what_does_not_belong_there_is_reported() {
    let place = TempDir::new().unwrap();
    drop(filled(place.path()));
    let token = records(place.path()).pop().unwrap();
    let strangers = ["holiday.jpg", "token-CLS0000000017-00000000-0-9.json", "order-x.json~"];
    for name in strangers {
        fs::copy(&token, place.path().join(name)).unwrap();
    }
    fs::create_dir(place.path().join("receipt-directory.json")).unwrap();
    let contents = contents(place.path());
    assert_eq!(contents.damaged.len(), 4, "{:?}", contents.damaged);
    assert_eq!(contents.tokens.len(), 1);
    assert!(strangers.iter().all(|name| place.path().join(name).exists()));
}

#[test]
fn other_directories_are_not_touched() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("thesis.txt"), "x").unwrap();
    assert!(matches!(FileStore::open(place.path()), Err(StoreError::NotAStore(_))));
    assert_eq!(files(place.path()).len(), 1);

    let place = TempDir::new().unwrap();
    drop(filled(place.path()));
    fs::write(place.path().join("format"), "coinless phone store 2\n").unwrap();
    let error = FileStore::open(place.path()).unwrap_err();
    assert!(matches!(error, StoreError::OtherFormat { ref found, .. } if found == "coinless phone store 2"));
    fs::write(place.path().join("file"), "x").unwrap();
    assert!(matches!(FileStore::open(place.path().join("file")), Err(StoreError::Failed(_))));
}

#[test]
fn one_at_a_time() {
    let place = TempDir::new().unwrap();
    let first = FileStore::open(place.path()).unwrap();
    assert!(matches!(FileStore::open(place.path()), Err(StoreError::InUse(_))));
    drop(first);
    assert!(FileStore::open(place.path()).is_ok());
}

#[cfg(unix)]
#[test]
fn for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = TempDir::new().unwrap();
    let directory = place.path().join("store");
    drop(filled(&directory));
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    drop(FileStore::open(&directory).unwrap());
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

/// The round's order has an id of its own, to be kept beside the first.
fn second_order() -> StoredOrder {
    StoredOrder { id: Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0002), ..round_order() }
}

/// `tests/store-format-1` was written by the first version of this program that had each kind of record. Its files are never written
/// anew: a change that cannot read them needs another format, and a way from this one to that.
#[test]
fn what_the_first_version_wrote_is_read() {
    let place = TempDir::new().unwrap();
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store-format-1")) {
        fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
    }
    let contents = contents(place.path());
    assert_eq!(contents.damaged, []);
    assert_eq!((contents.tokens, contents.receipts), (vec![token(), valve_token()], vec![receipt()]));
    assert_eq!((contents.visits, contents.meters), (vec![visit()], vec![kept_meter()]));
    assert_eq!((contents.walks, contents.readers), (vec![walk()], vec![reader()]));
    assert_eq!((contents.problems, &contents.orders[1]), (vec![problem()], &second_order()));
    let read = &contents.orders[0];
    let (view, meters) = (read.view.clone(), read.meters.clone());
    assert_eq!(*read, StoredOrder { view, meters, accepted: Some(1), told: true, ..order() });
    assert_eq!(read.view.as_ref().unwrap().lines[0].token_key(), Some(token().key));
    // Sent again, it is sent as the first version sent it.
    let json = r#"{"lines":[{"meter":"CLS0000000017-Z","amount":"50.00","immediate":false}],"payer":"Zoë"}"#;
    assert_eq!(serde_json::to_string(&read.request).unwrap(), json);
}

#[test]
fn what_goes_with_credit_is_kept() {
    let place = TempDir::new().unwrap();
    let mut store = filled(place.path());
    now(store.save_token(&valve_token())).unwrap();
    now(store.save_visit(&visit())).unwrap();
    drop(store);
    let kept = contents(place.path());
    assert_eq!((kept.tokens, kept.visits), (vec![token(), valve_token()], vec![visit()]));
    assert!(place.path().join(format!("token-{}.json", valve_token().key)).exists());
    let mut store = FileStore::open(place.path()).unwrap();
    let old = StoredVisit { report: None, ..visit() };
    now(store.save_visit(&old)).unwrap();
    now(store.remove_token(&valve_token().key)).unwrap();
    let left = now(store.load()).unwrap();
    assert_eq!((left.tokens, left.visits, left.damaged), (vec![token()], vec![old], vec![]));
    now(store.remove_visit(&visit().key)).unwrap();
    assert_eq!(now(store.load()).unwrap().visits, []);
}

#[test]
fn a_round_is_kept_with_its_order() {
    let place = TempDir::new().unwrap();
    let changed = round_order();
    let handed = StoredToken { handed: true, ..token() };
    let mut store = filled(place.path());
    now(store.save_order(&changed)).unwrap();
    now(store.save_token(&handed)).unwrap();
    drop(store);
    let contents = contents(place.path());
    assert_eq!((contents.orders, contents.tokens, contents.damaged), (vec![changed], vec![handed], vec![]));
}
