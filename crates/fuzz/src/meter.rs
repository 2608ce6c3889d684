//! The whole core over a flash with power cuts, with everything that can happen to a meter in any order.

use crate::coap::{datagram, later_ms};
use crate::input::Input;
use crate::tokens::{ISSUER, METER, METER_ID, ROOT, STATION, Station, pair};
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::{
    Factory, Issuer, IssuerRole, Layout, Meter, MeterServer, OpeningCheck, Pressed, State, ValveCommand, commission,
    unbilled_bound,
};
use coinless_protocol::coap::{Kind, MAX_MESSAGE_BYTES, Message};
use coinless_protocol::keys::{KeyHash, PublicKey};
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::receipt::Receipt;
use coinless_protocol::state::ShutCause;
use coinless_protocol::{Commodity, FineCredit, Units};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most events of one input.
const MAX_EVENTS: usize = 96;

/// One sector for the factory record and two of four slots for the journal.
type Flash = RamFlash<1536, 4, 512>;

fn layout() -> Layout {
    Layout { factory: 0..512, journal: 512..1536 }
}

/// A meter of `commodity` with small limits, so that events reach them.
pub(crate) fn factory(commodity: Commodity, open_by_token: bool) -> Factory {
    let units = |units| Units::new(units).expect("in range");
    let issuer = |role, byte| Issuer { role, key: pair(byte).public_key() };
    let issuers = [issuer(IssuerRole::Root, ROOT), issuer(IssuerRole::Operational, ISSUER)];
    let gas = commodity == Commodity::Gas;
    Factory {
        meter: METER_ID.parse().expect("a meter number"),
        commodity,
        secret: [METER; 32],
        issuers: heapless::Vec::from_slice(&issuers).expect("two fit"),
        readings_key: Some(pair(STATION).public_key()),
        initial: units(2_000),
        max_credit: units(10_000),
        opening: if gas { OpeningCheck::GAS } else { OpeningCheck::NONE },
        open_by_token: open_by_token && !gas,
    }
}

/// One meter of each kind.
pub(crate) fn factories() -> [Factory; 3] {
    [factory(Commodity::Gas, false), factory(Commodity::Water, false), factory(Commodity::Electricity, true)]
}

/// What does not change from one input to the next.
struct Setting {
    /// New meters, by the low bits of an input's first byte.
    made: Vec<(Flash, bool)>,
    meter_key: PublicKey,
    meter_hash: KeyHash,
    readings_key: ReadingsKey,
}

impl Setting {
    fn new() -> Self {
        let meter_key = pair(METER).public_key();
        let made = factories().map(|factory| {
            (commission(Flash::new(7), &layout(), &factory).expect("a new flash"), factory.open_by_token)
        });
        let meter = METER_ID.parse().expect("a meter number");
        let readings_key = ReadingsKey::agree(&pair(STATION), &meter_key, &meter);
        Self { made: made.to_vec(), meter_hash: meter_key.hash(), readings_key, meter_key }
    }
}

thread_local! {
    static SETTING: Rc<Setting> = Rc::new(Setting::new());
}

pub(crate) fn meter(data: &[u8]) {
    let mut input = Input::new(data);
    let mut bench = Bench::new(input.u8());
    bench.drive(Cause::Other);
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        let cause = bench.happen(&mut input);
        bench.drive(cause);
    }
}

/// What may have opened a valve.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Press,
    Token,
    Other,
}

/// What was seen of a meter and must not be undone.
#[derive(Default)]
struct Seen {
    state: Option<State>,
    /// The last consumption, which a cut may lose besides the bound.
    pulse: i64,
    /// Payloads of receipts by number: a number is used for one content only.
    receipts: BTreeMap<u32, Vec<u8>>,
    last_receipt: u32,
}

struct Bench {
    setting: Rc<Setting>,
    /// None only while it is started anew.
    meter: Option<Meter<Flash>>,
    open_by_token: bool,
    server: MeterServer<u8, 2>,
    station: Station,
    tokens: Vec<Vec<u8>>,
    /// What the meter sent, by whom to.
    sent: Vec<(u8, Vec<u8>)>,
    now_ms: u64,
    message_id: u16,
    valve_open: bool,
    /// More was consumed than a sum holds: out of service is right.
    overflown: bool,
    seen: Seen,
}

impl Bench {
    fn new(kind: u8) -> Self {
        let setting = SETTING.with(Rc::clone);
        let (flash, open_by_token) = setting.made[usize::from(kind) % setting.made.len()].clone();
        Self {
            setting,
            meter: Some(Meter::mount(flash, &layout()).expect("a factory record")),
            open_by_token,
            server: MeterServer::new(1),
            station: Station::default(),
            tokens: Vec::new(),
            sent: Vec::new(),
            now_ms: 0,
            message_id: 0,
            valve_open: false,
            overflown: false,
            seen: Seen::default(),
        }
    }

    fn happen(&mut self, input: &mut Input<'_>) -> Cause {
        let code = input.u8() % 32;
        let now_ms = self.now_ms;
        let meter = self.meter.as_mut().expect("started");
        match code {
            0..=3 => self.pulse(input.amount().min(1 << 20) as i64 * 100),
            4 => self.pulse(input.any()),
            5 => {
                if meter.press_open(now_ms) == Pressed::Opened {
                    return Cause::Press;
                }
            }
            6 => meter.raise_cause(now_ms, ShutCause::ALL[usize::from(input.u8() & 7)]),
            7 => drop(meter.clear_cause(now_ms, ShutCause::ALL[usize::from(input.u8() & 7)])),
            8 => drop(meter.clear_valve_failed(now_ms)),
            9 | 10 => self.wait(later_ms(input)),
            11 => self.restart(),
            12 => meter.flash().cut_after(input.number().into()),
            13 => {
                let (peer, bytes) = (input.u8() & 1, datagram(input));
                self.deliver(peer, &bytes);
                return Cause::Token;
            }
            14 => self.request(input),
            15 => self.reply(input),
            16 => drop(meter.identity(now_ms).map(|identity| assert!(!identity.is_empty()))),
            17 => {
                let receipt = meter.receipt(now_ms).map(<[u8]>::to_vec);
                receipt.iter().for_each(|receipt| self.receipt(receipt));
            }
            18 => {
                let bytes = input.bytes();
                self.token(bytes);
                return Cause::Token;
            }
            19..=22 => {
                let old = self.tokens.get(usize::from(input.u8())).cloned();
                old.iter().for_each(|old| self.token(old));
                return Cause::Token;
            }
            _ => {
                let token = self.station.token(input, &self.setting.meter_hash);
                self.tokens.push(token.clone());
                if code & 1 == 0 {
                    self.token(&token)
                } else {
                    self.post(input, &token)
                }
                return Cause::Token;
            }
        }
        Cause::Other
    }

    fn pulse(&mut self, fine: i64) {
        let meter = self.meter.as_mut().expect("started");
        let consumed = meter.state().map_or(0, |state| state.consumed.0);
        // The balance overflows a little after the sum of consumption.
        self.overflown |= fine > 0 && consumed.checked_add(fine).is_none_or(|sum| sum > i64::MAX / 2);
        self.seen.pulse = fine.max(0);
        meter.consume(self.now_ms, FineCredit(fine));
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms = self.now_ms.saturating_add(ms);
        let (server, sent, now_ms) = (&mut self.server, &mut self.sent, self.now_ms);
        server.poll(now_ms, &mut |peer, bytes| sent.push((peer, bytes.to_vec())));
        // At the end of time everything is due for ever.
        assert!(server.next_due_ms().is_none_or(|due| due > now_ms || now_ms == u64::MAX));
        self.meter.as_mut().expect("started").tick(now_ms);
    }

    fn restart(&mut self) {
        let flash = self.meter.take().expect("started").into_flash();
        flash.power_on();
        self.meter = Some(Meter::mount(flash, &layout()).expect("a factory record"));
        (self.now_ms, self.overflown) = (0, false);
        self.server = MeterServer::new(self.message_id);
        let after = *self.meter.as_ref().and_then(Meter::state).expect("a state");
        let Some(before) = self.seen.state.replace(after) else { return };
        let lost = before.consumed.0.saturating_sub(after.consumed.0);
        let bound = unbilled_bound(self.meter.as_ref().expect("started").commodity()).0;
        assert!(lost < bound.saturating_add(self.seen.pulse), "a cut lost {lost}");
        not_undone(&before, &after);
    }

    fn token(&mut self, bytes: &[u8]) {
        let meter = self.meter.as_mut().expect("started");
        let answer = meter.token(self.now_ms, bytes).map(|answer| answer.receipt.to_vec());
        answer.iter().for_each(|receipt| self.receipt(receipt));
    }

    /// A token over CoAP, in a message that may have been sent before.
    fn post(&mut self, input: &mut Input<'_>, token: &[u8]) {
        let how = input.u8();
        self.message_id = self.message_id.wrapping_add(u16::from(how & 3 != 3));
        let [high, low] = self.message_id.to_be_bytes();
        let kind = if how & 4 == 0 { 0x40 } else { 0x50 };
        let mut bytes = vec![kind, 2, high, low, 0xb5];
        bytes.extend(b"token\x11\x12\xff");
        bytes.extend(token);
        self.deliver(how >> 3 & 1, &bytes);
    }

    fn request(&mut self, input: &mut Input<'_>) {
        const PATHS: [&[u8]; 8] = [
            b"\xb5meter",
            b"\xb5meter",
            b"\xb7receipt",
            b"\xbb.well-known\x04core",
            b"\xb6report",
            b"\xb5clock",
            b"\xb6ticket",
            b"\xb5token",
        ];
        let how = input.u8();
        self.message_id = self.message_id.wrapping_add(u16::from(how & 0x40 == 0));
        let [high, low] = self.message_id.to_be_bytes();
        let mut bytes = vec![0x40 | how & 0x10, 1 + (how >> 5 & 1), high, low];
        bytes.extend(PATHS[usize::from(how & 7)]);
        if how & 8 != 0 {
            // ?c=<16 hexadecimal digits>, 18 bytes.
            bytes.extend(b"\x4d\x05c=");
            bytes.extend(format!("{:016x}", input.any::<u64>()).bytes());
        }
        if how & 0x80 != 0 {
            bytes.extend(input.bytes());
        }
        self.deliver(how >> 4 & 1, &bytes);
    }

    /// An acknowledgement or a reset for something that was sent.
    fn reply(&mut self, input: &mut Input<'_>) {
        let how = input.u8();
        let Some((peer, bytes)) = self.sent.iter().rev().nth(usize::from(how & 7)).cloned() else { return };
        let kind = if how & 8 == 0 { 0x60 } else { 0x70 };
        let reply = [kind, 0, bytes[2], bytes[3]];
        self.deliver(peer, &reply);
    }

    fn deliver(&mut self, peer: u8, datagram: &[u8]) {
        let (meter, sent) = (self.meter.as_mut().expect("started"), &mut self.sent);
        let before = sent.len();
        let jitter = self.message_id.to_be_bytes()[1];
        self.server.handle(meter, self.now_ms, jitter, peer, datagram, &mut |peer, bytes| {
            sent.push((peer, bytes.to_vec()));
        });
        for (_, bytes) in self.sent.split_off(before) {
            assert!(bytes.len() <= MAX_MESSAGE_BYTES);
            let message = Message::parse(&bytes).expect("a meter sends messages");
            assert!(message.kind != Kind::Rst || message.payload.is_empty());
            self.receipt(message.payload);
            self.sent.push((peer, bytes));
        }
    }

    /// Looks at what may be a receipt.
    fn receipt(&mut self, bytes: &[u8]) {
        let Ok((signed, receipt)) = Receipt::parse(bytes) else { return };
        let setting = &self.setting;
        let number = receipt.number;
        let known = self.seen.receipts.entry(number).or_insert_with(|| signed.payload.to_vec());
        assert_eq!(known, signed.payload, "receipt {number} with two contents");
        // Signatures are slow; the same code makes all of them.
        if number % 8 == 1 {
            assert!(Receipt::verified(bytes, &setting.meter_key, &setting.meter_hash).is_ok());
        }
        let readings = setting.readings_key.open(number, &receipt.readings).expect("readings open");
        let sums = receipt.sums;
        let sum = sums.initial.0 + receipt.total.fine().0 - sums.withdrawn.0 - sums.charged.0 - readings.consumed.0;
        assert_eq!(readings.balance.0, sum, "the sum of a receipt");
        self.seen.last_receipt = self.seen.last_receipt.max(number);
    }

    /// Does what a port does after each call, and checks what must hold then.
    fn drive(&mut self, cause: Cause) {
        let meter = self.meter.as_mut().expect("started");
        match meter.take_valve_command() {
            Some(ValveCommand::Open) => {
                assert!(cause == Cause::Press || (cause == Cause::Token && self.open_by_token), "opened by itself");
                assert!(meter.commodity() != Commodity::Gas || cause == Cause::Press, "gas without a press");
                assert!(meter.flags().causes.is_empty());
                self.valve_open = true;
            }
            Some(ValveCommand::Shut) => self.valve_open = false,
            None => {}
        }
        meter.tick(self.now_ms);
        if meter.flash().is_cut() {
            self.restart();
            return self.drive(Cause::Other);
        }
        assert!(meter.fault().is_none() || self.overflown);
        let flags = meter.flags();
        assert!(!self.valve_open || flags.open, "the valve is never open where the meter says shut");
        if meter.fault().is_some() {
            return;
        }
        let state = *meter.state().expect("in service");
        assert!(state.sums_hold());
        assert!(!flags.open || (flags.causes.is_empty() && !flags.armed));
        assert_eq!(flags.armed, !flags.open && flags.causes.is_empty(), "shut without a cause is armed");
        assert!(state.balance.0 > 0 || flags.causes.contains(ShutCause::NoCredit));
        assert!(state.receipt_number >= self.seen.last_receipt);
        if let Some(before) = self.seen.state.replace(state) {
            assert!(state.consumed >= before.consumed);
            not_undone(&before, &state);
        }
    }
}

/// What no event and no power cut may take back.
fn not_undone(before: &State, after: &State) {
    assert!(after.total >= before.total, "a total never falls");
    let number = |state: &State| (state.registers.epoch, state.registers.credit);
    assert!(number(after) >= number(before), "a number never falls");
    assert!(after.total == before.total || number(after) > number(before), "one total for each number");
    assert!(after.receipt_number >= before.receipt_number);
    assert!(after.sums.withdrawn >= before.sums.withdrawn && after.sums.charged >= before.sums.charged);
    assert_eq!(after.sums.initial, before.sums.initial);
}
