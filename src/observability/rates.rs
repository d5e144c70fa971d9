//! What devices were answered in the last hour, in steps: for people who look at one screen. Kept in memory; a restart begins
//! anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Metrics;
use super::metrics::Answers;
use crate::domain::clock::{Clock, Timestamp};

/// The length of a step.
pub const STEP: Duration = Duration::from_secs(10);

/// Steps of an hour.
const STEPS: usize = 360;

/// What was answered in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it ended.
    pub end: Timestamp,
    /// The answers.
    pub answers: Answers,
}

/// The steps of the last hour.
pub struct Rates {
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    steps: Mutex<(Answers, VecDeque<Step>)>,
}

impl Rates {
    /// With no step yet.
    pub fn new(metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self {
            metrics,
            clock,
            steps: Mutex::default(),
        }
    }

    /// A step has passed.
    pub fn step(&self) {
        let (now, end) = (self.metrics.device_answers(), self.clock.now());
        let mut held = self.held();
        let answers = now.since(held.0);
        held.0 = now;
        if held.1.len() == STEPS {
            held.1.pop_front();
        }
        held.1.push_back(Step { end, answers });
    }

    /// The steps, the oldest first.
    pub fn steps(&self) -> Vec<Step> {
        self.held().1.iter().copied().collect()
    }

    fn held(&self) -> MutexGuard<'_, (Answers, VecDeque<Step>)> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(43_200_000)
        }
    }

    #[test]
    fn a_step_holds_what_came_in_it_and_an_hour_is_kept() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let rates = Rates::new(metrics.clone(), Arc::new(Noon));
        let answered = |path: &str, status: &str| metrics.request(path, status, "", Duration::ZERO);
        for status in ["200", "200", "403", "503"] {
            answered("properties", status);
        }
        answered("management", "200");
        rates.step();
        answered("device-auth", "200");
        rates.step();
        let answers = |accepted, refused, failed| Answers {
            accepted,
            refused,
            failed,
        };
        let told: Vec<_> = rates.steps().iter().map(|step| step.answers).collect();
        assert_eq!(told, [answers(2, 1, 1), answers(1, 0, 0)]);
        for _ in 0..STEPS {
            rates.step();
        }
        assert_eq!(rates.steps().len(), STEPS);
        assert_eq!(rates.steps()[0].answers, answers(0, 0, 0));
    }
}
