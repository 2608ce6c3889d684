//! Times of the week, as tariffs and settings name them.

use crate::cbor::DecodeError;

/// Half hours in a day.
pub const HALF_HOURS_A_DAY: u8 = 48;

/// A half hour of the day, 0 to 47: `h` starts at `h / 2` o'clock, local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HalfHour(u8);

impl HalfHour {
    /// The half hour with this number; none over 47.
    pub fn new(number: u8) -> Option<Self> {
        (number < HALF_HOURS_A_DAY).then_some(Self(number))
    }

    /// Its number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Days of the week, bit 0 Monday to bit 6 Sunday; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0x7f);

    /// The days with these bits; none if there is no day or a bit without one.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (1..=0x7f).contains(&bits).then_some(Self(bits))
    }

    /// Its bits.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether a day is in both.
    pub fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether `weekday`, 0 Monday to 6 Sunday, is one of them.
    pub fn contains(self, weekday: u8) -> bool {
        weekday < 7 && self.0 >> weekday & 1 == 1
    }
}

/// A period of some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WeeklyPeriod {
    /// The days on which it begins.
    pub days: Weekdays,
    /// When it begins.
    pub from: HalfHour,
    /// When it ends; not later than `from`: on the day after.
    pub to: HalfHour,
}

impl WeeklyPeriod {
    pub(crate) const BYTES: usize = 3;

    /// Whether it is under way in `half_hour` of `weekday` (0 Monday to 6 Sunday).
    pub fn contains(&self, weekday: u8, half_hour: HalfHour) -> bool {
        let yesterday = if weekday == 0 { 6 } else { weekday.saturating_sub(1) };
        if self.from < self.to {
            return self.days.contains(weekday) && (self.from..self.to).contains(&half_hour);
        }
        self.days.contains(weekday) && half_hour >= self.from || self.days.contains(yesterday) && half_hour < self.to
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        [self.days.bits(), self.from.0, self.to.0]
    }

    pub(crate) fn from_bytes([days, from, to]: [u8; Self::BYTES]) -> Result<Self, DecodeError> {
        let period =
            || Some(Self { days: Weekdays::from_bits(days)?, from: HalfHour::new(from)?, to: HalfHour::new(to)? });
        period().ok_or(DecodeError::Malformed)
    }
}

/// A range of days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days {
    first: u16,
    last: u16,
}

impl Days {
    pub(crate) const BYTES: usize = 4;

    /// The days `first` to `last`, counted from 1970-01-01 (day 0); none if there is none. The last day that can be said is
    /// in 2149.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Its first day.
    pub fn first(self) -> u16 {
        self.first
    }

    /// Its last day.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Whether `day` is one of them.
    pub fn contains(self, day: u32) -> bool {
        (u32::from(self.first)..=u32::from(self.last)).contains(&day)
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let ([a, b], [c, d]) = (self.first.to_be_bytes(), self.last.to_be_bytes());
        [a, b, c, d]
    }

    pub(crate) fn from_bytes([a, b, c, d]: [u8; Self::BYTES]) -> Result<Self, DecodeError> {
        Self::new(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])).ok_or(DecodeError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(number: u8) -> HalfHour {
        HalfHour::new(number).unwrap()
    }

    #[test]
    fn a_period_may_go_on_over_midnight() {
        // Friday 22:00 to Saturday 06:00.
        let night = WeeklyPeriod { days: Weekdays::from_bits(1 << 4).unwrap(), from: half(44), to: half(12) };
        let inside = [(4, 44), (4, 47), (5, 0), (5, 11)];
        let outside = [(4, 43), (4, 0), (5, 12), (5, 44), (3, 46), (6, 0)];
        assert!(inside.iter().all(|(day, at)| night.contains(*day, half(*at))));
        assert!(!outside.iter().any(|(day, at)| night.contains(*day, half(*at))));
        // From a time to the same one: a whole day.
        let whole = WeeklyPeriod { days: Weekdays::from_bits(1 << 6).unwrap(), from: half(0), to: half(0) };
        assert!(whole.contains(6, half(0)) && whole.contains(6, half(47)));
        assert!(!whole.contains(0, half(0)) && !whole.contains(5, half(47)));
        let noon = WeeklyPeriod { days: Weekdays::ALL, from: half(24), to: half(26) };
        assert!(noon.contains(0, half(25)) && !noon.contains(0, half(26)) && !noon.contains(0, half(23)));
    }

    #[test]
    fn days_are_both_included() {
        let days = Days::new(20_000, 20_002).unwrap();
        assert!(days.contains(20_000) && days.contains(20_002) && !days.contains(20_003) && !days.contains(19_999));
        assert_eq!(Days::new(2, 1), None);
        assert_eq!(Days::from_bytes(days.to_bytes()), Ok(days));
    }
}
