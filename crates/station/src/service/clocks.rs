//! How often a meter is told the time: each answer costs a signature, and nobody must prove anything to ask for one.

use super::{Station, now_ms};
use crate::problem::{Code, Error};
use coinless_protocol::MeterId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most answers for a meter in an hour, of one process.
const MOST_AN_HOUR: u32 = 20;
const HOUR_MS: i64 = 3_600_000;

/// Who was told the time in the current hour; no more meters than are enrolled.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<(i64, BTreeMap<MeterId, u32>)>);

impl Asked {
    fn count(&self, meter: MeterId, now_ms: i64) -> Result<(), Error> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now_ms.div_euclid(HOUR_MS);
        if asked.0 != hour {
            *asked = (hour, BTreeMap::new());
        }
        let count = asked.1.entry(meter).or_default();
        if *count >= MOST_AN_HOUR {
            let detail =
                format!("meter {} was told the time {MOST_AN_HOUR} times in this hour; try again later", meter.label());
            return Err(Error::refused(Code::TooOften, detail));
        }
        *count += 1;
        Ok(())
    }
}

impl Station {
    /// Counts that a meter is told the time.
    ///
    /// # Errors
    /// [`Code::TooOften`].
    pub fn may_tell_time(&self, meter: MeterId) -> Result<(), Error> {
        self.inner.clocks.count(meter, now_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_meter_has_its_own_count_and_the_next_hour_another() {
        let (asked, one, other) =
            (Asked::default(), "CLS0000000017".parse().unwrap(), "CLS0000000025".parse().unwrap());
        for _ in 0..MOST_AN_HOUR {
            asked.count(one, 0).unwrap();
        }
        assert!(asked.count(one, HOUR_MS - 1).is_err());
        asked.count(other, HOUR_MS - 1).unwrap();
        asked.count(one, HOUR_MS).unwrap();
    }
}
