//! The state that a row begins with, in the words of its first column.

use crate::bench::DAY;
use crate::support;
use coinless_meter::Factory;
use coinless_protocol::settings::{SensorSet, Settings};
use coinless_protocol::state::ShutCause;
use coinless_protocol::tariff::{Debt, Price, Step, Switch, Tariff};
use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
use coinless_protocol::{Commodity, CreditKind, Currency, FINE_PER_UNIT, FineCredit};

/// How the valve stands when the row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// As it was made: shut.
    New,
    /// Open, and the opening check has passed.
    Open,
    /// Opened a moment ago.
    Checking,
}

/// A meter as a row begins with it. Amounts are in whole units.
#[derive(Debug, Clone)]
pub struct Setup {
    commodity: Commodity,
    initial: u64,
    by_money: bool,
    /// Money that is loaded.
    pub money: i64,
    pub on_battery: bool,
    open_by_token: bool,
    pub settings: Settings,
    pub tariff: Tariff,
    /// Whether the clock is known, if it was ever set.
    pub clock: Option<bool>,
    /// The hour at which the clock is set.
    pub hour: u8,
    pub stand: Stand,
    pub tripped: u32,
    pub used: i64,
    pub emergency_taken: bool,
    pub used_after: i64,
    pub command: bool,
    pub raised: Vec<ShutCause>,
    pub closed: bool,
    pub restarted: bool,
    pub flow_while_shut: bool,
}

/// The kinds of meter that a row is about.
pub fn commodities(state: &str) -> Vec<Commodity> {
    match state.split(", ").next() {
        Some("gas") => vec![Commodity::Gas],
        Some("water") => vec![Commodity::Water],
        Some("electricity") => vec![Commodity::Electricity],
        Some("water or electricity") => vec![Commodity::Water, Commodity::Electricity],
        _ => vec![Commodity::Gas, Commodity::Water, Commodity::Electricity],
    }
}

impl Setup {
    pub fn parse(commodity: Commodity, state: &str) -> Result<Self, String> {
        let mut setup = Self {
            commodity,
            initial: 100,
            by_money: false,
            money: 0,
            on_battery: false,
            open_by_token: false,
            settings: Settings::default(),
            tariff: Tariff::default(),
            clock: None,
            hour: 20,
            stand: Stand::New,
            tripped: 0,
            used: 0,
            emergency_taken: false,
            used_after: 0,
            command: false,
            raised: Vec::new(),
            closed: false,
            restarted: false,
            flow_while_shut: false,
        };
        for phrase in state.split(", ") {
            let words: Vec<_> = phrase.split(' ').collect();
            let known = setup.kind(&words).or_else(|| setup.happened(&words)).or_else(|| setup.set(&words));
            known.or_else(|| setup.priced(&words)).ok_or_else(|| format!("unknown state '{phrase}'"))?;
        }
        Ok(setup)
    }

    pub fn factory(&self) -> Factory {
        let euro = CreditKind::Money(Currency::new(*b"EUR", 2).unwrap());
        Factory {
            credit: if self.by_money { euro } else { CreditKind::Unit },
            initial: support::units(if self.by_money { 0 } else { self.initial }),
            open_by_token: self.open_by_token,
            ..support::factory(self.commodity)
        }
    }

    /// What kind of meter it is, and how its valve stands.
    fn kind(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["any", "meter"] | ["gas" | "water" | "electricity"] | ["water", "or", "electricity"] => {}
            ["credit", units] => self.initial = number(units)?,
            ["on", "a", "battery"] => self.on_battery = true,
            ["new"] => self.stand = Stand::New,
            ["open"] => self.stand = Stand::Open,
            ["just", "opened"] => self.stand = Stand::Checking,
            ["token", "may", "open"] => self.open_by_token = true,
            ["clock", "known"] => self.clock = Some(true),
            ["clock", "not", "known"] => self.clock = Some(false),
            [hour] if hour.ends_with(":00") => self.hour = hour.split(':').next()?.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// What has happened to it.
    fn happened(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["used", units] => self.used = number(units)?,
            ["then", units] => self.used_after = number(units)?,
            ["emergency", "credit", "taken"] => self.emergency_taken = true,
            ["commanded", "shut"] => self.command = true,
            ["closed"] => self.closed = true,
            ["restarted"] => self.restarted = true,
            ["opened", "into", "flow"] => self.tripped = 1,
            ["opened", "into", "flow", "twice"] => self.tripped = 2,
            ["valve", "failed"] => self.flow_while_shut = true,
            ["held", "for", cause @ ..] => self.raised.push(cause_of(&cause.join(" "))?),
            _ => return None,
        }
        Some(())
    }

    /// What its settings say.
    fn set(&mut self, words: &[&str]) -> Option<()> {
        let settings = &mut self.settings;
        let today = Days::new(DAY as u16, DAY as u16)?;
        match words {
            ["levels", low, "and", very_low] => {
                (settings.low_credit, settings.very_low_credit) = (number(low)?, number(very_low)?);
            }
            ["emergency", units] => settings.emergency = number(units)?,
            ["friendly", "nights", "by", cap] => {
                settings.friendly_cap = number(cap)?;
                let period = WeeklyPeriod { days: Weekdays::ALL, from: HalfHour::new(44)?, to: HalfHour::new(12)? };
                settings.friendly.push(period).ok()?;
            }
            ["friendly", "today", "by", cap] => {
                settings.friendly_cap = number(cap)?;
                settings.friendly_days.push(today).ok()?;
            }
            ["no", "cut", "today"] => settings.no_cut.push(today).ok()?,
            ["no", "cut", "today", "by", cap] => {
                settings.no_cut_cap = number(cap)?;
                settings.no_cut.push(today).ok()?;
            }
            ["flow", "limit", units] => settings.excess_flow = number(units)?,
            ["leak", "after", hours, "h"] => settings.leak_h = number(hours)?,
            ["disuse", "after", days, "days"] => settings.disuse_days = number(days)?,
            ["load", "limit", watts, "W", "for", seconds, "s"] => {
                (settings.load_limit_w, settings.load_limit_s) = (number(watts)?, number(seconds)?);
            }
            ["sensors", "only", "count"] => settings.shut_on = SensorSet::NONE,
            ["corrected", "by", ppm, "ppm"] => settings.correction_ppm = number(ppm)?,
            ["largest", "credit", units] => settings.max_credit = Some(support::units(number(units)?)),
            _ => return None,
        }
        Some(())
    }

    /// What its tariff says.
    fn priced(&mut self, words: &[&str]) -> Option<()> {
        let fine = |units: u32| units * FINE_PER_UNIT as u32;
        let (nights, days) = (HalfHour::new(44)?, HalfHour::new(14)?);
        match words {
            // By night 10, by day and without a clock 30 for a thousand; beyond 1000 in a month 5 more.
            ["money", "without", "prices"] => self.by_money = true,
            ["money", units] => {
                (self.by_money, self.money) = (true, number(units)?);
                self.tariff.rates = [10, 30].into_iter().map(|price| Price(fine(price))).collect();
                self.tariff.steps.push(Step { from: 1, more: Price(fine(5)) }).ok()?;
                for (at, rate) in [(days, 1), (nights, 0)] {
                    self.tariff.switches.push(Switch { days: Weekdays::ALL, at, rate }).ok()?;
                }
                self.tariff.rate_without_clock = 1;
            }
            ["standing", units, "a", "day"] => self.tariff.standing_per_day = fine(number(units)?),
            ["debt", total, rest @ ..] => {
                let total = FineCredit(number::<i64>(total)? * FINE_PER_UNIT);
                self.tariff.debt = match rest {
                    ["with", units, "a", "day"] => Debt { total, per_day: fine(number(units)?), per_cent: 0 },
                    ["with", per_cent, "%"] => Debt { total, per_day: 0, per_cent: number(per_cent)? },
                    _ => return None,
                };
            }
            _ => return None,
        }
        Some(())
    }
}

/// A number.
pub fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

/// The cause with these words.
pub fn cause_of(words: &str) -> Option<ShutCause> {
    ShutCause::ALL.into_iter().find(|cause| cause.words() == words)
}
