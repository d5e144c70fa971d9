//! When the next report is due, and when there is none any more. At a rate the fleet's schedule is fixed before the run
//! (an open loop): a server that stalls finds the reports that came due meanwhile, and their latency counts the wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The fleet's schedule.
#[derive(Debug)]
pub(super) enum Pace {
    /// Each reporter sends its next one as soon as the last was answered.
    Fast {
        /// Reports taken so far.
        taken: AtomicU64,
        /// Reports in all, where they are counted.
        reports: Option<u64>,
    },
    /// One every `interval` in the whole fleet, in turns.
    Rate {
        interval: Duration,
        /// Reporters that take turns.
        reporters: u64,
        /// Reports in all: what was asked for, or what is due within the duration.
        reports: Option<u64>,
    },
}

/// What a reporter is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Send at once.
    Now,
    /// Send this long after the start.
    At(Duration),
    /// Nothing is left to send.
    Done,
}

impl Pace {
    /// For so many reporters; a `rate` is reports a second of the whole fleet.
    pub(super) fn new(
        rate: Option<f64>,
        duration: Option<Duration>,
        reports: Option<u64>,
        reporters: u64,
    ) -> Self {
        let Some(rate) = rate else {
            let taken = AtomicU64::new(0);
            return Self::Fast { taken, reports };
        };
        let interval = Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1));
        let within = duration.map(|duration| {
            let count = duration.as_nanos().div_ceil(interval.as_nanos());
            u64::try_from(count).unwrap_or(u64::MAX)
        });
        let reports = match (reports, within) {
            (Some(asked), Some(within)) => Some(asked.min(within)),
            (asked, within) => asked.or(within),
        };
        Self::Rate {
            interval,
            reporters: reporters.max(1),
            reports,
        }
    }

    /// A reporter's turn, `turn` counting its own from 0.
    pub(super) fn turn(&self, reporter: u64, turn: u64) -> Turn {
        match self {
            Self::Fast { taken, reports } => {
                let number = taken.fetch_add(1, Ordering::Relaxed);
                if reports.is_some_and(|reports| number >= reports) {
                    Turn::Done
                } else {
                    Turn::Now
                }
            }
            Self::Rate {
                interval,
                reporters,
                reports,
            } => {
                let number = turn.saturating_mul(*reporters).saturating_add(reporter);
                if reports.is_some_and(|reports| number >= reports) {
                    return Turn::Done;
                }
                let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
                Turn::At(Duration::from_nanos(nanos.saturating_mul(number)))
            }
        }
    }

    /// How many reports the run comes to, where that is fixed.
    pub(super) const fn total(&self) -> Option<u64> {
        match self {
            Self::Fast { reports, .. } | Self::Rate { reports, .. } => *reports,
        }
    }

    /// How many reports were due after this long, at a rate.
    pub(super) fn due_after(&self, elapsed: Duration) -> Option<u64> {
        let Self::Rate {
            interval, reports, ..
        } = self
        else {
            return None;
        };
        let due = u64::try_from(elapsed.as_nanos() / interval.as_nanos()).unwrap_or(u64::MAX);
        let due = due.saturating_add(1);
        Some(reports.map_or(due, |reports| reports.min(due)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Turn {
        Turn::At(Duration::from_millis(millis))
    }

    #[test]
    fn reporters_take_turns_at_the_fleets_rate() {
        let pace = Pace::new(Some(100.0), Some(Duration::from_secs(1)), None, 3);
        assert_eq!(pace.total(), Some(100));
        assert_eq!(
            (pace.turn(0, 0), pace.turn(1, 0), pace.turn(2, 0)),
            (at(0), at(10), at(20))
        );
        assert_eq!(pace.turn(0, 1), at(30));
        assert_eq!(pace.turn(0, 33), at(990));
        assert_eq!(pace.turn(1, 33), Turn::Done);
        let all = (0..3).map(|reporter| {
            (0..1000)
                .take_while(|turn| pace.turn(reporter, *turn) != Turn::Done)
                .count()
        });
        assert_eq!(all.sum::<usize>(), 100);
    }

    #[test]
    fn the_smaller_of_reports_and_duration_ends_a_schedule() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(Pace::new(Some(10.0), second, Some(4), 1).total(), Some(4));
        assert_eq!(Pace::new(Some(10.0), second, Some(40), 1).total(), Some(10));
        assert_eq!(Pace::new(Some(10.0), None, Some(40), 1).total(), Some(40));
        assert_eq!(
            Pace::new(Some(0.5), Some(Duration::from_secs(10)), None, 1).total(),
            Some(5)
        );
        assert_eq!(Pace::new(None, second, None, 1).total(), None);
    }

    #[test]
    fn as_fast_as_it_can_every_reporter_takes_from_one_count() {
        let pace = Pace::new(None, None, Some(3), 2);
        let turns: Vec<Turn> = [0, 1, 0, 1].map(|reporter| pace.turn(reporter, 0)).to_vec();
        assert_eq!(turns, [Turn::Now, Turn::Now, Turn::Now, Turn::Done]);
    }

    #[test]
    fn what_was_due_is_known_at_any_moment() {
        let pace = Pace::new(Some(10.0), Some(Duration::from_secs(2)), None, 1);
        assert_eq!(pace.due_after(Duration::from_millis(950)), Some(10));
        assert_eq!(pace.due_after(Duration::from_mins(1)), Some(20));
        assert_eq!(
            Pace::new(None, None, None, 1).due_after(Duration::from_secs(1)),
            None
        );
    }
}
