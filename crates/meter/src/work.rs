//! How much work strangers may cause. Whoever holds a radio near a battery meter can have it verify and sign, which costs
//! millions of instructions a time; whoever recorded old tokens of any meter can have it write records, which wear its flash. A
//! bucket bounds both; one of its own is for the person who pressed the button.
//!
//! A token that brings something new costs nothing: what it took is given back. The stock survives a power cut in the records that
//! are written anyway, so switching a battery meter off and on gives no more than [`AT_START`].

/// How much work a meter does for strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkLimit {
    /// Most works in stock, each one verification, one signature and one record, or less; 0 for a meter that has power enough:
    /// then only what writes a record counts, [`MAINS_RECORDS`] at once and one more each [`MAINS_REFILL_MS`].
    pub stock: u8,
    /// One more is in stock after this time.
    pub refill_ms: u64,
}

impl WorkLimit {
    /// A meter on the mains: only the wear of its flash is bounded.
    pub const MAINS: Self = Self { stock: 0, refill_ms: 0 };
    /// A meter on a battery: 12 works at once, then one each 5 minutes, at most 300 in a day.
    pub const BATTERY: Self = Self { stock: 12, refill_ms: 300_000 };

    const fn most(self) -> u8 {
        if self.spares_battery() { self.stock } else { MAINS_RECORDS }
    }

    const fn pace_ms(self) -> u64 {
        if self.spares_battery() { self.refill_ms } else { MAINS_REFILL_MS }
    }

    const fn spares_battery(self) -> bool {
        self.stock > 0
    }
}

/// Records that a meter on the mains writes for strangers at once.
pub const MAINS_RECORDS: u8 = 100;
/// After this time it writes one more.
pub const MAINS_REFILL_MS: u64 = 300_000;
/// Works that are there after a start of a battery meter, whatever was left before it: enough for one who is honest to load a token.
pub const AT_START: u8 = 2;
/// Works that a press of the button allows.
pub const AT_PRESS: u8 = 6;
/// How long a press allows them.
pub const PRESS_MS: u64 = 300_000;

/// What a work costs the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Energy for a verification or a signature.
    Energy,
    /// A record in the flash as well.
    Record,
}

/// What is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    limit: WorkLimit,
    stock: u8,
    /// When the stock was last counted up.
    since_ms: u64,
    /// Left for the person who pressed the button, and since when.
    pressed: Option<(u8, u64)>,
}

/// What a work was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Nothing,
    Stock,
    Pressed,
}

/// There is nothing left for [`Work::wait_ms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Empty;

impl Work {
    /// After a start, with what was journaled.
    pub fn started(limit: WorkLimit, journaled: u8) -> Self {
        let stock = if limit.spares_battery() { journaled.max(AT_START).min(limit.stock) } else { MAINS_RECORDS };
        Self { limit, stock, since_ms: 0, pressed: None }
    }

    /// What is in stock, to be journaled.
    pub fn stock(&self) -> u8 {
        self.stock
    }

    /// What is in stock at `now_ms`.
    pub fn refilled(&mut self, now_ms: u64) -> u8 {
        self.refill(now_ms);
        self.stock
    }

    /// A person pressed the button.
    pub fn press(&mut self, now_ms: u64) {
        self.pressed = Some((AT_PRESS, now_ms));
    }

    /// Takes one work.
    pub fn take(&mut self, now_ms: u64, cost: Cost) -> Result<Taken, Empty> {
        if cost == Cost::Energy && !self.limit.spares_battery() {
            return Ok(Taken::Nothing);
        }
        self.refill(now_ms);
        if let Some((left, since_ms)) = &mut self.pressed
            && now_ms.saturating_sub(*since_ms) < PRESS_MS
            && let Some(less) = left.checked_sub(1)
        {
            *left = less;
            return Ok(Taken::Pressed);
        }
        self.stock = self.stock.checked_sub(1).ok_or(Empty)?;
        Ok(Taken::Stock)
    }

    /// Milliseconds until one more is in stock, if there is none.
    pub fn wait_ms(&self, now_ms: u64) -> u64 {
        self.since_ms.saturating_add(self.limit.pace_ms()).saturating_sub(now_ms)
    }

    /// Gives back what was taken for one who was honest.
    pub fn give_back(&mut self, taken: Taken) {
        match (taken, &mut self.pressed) {
            (Taken::Stock, _) => self.stock = self.stock.saturating_add(1).min(self.limit.most()),
            (Taken::Pressed, Some((left, _))) => *left = left.saturating_add(1).min(AT_PRESS),
            _ => {}
        }
    }

    fn refill(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.since_ms);
        let Some(more) = passed_ms.checked_div(self.limit.pace_ms()) else { return };
        self.stock = u8::try_from(more).unwrap_or(u8::MAX).saturating_add(self.stock).min(self.limit.most());
        let left_ms = passed_ms.checked_rem(self.limit.pace_ms()).unwrap_or(0);
        self.since_ms = now_ms.saturating_sub(left_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(work: &mut Work, now_ms: u64) -> u32 {
        let mut taken = 0;
        while work.take(now_ms, Cost::Record).is_ok() {
            taken += 1;
            assert!(taken < 1_000, "no end");
        }
        taken
    }

    #[test]
    fn a_stranger_gets_the_stock_and_then_one_at_a_time() {
        let limit = WorkLimit { stock: 3, refill_ms: 1_000 };
        let mut work = Work::started(limit, 3);
        assert_eq!(drained(&mut work, 0), 3);
        assert_eq!((work.take(999, Cost::Energy), work.wait_ms(999)), (Err(Empty), 1));
        assert_eq!(drained(&mut work, 1_500), 1);
        assert_eq!((work.take(1_600, Cost::Energy), work.wait_ms(1_600)), (Err(Empty), 400));
        assert_eq!(drained(&mut work, 2_000), 1, "the half second is not lost");
        assert_eq!(drained(&mut work, 100_000), 3);
    }

    #[test]
    fn who_waits_as_long_as_it_says_gets_one() {
        for limit in [WorkLimit::BATTERY, WorkLimit::MAINS] {
            let mut work = Work::started(limit, 0);
            for now_ms in (0..10_000_000).step_by(7_919) {
                if work.take(now_ms, Cost::Record).is_err() {
                    let wait_ms = work.wait_ms(now_ms);
                    assert!((1..=300_000).contains(&wait_ms), "{wait_ms}");
                    let mut early = work;
                    assert_eq!(
                        (early.take(now_ms + wait_ms - 1, Cost::Record), early.wait_ms(now_ms + wait_ms - 1)),
                        (Err(Empty), 1)
                    );
                    assert_eq!(work.take(now_ms + wait_ms, Cost::Record), Ok(Taken::Stock));
                }
            }
        }
    }

    #[test]
    fn a_day_of_a_stranger_on_a_battery_is_bounded() {
        let mut work = Work::started(WorkLimit::BATTERY, u8::MAX);
        let day: u32 = (0..86_400).map(|second| drained(&mut work, second * 1_000)).sum();
        assert_eq!(day, 12 + 287);
    }

    #[test]
    fn a_start_gives_little_and_a_press_its_own() {
        let limit = WorkLimit::BATTERY;
        assert_eq!(drained(&mut Work::started(limit, 0), 0), u32::from(AT_START));
        assert_eq!(drained(&mut Work::started(limit, 255), 0), u32::from(limit.stock));
        let mut work = Work::started(limit, 0);
        drained(&mut work, 0);
        work.press(0);
        assert_eq!(drained(&mut work, 1), u32::from(AT_PRESS));
        work.press(2);
        assert!(work.take(2 + PRESS_MS - 1, Cost::Energy).is_ok());
        let mut late = Work::started(limit, 0);
        drained(&mut late, 0);
        late.press(0);
        late.refill(0);
        assert_eq!(drained(&mut late, PRESS_MS), 1, "a press is over; one work was refilled meanwhile");
    }

    #[test]
    fn the_honest_get_theirs_back() {
        let mut work = Work::started(WorkLimit { stock: 2, refill_ms: 1_000 }, 2);
        for _ in 0..100 {
            let taken = work.take(0, Cost::Energy).unwrap();
            work.give_back(taken);
        }
        work.press(0);
        for _ in 0..100 {
            let taken = work.take(0, Cost::Energy).unwrap();
            assert_eq!(taken, Taken::Pressed);
            work.give_back(taken);
        }
    }

    #[test]
    fn on_the_mains_only_records_count() {
        let mut mains = Work::started(WorkLimit::MAINS, 0);
        assert!((0..1_000).all(|_| mains.take(0, Cost::Energy) == Ok(Taken::Nothing)));
        assert_eq!(drained(&mut mains, 0), u32::from(MAINS_RECORDS));
        assert_eq!(drained(&mut mains, MAINS_REFILL_MS), 1);
        assert_eq!(drained(&mut mains, u64::MAX), u32::from(MAINS_RECORDS));
    }
}
