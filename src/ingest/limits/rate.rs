//! A rate and the pace of one caller: the generic cell rate algorithm, one word a caller, no timers.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::clock::Timestamp;

/// So many at once, and as many again in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds that each request takes up.
    interval: i64,
    /// Microseconds that a caller may run ahead.
    ahead: i64,
}

impl Rate {
    /// None for 0.
    pub fn per_second(requests: u32) -> Option<Self> {
        Self::per(requests, 1_000_000)
    }

    /// None for 0.
    pub fn per_minute(requests: u32) -> Option<Self> {
        Self::per(requests, 60_000_000)
    }

    fn per(requests: u32, micros: i64) -> Option<Self> {
        (requests > 0).then(|| Self {
            interval: (micros / i64::from(requests)).max(1),
            ahead: micros,
        })
    }
}

/// Up to when a caller has used its rate, microseconds since 1970.
#[derive(Debug, Default)]
pub struct Pace(AtomicI64);

impl Pace {
    /// Takes one; or says how many milliseconds to wait.
    pub fn take(&self, rate: Rate, now: Timestamp) -> Result<(), i64> {
        let now = now.0.saturating_mul(1000);
        let mut used = self.0.load(Ordering::Relaxed);
        loop {
            // Further ahead than it can have come: the clock went back, and must not hold the caller for as long.
            let ahead = if used - now > rate.ahead {
                now
            } else {
                used.max(now)
            };
            let next = ahead + rate.interval;
            let over = next - now - rate.ahead;
            if over > 0 {
                return Err(over.div_euclid(1000) + 1);
            }
            match self
                .0
                .compare_exchange_weak(used, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(seen) => used = seen,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_421_730_000);

    #[test]
    fn a_second_takes_its_number_and_the_next_one_again() {
        let (rate, pace) = (Rate::per_second(100).unwrap(), Pace::default());
        let taken = (0..300).filter(|_| pace.take(rate, NOW).is_ok()).count();
        assert_eq!(taken, 100);
        assert_eq!(pace.take(rate, NOW), Err(11));
        assert_eq!(pace.take(rate, NOW.plus_millis(10)), Ok(()));
        assert!(pace.take(rate, NOW.plus_millis(10)).is_err());
        let taken = (0..300)
            .filter(|_| pace.take(rate, NOW.plus_millis(60_000)).is_ok())
            .count();
        assert_eq!(taken, 100, "rest is not saved up");
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_as_long() {
        let (rate, pace) = (Rate::per_second(10).unwrap(), Pace::default());
        assert_eq!(pace.take(rate, NOW), Ok(()));
        assert_eq!(pace.take(rate, NOW.plus_seconds(-3600)), Ok(()));
        assert_eq!(Rate::per_second(0), None);
    }
}
