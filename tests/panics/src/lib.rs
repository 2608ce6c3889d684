//! Calls what of the protocol and the meter core is generic, so that the compiler makes it. What is not, it makes anyway.
//! `cargo xtask panics` looks through the result; nothing here is ever run.
#![no_std]

use coinless_meter::journal::Journal;
use coinless_meter::terms::Terms;
use coinless_meter::{Factory, Layout, Meter, MeterServer, State, WorkLimit, commission};
use coinless_protocol::coap::{Answer, Client, Code, Input, Message, Request, Server};
use coinless_protocol::cose::{Label, Sign1, sign, sign_in_place};
use coinless_protocol::identity::Identity;
use coinless_protocol::issuers::OperationalKeys;
use coinless_protocol::keys::{KeyHash, KeyPair, PublicKey};
use coinless_protocol::problem::Refusal;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::report::{Event, EventCounts, Report};
use coinless_protocol::settings::{Sensor, Settings};
use coinless_protocol::slipmux::{Decoder, encode};
use coinless_protocol::state::ShutCause;
use coinless_protocol::tariff::Tariff;
use coinless_protocol::token::Token;
use coinless_protocol::weekly::{Days, HalfHour, Weekdays};
use coinless_protocol::{Bytes, Commodity, FineCredit, MeterId, Units};
use core::fmt::Write;
use core::hint::black_box;
use core::ops::Range;
use core::panic::PanicInfo;
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Any value of a type that can be read from anywhere: nobody knows which.
fn any<T: Copy>(value: T) -> T {
    black_box(value)
}

/// Something looks at `value`: the compiler does not know what.
fn see<T>(value: T) {
    black_box(value);
}

/// A flash of which nothing is known.
pub struct Chip;

impl ErrorType for Chip {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        see((offset, bytes));
        any(Ok(()))
    }

    fn capacity(&self) -> usize {
        any(1 << 20)
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 2048;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        see((from, to));
        any(Ok(()))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        see((offset, bytes));
        any(Ok(()))
    }
}

/// A meter, from its making on, with everything that can happen to it.
#[unsafe(no_mangle)]
pub fn meter(layout: &Layout, factory: &Factory, now_ms: u64, bytes: &[u8]) {
    see(commission(Chip, layout, factory).is_ok());
    let Ok(mut meter) = Meter::mount(Chip, layout) else { return };
    meter.limit_work(any(WorkLimit::BATTERY));
    see(meter.clock_went_on(now_ms, any(0)));
    loop {
        touch(&mut meter, now_ms);
        ask(&mut meter, now_ms, bytes);
        see((meter.id(), meter.commodity(), meter.credit_kind(), meter.max_credit(), meter.registers()));
        see((meter.terms(), meter.clock(now_ms), meter.opening_check(), meter.fault(), meter.state()));
        see((meter.flags(), meter.flash().capacity(), meter.offers_emergency()));
        if any(false) {
            return see(meter.into_flash());
        }
    }
}

fn touch(meter: &mut Meter<Chip>, now_ms: u64) {
    meter.consume(now_ms, any(FineCredit::ZERO));
    meter.tick(now_ms);
    meter.sensor(now_ms, any(Sensor::Cover), any(false));
    meter.load(now_ms, any(0));
    meter.raise_cause(now_ms, any(ShutCause::Tamper));
    see((meter.press_open(now_ms), meter.take_valve_command(), meter.take_emergency(now_ms)));
    see((meter.clear_cause(now_ms, any(ShutCause::Tamper)), meter.clear_valve_failed(now_ms)));
}

fn ask(meter: &mut Meter<Chip>, now_ms: u64, bytes: &[u8]) {
    see((meter.identity(now_ms), meter.signed_identity(now_ms, any([0; 8])), meter.display_code(now_ms)));
    see(meter.token(now_ms, bytes));
    see((meter.receipt_needs_signature(), meter.challenge(now_ms)));
    see(meter.receipt(now_ms));
    see(meter.report(now_ms, &mut Bytes::new()));
}

/// The meter's resources.
#[unsafe(no_mangle)]
pub fn meter_server(
    server: &mut MeterServer<u16, 2>,
    meter: &mut Meter<Chip>,
    now_ms: u64,
    bytes: &[u8],
    send: fn(u16, &[u8]),
) {
    *server = MeterServer::new(any(0));
    see(server.handle(meter, now_ms, any(0), any(0), bytes, &mut |peer, bytes| send(peer, bytes)));
    server.poll(now_ms, &mut |peer, bytes| send(peer, bytes));
    see(server.next_due_ms());
}

/// The server and the client of the message layer, and a serial line.
#[unsafe(no_mangle)]
pub fn coap(server: &mut Server<u16, 2>, request: &Request<'_>, now_ms: u64, bytes: &[u8], line: &mut Decoder) {
    *server = Server::new(any(0));
    if let Input::Request(request) = server.receive(now_ms, any(0), bytes) {
        see(server.acknowledge(&request));
        see(server.respond(now_ms, any(0), &request, Answer::empty(any(Code::CONTENT))));
    }
    see((server.poll(now_ms), server.next_due_ms()));
    if let Ok(mut client) = Client::start(now_ms, any(0), request) {
        see(client.first_datagram());
        see((client.receive(now_ms, bytes), client.poll(now_ms), client.next_due_ms()));
    }
    if let Ok(message) = Message::parse(bytes) {
        message.options().for_each(|option| see(option));
        message.values(any(1)).for_each(|value| see(value));
        see((message.uint(any(1)), message.has_critical_option(&[any(1)])));
    }
    encode(bytes).for_each(|byte| see(line.push(byte)));
}

/// What is signed and verified.
#[unsafe(no_mangle)]
pub fn signed(token: &Token<'_>, receipt: &Receipt, identity: &Identity, hash: &KeyHash, pair: &KeyPair, bytes: &[u8]) {
    see((token.sign(hash, pair), receipt.sign(hash, pair), identity.sign(hash, pair)));
    see(sign(bytes, any(Label::Token), hash, pair));
    let mut object = Bytes::<256>::new();
    see(sign_in_place(&mut object, any(Label::Token), hash, pair).is_ok());
    let key = pair.public_key();
    see(Sign1::parse(bytes).is_ok_and(|signed| signed.verify(&key, any(Label::Token), hash)));
    see((Receipt::verified(bytes, &key, hash), Identity::verified(bytes, &key, hash)));
    see(Report::verified(bytes, &key, hash));
}

/// The journals, for whoever keeps something else in one.
#[unsafe(no_mangle)]
pub fn journals(range: &Range<u32>, state: &State, terms: &Terms) {
    if let Ok((mut journal, newest)) = Journal::<State>::open(&mut Chip, range.clone()) {
        see((newest, journal.commit(&mut Chip, state), journal.newest(&mut Chip)));
    }
    if let Ok((mut journal, newest)) = Journal::<Terms>::open(&mut Chip, range.clone()) {
        see((newest, journal.commit(&mut Chip, terms), journal.newest(&mut Chip)));
    }
}

/// What is small enough for the compiler to make it only where it is called.
#[unsafe(no_mangle)]
pub fn small(text: &str, bytes: &[u8], out: &mut dyn Write, meter: &MeterId, units: Units) {
    see((MeterId::from_label(text), MeterId::from_label_url(text), text.parse::<MeterId>()));
    see((meter.as_str(), meter.check_character()));
    see((write!(out, "{meter} {}", meter.label()).is_ok(), write!(out, "{:?}", Bytes::<8>::copy_of(bytes)).is_ok()));
    let commodity = any(Commodity::Gas);
    see((commodity.name(), Commodity::from_name(text), Commodity::from_code(any(0)), commodity.parse_amount(text)));
    see(write!(out, "{commodity} {}", any(FineCredit::ZERO).display(commodity)).is_ok());
    see((Units::new(any(0)), units.get(), units.fine(), units.checked_add(any(units)), units.checked_sub(units)));
    see((Refusal::from_bytes(bytes), any(Refusal::Busy).to_bytes(), any(Refusal::Busy).title()));
    see((PublicKey::from_sec1(bytes), OperationalKeys::from_bytes(bytes)));
    see((Tariff::from_bytes(bytes), Settings::from_bytes(bytes)));
    see((HalfHour::new(any(0)), Weekdays::from_bits(any(0)), Days::new(any(0), any(0))));
    let mut counts = any(EventCounts::default());
    counts.count(any(Event::Start));
    see((counts.of(any(Event::Start)), counts.to_array()));
    see(write!(out, "{}", any(Code::CONTENT)).is_ok());
}
