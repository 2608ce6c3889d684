//! The whole core over a flash with power cuts, with everything that can happen to a meter in any order.

mod checks;
mod events;

use crate::input::Input;
use crate::tokens::{ISSUER, METER, METER_ID, ROOT, STATION, Station, pair};
use checks::Seen;
use coinless_meter::ram_flash::RamFlash;
use coinless_meter::{
    Factory, Issuer, IssuerRole, Layout, Meter, MeterServer, OpeningCheck, WorkLimit, commission, unbilled_bound,
};
use coinless_protocol::keys::{KeyHash, PublicKey};
use coinless_protocol::readings::ReadingsKey;
use coinless_protocol::{Commodity, CreditKind, Currency, Units};
use std::rc::Rc;

/// Most events of one input.
const MAX_EVENTS: usize = 96;

/// One sector for the factory record, four groups of two slots for the journal of states, three for that of terms: as many as
/// withstand every cut.
type Flash = RamFlash<5632, 4, 512>;

fn layout() -> Layout {
    Layout { factory: 0..512, journal: 512..2560, terms: 2560..5632 }
}

/// A meter of `commodity` with small limits, so that events reach them. One that counts money has none before it has prices.
pub(crate) fn factory(commodity: Commodity, credit: CreditKind) -> Factory {
    let units = |units| Units::new(units).expect("in range");
    let issuer = |role, byte| Issuer { role, key: pair(byte).public_key() };
    let issuers = [issuer(IssuerRole::Root, ROOT), issuer(IssuerRole::Operational, ISSUER)];
    let gas = commodity == Commodity::Gas;
    Factory {
        meter: METER_ID.parse().expect("a meter number"),
        commodity,
        credit,
        secret: [METER; 32],
        issuers: heapless::Vec::from_slice(&issuers).expect("two fit"),
        readings_key: Some(pair(STATION).public_key()),
        initial: units(if credit == CreditKind::Unit { 2_000 } else { 0 }),
        max_credit: units(10_000),
        opening: if gas { OpeningCheck::GAS } else { OpeningCheck::NONE },
        open_by_token: commodity == Commodity::Electricity,
    }
}

/// One meter of each kind, by the low bits of an input's first byte.
pub(crate) fn factories() -> [Factory; 4] {
    let money = CreditKind::Money(Currency::new(*b"KES", 2).expect("a currency"));
    [
        factory(Commodity::Gas, CreditKind::Unit),
        factory(Commodity::Water, CreditKind::Unit),
        factory(Commodity::Electricity, money),
        factory(Commodity::Gas, money),
    ]
}

/// What does not change from one input to the next.
struct Setting {
    made: [(Flash, Factory); 4],
    meter_key: PublicKey,
    meter_hash: KeyHash,
    readings_key: ReadingsKey,
}

impl Setting {
    fn new() -> Self {
        let meter_key = pair(METER).public_key();
        let made =
            factories().map(|factory| (commission(Flash::new(7), &layout(), &factory).expect("a new flash"), factory));
        let meter = METER_ID.parse().expect("a meter number");
        let readings_key = ReadingsKey::agree(&pair(STATION), &meter_key, &meter);
        Self { made, meter_hash: meter_key.hash(), readings_key, meter_key }
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

/// A meter, its physical valve, what its peers did, and what must not be undone.
struct Bench {
    setting: Rc<Setting>,
    /// None only while it is started anew.
    meter: Option<Meter<Flash>>,
    work: WorkLimit,
    open_by_token: bool,
    server: MeterServer<u8, 2>,
    station: Station,
    tokens: Vec<Vec<u8>>,
    /// What the meter sent, and to whom.
    sent: Vec<(u8, Vec<u8>)>,
    now_ms: u64,
    message_id: u16,
    valve_open: bool,
    /// So much was consumed at once that a sum may be out of range: out of service is right.
    overflown: bool,
    seen: Seen,
}

impl Bench {
    fn new(kind: u8) -> Self {
        let setting = SETTING.with(Rc::clone);
        let (flash, factory) = setting.made[usize::from(kind & 3)].clone();
        let work = if kind & 4 == 0 { WorkLimit::MAINS } else { WorkLimit::BATTERY };
        Self {
            setting,
            meter: Some(mounted(flash, work)),
            work,
            open_by_token: factory.open_by_token,
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

    fn meter(&mut self) -> &mut Meter<Flash> {
        self.meter.as_mut().expect("started")
    }

    /// A power cut now, and the power on again. `clock_s` is what the port's clock says then, if it has one that went on.
    fn restart(&mut self, clock_s: Option<u64>) {
        let flash = self.meter.take().expect("started").into_flash();
        flash.power_on();
        let mut meter = mounted(flash, self.work);
        if let Some(clock_s) = clock_s {
            meter.clock_went_on(0, clock_s);
        }
        (self.now_ms, self.overflown) = (0, false);
        self.server = MeterServer::new(self.message_id);
        self.seen.restarted(&meter, unbilled_bound(meter.commodity()));
        self.meter = Some(meter);
    }
}

fn mounted(flash: Flash, work: WorkLimit) -> Meter<Flash> {
    let mut meter = Meter::mount(flash, &layout()).expect("a factory record");
    meter.limit_work(work);
    meter
}
