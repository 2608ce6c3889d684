//! What the meter watches over time: excess flow, leaks, load, disuse, and what the sensors report.

use crate::charges::fine;
use crate::meter::Meter;
use coinless_protocol::FineCredit;
use coinless_protocol::keys::MeterKey;
use coinless_protocol::report::Event;
use coinless_protocol::settings::{Sensor, SensorSet};
use coinless_protocol::state::ShutCause;
use embedded_storage::nor_flash::NorFlash;

/// Flow is summed up over this time and compared with the limit of excess flow.
pub const EXCESS_WINDOW_MS: u64 = 60_000;
/// A pause of this length shows that there is no leak.
pub const LEAK_PAUSE_MS: u64 = 1_800_000;

const HOUR_MS: u64 = 3_600_000;

/// What was seen since the start. Nothing of it survives a power cut.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    window_ms: u64,
    in_window: i64,
    /// When flow without a pause began, and when it was last seen; none before the first.
    run: Option<(u64, u64)>,
    leak_told: bool,
    over_load_ms: Option<u64>,
    active: SensorSet,
}

impl<F: NorFlash, K: MeterKey> Meter<F, K> {
    /// A sensor began or ceased to report; after a start the port says of each how it stands. What it does is said by the
    /// settings; each beginning is counted. A low battery that is good again, also one that was changed while the meter was off,
    /// clears its own cause; tamper stays. [`Sensor::Leak`] is the meter's own and ignored here. The port waits until a sensor is
    /// steady: each beginning and each end of a low battery is a record in the flash.
    pub fn sensor(&mut self, now_ms: u64, sensor: Sensor, active: bool) {
        self.tick(now_ms);
        let (event, cause) = match sensor {
            Sensor::Cover => (Event::Cover, ShutCause::Tamper),
            Sensor::Magnet => (Event::Magnet, ShutCause::Tamper),
            Sensor::ReverseFlow => (Event::ReverseFlow, ShutCause::Tamper),
            Sensor::LowBattery => (Event::LowBattery, ShutCause::LowBattery),
            Sensor::Leak => return,
        };
        if self.in_service().is_err() {
            return;
        }
        let before = self.flowing.active;
        self.flowing.active = if active { before.with(sensor) } else { before.without(sensor) };
        match (active, sensor) {
            (true, _) if !before.contains(sensor) => {
                self.count(event);
                if self.terms.settings.shut_on.contains(sensor) {
                    self.hold_shut(now_ms, cause);
                }
            }
            // A failure puts the meter out of service.
            (false, Sensor::LowBattery) => drop(self.clear_cause(now_ms, cause)),
            _ => {}
        }
    }

    /// The power that flows now, in W, to be told about once a second by an electricity meter. More than the limit for its time
    /// shuts the relay; a person closes it again.
    pub fn load(&mut self, now_ms: u64, power_w: u32) {
        self.tick(now_ms);
        let (limit_w, limit_s) = (self.terms.settings.load_limit_w, self.terms.settings.load_limit_s);
        let over = limit_w > 0 && power_w > limit_w;
        if !over || !self.state.flags.open || self.in_service().is_err() {
            self.flowing.over_load_ms = None;
            return;
        }
        let since_ms = *self.flowing.over_load_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) >= u64::from(limit_s).saturating_mul(1_000) {
            self.flowing.over_load_ms = None;
            self.count(Event::LoadTrip);
            self.trip(now_ms);
        }
    }

    /// Something flowed: is it too much, or a leak?
    pub(crate) fn watch_flow(&mut self, now_ms: u64, measured: FineCredit) {
        self.watch_excess(now_ms, measured);
        let began_ms = match self.flowing.run {
            Some((began_ms, last_ms)) if now_ms.saturating_sub(last_ms) < LEAK_PAUSE_MS => began_ms,
            _ => {
                self.flowing.leak_told = false;
                now_ms
            }
        };
        self.flowing.run = Some((began_ms, now_ms));
        let leak_ms = u64::from(self.terms.settings.leak_h).saturating_mul(HOUR_MS);
        if leak_ms > 0 && now_ms.saturating_sub(began_ms) >= leak_ms && !self.flowing.leak_told {
            self.flowing.leak_told = true;
            self.count(Event::Leak);
            if self.terms.settings.shut_on.contains(Sensor::Leak) {
                // What flows after a technician was there is looked at anew.
                self.flowing.run = None;
                self.hold_shut(now_ms, ShutCause::Flow);
            }
        }
    }

    fn watch_excess(&mut self, now_ms: u64, measured: FineCredit) {
        let limit = fine(self.terms.settings.excess_flow);
        if limit == 0 {
            return;
        }
        if now_ms.saturating_sub(self.flowing.window_ms) >= EXCESS_WINDOW_MS {
            (self.flowing.window_ms, self.flowing.in_window) = (now_ms, 0);
        }
        self.flowing.in_window = self.flowing.in_window.saturating_add(measured.0);
        if self.flowing.in_window > limit && !self.state.flags.causes.contains(ShutCause::Flow) {
            self.flowing.in_window = 0;
            self.count(Event::ExcessFlow);
            self.hold_shut(now_ms, ShutCause::Flow);
        }
    }

    /// Shuts the valve if nothing was used for long. `day` is the local day.
    pub(crate) fn look_for_disuse(&mut self, now_ms: u64, day: u32) {
        // Nothing was used on a day that is yet to come: the clock was wrong and has been put back.
        if self.state.used_day == 0 || self.state.used_day > day {
            self.state.used_day = day;
        }
        let limit = u32::from(self.terms.settings.disuse_days);
        let unused = day.saturating_sub(self.state.used_day);
        if limit > 0 && unused >= limit && !self.state.flags.causes.contains(ShutCause::Disuse) {
            self.count(Event::Disuse);
            self.hold_shut(now_ms, ShutCause::Disuse);
        }
    }
}
