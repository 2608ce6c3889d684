//! Days, months and weeks, counted one by one.

use coinless_protocol::settings::Settings;
use coinless_protocol::tariff::Tariff;

/// Half hours of a week.
const WEEK: usize = 7 * 48;

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Days since 1970-01-01.
    pub day: u32,
    /// Months since 1970-01.
    pub month: u32,
    /// Half hours since Monday 00:00.
    half_hour: usize,
}

impl Moment {
    /// The moment `unix_s` seconds after 1970-01-01 UTC in the local time of `settings`.
    pub fn at(unix_s: u64, settings: &Settings) -> Self {
        let local_s = unix_s as i128 + i128::from(settings.utc_offset_quarters) * 900;
        assert!((0..=253_402_300_799).contains(&local_s), "the model knows the years 1970 to 9999");
        let day = (local_s / 86_400) as u32;
        let of_day = (local_s % 86_400 / 1_800) as usize;
        // 1970-01-01 was a Thursday.
        let weekday = (3 + day as usize) % 7;
        Self { day, month: month(day), half_hour: weekday * 48 + of_day }
    }

    /// Whether one of the friendly periods or days is under way.
    pub fn is_friendly(&self, settings: &Settings) -> bool {
        let mut week = [false; WEEK];
        for period in &settings.friendly {
            for weekday in (0..7).filter(|weekday| period.days.contains(*weekday)) {
                let mut at = usize::from(weekday) * 48 + usize::from(period.from.get());
                loop {
                    week[at % WEEK] = true;
                    at += 1;
                    if at % 48 == usize::from(period.to.get()) {
                        break;
                    }
                }
            }
        }
        let days = |days: &[coinless_protocol::weekly::Days]| {
            days.iter().any(|days| (days.first()..=days.last()).any(|day| u32::from(day) == self.day))
        };
        week[self.half_hour] || days(&settings.friendly_days)
    }

    /// Whether a vulnerable customer is not cut off today.
    pub fn is_without_cut(&self, settings: &Settings) -> bool {
        settings.no_cut.iter().any(|days| u32::from(days.first()) <= self.day && self.day <= u32::from(days.last()))
    }

    /// The rate that holds: that of the last switch time, this week or before.
    pub fn rate(&self, tariff: &Tariff) -> usize {
        let mut rate = 0;
        // Two weeks, so that the first has its beginning from the end of the one before.
        for at in 0..=WEEK + self.half_hour {
            let (weekday, of_day) = ((at % WEEK / 48) as u8, (at % 48) as u8);
            let now = tariff.switches.iter().find(|switch| switch.days.contains(weekday) && switch.at.get() == of_day);
            rate = now.map_or(rate, |switch| usize::from(switch.rate));
        }
        rate
    }
}

/// The month of a day, counted from 1970-01.
fn month(day: u32) -> u32 {
    let (mut left, mut month) = (day, 0);
    loop {
        let year = 1970 + month / 12;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month % 12 + 1 {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if left < days {
            return month;
        }
        (left, month) = (left - days, month + 1);
    }
}
