//! How far the balance may fall: emergency credit, friendly periods and days, low-credit alarms (DESIGN §6). Pure functions of
//! state, settings and time.

use crate::calendar::LocalTime;
use crate::charges::fine;
use crate::state::{MAX_ALARM, State};
use coinless_protocol::settings::Settings;

/// At or below this balance, in thousandths, the credit is used up.
pub(crate) fn floor(state: &State, settings: &Settings) -> i64 {
    if state.emergency { fine(settings.emergency).saturating_neg() } else { 0 }
}

/// At or below this balance the valve is shut now. It is below the floor in friendly periods and on days without cut-off, as far
/// as their caps allow, and only while the meter knows the time (`now`).
pub(crate) fn lowest(state: &State, settings: &Settings, now: Option<&LocalTime>) -> i64 {
    let floor = floor(state, settings);
    let Some(now) = now else { return floor };
    let friendly = settings.friendly.iter().any(|period| period.contains(now.weekday, now.half_hour))
        || settings.friendly_days.iter().any(|days| days.contains(now.day));
    let no_cut = settings.no_cut.iter().any(|days| days.contains(now.day));
    if no_cut && settings.no_cut_cap == 0 {
        return i64::MIN;
    }
    let cap = |holds: bool, cap: u32| if holds { fine(cap) } else { 0 };
    floor.saturating_sub(cap(friendly, settings.friendly_cap).max(cap(no_cut, settings.no_cut_cap)))
}

/// The low-credit alarm: 0 none, 1 low, 2 very low.
pub(crate) fn alarm(state: &State, settings: &Settings) -> u8 {
    match state.balance.0 {
        balance if balance <= fine(settings.very_low_credit) => MAX_ALARM,
        balance if balance <= fine(settings.low_credit) => 1,
        _ => 0,
    }
}

/// Whether a person may take emergency credit at the meter now: the balance is low, none is taken, and it would help.
pub(crate) fn offers_emergency(state: &State, settings: &Settings) -> bool {
    let emergency = fine(settings.emergency);
    emergency > 0
        && !state.emergency
        && !state.closed
        && state.balance.0 <= fine(settings.low_credit)
        && state.balance.0 > emergency.saturating_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use coinless_protocol::weekly::{Days, HalfHour, Weekdays, WeeklyPeriod};
    use coinless_protocol::{FineCredit, Units};

    fn settings() -> Settings {
        let half = |number| HalfHour::new(number).unwrap();
        let night = WeeklyPeriod { days: Weekdays::ALL, from: half(44), to: half(12) };
        Settings {
            low_credit: 20,
            very_low_credit: 5,
            emergency: 10,
            friendly_cap: 3,
            friendly: heapless::Vec::from_slice(&[night]).unwrap(),
            friendly_days: heapless::Vec::from_slice(&[Days::new(100, 101).unwrap()]).unwrap(),
            no_cut: heapless::Vec::from_slice(&[Days::new(200, 210).unwrap()]).unwrap(),
            no_cut_cap: 50,
            ..Settings::default()
        }
    }

    fn at(day: u32, half_hour: u8) -> LocalTime {
        LocalTime::at(u64::from(day) * 86_400 + u64::from(half_hour) * 1_800, 0).unwrap()
    }

    fn with(balance: i64, emergency: bool) -> State {
        State { balance: FineCredit(balance), emergency, ..State::new(Units::ZERO) }
    }

    #[test]
    fn how_far_it_may_fall() {
        let lowest = |emergency, now: Option<LocalTime>| lowest(&with(0, emergency), &settings(), now.as_ref());
        assert_eq!((lowest(false, None), lowest(true, None)), (0, -10_000));
        assert_eq!((lowest(false, Some(at(50, 20))), lowest(true, Some(at(50, 20)))), (0, -10_000));
        assert_eq!((lowest(false, Some(at(50, 46))), lowest(true, Some(at(50, 3)))), (-3_000, -13_000));
        assert_eq!(lowest(false, Some(at(101, 20))), -3_000);
        assert_eq!((lowest(false, Some(at(205, 20))), lowest(true, Some(at(205, 46)))), (-50_000, -60_000));
        let unbound = Settings { no_cut_cap: 0, ..settings() };
        assert_eq!(super::lowest(&with(0, false), &unbound, Some(&at(205, 20))), i64::MIN);
    }

    #[test]
    fn alarms_and_offers() {
        let alarm = |balance| alarm(&with(balance, false), &settings());
        assert_eq!([20_001, 20_000, 5_001, 5_000, 0, -1].map(alarm), [0, 1, 1, 2, 2, 2]);
        let offers = |balance, emergency| offers_emergency(&with(balance, emergency), &settings());
        assert_eq!(
            [20_001, 20_000, 0, -9_999, -10_000].map(|balance| offers(balance, false)),
            [false, true, true, true, false]
        );
        assert!(!offers(0, true));
        assert!(!offers_emergency(&State { closed: true, ..with(0, false) }, &settings()));
        assert!(!offers_emergency(&with(0, false), &Settings::default()));
    }
}
