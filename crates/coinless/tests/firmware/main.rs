//! The meter's image for Cortex-M3 in an emulator that is killed at any moment: credit is never lost and never counted twice.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulator;

use coinless_meter::desk_chip::{SECTOR_BYTES, layout};
use coinless_meter::journal::Record;
use coinless_meter::terms::Terms;
use coinless_meter::{Issuer, IssuerRole, Meter, State};
use coinless_protocol::coap::{Client, ClientEvent, Code, ContentFormat, Method, Request};
use coinless_protocol::keys::{KeyPair, PublicKey};
use coinless_protocol::receipt::{Decision, Receipt};
use coinless_protocol::token::{Conditions, Order, Token};
use coinless_protocol::{Commodity, CreditKind, CreditNumber, Epoch, MeterId, Register, Units};
use coinless_sim::flash::FileFlash;
use coinless_sim::meter::{Blueprint, make};
use emulator::Emulator;
use fastrand::Rng;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the image is.
const IMAGE: &str = "COINLESS_FIRMWARE";
/// Kills of each meter; there are two, one for each of two cores.
const KILLS: [u64; 2] = [120, 2_000];
/// Each token adds so much.
const UNITS: u64 = 7;
/// How often something is sent again that got no answer: the emulator may not have switched its line on yet.
const AGAIN: Duration = Duration::from_millis(100);
/// Longest time for an answer of an emulator that is not killed.
const PATIENCE: Duration = Duration::from_secs(120);
/// A record's sequence number, complement and checksum.
const CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// A meter, and what was done with it.
struct Bench {
    image: PathBuf,
    chip: PathBuf,
    key: PublicKey,
    id: MeterId,
    issuer: KeyPair,
    /// The newest token with a receipt.
    acknowledged: u32,
    /// The newest that was sent.
    sent: u32,
    messages: u64,
}

impl Bench {
    fn new(image: &str, folder: &Path) -> Self {
        let issuer = KeyPair::from_secret(&[2; 32]).unwrap();
        let key = |byte| KeyPair::from_secret(&[byte; 32]).unwrap().public_key();
        let id: MeterId = "CLS0000000017".parse().unwrap();
        let blueprint = Blueprint {
            id,
            commodity: Commodity::Water,
            credit: CreditKind::Unit,
            issuers: vec![
                Issuer { role: IssuerRole::Root, key: key(4) },
                Issuer { role: IssuerRole::Operational, key: issuer.public_key() },
            ],
            readings_key: Some(key(3)),
            initial: Some(Units::ZERO),
            max_credit: None,
        };
        let chip = folder.join("meter.flash");
        let key = make(&chip, &blueprint).unwrap();
        Self { image: image.into(), chip, key, id, issuer, acknowledged: 0, sent: 0, messages: 0 }
    }

    fn total(number: u32) -> Units {
        Units::new(u64::from(number) * UNITS).unwrap()
    }

    fn token(&self, number: u32) -> Vec<u8> {
        let register = Register { number: CreditNumber(number), total: Self::total(number) };
        let order = Order::credit(register, Conditions::default());
        let token = Token { meter: self.id, meter_key: self.key.hash().hint(), epoch: Epoch(0), order };
        token.sign(&self.key.hash(), &self.issuer).unwrap().to_vec()
    }

    /// Sends the next token until it is answered; `false` if that is not before `until`.
    fn load(&mut self, emulator: &mut Emulator, until: Instant) -> bool {
        let number = self.acknowledged + 1;
        self.sent = number;
        let token = self.token(number);
        self.messages += 1;
        let format = Some(ContentFormat::CoseSign1);
        let request = Request { method: Method::Post, path: &["token"], query: &[], format, payload: &token };
        let mut client = Client::start(0, self.messages << 16 | self.messages << 40, &request).unwrap();
        emulator.send(client.first_datagram());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match emulator.receive(left.min(AGAIN)) {
                None => emulator.send(client.first_datagram()),
                Some(datagram) => {
                    if let ClientEvent::Response(response, acknowledgement) = client.receive(0, &datagram) {
                        if let Some(bytes) = acknowledgement {
                            emulator.send(&bytes);
                        }
                        assert_eq!(response.code, Code::CHANGED, "the meter refused a token: {response:?}");
                        self.believe(&response.payload, number);
                        return true;
                    }
                }
            }
        }
    }

    fn believe(&mut self, receipt: &[u8], number: u32) {
        let receipt = Receipt::verified(receipt, &self.key, &self.key.hash()).unwrap();
        assert_eq!((receipt.registers.credit, receipt.total), (CreditNumber(number), Self::total(number)));
        // A token whose answer was cut off may have been taken.
        assert!(matches!(receipt.outcome.decision, Decision::Applied | Decision::NotNewer), "{receipt:?}");
        self.acknowledged = number;
    }

    /// What the chip holds is what was acknowledged last, or the one token after it whose answer did not come.
    fn check(&self, round: u64) {
        let copy = self.chip.with_extension("copy");
        std::fs::copy(&self.chip, &copy).unwrap();
        let meter = Meter::mount(FileFlash::open(&copy).unwrap(), &layout()).unwrap();
        let state = meter.state().unwrap_or_else(|| panic!("after kill {round}: {:?}", meter.fault()));
        let number = state.credit.0;
        assert!(
            (self.acknowledged..=self.sent).contains(&number),
            "after kill {round} the meter stands at token {number}; {} was acknowledged, {} sent",
            self.acknowledged,
            self.sent
        );
        assert_eq!(state.total, Self::total(number), "after kill {round}");
        assert_eq!(state.balance, Self::total(number).fine(), "after kill {round}");
        std::fs::remove_file(&copy).unwrap();
    }

    /// Slots that are neither erased nor a whole record, and sectors that are erased in part.
    fn torn(&self) -> Vec<usize> {
        let bytes = std::fs::read(&self.chip).unwrap();
        let range = |range: std::ops::Range<u32>| range.start as usize..range.end as usize;
        let (states, terms) = (range(layout().journal), range(layout().terms));
        let slots = |range: std::ops::Range<usize>, len: usize| range.step_by(len).map(move |at| (at, len));
        let states = slots(states, size_of::<<State as Record>::Slot>());
        let terms = slots(terms, size_of::<<Terms as Record>::Slot>());
        let torn = states.chain(terms).filter(|(at, len)| is_torn(&bytes[*at..at + len]));
        torn.map(|(at, _)| at).collect()
    }
}

fn is_torn(slot: &[u8]) -> bool {
    let (checked, checksum) = slot.split_last_chunk::<4>().unwrap();
    CHECKSUM.checksum(checked).to_le_bytes() != *checksum && slot.iter().any(|byte| *byte != 0xff)
}

/// Plays one meter; gives how many kills left a record torn that was not before, and how many tokens were loaded.
fn play(image: &str, seed: u64, kills: u64) -> (u64, u32) {
    println!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(image, folder.path());
    let mut random = Rng::with_seed(seed);
    assert_eq!(bench.torn(), [0; 0], "a new chip");
    // How long it takes on this machine: a start and three tokens.
    let begun = Instant::now();
    let mut emulator = Emulator::start(&bench.image, &bench.chip);
    for _ in 0..3 {
        assert!(bench.load(&mut emulator, Instant::now() + PATIENCE), "no answer");
    }
    drop(emulator);
    let most = begun.elapsed();
    let mut torn = 0;
    for round in 0..kills {
        let before = bench.torn();
        let until = Instant::now() + most.mul_f64(random.f64());
        let mut emulator = Emulator::start(&bench.image, &bench.chip);
        while bench.load(&mut emulator, until) {}
        drop(emulator);
        torn += u64::from(bench.torn().iter().any(|slot| !before.contains(slot)));
        bench.check(round);
    }
    // It lives on.
    let mut emulator = Emulator::start(&bench.image, &bench.chip);
    assert!(bench.load(&mut emulator, Instant::now() + PATIENCE), "no answer");
    drop(emulator);
    bench.check(kills);
    (torn, bench.acknowledged)
}

#[test]
fn a_meter_that_is_killed_at_any_moment_never_loses_or_doubles_credit() {
    assert_eq!(SECTOR_BYTES % 512, 0, "slots do not cross sectors");
    let Ok(image) = std::env::var(IMAGE) else {
        assert!(std::env::var_os("CI").is_none(), "with CI set, {IMAGE} is required: run cargo xtask test");
        return eprintln!("skipped: {IMAGE} is not set; cargo xtask test builds the image");
    };
    let [ordinary, long] = KILLS;
    let kills = if std::env::var_os("COINLESS_LONG").is_some() { long } else { ordinary };
    let first = std::env::var("COINLESS_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    let seeds = [first, first.wrapping_add(1)];
    let players = seeds.map(|seed| {
        let image = image.clone();
        std::thread::spawn(move || play(&image, seed, kills))
    });
    let played = players.map(|player| player.join().unwrap());
    let (torn, tokens) = played.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{} kills left {torn} torn records; {tokens} tokens were loaded", 2 * kills);
    // Without a chip's delay none would ever be torn, and nothing be proved.
    assert!(torn > 0, "no kill came while a record was written");
    assert!(u64::from(tokens) > kills / 4, "hardly anything was loaded");
}
