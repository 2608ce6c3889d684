//! Days, months and years of a tariff: which version holds, where a period of blocks began, which days of standing charge
//! are due.

use super::config::{BlocksOver, PeriodConfig, STANDING_DAYS};
use super::version::{Period, StandingRate, Tariff, Version};
use crate::money::Money;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

impl Tariff {
    /// The local day of `now`.
    pub fn day(&self, now: Timestamp) -> Date {
        now.to_zoned(self.zone.clone()).date()
    }

    /// Since when consumption must be known for the blocks of the version in force: the first day of its period, and its
    /// first moment in milliseconds since 1970. None if its blocks are over what is bought.
    pub fn read_back_since(&self, now: Timestamp) -> Option<(Date, i64)> {
        let today = self.day(now);
        let version = self.on(today).filter(|version| version.over == BlocksOver::Consumed)?;
        let start = match version.period.kind {
            PeriodConfig::Month => today.first_of_month(),
            PeriodConfig::Year => version.period.year_start(today),
        };
        let moment = start.to_zoned(self.zone.clone()).ok()?.timestamp();
        Some((start, moment.as_millisecond()))
    }

    /// The standing charge that is due on `today`, version by version, oldest first; the day of the last purchase is paid.
    /// Nobody's first purchase pays for more than that day, or that month.
    pub(super) fn standing_due(&self, today: Date, last: Option<Timestamp>) -> Option<Vec<Accrued<'_>>> {
        let days = self.on(today).and_then(|version| version.standing.as_ref());
        let days = days.map_or(STANDING_DAYS, |standing| standing.at_most_days);
        let oldest = today.saturating_sub((i32::from(days) - 1).days());
        let mut day = match last {
            None => today,
            Some(last) => oldest.max(self.day(last).tomorrow().ok()?),
        };
        let mut due: Vec<Accrued<'_>> = Vec::new();
        while day <= today {
            if let Some(version) = self.on(day).filter(|version| version.charges_on(day, last.is_none())) {
                match due.last_mut().filter(|accrued| std::ptr::eq(accrued.version, version)) {
                    Some(accrued) => (accrued.count, accrued.to) = (accrued.count + 1, day),
                    None => due.push(Accrued { version, from: day, to: day, count: 1, amount: Money::ZERO }),
                }
            }
            day = day.tomorrow().ok()?;
        }
        for accrued in &mut due {
            let standing = accrued.version.standing.as_ref()?;
            let (StandingRate::PerDay(rate) | StandingRate::PerMonth(rate)) = standing.rate;
            let amount = rate.times(accrued.count, self.currency)?.rounded(standing.rounding);
            accrued.amount = Money::from_minor(amount.try_into().ok()?);
        }
        Some(due)
    }
}

/// Standing charge by one version.
#[derive(Debug)]
pub(super) struct Accrued<'a> {
    pub(super) version: &'a Version,
    /// The first and the last day that is charged.
    pub(super) from: Date,
    pub(super) to: Date,
    /// Days or months.
    pub(super) count: u64,
    pub(super) amount: Money,
}

impl Version {
    /// Whether `day` has a charge of its own: every day has one by the day, the first of a month has one by the month, and
    /// so has the day of a first purchase.
    fn charges_on(&self, day: Date, first_purchase: bool) -> bool {
        match self.standing.as_ref().map(|standing| standing.rate) {
            None => false,
            Some(StandingRate::PerDay(_)) => true,
            Some(StandingRate::PerMonth(_)) => day.day() == 1 || first_purchase,
        }
    }
}

impl Period {
    /// The first day of the period that `today` is in.
    pub(super) fn start(self, today: Date) -> Date {
        match self.kind {
            PeriodConfig::Month => today.first_of_month(),
            PeriodConfig::Year => self.year_start(today),
        }
    }

    /// The first day of the tariff's year that `today` is in.
    pub(super) fn year_start(self, today: Date) -> Date {
        let back = (i32::from(today.month()) - i32::from(self.year_starts_in)).rem_euclid(12);
        today.first_of_month().saturating_sub(back.months())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_year_may_start_in_any_month() {
        let start = |month, day| Period { kind: PeriodConfig::Year, year_starts_in: month }.start(day);
        assert_eq!(start(1, date(2026, 12, 31)), date(2026, 1, 1));
        assert_eq!(start(7, date(2026, 6, 30)), date(2025, 7, 1));
        assert_eq!(start(7, date(2026, 7, 1)), date(2026, 7, 1));
        let month = Period { kind: PeriodConfig::Month, year_starts_in: 7 };
        assert_eq!(month.start(date(2024, 2, 29)), date(2024, 2, 1));
    }
}
