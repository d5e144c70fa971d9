//! When to try again.

use std::time::Duration;

/// The longest that a target may ask to be left alone.
const LONGEST_ASKED_MS: i64 = 3_600_000;

/// How far jitter moves a delay, either way.
const JITTER: f64 = 0.2;

/// Delays that double from try to try, up to a longest one.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    first_ms: i64,
    longest_ms: i64,
}

impl Schedule {
    /// 1 s, doubling to 3 min.
    pub const DEFAULT: Self = Self {
        first_ms: 1000,
        longest_ms: 180_000,
    };

    /// The delay after this many failures (from 1), moved by `jitter` (0 to 1), and not before what the target asks for.
    pub fn delay_ms(&self, failures: u32, retry_after: Option<Duration>, jitter: f64) -> i64 {
        let doublings = failures.saturating_sub(1).min(20);
        let delay = self.first_ms.saturating_mul(1 << doublings).min(self.longest_ms);
        let moved = scaled(
            delay,
            (jitter.clamp(0.0, 1.0) * 2.0).mul_add(JITTER, 1.0 - JITTER),
        );
        let asked = retry_after.map_or(0, |asked| i64::try_from(asked.as_millis()).unwrap_or(i64::MAX));
        moved.max(asked.min(LONGEST_ASKED_MS))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a few minutes in milliseconds"
)]
fn scaled(delay_ms: i64, by: f64) -> i64 {
    (delay_ms as f64 * by) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_three_minutes() {
        let schedule = Schedule::DEFAULT;
        let delays: Vec<_> = (1..=10)
            .map(|failures| schedule.delay_ms(failures, None, 0.5))
            .collect();
        assert_eq!(
            delays,
            [
                1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 180_000, 180_000
            ]
        );
        assert_eq!(schedule.delay_ms(u32::MAX, None, 0.5), 180_000);
        assert_eq!(schedule.delay_ms(1, None, 0.0), 800);
        assert_eq!(schedule.delay_ms(1, None, 1.0), 1200);
    }

    #[test]
    fn what_the_target_asks_for_is_honoured_within_an_hour() {
        let schedule = Schedule::DEFAULT;
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(schedule.delay_ms(1, asked(30), 0.5), 30_000);
        assert_eq!(schedule.delay_ms(9, asked(30), 0.5), 180_000);
        assert_eq!(schedule.delay_ms(1, asked(1_000_000), 0.5), LONGEST_ASKED_MS);
    }
}
