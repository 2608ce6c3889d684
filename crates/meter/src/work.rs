//! How much work strangers may cause: whoever holds a radio near a battery meter can have it verify and sign, which costs
//! millions of instructions a time. A bucket bounds that; one of its own is for the person who pressed the button.
//!
//! Authentic tokens cost nothing: what they took is given back. The stock survives a power cut in the records that are written
//! anyway, so switching a meter off and on gives no more than [`AT_START`].

/// How much work a meter does for strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkLimit {
    /// Most works in stock, each one verification or signature; 0 for no limit.
    pub stock: u8,
    /// One more is in stock after this time.
    pub refill_ms: u64,
}

impl WorkLimit {
    /// A meter on the mains: no limit.
    pub const MAINS: Self = Self { stock: 0, refill_ms: 0 };
    /// A meter on a battery: 12 works at once, then one each 5 minutes, at most 300 a day. On a processor that takes 1 s and
    /// 10 mA for each, that is a charge of 0.3 Ah in ten years.
    pub const BATTERY: Self = Self { stock: 12, refill_ms: 300_000 };
}

/// Works that are there after a start, whatever was left before it: enough for one who is honest to load a token.
pub const AT_START: u8 = 2;
/// Works that a press of the button allows.
pub const AT_PRESS: u8 = 6;
/// How long a press allows them.
pub const PRESS_MS: u64 = 300_000;

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
        Self { limit, stock: journaled.max(AT_START).min(limit.stock), since_ms: 0, pressed: None }
    }

    /// What is in stock, to be journaled.
    pub fn stock(&self) -> u8 {
        self.stock
    }

    /// A person pressed the button.
    pub fn press(&mut self, now_ms: u64) {
        self.pressed = Some((AT_PRESS, now_ms));
    }

    /// Takes one work.
    pub fn take(&mut self, now_ms: u64) -> Result<Taken, Empty> {
        if self.limit.stock == 0 {
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
        self.since_ms.saturating_add(self.limit.refill_ms).saturating_sub(now_ms)
    }

    /// Gives back what was taken for one who was honest.
    pub fn give_back(&mut self, taken: Taken) {
        match (taken, &mut self.pressed) {
            (Taken::Stock, _) => self.stock = self.stock.saturating_add(1).min(self.limit.stock),
            (Taken::Pressed, Some((left, _))) => *left = left.saturating_add(1).min(AT_PRESS),
            _ => {}
        }
    }

    fn refill(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.since_ms);
        let Some(more) = passed_ms.checked_div(self.limit.refill_ms) else { return };
        self.stock = u8::try_from(more).unwrap_or(u8::MAX).saturating_add(self.stock).min(self.limit.stock);
        let left_ms = passed_ms.checked_rem(self.limit.refill_ms).unwrap_or(0);
        self.since_ms = now_ms.saturating_sub(left_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(work: &mut Work, now_ms: u64) -> u32 {
        let mut taken = 0;
        while work.take(now_ms).is_ok() {
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
        assert_eq!((work.take(999), work.wait_ms(999)), (Err(Empty), 1));
        assert_eq!(drained(&mut work, 1_500), 1);
        assert_eq!((work.take(1_600), work.wait_ms(1_600)), (Err(Empty), 400));
        assert_eq!(drained(&mut work, 100_000), 3);
    }

    #[test]
    fn who_waits_as_long_as_it_says_gets_one() {
        for limit in [WorkLimit::BATTERY, WorkLimit::MAINS] {
            let mut work = Work::started(limit, 0);
            for now_ms in (0..10_000_000).step_by(7_919) {
                if work.take(now_ms).is_err() {
                    let wait_ms = work.wait_ms(now_ms);
                    assert!((1..=300_000).contains(&wait_ms), "{wait_ms}");
                    let mut early = work;
                    assert_eq!(
                        (early.take(now_ms + wait_ms - 1), early.wait_ms(now_ms + wait_ms - 1)),
                        (Err(Empty), 1)
                    );
                    assert_eq!(work.take(now_ms + wait_ms), Ok(Taken::Stock));
                }
            }
        }
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
        assert!(work.take(2 + PRESS_MS - 1).is_ok());
        let mut late = Work::started(limit, 0);
        drained(&mut late, 0);
        late.press(0);
        late.refill(0);
        assert_eq!(drained(&mut late, PRESS_MS), 1, "a press is over; one work was refilled meanwhile");
    }

    #[test]
    fn the_honest_get_theirs_back_and_the_mains_have_no_limit() {
        let mut work = Work::started(WorkLimit { stock: 2, refill_ms: 1_000 }, 2);
        for _ in 0..100 {
            let taken = work.take(0).unwrap();
            work.give_back(taken);
        }
        work.press(0);
        for _ in 0..100 {
            let taken = work.take(0).unwrap();
            assert_eq!(taken, Taken::Pressed);
            work.give_back(taken);
        }
        let mut mains = Work::started(WorkLimit::MAINS, 0);
        assert!((0..1_000).all(|_| mains.take(0) == Ok(Taken::Nothing)));
    }
}
