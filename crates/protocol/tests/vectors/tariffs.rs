//! Contents of the tariff register.

use crate::file::check;
use crate::support::{hex, unhex};
use coinless_protocol::FineCredit;
use coinless_protocol::tariff::{Debt, Price, Step, Switch, Tariff};
use coinless_protocol::weekly::{HalfHour, Weekdays};
use serde::{Deserialize, Serialize};

/// A tariff in fields and bytes.
#[derive(Serialize, Deserialize)]
pub struct TariffVector {
    pub name: String,
    /// Prices, thousandths of a minor unit per m³ or kWh.
    pub rates: Vec<u32>,
    /// From and more.
    pub steps: Vec<[u32; 2]>,
    /// Weekdays, half hour, rate.
    pub switches: Vec<[u8; 3]>,
    pub rate_without_clock: u8,
    pub standing_per_day: u32,
    pub debt_total: i64,
    pub debt_per_day: u32,
    pub debt_per_cent: u8,
    pub content: String,
    pub content_bytes: usize,
}

/// A switch time; `days` as bits, bit 0 Monday.
pub fn switch(days: u8, half_hour: u8, rate: u8) -> Switch {
    Switch { days: Weekdays::from_bits(days).unwrap(), at: HalfHour::new(half_hour).unwrap(), rate }
}

/// The tariff of a meter that charges nothing but what is measured, at one price.
pub fn one_price() -> Tariff {
    Tariff { rates: [Price(210_000)].into_iter().collect(), ..Tariff::default() }
}

/// The longest tariff there is.
pub fn longest() -> Tariff {
    Tariff {
        rates: (0..8).map(|rate| Price(u32::MAX - rate)).collect(),
        steps: (0..3).map(|step| Step { from: u32::MAX - 2 + step, more: Price(u32::MAX) }).collect(),
        switches: (0..12).map(|at| switch(0x7f, 36 + at, 7)).collect(),
        rate_without_clock: 7,
        standing_per_day: u32::MAX,
        debt: Debt { total: FineCredit(i64::MAX), per_day: u32::MAX, per_cent: 100 },
    }
}

/// Every tariff of the vectors with its name.
pub fn all() -> Vec<(&'static str, Tariff)> {
    let (weekdays, weekend) = (0x1f, 0x60);
    let by_time = Tariff {
        rates: [180_000, 320_000, 210_000].into_iter().map(Price).collect(),
        switches: [
            switch(weekdays, 14, 2),
            switch(weekdays, 34, 1),
            switch(weekdays, 42, 2),
            switch(0x7f, 46, 0),
            switch(weekend, 16, 2),
        ]
        .into_iter()
        .collect(),
        rate_without_clock: 2,
        ..Tariff::default()
    };
    let by_use = Tariff {
        steps: [Step { from: 30, more: Price(60_000) }, Step { from: 50, more: Price(140_000) }].into_iter().collect(),
        standing_per_day: 15_000,
        ..one_price()
    };
    let debt = |per_day, per_cent| Debt { total: FineCredit(50_000_000), per_day, per_cent };
    vec![
        ("empty: unit credit that charges nothing", Tariff::default()),
        ("one price", one_price()),
        ("steps by use, and a standing charge", by_use),
        ("rates by time of day and week", by_time),
        ("unit credit with debt per day", Tariff { debt: debt(500_000, 0), ..Tariff::default() }),
        ("money credit with debt from every purchase", Tariff { debt: debt(0, 20), ..one_price() }),
        ("largest", longest()),
    ]
}

impl TariffVector {
    fn of(name: &str, tariff: &Tariff) -> Self {
        let content = tariff.to_bytes().unwrap();
        Self {
            name: name.into(),
            rates: tariff.rates.iter().map(|price| price.0).collect(),
            steps: tariff.steps.iter().map(|step| [step.from, step.more.0]).collect(),
            switches: tariff.switches.iter().map(|s| [s.days.bits(), s.at.get(), s.rate]).collect(),
            rate_without_clock: tariff.rate_without_clock,
            standing_per_day: tariff.standing_per_day,
            debt_total: tariff.debt.total.0,
            debt_per_day: tariff.debt.per_day,
            debt_per_cent: tariff.debt.per_cent,
            content: hex(&content),
            content_bytes: content.len(),
        }
    }

    /// The tariff that the fields describe.
    fn tariff(&self) -> Tariff {
        Tariff {
            rates: self.rates.iter().copied().map(Price).collect(),
            steps: self.steps.iter().map(|[from, more]| Step { from: *from, more: Price(*more) }).collect(),
            switches: self.switches.iter().map(|[days, at, rate]| switch(*days, *at, *rate)).collect(),
            rate_without_clock: self.rate_without_clock,
            standing_per_day: self.standing_per_day,
            debt: Debt { total: FineCredit(self.debt_total), per_day: self.debt_per_day, per_cent: self.debt_per_cent },
        }
    }
}

/// The vectors of tariffs.
pub fn vectors() -> Vec<TariffVector> {
    let made = all().iter().map(|(name, tariff)| TariffVector::of(name, tariff)).collect();
    let about = "Contents of the tariff register (rule tariff of docs/protocol.cddl). rates: thousandths of a minor unit per \
                 m3 or kWh; steps: from (m3 or kWh), more; switches: weekdays (bit 0 Monday), half hour, rate; the others in \
                 thousandths of a credit unit.";
    check("tariffs.json", about, made)
}

#[test]
fn tariffs() {
    for vector in vectors() {
        let tariff = vector.tariff();
        assert_eq!(hex(&tariff.to_bytes().unwrap()), vector.content, "{}", vector.name);
        assert_eq!(Tariff::from_bytes(&unhex(&vector.content)), Ok(tariff), "{}", vector.name);
    }
}
