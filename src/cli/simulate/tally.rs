//! Counts of a run: what became of reports, how long it took, what was answered. Bounded, whatever a server answers.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::judge::Outcome;
use super::mix::ReportKind;
use super::payload::{Bad, Report};

/// The counts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) outcomes: BTreeMap<(ReportKind, Outcome), u64>,
    /// Reports of children in acknowledged batches.
    pub(super) child_reports: u64,
    /// Bad reports: refused for their reason, and not.
    pub(super) bad: BTreeMap<Bad, (u64, u64)>,
    /// Answers to reports and authentications by status and code.
    pub(super) answers: BTreeMap<(u16, String), u64>,
    pub(super) authentications: Authentications,
    pub(super) full_handshakes: u64,
    pub(super) resumed_handshakes: u64,
    /// Reports without an answer.
    pub(super) lost: u64,
    /// Connections and authentications that did not come about.
    pub(super) outages: u64,
    /// Bodies of acknowledged reports.
    pub(super) body_bytes: u64,
    /// Of acknowledged reports, from when each was due.
    pub(super) report_times: Times,
    pub(super) authentication_times: Times,
    pub(super) connection_times: Times,
    /// The first few things that should not have happened.
    pub(super) examples: Vec<String>,
}

/// Authentications by their cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Authentications {
    pub(super) first: u64,
    pub(super) renewals: u64,
    /// After a 403 for a token.
    pub(super) after_refusal: u64,
    /// Devices that may not.
    pub(super) denied: u64,
}

/// Why a device asks for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    First,
    Renewal,
    Refused,
}

impl Tally {
    /// A report came to its end, `took` after it was due.
    pub(super) fn report(&mut self, report: &Report, children: u64, outcome: Outcome, took: Duration) {
        *self.outcomes.entry((report.kind, outcome)).or_default() += 1;
        if let Some(bad) = report.bad {
            let (refused, otherwise) = self.bad.entry(bad).or_default();
            match outcome {
                Outcome::Refused => *refused += 1,
                _ => *otherwise += 1,
            }
        }
        if outcome == Outcome::Acknowledged {
            self.report_times.record(took);
            self.body_bytes += report.body.len() as u64;
            if report.kind == ReportKind::Batch {
                self.child_reports += children;
            }
        }
    }

    /// An answer came; those that ask to come again count too.
    pub(super) fn answered(&mut self, status: u16, code: &str) {
        let key = (status, code.to_owned());
        let known = self.answers.len() < MOST_CODES || self.answers.contains_key(&key);
        let key = if known { key } else { (status, "other".to_owned()) };
        *self.answers.entry(key).or_default() += 1;
    }

    pub(super) fn authenticated(&mut self, why: Why, took: Duration) {
        self.answered(200, "");
        self.authentication_times.record(took);
        match why {
            Why::First => self.authentications.first += 1,
            Why::Renewal => self.authentications.renewals += 1,
            Why::Refused => self.authentications.after_refusal += 1,
        }
    }

    pub(super) fn refused_authentication(&mut self, status: u16, code: &str) {
        self.answered(status, code);
    }

    pub(super) fn denied(&mut self, cause: String) {
        self.authentications.denied += 1;
        self.keep_example(cause);
    }

    pub(super) fn connected(&mut self, resumed: bool, took: Duration) {
        self.connection_times.record(took);
        if resumed {
            self.resumed_handshakes += 1;
        } else {
            self.full_handshakes += 1;
        }
    }

    /// A report has no answer.
    pub(super) fn lost(&mut self, cause: &str) {
        self.lost += 1;
        self.keep_example(format!("no answer to a report: {cause}"));
    }

    /// A report could not be sent.
    pub(super) fn outage(&mut self, cause: &str) {
        self.outages += 1;
        self.keep_example(cause.to_owned());
    }

    /// An answer that should have been another.
    pub(super) fn example(&mut self, report: &Report, status: u16, code: &str, said: &str) {
        let kind = report.kind.name();
        let what = match report.bad {
            Some(bad) => format!("a bad {kind} report ({})", bad.name()),
            None => format!("a good {kind} report"),
        };
        let answer = [&status.to_string(), code, said].map(str::trim).join(" ");
        self.keep_example(format!("{what} was answered {}", answer.trim_end()));
    }

    fn keep_example(&mut self, text: String) {
        if self.examples.len() < MOST_EXAMPLES && !self.examples.contains(&text) {
            self.examples.push(text);
        }
    }

    /// Reports with this outcome, of every kind.
    pub(super) fn count(&self, outcome: Outcome) -> u64 {
        let of = self.outcomes.iter().filter(|((_, known), _)| *known == outcome);
        of.map(|(_, count)| count).sum()
    }

    /// Reports that came to an end.
    pub(super) fn reports(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

/// Times, from a microsecond to an hour, three digits exact.
pub(super) struct Times(Option<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        // These bounds are fixed and good; without the histogram times would be missing and nothing else.
        Self(Histogram::new_with_bounds(1, HOUR_MICROS, 3).ok())
    }
}

impl Times {
    fn record(&mut self, took: Duration) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// So many percent took at most this long.
    pub(super) fn percentile(&self, percent: f64) -> Duration {
        let micros = self
            .0
            .as_ref()
            .map_or(0, |histogram| histogram.value_at_percentile(percent));
        Duration::from_micros(micros)
    }

    pub(super) fn longest(&self) -> Duration {
        Duration::from_micros(self.0.as_ref().map_or(0, Histogram::max))
    }
}

const HOUR_MICROS: u64 = 3_600_000_000;
const MOST_CODES: usize = 50;
const MOST_EXAMPLES: usize = 10;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn report(kind: ReportKind, bad: Option<Bad>) -> Report {
        Report {
            kind,
            bad,
            path: String::new(),
            body: Bytes::from_static(b"12345"),
        }
    }

    #[test]
    fn reports_count_by_kind_and_outcome() {
        let mut tally = Tally::default();
        let took = Duration::from_millis(3);
        tally.report(&report(ReportKind::Batch, None), 7, Outcome::Acknowledged, took);
        tally.report(&report(ReportKind::Message, None), 0, Outcome::Acknowledged, took);
        let bad = report(ReportKind::Properties, Some(Bad::OutOfRange));
        tally.report(&bad, 0, Outcome::Refused, took);
        tally.report(&bad, 0, Outcome::WronglyAccepted, took);
        assert_eq!(tally.reports(), 4);
        assert_eq!(tally.count(Outcome::Acknowledged), 2);
        assert_eq!(tally.bad[&Bad::OutOfRange], (1, 1));
        assert_eq!((tally.child_reports, tally.body_bytes), (7, 10));
        assert_eq!(tally.report_times.count(), 2, "refusals have no latency here");
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut times = Times::default();
        for millis in 1..=1000 {
            times.record(Duration::from_millis(millis));
        }
        let near = |time: Duration, millis: u64| time.as_millis().abs_diff(u128::from(millis)) <= 1;
        assert!(near(times.percentile(50.0), 500));
        assert!(near(times.percentile(99.0), 990));
        assert!(near(times.longest(), 1000));
        times.record(Duration::from_hours(5));
        assert_eq!(times.count(), 1001);
    }

    #[test]
    fn a_server_that_answers_anything_takes_no_more_memory() {
        let mut tally = Tally::default();
        for number in 0..1000 {
            tally.answered(400, &format!("X.{number}"));
            tally.outage(&format!("cause {number}"));
        }
        assert_eq!(tally.answers.len(), MOST_CODES + 1);
        assert_eq!(tally.answers.values().sum::<u64>(), 1000);
        assert_eq!(tally.examples.len(), MOST_EXAMPLES);
    }
}
