//! What consumption costs, and what each day takes: standing charge and debt (DESIGN §6).
//!
//! Everything is exact: what a division leaves is kept in the state and counts the next time.

use crate::calendar::LocalTime;
use crate::state::{REST_BASE, State};
use coinless_protocol::tariff::{Price, Step, Tariff};
use coinless_protocol::weekly::{HALF_HOURS_A_DAY, HalfHour};
use coinless_protocol::{FINE_PER_UNIT, FineCredit};

/// Most days that are caught up with at once, when the clock is set after a long time: a quarter of a year. What is older is
/// not charged.
pub const MAX_CAUGHT_UP_DAYS: u32 = 92;

/// A sum that grew out of its range; the meter must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overflow;

/// The price that holds at `now` (none while the time is not known) when `used_in_month` was used in this month.
pub(crate) fn price(tariff: &Tariff, now: Option<&LocalTime>, used_in_month: FineCredit) -> u64 {
    let rate = match now {
        Some(now) => rate(tariff, now),
        None => tariff.rate_without_clock,
    };
    let base = tariff.rates.get(usize::from(rate)).copied().unwrap_or_default();
    // A step begins at whole m³ or kWh: a thousand units, a million thousandths.
    let is_reached = |step: &&Step| i64::from(step.from).saturating_mul(1_000_000) <= used_in_month.0;
    let more = tariff.steps.iter().rfind(is_reached).map_or(Price(0), |step| step.more);
    u64::from(base.0).saturating_add(more.0.into())
}

/// The rate of the last switch time before `now`, in the order of the week.
fn rate(tariff: &Tariff, now: &LocalTime) -> u8 {
    let last = tariff.switches.iter().min_by_key(|switch| since(switch.days, switch.at, now));
    last.map_or(0, |switch| switch.rate)
}

/// Half hours from the last time at which a switch began to `now`.
fn since(days: coinless_protocol::weekly::Weekdays, at: HalfHour, now: &LocalTime) -> u16 {
    let half_hours = |ago: u8| {
        let whole = u16::from(ago).saturating_mul(u16::from(HALF_HOURS_A_DAY));
        whole.saturating_add(now.half_hour.get().into()).checked_sub(at.get().into())
    };
    let began = |ago: u8| {
        let weekday = now.weekday.checked_add(7)?.checked_sub(ago)?.checked_rem(7)?;
        if days.contains(weekday) { half_hours(ago) } else { None }
    };
    (0..=7).find_map(began).unwrap_or(u16::MAX)
}

/// Corrects a measured amount by `ppm` millionths; keeps the rest.
pub(crate) fn correct(state: &mut State, measured: FineCredit, ppm: u32) -> Result<FineCredit, Overflow> {
    scaled(measured, ppm.into(), &mut state.correction_rest)
}

/// What `amount` costs at `price`; keeps the rest.
pub(crate) fn cost(state: &mut State, amount: FineCredit, price: u64) -> Result<FineCredit, Overflow> {
    scaled(amount, price, &mut state.price_rest)
}

/// `amount · factor / 10⁶`, rounded down; what is left goes to `rest` and counts the next time.
fn scaled(amount: FineCredit, factor: u64, rest: &mut u32) -> Result<FineCredit, Overflow> {
    let factor = i64::try_from(factor).map_err(|_| Overflow)?;
    let whole = amount.0.checked_mul(factor).and_then(|whole| whole.checked_add((*rest).into())).ok_or(Overflow)?;
    let base = i64::from(REST_BASE);
    let (result, left) = (whole.checked_div(base), whole.checked_rem(base));
    *rest = left.and_then(|left| u32::try_from(left).ok()).ok_or(Overflow)?;
    result.map(FineCredit).ok_or(Overflow)
}

/// Takes `amount` of the balance as a charge.
pub(crate) fn charge(state: &mut State, amount: FineCredit) -> Result<(), Overflow> {
    let charged = state.sums.charged.0.checked_add(amount.0).ok_or(Overflow)?;
    let balance = state.balance.0.checked_sub(amount.0).ok_or(Overflow)?;
    (state.sums.charged, state.balance) = (FineCredit(charged), FineCredit(balance));
    Ok(())
}

/// Debt that is left.
pub(crate) fn owed(state: &State, tariff: &Tariff) -> FineCredit {
    FineCredit(tariff.debt.total.0.saturating_sub(state.debt_paid.0).max(0))
}

/// Recovers at most `amount` of the debt.
fn recover(state: &mut State, tariff: &Tariff, amount: i64) -> Result<(), Overflow> {
    let paid = FineCredit(amount.min(owed(state, tariff).0).max(0));
    charge(state, paid)?;
    state.debt_paid = FineCredit(state.debt_paid.0.checked_add(paid.0).ok_or(Overflow)?);
    Ok(())
}

/// Takes standing charge and debt for each day that began since the last time, and starts a new month; gives whether a day began.
/// Nothing is taken on the first day that the meter knows, nothing of a closed account, and nothing again for days that come once
/// more because the clock was put back; those are at most [`MAX_CAUGHT_UP_DAYS`], as no more were taken.
pub(crate) fn days(state: &mut State, tariff: &Tariff, now: &LocalTime) -> Result<bool, Overflow> {
    if state.month != now.month() {
        (state.month, state.used_in_month) = (now.month(), FineCredit::ZERO);
    }
    let before = state.charged_day.min(now.day.saturating_add(MAX_CAUGHT_UP_DAYS));
    state.charged_day = before.max(now.day);
    if now.day <= before {
        return Ok(false);
    }
    if before == 0 || state.closed {
        return Ok(true);
    }
    let days = i64::from(now.day.saturating_sub(before).min(MAX_CAUGHT_UP_DAYS));
    charge(state, FineCredit(days.saturating_mul(tariff.standing_per_day.into())))?;
    recover(state, tariff, days.saturating_mul(tariff.debt.per_day.into()))?;
    Ok(true)
}

/// Recovers debt from `added` credit, by the tariff's per cent.
pub(crate) fn recover_from(state: &mut State, tariff: &Tariff, added: FineCredit) -> Result<(), Overflow> {
    let per_cent = i64::from(tariff.debt.per_cent.min(100));
    // Whole per cents of thousandths; at most 10^18.
    let part = added.0.checked_div(100).ok_or(Overflow)?.saturating_mul(per_cent);
    recover(state, tariff, part)
}

/// Credit units as thousandths.
pub(crate) fn fine(units: u32) -> i64 {
    i64::from(units).saturating_mul(FINE_PER_UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::Units;
    use coinless_protocol::tariff::{Debt, Switch};
    use coinless_protocol::weekly::Weekdays;
    use heapless::Vec;

    const DAY_S: u64 = 86_400;
    /// 2026-07-01, a Wednesday.
    const DAY: u64 = 20_635;

    fn state() -> State {
        State::new(Units::new(1_000_000).unwrap())
    }

    fn at(day: u64, half_hour: u64) -> LocalTime {
        LocalTime::at(day * DAY_S + half_hour * 1_800, 0).unwrap()
    }

    fn switch(days: u8, at: u8, rate: u8) -> Switch {
        Switch { days: Weekdays::from_bits(days).unwrap(), at: HalfHour::new(at).unwrap(), rate }
    }

    /// Prices 100, 200 and 300: the second from 07:00 to 22:00 on Monday to Friday, the third from Saturday noon to Monday 07:00.
    fn by_time() -> Tariff {
        Tariff {
            rates: Vec::from_slice(&[Price(100), Price(200), Price(300)]).unwrap(),
            switches: Vec::from_slice(&[switch(0x1f, 14, 1), switch(0x1f, 44, 0), switch(0x20, 24, 2)]).unwrap(),
            rate_without_clock: 2,
            ..Tariff::default()
        }
    }

    #[test]
    fn nothing_is_lost_by_rounding_in_a_million_pulses() {
        let mut state = state();
        let (mut cost_sum, mut corrected_sum) = (0, 0);
        for pulse in 1..=1_000_000_i64 {
            cost_sum += cost(&mut state, FineCredit(7), 333_333).unwrap().0;
            corrected_sum += correct(&mut state, FineCredit(1), 951_234).unwrap().0;
            assert_eq!(i128::from(cost_sum), i128::from(pulse) * 7 * 333_333 / 1_000_000);
        }
        assert_eq!((cost_sum, corrected_sum), (2_333_331, 951_234));
        assert_eq!((state.price_rest, state.correction_rest), (0, 0));
        // A price that changes in between takes the rest with it.
        let parts =
            [(1, 999_999), (1, 1), (3, 500_000)].map(|(amount, price)| cost(&mut state, FineCredit(amount), price));
        assert_eq!(parts, [Ok(FineCredit(0)), Ok(FineCredit(1)), Ok(FineCredit(1))]);
        assert_eq!(state.price_rest, 500_000);
    }

    #[test]
    fn what_is_too_much_to_price_is_no_other_number() {
        let mut state = state();
        assert_eq!(cost(&mut state, FineCredit(i64::MAX), 2), Err(Overflow));
        assert_eq!(cost(&mut state, FineCredit(1), u64::MAX), Err(Overflow));
        // The dearest m³ that a tariff can say, a thousand of them.
        let dearest = u64::from(u32::MAX) * 2;
        assert_eq!(cost(&mut state, FineCredit(1_000_000_000), dearest), Ok(FineCredit(8_589_934_590_000)));
    }

    #[test]
    fn the_last_switch_time_says_the_price() {
        let tariff = by_time();
        for (day, half_hour, expected) in [
            (DAY, 13, 100),     // Wednesday 06:30
            (DAY, 14, 200),     // 07:00
            (DAY, 43, 200),     // 21:30
            (DAY, 44, 100),     // 22:00
            (DAY + 2, 47, 100), // Friday 23:30
            (DAY + 3, 23, 100), // Saturday 11:30
            (DAY + 3, 24, 300), // 12:00
            (DAY + 4, 30, 300), // Sunday
            (DAY + 5, 13, 300), // Monday 06:30
            (DAY + 5, 14, 200), // 07:00
        ] {
            assert_eq!(price(&tariff, Some(&at(day, half_hour)), FineCredit(0)), expected, "day {day} at {half_hour}");
        }
        assert_eq!(price(&tariff, None, FineCredit(0)), 300);
        // One switch a week holds from one week to the next, before and after it on its own day.
        let once = Tariff { switches: Vec::from_slice(&[switch(4, 20, 1)]).unwrap(), ..by_time() };
        assert!(
            [(DAY, 19), (DAY, 20), (DAY + 6, 40)]
                .iter()
                .all(|(day, half)| { price(&once, Some(&at(*day, *half)), FineCredit(0)) == 200 })
        );
        let never = Tariff { switches: Vec::new(), ..by_time() };
        assert_eq!(price(&never, Some(&at(DAY, 30)), FineCredit(0)), 100);
        assert_eq!(price(&Tariff::default(), Some(&at(DAY, 30)), FineCredit(0)), 0);
    }

    #[test]
    fn steps_begin_anew_with_each_month() {
        let steps = [Step { from: 10, more: Price(50) }, Step { from: 20, more: Price(90) }];
        let tariff = Tariff { steps: Vec::from_slice(&steps).unwrap(), ..by_time() };
        let at_night = |used| price(&tariff, Some(&at(DAY, 0)), FineCredit(used));
        assert_eq!([9_999_999, 10_000_000, 19_999_999, 20_000_000].map(at_night), [100, 150, 150, 190]);
        let mut state = state();
        // 2026-07-31 and 2026-08-01.
        days(&mut state, &tariff, &at(DAY + 30, 47)).unwrap();
        state.used_in_month = FineCredit(20_000_000);
        days(&mut state, &tariff, &at(DAY + 30, 47)).unwrap();
        assert_eq!(state.used_in_month, FineCredit(20_000_000));
        days(&mut state, &tariff, &at(DAY + 31, 0)).unwrap();
        assert_eq!((state.month, state.used_in_month), (679, FineCredit(0)));
        // The same month of the year after is another one.
        state.used_in_month = FineCredit(1);
        days(&mut state, &tariff, &at(DAY + 31 + 365, 0)).unwrap();
        assert_eq!((state.month, state.used_in_month), (691, FineCredit(0)));
    }

    #[test]
    fn each_day_is_charged_once() {
        let debt = Debt { total: FineCredit(1_000), per_day: 300, per_cent: 0 };
        let tariff = Tariff { standing_per_day: 20, debt, ..Tariff::default() };
        let mut state = state();
        let charged = |state: &mut State, day| {
            let before = (state.sums.charged.0, state.debt_paid.0);
            let begun = days(state, &tariff, &at(day, 3)).unwrap();
            assert!(state.sums_hold());
            (begun, state.sums.charged.0 - before.0, state.debt_paid.0 - before.1)
        };
        assert_eq!(charged(&mut state, DAY), (true, 0, 0), "the first day that it knows");
        assert_eq!(charged(&mut state, DAY), (false, 0, 0));
        assert_eq!(charged(&mut state, DAY + 1), (true, 320, 300));
        assert_eq!(charged(&mut state, DAY + 3), (true, 640, 600));
        assert_eq!(charged(&mut state, DAY + 4), (true, 120, 100), "what is left of the debt");
        // Back, and over the same days again.
        assert_eq!(charged(&mut state, DAY), (false, 0, 0));
        assert_eq!(charged(&mut state, DAY + 4), (false, 0, 0));
        assert_eq!(charged(&mut state, DAY + 5), (true, 20, 0));
        // A clock that was years ahead: at most so many days were charged, and as many are not charged again.
        let most = u64::from(MAX_CAUGHT_UP_DAYS);
        assert_eq!(charged(&mut state, DAY + 5_000), (true, 20 * most as i64, 0));
        assert_eq!(charged(&mut state, DAY + 6), (false, 0, 0));
        assert_eq!(charged(&mut state, DAY + 6 + most), (false, 0, 0));
        assert_eq!(charged(&mut state, DAY + 7 + most), (true, 20, 0));
        state.closed = true;
        assert_eq!(charged(&mut state, DAY + 8 + most), (true, 0, 0));
    }

    #[test]
    fn debt_is_taken_from_credit_and_never_twice() {
        let debt = |total| Debt { total: FineCredit(total), per_day: 0, per_cent: 25 };
        let tariff = |total| Tariff { debt: debt(total), ..Tariff::default() };
        let mut state = state();
        recover_from(&mut state, &tariff(1_000), FineCredit(2_000)).unwrap();
        assert_eq!((state.debt_paid.0, owed(&state, &tariff(1_000)).0), (500, 500));
        recover_from(&mut state, &tariff(1_000), FineCredit(40_000)).unwrap();
        assert_eq!((state.debt_paid.0, state.sums.charged.0), (1_000, 1_000));
        // More was put on the meter later; and less than was paid is nothing owed.
        assert_eq!((owed(&state, &tariff(1_700)).0, owed(&state, &tariff(900)).0), (700, 0));
        recover_from(&mut state, &tariff(900), FineCredit(40_000)).unwrap();
        assert_eq!(state.debt_paid.0, 1_000);
        assert!(state.sums_hold());
        let all = Tariff { debt: Debt { per_cent: 100, ..debt(i64::MAX) }, ..Tariff::default() };
        recover_from(&mut state, &all, Units::new(Units::MAX).unwrap().fine()).unwrap();
        assert_eq!(state.debt_paid.0, 1_000 + Units::MAX as i64 * 1_000);
    }
}
