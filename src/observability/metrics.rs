//! Every metric of the instance, by name; written as Prometheus text. The README's table is compared with [`ALL`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use super::forwarding::{ActionFigures, ForwardingMetrics};

/// Name, labels and meaning of each.
pub const ALL: &[(&str, &[&str], &str)] = &[
    REQUESTS,
    REQUEST_SECONDS,
    HANDSHAKES,
    HANDSHAKE_FAILURES,
    CONNECTIONS,
    QUEUE_ROWS,
    QUEUE_BYTES,
    COMMIT_ROWS,
    COMMIT_SECONDS,
    FAULTS,
    LIMITS_HIT,
    ACTION_TAKEN,
    ACTION_DELIVERED,
    ACTION_DEAD,
    ACTION_DROPPED,
    ACTION_PENDING,
    ACTION_PENDING_BYTES,
    ACTION_PARKED,
    ACTION_LAG,
    ACTION_STATE,
    ACTION_PUSH_SECONDS,
    ACTIONS,
    ACTION_LOG_READS,
    ACTION_SAVE_SECONDS,
    ACTION_SAVE_FAILURES,
    STORE_BYTES,
    EVENT_READERS,
    CERTIFICATE_END,
];

/// Why metrics cannot be registered or written.
pub type MetricsError = prometheus::Error;

pub(super) type Named = (&'static str, &'static [&'static str], &'static str);

const REQUESTS: Named = (
    "fieldgate_requests_total",
    &["path", "status", "code"],
    "Requests by path, status and error code",
);
const REQUEST_SECONDS: Named = (
    "fieldgate_request_seconds",
    &["path"],
    "Time from a request's head to its answer",
);
const HANDSHAKES: Named = (
    "fieldgate_handshakes_total",
    &["kind"],
    "TLS handshakes: full or resumed",
);
const HANDSHAKE_FAILURES: Named = (
    "fieldgate_handshake_failures_total",
    &["reason"],
    "Handshakes that failed: tls, timeout, plain_http or connection_cap",
);
const CONNECTIONS: Named = ("fieldgate_connections", &[], "Open connections of both listeners");
const QUEUE_ROWS: Named = (
    "fieldgate_writer_queue_rows",
    &[],
    "Rows that wait for the writer",
);
const QUEUE_BYTES: Named = (
    "fieldgate_writer_queue_bytes",
    &[],
    "Bytes that wait for the writer",
);
const COMMIT_ROWS: Named = ("fieldgate_commit_rows", &[], "Rows of a commit");
const COMMIT_SECONDS: Named = (
    "fieldgate_commit_seconds",
    &[],
    "Time of a commit, its flush included",
);
const FAULTS: Named = (
    "fieldgate_validation_faults_total",
    &["kind"],
    "Values that broke their product model (the first 100 of a report)",
);
const LIMITS_HIT: Named = (
    "fieldgate_limits_hit_total",
    &["limit"],
    "Refusals by the configuration key of the limit",
);
pub(super) const ACTION_TAKEN: Named = (
    "fieldgate_action_taken_total",
    &["action"],
    "Events that an action's rule took, one that is delivered again once more: delivered + dead + dropped + pending",
);
pub(super) const ACTION_DELIVERED: Named = (
    "fieldgate_action_delivered_total",
    &["action"],
    "Events that its target has",
);
pub(super) const ACTION_DEAD: Named = (
    "fieldgate_action_dead_total",
    &["action"],
    "Events that became dead letters",
);
pub(super) const ACTION_DROPPED: Named = (
    "fieldgate_action_dropped_total",
    &["action", "bound"],
    "Events that a bound dropped: backlog_size, backlog_time or retention",
);
pub(super) const ACTION_PENDING: Named = (
    "fieldgate_action_pending",
    &["action"],
    "Events that were taken and are not settled, the parked included",
);
pub(super) const ACTION_PENDING_BYTES: Named = ("fieldgate_action_pending_bytes", &["action"], "Their bytes");
pub(super) const ACTION_PARKED: Named = (
    "fieldgate_action_parked",
    &["action"],
    "Events that are set aside because they fail while the target takes others",
);
pub(super) const ACTION_LAG: Named = (
    "fieldgate_action_lag_seconds",
    &["action"],
    "How long the oldest pending event has waited",
);
pub(super) const ACTION_STATE: Named = (
    "fieldgate_action_state",
    &["action", "state"],
    "1 for what the action is: healthy, retrying, refused or paused",
);
pub(super) const ACTION_PUSH_SECONDS: Named = (
    "fieldgate_action_push_seconds",
    &["action", "outcome"],
    "Time of a push: delivered, event_refused, target_refused, unreachable or failed",
);
pub(super) const ACTIONS: Named = (
    "fieldgate_actions",
    &[],
    "Actions that run; of the first 200 there are the metrics above",
);
pub(super) const ACTION_LOG_READS: Named = (
    "fieldgate_action_log_reads_total",
    &["place"],
    "Reads of the log: at its end, once for all actions that have caught up, or behind",
);
pub(super) const ACTION_SAVE_SECONDS: Named = (
    "fieldgate_action_save_seconds",
    &[],
    "Time to save what all actions came to",
);
pub(super) const ACTION_SAVE_FAILURES: Named = (
    "fieldgate_action_save_failures_total",
    &[],
    "Saves that failed; each is tried again with the next",
);
const STORE_BYTES: Named = ("fieldgate_store_bytes", &[], "Size of the database's files");
const EVENT_READERS: Named = (
    "fieldgate_event_readers",
    &[],
    "Open event streams and long polls",
);
const CERTIFICATE_END: Named = (
    "fieldgate_certificate_end_timestamp_seconds",
    &[],
    "When the first certificate ends, seconds since 1970",
);

/// How many requests of devices were answered, by what the answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// 2xx.
    pub accepted: u64,
    /// 4xx.
    pub refused: u64,
    /// The others.
    pub failed: u64,
}

impl Answers {
    /// What came after `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(earlier.accepted),
            refused: self.refused.saturating_sub(earlier.refused),
            failed: self.failed.saturating_sub(earlier.failed),
        }
    }
}

/// The paths of devices, as [`REQUESTS`] names them.
const DEVICE_PATHS: [&str; 4] = ["device-auth", "messages", "properties", "children"];

/// Handles to all of them, in a registry of their own.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    handshakes: IntCounterVec,
    handshake_failures: IntCounterVec,
    faults: IntCounterVec,
    limits_hit: IntCounterVec,
    commit_rows: Histogram,
    commit_seconds: Histogram,
    /// Held while figures are put in and written, so that each text is of one moment.
    scrape: Mutex<()>,
    /// Rules' actions.
    pub forwarding: ForwardingMetrics,
    /// Open connections.
    pub connections: IntGauge,
    /// Rows that wait for the writer.
    pub queue_rows: IntGauge,
    /// Bytes that wait for the writer.
    pub queue_bytes: IntGauge,
    /// Size of the database's files.
    pub store_bytes: IntGauge,
    /// Open event streams and long polls.
    pub event_readers: IntGauge,
    /// When the first certificate ends, seconds.
    pub certificate_end: IntGauge,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        Ok(Self {
            requests: counters(&registry, REQUESTS)?,
            request_seconds: registered(
                &registry,
                HistogramVec::new(histogram_opts(REQUEST_SECONDS, seconds()), REQUEST_SECONDS.1)?,
            )?,
            handshakes: counters(&registry, HANDSHAKES)?,
            handshake_failures: counters(&registry, HANDSHAKE_FAILURES)?,
            faults: counters(&registry, FAULTS)?,
            limits_hit: counters(&registry, LIMITS_HIT)?,
            commit_rows: registered(
                &registry,
                Histogram::with_opts(histogram_opts(COMMIT_ROWS, rows()))?,
            )?,
            commit_seconds: registered(
                &registry,
                Histogram::with_opts(histogram_opts(COMMIT_SECONDS, seconds()))?,
            )?,
            scrape: Mutex::default(),
            forwarding: ForwardingMetrics::new(&registry)?,
            connections: gauge(&registry, CONNECTIONS)?,
            queue_rows: gauge(&registry, QUEUE_ROWS)?,
            queue_bytes: gauge(&registry, QUEUE_BYTES)?,
            store_bytes: gauge(&registry, STORE_BYTES)?,
            event_readers: gauge(&registry, EVENT_READERS)?,
            certificate_end: gauge(&registry, CERTIFICATE_END)?,
            registry,
        })
    }

    /// A request was answered; `path` and `code` are of small fixed sets.
    pub fn request(&self, path: &str, status: &str, code: &str, took: Duration) {
        self.requests.with_label_values(&[path, status, code]).inc();
        let seconds = took.as_secs_f64();
        self.request_seconds.with_label_values(&[path]).observe(seconds);
    }

    /// What devices were answered so far.
    pub fn device_answers(&self) -> Answers {
        let mut answers = Answers::default();
        let families = self.requests.collect();
        for metric in families
            .iter()
            .flat_map(prometheus::proto::MetricFamily::get_metric)
        {
            let label = |name: &str| {
                let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                pair.map_or("", |pair| pair.value())
            };
            if !DEVICE_PATHS.contains(&label("path")) {
                continue;
            }
            // Counts are whole, and far below what a double holds exactly.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = metric.get_counter().get_value() as u64;
            match label("status").as_bytes().first() {
                Some(b'2') => answers.accepted += count,
                Some(b'4') => answers.refused += count,
                _ => answers.failed += count,
            }
        }
        answers
    }

    /// A handshake was finished.
    pub fn handshake(&self, resumed: bool) {
        let kind = if resumed { "resumed" } else { "full" };
        self.handshakes.with_label_values(&[kind]).inc();
    }

    /// A handshake failed, or none was tried.
    pub fn handshake_failure(&self, reason: &str) {
        self.handshake_failures.with_label_values(&[reason]).inc();
    }

    /// A value broke its model.
    pub fn fault(&self, kind: &str) {
        self.faults.with_label_values(&[kind]).inc();
    }

    /// A limit refused something; its configuration key.
    pub fn limit_hit(&self, limit: &str) {
        self.limits_hit.with_label_values(&[limit]).inc();
    }

    /// A commit ended.
    pub fn commit(&self, rows: usize, took: Duration) {
        self.commit_rows
            .observe(f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// The text that Prometheus scrapes, format 0.0.4, with these figures of all actions.
    pub fn text(&self, actions: &[ActionFigures]) -> Result<String, MetricsError> {
        let _alone = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.forwarding.put(actions);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

pub(super) fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, MetricsError> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

pub(super) fn counters(
    registry: &Registry,
    (name, labels, help): Named,
) -> Result<IntCounterVec, MetricsError> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

pub(super) fn gauge(registry: &Registry, (name, _, help): Named) -> Result<IntGauge, MetricsError> {
    registered(registry, IntGauge::new(name, help)?)
}

pub(super) fn histogram_opts((name, _, help): Named, buckets: Vec<f64>) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets)
}

/// From half a millisecond, in steps of about two, to ten seconds.
pub(super) fn seconds() -> Vec<f64> {
    vec![
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
    ]
}

fn rows() -> Vec<f64> {
    vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_readme_is_this_list() {
        let readme = std::fs::read_to_string("README.md").unwrap();
        let rows: Vec<String> = readme
            .lines()
            .filter(|line| line.starts_with("| `fieldgate_"))
            .map(str::to_owned)
            .collect();
        let expected: Vec<String> = ALL
            .iter()
            .map(|(name, labels, help)| format!("| `{name}` | {} | {help} |", labels.join(", ")))
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn alerts_are_on_metrics_that_there_are_and_the_readme_tells_of_them() {
        let alerts = std::fs::read_to_string("config/alerts.yml").unwrap();
        let readme = std::fs::read_to_string("README.md").unwrap();
        let mut watched = 0;
        let words = alerts.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("fieldgate_")) {
            assert!(ALL.iter().any(|(name, ..)| *name == word), "{word}");
            watched += 1;
        }
        assert!(watched > 10, "{watched}");
        let forwarding = alerts.split("name: fieldgate-store").next().unwrap();
        let names = forwarding
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- alert: "));
        for name in names.filter(|name| *name != "FieldgateActionsWithoutMetrics") {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn each_metric_is_written_once_it_has_a_value() {
        let metrics = Metrics::new().unwrap();
        metrics.request("device-auth", "200", "", Duration::from_millis(3));
        metrics.handshake(true);
        metrics.handshake_failure("tls");
        metrics.fault("out_of_range");
        metrics.limit_hit("limits.device_auth_per_minute");
        metrics.forwarding.log_read("end");
        metrics
            .forwarding
            .pushed("a", "delivered", Duration::from_millis(5));
        metrics.commit(12, Duration::from_millis(2));
        let figures = ActionFigures {
            action: "a".to_owned(),
            dropped: vec![("retention", 1)],
            ..ActionFigures::default()
        };
        let text = metrics.text(&[figures]).unwrap();
        for (name, ..) in ALL {
            assert!(
                text.contains(&format!("# TYPE {name} ")),
                "{name} is not in {text}"
            );
        }
    }
}
