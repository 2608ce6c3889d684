//! The core under a fixed list of calls. For each it prints the deepest stack that it took, in bytes, and the instructions, if the
//! emulator counts one nanosecond for each (`-icount shift=0`).
#![no_std]
#![no_main]

use coinless_firmware::board;
use coinless_firmware::host::{exit, say};
use coinless_firmware::stack;
use coinless_firmware::text::Line;
use coinless_meter::port::{Datagram, Device, Event, Port, View};
use coinless_meter::{Factory, Issuer, IssuerRole, Layout, OpeningCheck, Served, ValveCommand, WorkLimit, commission};
use coinless_protocol::coap::{Code, ContentFormat, Kind, option, write};
use coinless_protocol::cose::MAX_OBJECT_BYTES;
use coinless_protocol::keys::{KeyHash, KeyPair};
use coinless_protocol::receipt::Decision;
use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::{Price, Step, Switch, Tariff};
use coinless_protocol::token::{Conditions, Content, Credit, MAX_CONTENT_BYTES, Order, Set, Token};
use coinless_protocol::weekly::{HalfHour, Weekdays};
use coinless_protocol::{
    Bytes, Commodity, CreditKind, CreditNumber, Currency, Epoch, FineCredit, MeterId, Register, Units,
};
use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::panic::PanicInfo;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::entry;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

const SECTOR: usize = 512;
/// The factory record and two journals, each as short as one may be.
const CHIP_BYTES: usize = 7 * SECTOR;

/// A flash in memory without faults: the model of `ram_flash` takes twice the memory, more than the smaller processor has.
struct Chip([u8; CHIP_BYTES]);

impl ErrorType for Chip {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.iter_mut().zip(self.0.iter().skip(offset as usize)).for_each(|(to, byte)| *to = *byte);
        Ok(())
    }

    fn capacity(&self) -> usize {
        CHIP_BYTES
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.0.iter_mut().take(to as usize).skip(from as usize).for_each(|byte| *byte = 0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.0.iter_mut().skip(offset as usize).zip(bytes).for_each(|(cell, byte)| *cell &= *byte);
        Ok(())
    }
}

/// The clock of the system timer, as the emulator has it: LM3S6965, and nRF51822.
const CLOCK_HZ: u32 = if cfg!(target_feature = "v7") { board::CLOCK_HZ } else { 16_000_000 };
const TIMER_MASK: u32 = 0xff_ffff;

/// What is called, and what must come of it.
#[derive(Clone, Copy)]
enum Call {
    Pulse,
    Press,
    Identity,
    SignedIdentity,
    Receipt,
    Report,
    Challenge,
    Token { number: u32, spoilt: bool },
    Tariff,
    Settings,
    Read,
    Noise,
    Nothing,
}

/// The calls, as the table names them.
const CALLS: &[(&CStr, Call)] = &[
    (c"receipt-first", Call::Receipt),
    (c"receipt-stored", Call::Receipt),
    (c"report", Call::Report),
    (c"challenge", Call::Challenge),
    (c"identity", Call::Identity),
    (c"identity-signed", Call::SignedIdentity),
    (c"token-tariff", Call::Tariff),
    (c"token-settings", Call::Settings),
    (c"token-credit", Call::Token { number: 1, spoilt: false }),
    (c"token-again", Call::Token { number: 1, spoilt: false }),
    (c"token-read", Call::Read),
    (c"token-bad-signature", Call::Token { number: 2, spoilt: true }),
    (c"token-noise", Call::Noise),
    (c"press", Call::Press),
    (c"pulse", Call::Pulse),
    (c"nothing", Call::Nothing),
];

/// A board that does one thing at a time.
struct Script {
    now_ms: u64,
    event: Option<Event>,
    flow: FineCredit,
    sent: u32,
}

/// What must not be on the stack, which is measured: the next datagram, and the chip.
struct Shared<T>(UnsafeCell<T>);

static INBOX: Shared<Datagram> = Shared(UnsafeCell::new(Datagram::new()));
static CHIP: Shared<Chip> = Shared(UnsafeCell::new(Chip([0xff; CHIP_BYTES])));

// SAFETY: this program has one thread and no interrupt.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    #[expect(clippy::mut_from_ref, reason = "one thread, and each use ends before the next begins")]
    fn get(&self) -> &mut T {
        // SAFETY: as above. `prepare` and `receive` use the datagram one after the other; the chip has one user after the other.
        unsafe { &mut *self.0.get() }
    }
}

impl Port for Script {
    const WORK: WorkLimit = WorkLimit::MAINS;

    fn uptime_ms(&mut self) -> u64 {
        self.now_ms
    }

    fn draw(&mut self) -> u32 {
        4
    }

    fn drive_valve(&mut self, _: ValveCommand) {}

    fn take_consumption(&mut self) -> FineCredit {
        core::mem::take(&mut self.flow)
    }

    fn take_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    fn receive(&mut self, datagram: &mut Datagram) -> bool {
        let next = INBOX.get();
        let there = !next.is_empty() && datagram.append(next).is_ok();
        next.clear();
        there
    }

    fn send(&mut self, _: &[u8]) {
        self.sent = self.sent.wrapping_add(1);
    }

    fn show(&mut self, _: &View) {}
}

fn meter_key() -> KeyPair {
    known(KeyPair::from_secret(&[7; 32]))
}

fn issuer_key() -> KeyPair {
    known(KeyPair::from_secret(&[2; 32]))
}

fn meter_id() -> MeterId {
    known("CLS0000000017ABC".parse())
}

fn layout() -> Layout {
    let at = |sectors: usize| (sectors * SECTOR) as u32;
    Layout { factory: 0..at(1), journal: at(1)..at(3), terms: at(3)..at(7) }
}

#[entry]
fn main() -> ! {
    let Some(peripherals) = cortex_m::Peripherals::take() else { fail(c"started twice") };
    let mut timer = peripherals.SYST;
    timer.set_reload(TIMER_MASK);
    timer.clear_current();
    timer.set_clock_source(SystClkSource::Core);
    timer.enable_counter();

    let base = stack::used();
    stack::paint();
    let before = SYST::get_current();
    make();
    report(c"commission", base, before, SYST::get_current());
    let hash = meter_key().public_key().hash();
    run(&hash)
}

#[inline(never)]
fn make() {
    let issuer = |role, key: KeyPair| Issuer { role, key: key.public_key() };
    let other = |byte| known(KeyPair::from_secret(&[byte; 32]));
    let units = |units| known(Units::new(units));
    let operational = IssuerRole::Operational;
    let factory = Factory {
        meter: meter_id(),
        commodity: Commodity::Gas,
        credit: CreditKind::Money(known(Currency::new(*b"EUR", 2).ok_or(()))),
        secret: [7; 32],
        issuers: known(heapless::Vec::from_slice(&[
            issuer(IssuerRole::Root, other(1)),
            issuer(operational, other(3)),
            issuer(operational, other(4)),
            issuer(operational, issuer_key()),
        ])),
        readings_key: Some(issuer_key().public_key()),
        initial: Units::ZERO,
        max_credit: units(500_000),
        opening: OpeningCheck::GAS,
        open_by_token: false,
    };
    known(commission(CHIP.get(), &layout(), &factory));
}

#[inline(never)]
fn run(hash: &KeyHash) -> ! {
    let base = stack::used();
    let script = Script { now_ms: 0, event: None, flow: FineCredit::ZERO, sent: 0 };
    let mut device = Device::new(script, CHIP.get());
    stack::paint();
    let before = SYST::get_current();
    let begun = device.begin(&layout());
    let after = SYST::get_current();
    known(begun);
    report(c"start", base, before, after);
    say_line(Line::new().text("device ").number(size_of_val(&device) as u64, 1));
    for (id, (name, call)) in (1..).zip(CALLS) {
        prepare(*call, id, hash);
        let port = device.port();
        port.now_ms = port.now_ms.saturating_add(1_000);
        match call {
            Call::Press => port.event = Some(Event::Press),
            Call::Pulse => port.flow = FineCredit(1_000),
            _ => {}
        }
        stack::paint();
        let before = SYST::get_current();
        let round = device.round();
        let after = SYST::get_current();
        check(name, *call, round.served);
        report(name, base, before, after);
    }
    exit(0)
}

/// Puts the datagram of a call into the inbox.
#[inline(never)]
fn prepare(call: Call, id: u16, hash: &KeyHash) {
    let mut content = Bytes::new();
    let (code, path, query, payload) = match call {
        Call::Pulse | Call::Press | Call::Nothing => return,
        Call::Identity => (1, "meter", None, Bytes::new()),
        Call::SignedIdentity => (1, "meter", Some("c=0011223344556677"), Bytes::new()),
        Call::Receipt => (1, "receipt", None, Bytes::new()),
        Call::Report => (1, "report", None, Bytes::new()),
        Call::Challenge => (1, "challenge", None, Bytes::new()),
        Call::Tariff => (2, "token", None, sign(Order::Set(tariff(&mut content)), hash)),
        Call::Settings => (2, "token", None, sign(Order::Set(settings(&mut content)), hash)),
        Call::Token { number, spoilt } => (2, "token", None, credit(number, spoilt, hash)),
        Call::Read => (2, "token", None, sign(Order::Read([1; 8]), hash)),
        Call::Noise => (2, "token", None, known(Bytes::copy_of(&[0xd2; 128]))),
    };
    let format = [ContentFormat::CoseSign1 as u8];
    let mut options = heapless::Vec::<(u16, &[u8]), 3>::new();
    known(options.push((option::URI_PATH, path.as_bytes())));
    if !payload.is_empty() {
        known(options.push((option::CONTENT_FORMAT, &format)));
    }
    if let Some(query) = query {
        known(options.push((option::URI_QUERY, query.as_bytes())));
    }
    *INBOX.get() = known(write(Kind::Con, Code(code), id, &[1, 2, 3, 4], &options, &payload));
}

fn credit(number: u32, spoilt: bool, hash: &KeyHash) -> Bytes<MAX_OBJECT_BYTES> {
    let register = Register { number: CreditNumber(number), total: known(Units::new(20_000)) };
    let credit = Some(Credit { register, conditions: Conditions::default(), closing: false });
    let mut token = sign(Order::Set(Set { credit, ..Set::default() }), hash);
    if let (Some(last), true) = (token.as_mut_slice().last_mut(), spoilt) {
        *last ^= 1;
    }
    token
}

/// A tariff that uses all of its room.
fn tariff(content: &mut Bytes<MAX_CONTENT_BYTES>) -> Set<'_> {
    let mut tariff = Tariff { standing_per_day: 100, ..Tariff::default() };
    tariff.rates.extend((1..=8).map(|rate| Price(rate * 10_000)));
    tariff.steps.extend((1..=3).map(|step| Step { from: step * 100, more: Price(step * 1_000) }));
    let weekdays = known(Weekdays::from_bits(0x1f).ok_or(()));
    let switch = |rate: u8| Switch { days: weekdays, at: known(HalfHour::new(rate * 4).ok_or(())), rate: rate % 8 };
    tariff.switches.extend((0..12).map(switch));
    *content = known(tariff.to_bytes());
    Set { tariff: Some(Content { number: 1, bytes: content }), ..Set::default() }
}

/// Settings with most of what there is.
fn settings(content: &mut Bytes<MAX_CONTENT_BYTES>) -> Set<'_> {
    let settings = Settings {
        low_credit: 500,
        very_low_credit: 100,
        emergency: 500,
        friendly_cap: 1_000,
        correction_ppm: 1_012_345,
        excess_flow: 100,
        leak_h: 24,
        disuse_days: 90,
        ..Settings::default()
    };
    *content = known(settings.to_bytes());
    Set { settings: Some(Content { number: 1, bytes: content }), ..Set::default() }
}

fn sign(order: Order<'_>, hash: &KeyHash) -> Bytes<MAX_OBJECT_BYTES> {
    let token = Token { meter: meter_id(), meter_key: hash.hint(), epoch: Epoch(0), order };
    known(token.sign(hash, &issuer_key()))
}

/// A call that came to something else has measured something else.
fn check(name: &CStr, call: Call, served: Served) {
    let right = match (call, served) {
        (Call::Pulse | Call::Press | Call::Nothing, Served::Nothing) => true,
        (Call::Identity | Call::SignedIdentity | Call::Receipt, Served::Read) => true,
        (Call::Report | Call::Challenge, Served::Read) => true,
        (Call::Token { spoilt: false, .. } | Call::Tariff | Call::Settings, Served::Token { outcome, .. }) => {
            outcome.decision == Decision::Applied
        }
        (Call::Read, Served::Token { outcome, .. }) => outcome.decision == Decision::Read,
        (Call::Token { spoilt: true, .. } | Call::Noise, Served::Refused(_)) => true,
        _ => false,
    };
    if !right {
        fail(name)
    }
}

/// Prints a line: name, bytes of stack that the call took, instructions. The timer counts down.
#[inline(never)]
fn report(name: &CStr, base: usize, before: u32, after: u32) {
    let depth = stack::depth().saturating_sub(base) as u64;
    let cycles = u64::from(before.wrapping_sub(after) & TIMER_MASK);
    let instructions = cycles.saturating_mul(1_000_000_000).checked_div(CLOCK_HZ.into()).unwrap_or(0);
    let mut line = Line::new();
    line.text("measured ").text(name.to_str().unwrap_or("?")).text(" ").number(depth, 1);
    say_line(line.text(" ").number(instructions, 1));
}

fn say_line(line: &mut Line) {
    line.text("\n\0");
    say(CStr::from_bytes_until_nul(line.as_bytes()).unwrap_or(c"?\n"));
}

/// What cannot fail in this program.
fn known<T, E>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(_) => fail(c"a fixed value is wrong"),
    }
}

fn fail(what: &CStr) -> ! {
    say(c"not as expected: ");
    say(what);
    say(c"\n");
    exit(1)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}
