//! What happens to a meter: the rules of `docs/meter.md`, plainly.

use crate::calendar::Moment;
use crate::model::{Model, Now, Use};
use coinless_protocol::report::Event;
use coinless_protocol::settings::Sensor;
use coinless_protocol::state::{ShutCause, ShutCauses};

/// Days that are charged at once.
const MOST_DAYS: u32 = 92;
/// Flow so long after the valve was told to shut is no failure.
const TRAVEL_MS: u64 = 10_000;
/// A pause so long shows that there is no leak.
const PAUSE_MS: u64 = 30 * 60_000;

fn fine(units: u32) -> i128 {
    i128::from(units) * 1_000
}

impl Model {
    /// Starts, with what was kept. `clock` is what the port's clock says if it went on.
    pub fn start(&mut self, clock: Option<u64>) {
        self.now = Now::at_start(self.facts.clock);
        self.now.stock = if self.made.on_battery { self.facts.stock.clamp(2, 12) } else { 100 };
        self.count(Event::Start);
        let rightly_open = self.facts.open && self.facts.causes.is_empty() && !self.facts.checking;
        if !rightly_open {
            // An opening that was not watched to its end is repeated by a person.
            self.facts.by_hand |= self.facts.checking;
            self.shut();
        }
        if let Some(unix_s) =
            clock.filter(|unix_s| self.facts.clock_known && *unix_s >= self.facts.clock && *unix_s > 0)
        {
            (self.now.clock_from, self.now.clock_known) = ((unix_s, 0), true);
        }
    }

    /// Time has come so far.
    pub fn tick(&mut self) {
        if !self.now.started {
            self.now.started = true;
            if self.facts.clock_known && !self.now.clock_known {
                self.facts.clock_known = false;
                self.count(Event::ClockLost);
            }
            self.note();
        }
        if self.now.check.is_some_and(|(until_ms, _)| self.now.now_ms >= until_ms) {
            self.now.check = None;
            (self.facts.checking, self.facts.openings) = (false, 0);
            self.note();
        }
        self.facts.clock = self.clock();
        self.fill_stock();
        if let Some(moment) = self.at_least() {
            self.begin_days(&moment);
            self.note();
            self.look_for_disuse(moment.day);
        }
        self.look_at_balance();
        self.note();
    }

    fn begin_days(&mut self, moment: &Moment) {
        if self.facts.month != moment.month {
            (self.facts.month, self.facts.months) = (moment.month, self.facts.months + 1);
        }
        let first_known = self.facts.charged_day == 0;
        // What was charged ahead because the clock was wrong is no more than this.
        let charged = self.facts.charged_day.min(moment.day + MOST_DAYS);
        self.facts.charged_day = charged.max(moment.day);
        let days = moment.day.saturating_sub(charged).min(MOST_DAYS);
        if first_known || self.facts.closed || days == 0 {
            return;
        }
        let standing = i128::from(self.tariff().standing_per_day) * i128::from(days);
        let debt = (i128::from(self.tariff().debt.per_day) * i128::from(days)).min(self.debt());
        self.facts.charges.extend([standing, debt]);
        self.facts.debts.push(debt);
    }

    fn look_for_disuse(&mut self, day: u32) {
        if self.facts.used_day == 0 || self.facts.used_day > day {
            self.facts.used_day = day;
        }
        let limit = u32::from(self.settings().disuse_days);
        if limit > 0 && day - self.facts.used_day >= limit && !self.facts.causes.contains(ShutCause::Disuse) {
            self.count(Event::Disuse);
            self.hold(ShutCause::Disuse);
        }
    }

    /// At or below this the credit is used up.
    fn floor(&self) -> i128 {
        if self.facts.emergency { -fine(self.settings().emergency) } else { 0 }
    }

    /// How far below the floor the valve stays open now; none for without end.
    fn leniency(&self) -> Option<i128> {
        let Some(moment) = self.known() else { return Some(0) };
        let settings = self.settings();
        let friendly = if moment.is_friendly(settings) { fine(settings.friendly_cap) } else { 0 };
        match (moment.is_without_cut(settings), settings.no_cut_cap) {
            (true, 0) => None,
            (true, cap) => Some(friendly.max(fine(cap))),
            (false, _) => Some(friendly),
        }
    }

    fn look_at_balance(&mut self) {
        let (balance, floor) = (self.balance(), self.floor());
        let is_cut = self.facts.causes.contains(ShutCause::NoCredit);
        let spared = self.leniency().is_none_or(|cap| balance > floor - cap);
        if !spared && !is_cut {
            self.count(Event::CreditUsedUp);
            self.hold(ShutCause::NoCredit);
        }
        let friendly = balance <= floor && spared && !is_cut;
        if friendly && !self.facts.friendly {
            self.count(Event::FriendlyCredit);
        }
        self.facts.friendly = friendly;
        let settings = self.settings();
        let alarm = match balance {
            balance if balance <= fine(settings.very_low_credit) => 2,
            balance if balance <= fine(settings.low_credit) => 1,
            _ => 0,
        };
        if alarm > self.facts.alarm {
            self.count(Event::LowCredit);
        }
        self.facts.alarm = alarm;
    }

    /// A cause holds the valve shut from now on. After any but used-up credit a person has to open it.
    pub fn hold(&mut self, cause: ShutCause) {
        if self.facts.causes.contains(cause) {
            return;
        }
        self.facts.causes = self.facts.causes.with(cause);
        self.facts.by_hand |= cause != ShutCause::NoCredit;
        self.shut();
    }

    /// The valve is driven shut.
    pub fn shut(&mut self) {
        (self.facts.open, self.facts.checking) = (false, false);
        (self.now.check, self.now.shut_ms) = (None, Some(self.now.now_ms));
    }

    /// The valve is driven open.
    pub fn open(&mut self) {
        self.facts.open = true;
        self.facts.checking = self.made.opening.is_some();
        self.now.check = self.made.opening.map(|(_, ms)| (self.now.now_ms + ms, 0));
        (self.now.flow_seen, self.now.shut_ms) = (false, None);
    }

    /// `measured` thousandths flow.
    pub fn consume(&mut self, measured: i128) {
        self.tick();
        if measured <= 0 {
            return;
        }
        let ppm = i128::from(self.settings().correction_ppm);
        let used = Use { measured, ppm, price: self.price(), month: self.facts.months };
        self.facts.uses.push(used);
        if let Some(moment) = self.at_least() {
            self.facts.used_day = moment.day;
        }
        self.watch_flow(measured);
        if self.facts.open {
            self.now.flow_seen = true;
            self.watch_opening(measured);
        } else {
            self.flow_while_shut();
        }
        self.look_at_balance();
        self.note();
    }

    fn watch_flow(&mut self, measured: i128) {
        let (now_ms, limit) = (self.now.now_ms, fine(self.settings().excess_flow));
        if limit > 0 {
            if now_ms - self.now.minute.0 >= 60_000 {
                self.now.minute = (now_ms, 0);
            }
            self.now.minute.1 += measured;
            if self.now.minute.1 > limit && !self.facts.causes.contains(ShutCause::Flow) {
                self.now.minute.1 = 0;
                self.count(Event::ExcessFlow);
                self.hold(ShutCause::Flow);
            }
        }
        let (began_ms, told) = match self.now.run {
            Some((began_ms, last_ms, told)) if now_ms - last_ms < PAUSE_MS => (began_ms, told),
            _ => (now_ms, false),
        };
        self.now.run = Some((began_ms, now_ms, told));
        let leak_ms = u64::from(self.settings().leak_h) * 3_600_000;
        if leak_ms > 0 && now_ms - began_ms >= leak_ms && !told {
            self.count(Event::Leak);
            let shuts = self.settings().shut_on.contains(Sensor::Leak);
            self.now.run = (!shuts).then_some((began_ms, now_ms, true));
            if shuts {
                self.hold(ShutCause::Flow);
            }
        }
    }

    fn watch_opening(&mut self, measured: i128) {
        let (Some((_, flowed)), Some((allowed, _))) = (&mut self.now.check, self.made.opening) else { return };
        *flowed += measured;
        if *flowed > allowed {
            self.facts.openings = (self.facts.openings + 1).min(3);
            self.count(Event::UncontrolledFlow);
            self.trip();
            if self.facts.openings == 3 {
                self.hold(ShutCause::Flow);
            }
        }
    }

    /// Shut, and a person may open at once.
    fn trip(&mut self) {
        self.facts.by_hand = true;
        self.shut();
    }

    fn flow_while_shut(&mut self) {
        let moving = self.now.shut_ms.is_some_and(|shut_ms| self.now.now_ms - shut_ms < TRAVEL_MS);
        if !moving && !self.facts.valve_failed {
            self.facts.valve_failed = true;
            self.count(Event::ValveFailed);
            self.shut();
        }
    }

    /// A person presses; gives whether the valve is opened, or what holds it shut.
    pub fn press(&mut self) -> Result<bool, ShutCauses> {
        self.tick();
        self.now.pressed = Some((6, self.now.now_ms));
        if !self.facts.causes.is_empty() {
            return Err(self.facts.causes);
        }
        if self.facts.open && (self.now.flow_seen || self.now.check.is_some()) {
            return Ok(false);
        }
        self.facts.by_hand = false;
        self.open();
        self.note();
        Ok(true)
    }

    pub fn offers_emergency(&self) -> bool {
        let (settings, balance) = (self.settings(), self.balance());
        let helps = settings.emergency > 0 && balance > -fine(settings.emergency);
        helps && balance <= fine(settings.low_credit) && !self.facts.emergency && !self.facts.closed
    }

    /// A person takes emergency credit; gives whether there was any.
    pub fn take_emergency(&mut self) -> bool {
        self.tick();
        self.now.pressed = Some((6, self.now.now_ms));
        let offered = self.offers_emergency();
        if offered {
            (self.facts.emergency, self.facts.friendly) = (true, false);
            self.facts.causes = self.facts.causes.without(ShutCause::NoCredit);
            self.count(Event::EmergencyTaken);
            self.note();
        }
        offered
    }

    /// Something at the meter holds the valve shut.
    pub fn raise(&mut self, cause: ShutCause) {
        self.tick();
        if cause != ShutCause::NoCredit {
            self.hold(cause);
        }
        self.note();
    }

    /// A technician at the meter clears a cause; gives whether he may.
    pub fn clear(&mut self, cause: ShutCause) -> bool {
        self.tick();
        if cause == ShutCause::NoCredit {
            return false;
        }
        self.facts.causes = self.facts.causes.without(cause);
        match cause {
            ShutCause::Flow => self.facts.openings = 0,
            ShutCause::Disuse => self.facts.used_day = 0,
            _ => {}
        }
        self.note();
        true
    }

    /// A technician has repaired the valve.
    pub fn repair(&mut self) {
        self.tick();
        self.facts.valve_failed = false;
        self.note();
    }

    /// A sensor begins or ceases to report.
    pub fn sense(&mut self, sensor: Sensor, active: bool) {
        self.tick();
        let (event, cause) = match sensor {
            Sensor::Cover => (Event::Cover, ShutCause::Tamper),
            Sensor::Magnet => (Event::Magnet, ShutCause::Tamper),
            Sensor::ReverseFlow => (Event::ReverseFlow, ShutCause::Tamper),
            Sensor::LowBattery => (Event::LowBattery, ShutCause::LowBattery),
            Sensor::Leak => return,
        };
        let was_active = self.now.sensors.contains(sensor);
        self.now.sensors = if active { self.now.sensors.with(sensor) } else { self.now.sensors.without(sensor) };
        if active && !was_active {
            self.count(event);
            if self.settings().shut_on.contains(sensor) {
                self.hold(cause);
            }
        }
        if !active && sensor == Sensor::LowBattery {
            self.facts.causes = self.facts.causes.without(ShutCause::LowBattery);
        }
        self.note();
    }

    /// So much power flows.
    pub fn load(&mut self, power_w: u32) {
        self.tick();
        let (limit_w, limit_s) = (self.settings().load_limit_w, self.settings().load_limit_s);
        let over = limit_w > 0 && power_w > limit_w && self.facts.open;
        self.now.over_load_ms = over.then(|| self.now.over_load_ms.unwrap_or(self.now.now_ms));
        let over_ms = self.now.over_load_ms.map(|since_ms| self.now.now_ms - since_ms);
        if over_ms.is_some_and(|over_ms| over_ms >= u64::from(limit_s) * 1_000) {
            self.now.over_load_ms = None;
            self.count(Event::LoadTrip);
            self.trip();
        }
        self.note();
    }
}
