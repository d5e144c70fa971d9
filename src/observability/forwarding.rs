//! Metrics of rules' actions. What an action's events came to is put in at each scrape, all figures of an action from one
//! instant, so that what is scraped adds up; only the time of a push is gathered as it happens. Bounded: of a number of
//! actions, the oldest first; the series of an action go with it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::metrics::{self, MetricsError, Named, counters, gauge, histogram_opts, registered};

/// Actions that metrics tell of, each with up to 100 series: so many that a scrape stays about a megabyte.
const MOST: usize = 200;

/// What an action may be, as its state shows it.
pub const STATES: [&str; 4] = ["healthy", "retrying", "refused", "paused"];

/// What a push may come to.
pub const OUTCOMES: [&str; 5] = [
    "delivered",
    "event_refused",
    "target_refused",
    "unreachable",
    "failed",
];

/// An action at one instant: taken = delivered + dead + dropped + pending.
#[derive(Clone, Debug, Default)]
pub struct ActionFigures {
    /// Its id.
    pub action: String,
    /// Events that the rule took.
    pub taken: u64,
    /// Those that the target has.
    pub delivered: u64,
    /// Those that became dead letters.
    pub dead: u64,
    /// Those that were dropped, by the bound's name.
    pub dropped: Vec<(&'static str, u64)>,
    /// Those that wait, the parked included.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Those that are set aside.
    pub parked: u64,
    /// How long the oldest has waited.
    pub lag_seconds: u64,
    /// `healthy`, `retrying`, `refused` or `paused`.
    pub state: &'static str,
}

/// Handles to all of them.
pub struct ForwardingMetrics {
    taken: IntCounterVec,
    delivered: IntCounterVec,
    dead: IntCounterVec,
    dropped: IntCounterVec,
    pending: IntGaugeVec,
    pending_bytes: IntGaugeVec,
    parked: IntGaugeVec,
    lag: IntGaugeVec,
    state: IntGaugeVec,
    push_seconds: HistogramVec,
    /// Those that [`Self::push_seconds`] tells of.
    pushing: Mutex<BTreeSet<String>>,
    actions: IntGauge,
    log_reads: IntCounterVec,
    save_seconds: Histogram,
    save_failures: IntCounter,
}

impl ForwardingMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let times = histogram_opts(metrics::ACTION_PUSH_SECONDS, push_seconds());
        let times = HistogramVec::new(times, metrics::ACTION_PUSH_SECONDS.1)?;
        let saves = histogram_opts(metrics::ACTION_SAVE_SECONDS, metrics::seconds());
        let (name, _, help) = metrics::ACTION_SAVE_FAILURES;
        Ok(Self {
            taken: counters(registry, metrics::ACTION_TAKEN)?,
            delivered: counters(registry, metrics::ACTION_DELIVERED)?,
            dead: counters(registry, metrics::ACTION_DEAD)?,
            dropped: counters(registry, metrics::ACTION_DROPPED)?,
            pending: gauges(registry, metrics::ACTION_PENDING)?,
            pending_bytes: gauges(registry, metrics::ACTION_PENDING_BYTES)?,
            parked: gauges(registry, metrics::ACTION_PARKED)?,
            lag: gauges(registry, metrics::ACTION_LAG)?,
            state: gauges(registry, metrics::ACTION_STATE)?,
            push_seconds: registered(registry, times)?,
            pushing: Mutex::default(),
            actions: gauge(registry, metrics::ACTIONS)?,
            log_reads: counters(registry, metrics::ACTION_LOG_READS)?,
            save_seconds: registered(registry, Histogram::with_opts(saves)?)?,
            save_failures: registered(registry, IntCounter::new(name, help)?)?,
        })
    }

    /// A push came to an end, as `delivered`, `event_refused`, `target_refused`, `unreachable` or `failed`.
    pub fn pushed(&self, action: &str, outcome: &'static str, took: Duration) {
        let mut pushing = self.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        if !pushing.contains(action) {
            if pushing.len() >= MOST {
                return;
            }
            pushing.insert(action.to_owned());
        }
        self.push_seconds
            .with_label_values(&[action, outcome])
            .observe(took.as_secs_f64());
    }

    /// An action is gone, and no push of it is on its way.
    pub fn forget(&self, action: &str) {
        let mut pushing = self.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        if pushing.remove(action) {
            for outcome in OUTCOMES {
                // One that never happened has no series.
                let _ = self.push_seconds.remove_label_values(&[action, outcome]);
            }
        }
    }

    /// The log was read for actions: at its `end`, for all that have caught up, or for one that is `behind`.
    pub fn log_read(&self, place: &'static str) {
        self.log_reads.with_label_values(&[place]).inc();
    }

    /// What all actions came to was saved, or not.
    pub fn saved(&self, took: Duration, succeeded: bool) {
        self.save_seconds.observe(took.as_secs_f64());
        if !succeeded {
            self.save_failures.inc();
        }
    }

    /// These figures take the place of those before: of an action that is gone nothing stays.
    pub(super) fn put(&self, actions: &[ActionFigures]) {
        for counters in [&self.taken, &self.delivered, &self.dead, &self.dropped] {
            counters.reset();
        }
        let gauges = [
            &self.pending,
            &self.pending_bytes,
            &self.parked,
            &self.lag,
            &self.state,
        ];
        for gauges in gauges {
            gauges.reset();
        }
        self.actions.set(whole(actions.len() as u64));
        for figures in actions.iter().take(MOST) {
            self.put_one(figures);
        }
    }

    fn put_one(&self, figures: &ActionFigures) {
        let action = figures.action.as_str();
        for (counters, value) in [
            (&self.taken, figures.taken),
            (&self.delivered, figures.delivered),
            (&self.dead, figures.dead),
        ] {
            counters.with_label_values(&[action]).inc_by(value);
        }
        for (bound, value) in &figures.dropped {
            self.dropped.with_label_values(&[action, bound]).inc_by(*value);
        }
        for (gauges, value) in [
            (&self.pending, figures.pending),
            (&self.pending_bytes, figures.pending_bytes),
            (&self.parked, figures.parked),
            (&self.lag, figures.lag_seconds),
        ] {
            gauges.with_label_values(&[action]).set(whole(value));
        }
        for state in STATES {
            let is_it = i64::from(state == figures.state);
            self.state.with_label_values(&[action, state]).set(is_it);
        }
    }
}

fn gauges(registry: &Registry, (name, labels, help): Named) -> Result<IntGaugeVec, MetricsError> {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// From a millisecond to the default of `routing.push_timeout_seconds`.
fn push_seconds() -> Vec<f64> {
    vec![
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observability::Metrics;

    fn figures(action: &str, taken: u64) -> ActionFigures {
        ActionFigures {
            action: action.to_owned(),
            taken,
            delivered: taken,
            dropped: vec![("retention", 0)],
            state: "healthy",
            ..ActionFigures::default()
        }
    }

    #[test]
    fn figures_take_the_place_of_those_before_and_go_with_their_action() {
        let metrics = Metrics::new().unwrap();
        metrics.forwarding.pushed("a", "failed", Duration::from_millis(3));
        metrics.text(&[figures("a", 3), figures("b", 1)]).unwrap();
        let text = metrics.text(&[figures("a", 5), figures("b", 1)]).unwrap();
        for line in [
            "fieldgate_action_taken_total{action=\"a\"} 5",
            "fieldgate_action_state{action=\"a\",state=\"healthy\"} 1",
            "fieldgate_action_state{action=\"a\",state=\"paused\"} 0",
            "fieldgate_action_dropped_total{action=\"b\",bound=\"retention\"} 0",
            "fieldgate_action_push_seconds_count{action=\"a\",outcome=\"failed\"} 1",
            "fieldgate_actions 2",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        metrics.forwarding.forget("a");
        let text = metrics.text(&[figures("b", 1)]).unwrap();
        assert!(!text.contains("action=\"a\""), "{text}");
        assert!(
            text.contains("fieldgate_action_taken_total{action=\"b\"} 1"),
            "{text}"
        );
    }

    #[test]
    fn no_more_than_the_bound_is_told_and_room_comes_back() {
        let metrics = Metrics::new().unwrap();
        let ids: Vec<_> = (0..=MOST).map(|number| format!("a{number:03}")).collect();
        let all: Vec<_> = ids.iter().map(|id| figures(id, 1)).collect();
        let push = |id: &str| metrics.forwarding.pushed(id, "delivered", Duration::ZERO);
        for id in &ids {
            push(id);
        }
        let text = metrics.text(&all).unwrap();
        assert!(text.contains("fieldgate_actions 201"), "{text}");
        assert!(text.contains("action=\"a199\"") && !text.contains("action=\"a200\""));
        let lines = text
            .lines()
            .filter(|line| line.contains("action=\"a000\""))
            .count();
        assert!(lines * MOST < 100 * MOST, "{lines} series of one action");
        metrics.forwarding.forget("a000");
        push("a200");
        let text = metrics.text(all.get(1..).unwrap()).unwrap();
        let series = "fieldgate_action_push_seconds_count{action=\"a200\",outcome=\"delivered\"} 1";
        assert!(text.contains(series), "{text}");
        assert!(text.contains("fieldgate_action_taken_total{action=\"a200\"} 1"));
    }
}
