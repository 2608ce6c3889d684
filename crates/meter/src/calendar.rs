//! Local days, months and half hours of the clock, in the proleptic Gregorian calendar.

use coinless_protocol::weekly::HalfHour;

const DAY_S: i64 = 86_400;

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalTime {
    /// Days since 1970-01-01.
    pub day: u32,
    /// 0 Monday to 6 Sunday.
    pub weekday: u8,
    pub half_hour: HalfHour,
}

impl LocalTime {
    /// The moment `unix_s` seconds after 1970-01-01 UTC where clocks are `offset_quarters` quarter hours ahead; none if it is
    /// out of range, some ten million years from now.
    pub fn at(unix_s: u64, offset_quarters: i8) -> Option<Self> {
        let local_s = i64::try_from(unix_s).ok()?.checked_add(i64::from(offset_quarters).checked_mul(900)?)?;
        let day = u32::try_from(local_s.div_euclid(DAY_S)).ok()?;
        let half_hour = u8::try_from(local_s.rem_euclid(DAY_S).checked_div(1800)?).ok()?;
        // 1970-01-01 was a Thursday.
        let weekday = u8::try_from(day.checked_add(3)?.checked_rem(7)?).ok()?;
        Some(Self { day, weekday, half_hour: HalfHour::new(half_hour)? })
    }

    /// The month of the calendar, counted from 1970-01.
    ///
    /// The year starts in March here, so that the leap day is its last one (E. G. Richards, "Mapping Time", 1998, ch. 25).
    pub fn month(&self) -> u32 {
        let month = || {
            // Days since 0000-03-01.
            let day = self.day.checked_add(719_468)?;
            let (era, day) = (day.checked_div(146_097)?, day.checked_rem(146_097)?);
            let leap_days =
                day.checked_div(1460)?.checked_add(day.checked_div(146_096)?)?.checked_sub(day.checked_div(36_524)?)?;
            let year = day.checked_sub(leap_days)?.checked_div(365)?;
            let first =
                year.checked_mul(365)?.checked_add(year.checked_div(4)?)?.checked_sub(year.checked_div(100)?)?;
            let month = day.checked_sub(first)?.checked_mul(5)?.checked_add(2)?.checked_div(153)?;
            // From March of year 0 to January of 1970.
            era.checked_mul(400)?.checked_add(year)?.checked_mul(12)?.checked_add(month)?.checked_sub(1970 * 12 - 2)
        };
        month().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (unix_s, offset, day, weekday, half_hour, month) in [
            (0, 0, 0, 3, 0, 0),
            (951_782_399, 0, 11_015, 0, 47, 361),     // Monday 2000-02-28 23:59:59
            (951_868_800, 0, 11_017, 2, 0, 362),      // Wednesday 2000-03-01 00:00
            (1_709_164_800, 0, 19_782, 3, 0, 649),    // Thursday 2024-02-29 00:00
            (1_709_251_199, 4, 19_783, 4, 1, 650),    // the same day, an hour ahead: Friday 2024-03-01 00:59:59
            (1_790_000_000, -20, 20_717, 0, 18, 680), // five hours behind: Monday 2026-09-21 09:13:20
        ] {
            let local = LocalTime::at(unix_s, offset).unwrap();
            assert_eq!(
                (local.day, local.weekday, local.half_hour.get(), local.month()),
                (day, weekday, half_hour, month),
                "{unix_s}"
            );
        }
    }

    #[test]
    fn every_month_has_its_days() {
        let mut day = 0_u32;
        for year in 1970..2150_u32 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (month, days) in
                [31, 28 + u32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
            {
                for _ in 0..days {
                    let local = LocalTime::at(u64::from(day) * 86_400, 0).unwrap();
                    assert_eq!(local.month(), (year - 1970) * 12 + month as u32, "day {day}");
                    day += 1;
                }
            }
        }
    }

    #[test]
    fn what_is_out_of_range_is_none() {
        assert_eq!(LocalTime::at(0, -1), None);
        assert_eq!(LocalTime::at(u64::MAX, 0), None);
    }
}
