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
