//! The meter's clock: it is at least so late. It goes on with the port's uptime, and never goes back but in answer to the
//! meter's own fresh challenge.

use coinless_protocol::Challenge;
use coinless_protocol::token::Clock;

/// How long a challenge may be answered.
pub const CHALLENGE_MS: u64 = 600_000;

/// The running clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunningClock {
    /// What it showed at `at_ms`, in seconds since 1970-01-01 UTC; 0 if it was never set.
    unix_s: u64,
    at_ms: u64,
    /// It was set in answer to a challenge and has gone since.
    pub trusted: bool,
    challenge: Option<(Challenge, u64)>,
}

impl RunningClock {
    /// A clock that knows only what was journaled before a start.
    pub fn journaled(unix_s: u64) -> Self {
        Self { unix_s, ..Self::default() }
    }

    /// Seconds since 1970-01-01 UTC that it is at least; 0 if the clock was never set.
    pub fn now(&self, now_ms: u64) -> u64 {
        match self.unix_s {
            0 => 0,
            unix_s => unix_s.saturating_add(now_ms.saturating_sub(self.at_ms).checked_div(1000).unwrap_or(0)),
        }
    }

    /// The port's own clock went on while the meter was off; gives whether it is believed: it must not be behind.
    pub fn kept(&mut self, now_ms: u64, unix_s: u64) -> bool {
        let ahead = unix_s > 0 && unix_s >= self.now(now_ms);
        if ahead {
            (self.unix_s, self.at_ms, self.trusted) = (unix_s, now_ms, true);
        }
        ahead
    }

    /// The challenge that is given out until half of its time is over, so that there is time left to answer it.
    pub fn open_challenge(&self, now_ms: u64) -> Option<Challenge> {
        let (challenge, since_ms) = self.challenge?;
        (now_ms.saturating_sub(since_ms) < CHALLENGE_MS / 2).then_some(challenge)
    }

    /// A fresh challenge was given out.
    pub fn challenged(&mut self, now_ms: u64, challenge: Challenge) {
        self.challenge = Some((challenge, now_ms));
    }

    /// Whether a token's word is in answer to the newest challenge.
    pub fn is_answer(&self, now_ms: u64, clock: &Clock) -> bool {
        let fresh = |(challenge, since_ms): &(Challenge, u64)| {
            clock.answers == Some(*challenge) && now_ms.saturating_sub(*since_ms) < CHALLENGE_MS
        };
        self.challenge.as_ref().is_some_and(fresh)
    }

    /// Whether a token's word says anything new.
    pub fn is_newer(&self, now_ms: u64, clock: &Clock) -> bool {
        self.is_answer(now_ms, clock) || clock.answers.is_none() && clock.unix_s > self.now(now_ms)
    }

    /// Takes a token's word that [`RunningClock::is_newer`].
    pub fn set(&mut self, now_ms: u64, clock: &Clock) {
        self.trusted |= self.is_answer(now_ms, clock);
        if clock.answers.is_some() {
            self.challenge = None;
        }
        (self.unix_s, self.at_ms) = (clock.unix_s, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(unix_s: u64, answers: Option<Challenge>) -> Clock {
        Clock { unix_s, answers }
    }

    #[test]
    fn it_goes_back_only_in_answer_to_a_fresh_challenge() {
        let mut clock = RunningClock::journaled(1_000);
        assert_eq!(clock.now(5_999), 1_005);
        assert!(!clock.is_newer(0, &said(1_000, None)));
        assert!(!clock.is_newer(0, &said(2_000, Some([1; 8]))), "nobody asked");
        clock.set(0, &said(2_000, None));
        assert!(!clock.trusted && clock.now(1_000) == 2_001);
        clock.challenged(1_000, [1; 8]);
        assert!(!clock.is_newer(2_000, &said(500, Some([2; 8]))), "another challenge");
        assert!(!clock.is_newer(1_000 + CHALLENGE_MS, &said(500, Some([1; 8]))), "too late");
        assert!(clock.is_newer(2_000, &said(500, Some([1; 8]))));
        clock.set(2_000, &said(500, Some([1; 8])));
        assert!(clock.trusted && clock.now(3_000) == 501);
        assert!(!clock.is_newer(3_000, &said(400, Some([1; 8]))), "once");
    }

    #[test]
    fn a_challenge_is_given_again_for_half_of_its_time() {
        let mut clock = RunningClock::journaled(1_000);
        assert_eq!(clock.open_challenge(0), None);
        clock.challenged(1_000, [1; 8]);
        assert_eq!(clock.open_challenge(999 + CHALLENGE_MS / 2), Some([1; 8]));
        assert_eq!(clock.open_challenge(1_000 + CHALLENGE_MS / 2), None);
        assert!(clock.is_answer(1_000 + CHALLENGE_MS / 2, &said(1, Some([1; 8]))), "it can still be answered");
        clock.set(2_000, &said(500, Some([1; 8])));
        assert_eq!(clock.open_challenge(2_000), None);
    }

    #[test]
    fn a_clock_that_went_on_is_believed_unless_it_is_behind() {
        let mut clock = RunningClock::journaled(1_000);
        assert!(!clock.kept(0, 999) && !clock.trusted);
        assert!(clock.kept(0, 1_500) && clock.trusted && clock.now(0) == 1_500);
        assert!(!RunningClock::default().kept(0, 0));
        assert_eq!(RunningClock::default().now(u64::MAX), 0, "never set");
    }
}
