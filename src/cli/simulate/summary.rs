//! What a run comes to: one set of figures, shown to people by [`text`](super::text) and to scripts as JSON, and the
//! list of what did not hold.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::compare::Findings;
use super::judge::{Outcome, is_held_back};
use super::mix::ReportKind;
use super::options::Plan;
use super::run::Run;
use super::tally::{Authentications, Tally, Times};

/// A run's result.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Whether everything expected held.
    pub(super) ok: bool,
    pub(super) run: String,
    pub(super) seed: u64,
    pub(super) interrupted: bool,
    pub(super) seconds: f64,
    pub(super) fleet: FleetFigures,
    pub(super) reports: ReportFigures,
    /// Reports a second that were asked for; none is as fast as the fleet can.
    pub(super) rate: Option<f64>,
    pub(super) acknowledged_per_second: f64,
    pub(super) latency_ms: Latencies,
    pub(super) authentications: Authentications,
    pub(super) connections: ConnectionFigures,
    pub(super) bytes: ByteFigures,
    pub(super) answers: Vec<AnswerFigure>,
    /// By what was wrong with them on purpose.
    pub(super) bad_reports: BTreeMap<&'static str, BadFigures>,
    pub(super) verification: Option<Findings>,
    /// The product that `--keep` left, with its devices.
    pub(super) kept: Option<String>,
    /// What did not hold.
    pub(super) problems: Vec<String>,
    /// The first few cases of that, in the server's words.
    pub(super) examples: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct FleetFigures {
    pub(super) devices: u32,
    pub(super) gateways: u32,
    pub(super) children_per_gateway: u32,
}

#[derive(Serialize)]
pub(super) struct ReportFigures {
    pub(super) sent: u64,
    pub(super) acknowledged: u64,
    pub(super) refused_as_expected: u64,
    pub(super) wrongly_accepted: u64,
    pub(super) wrongly_refused: u64,
    pub(super) server_errors: u64,
    pub(super) unanswered: u64,
    pub(super) given_up: u64,
    /// Waited to be taken when the run ended.
    pub(super) unfinished: u64,
    /// Were due at the rate and did not get their turn.
    pub(super) behind: u64,
    /// Acknowledged, by kind.
    pub(super) by_kind: BTreeMap<&'static str, u64>,
    /// Reports of children in acknowledged batches.
    pub(super) child_reports: u64,
}

/// Times in milliseconds; a report's from the instant it was due, a connection's with its handshake.
#[derive(Serialize)]
pub(super) struct Latencies {
    pub(super) report: Percentiles,
    pub(super) authentication: Percentiles,
    pub(super) connection: Percentiles,
}

#[derive(Serialize)]
pub(super) struct Percentiles {
    pub(super) count: u64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    #[serde(rename = "p99.9")]
    pub(super) p99_9: f64,
    pub(super) max: f64,
}

#[derive(Serialize)]
pub(super) struct ConnectionFigures {
    pub(super) full_handshakes: u64,
    pub(super) resumed_handshakes: u64,
    /// Connections and authentications that did not come about, each tried again.
    pub(super) failed: u64,
}

#[derive(Serialize)]
pub(super) struct ByteFigures {
    /// Bodies of acknowledged reports.
    pub(super) bodies: u64,
    /// On the wire to the device listener, TLS and handshakes included.
    pub(super) sent: u64,
    pub(super) received: u64,
}

#[derive(Serialize)]
pub(super) struct AnswerFigure {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) count: u64,
    /// It asked to come again later, and so was done.
    pub(super) held_back: bool,
}

#[derive(Serialize)]
pub(super) struct BadFigures {
    pub(super) refused: u64,
    pub(super) otherwise: u64,
}

/// How a run ended.
pub(super) struct End {
    pub(super) elapsed: Duration,
    pub(super) interrupted: bool,
    /// With `--verify`, unless it was interrupted or could not read.
    pub(super) verification: Option<Findings>,
    pub(super) kept: Option<String>,
    /// What failed besides.
    pub(super) problems: Vec<String>,
}

impl Summary {
    pub(super) fn new(run: &Run, end: End) -> Self {
        let tally = run.tally();
        let plan = &run.plan;
        let due = run.pace.due_after(end.elapsed).filter(|_| !end.interrupted);
        let reports = report_figures(&tally, due.unwrap_or(0));
        let seconds = end.elapsed.as_secs_f64();
        let problems = problems(plan, &tally, &reports, &end);
        let (sent, received) = run.client.bytes().totals();
        Self {
            ok: problems.is_empty(),
            run: run.id.to_string(),
            seed: plan.seed,
            interrupted: end.interrupted,
            seconds: rounded(seconds),
            fleet: FleetFigures {
                devices: plan.fleet.devices,
                gateways: plan.fleet.gateways,
                children_per_gateway: plan.fleet.children,
            },
            rate: plan.rate,
            acknowledged_per_second: per_second(reports.acknowledged, seconds),
            reports,
            latency_ms: Latencies {
                report: Percentiles::of(&tally.report_times),
                authentication: Percentiles::of(&tally.authentication_times),
                connection: Percentiles::of(&tally.connection_times),
            },
            authentications: tally.authentications,
            connections: ConnectionFigures {
                full_handshakes: tally.full_handshakes,
                resumed_handshakes: tally.resumed_handshakes,
                failed: tally.outages,
            },
            bytes: ByteFigures {
                bodies: tally.body_bytes,
                sent,
                received,
            },
            answers: answers(&tally),
            bad_reports: bad_reports(&tally),
            verification: end.verification,
            kept: end.kept,
            problems,
            examples: tally.examples.clone(),
        }
    }
}

impl Percentiles {
    fn of(times: &Times) -> Self {
        let millis = |time: Duration| rounded(time.as_secs_f64() * 1000.0);
        Self {
            count: times.count(),
            p50: millis(times.percentile(50.0)),
            p90: millis(times.percentile(90.0)),
            p99: millis(times.percentile(99.0)),
            p99_9: millis(times.percentile(99.9)),
            max: millis(times.longest()),
        }
    }
}

fn report_figures(tally: &Tally, due: u64) -> ReportFigures {
    let acknowledged = |kind: ReportKind| {
        let key = (kind, Outcome::Acknowledged);
        (kind.name(), tally.outcomes.get(&key).copied().unwrap_or(0))
    };
    ReportFigures {
        sent: tally.reports(),
        acknowledged: tally.count(Outcome::Acknowledged),
        refused_as_expected: tally.count(Outcome::Refused),
        wrongly_accepted: tally.count(Outcome::WronglyAccepted),
        wrongly_refused: tally.count(Outcome::WronglyRefused),
        server_errors: tally.count(Outcome::ServerError),
        unanswered: tally.count(Outcome::NoAnswer),
        given_up: tally.count(Outcome::GivenUp),
        unfinished: tally.count(Outcome::Unfinished),
        behind: due.saturating_sub(tally.reports()),
        by_kind: ReportKind::ALL.map(acknowledged).into_iter().collect(),
        child_reports: tally.child_reports,
    }
}

fn answers(tally: &Tally) -> Vec<AnswerFigure> {
    let figure = |((status, code), count): (&(u16, String), &u64)| AnswerFigure {
        status: *status,
        code: code.clone(),
        count: *count,
        held_back: is_held_back(*status, code),
    };
    tally.answers.iter().map(figure).collect()
}

fn bad_reports(tally: &Tally) -> BTreeMap<&'static str, BadFigures> {
    let figures = tally.bad.iter().map(|(bad, (refused, otherwise))| {
        let figures = BadFigures {
            refused: *refused,
            otherwise: *otherwise,
        };
        (bad.name(), figures)
    });
    figures.collect()
}

/// What did not hold, in the order of its weight.
fn problems(plan: &Plan, tally: &Tally, reports: &ReportFigures, end: &End) -> Vec<String> {
    let mut problems = Vec::new();
    let mut add = |count: u64, what: &str| {
        if count > 0 {
            problems.push(format!("{} {what}", grouped(count)));
        }
    };
    if let Some(found) = &end.verification {
        add(found.missing.count, "acknowledged reports are not in the store");
        add(found.twice.count, "reports are stored twice");
        add(found.unexpected.count, "stored events were refused or never sent");
        add(found.out_of_order.count, "reports are stored out of order");
    }
    add(reports.wrongly_accepted, "bad reports were accepted");
    add(
        reports.wrongly_refused,
        "reports were refused that should not have been, or for another reason",
    );
    add(reports.server_errors, "reports met a fault of the server's own");
    add(
        tally.authentications.denied,
        "devices were denied their authentication",
    );
    add(
        reports.given_up,
        "reports were not taken within a minute and given up",
    );
    if !plan.end.allow_outages {
        add(
            reports.unanswered,
            "reports have no answer (--allow-outages expects that)",
        );
        add(
            tally.outages,
            "connections or authentications failed (--allow-outages expects that)",
        );
    }
    if reports.acknowledged == 0 && plan.bad_in_a_million < 1_000_000 && !end.interrupted {
        problems.push("no report was acknowledged".to_owned());
    }
    problems.extend(end.problems.iter().cloned());
    problems
}

/// Three digits after the point.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a count of reports is far below 2^53")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        rounded(count as f64 / seconds)
    } else {
        0.0
    }
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let shown = [0, 999, 1000, 12_345, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn rates_and_times_have_three_digits() {
        assert!((per_second(10, 3.0) - 3.333).abs() < 1e-9);
        assert!(per_second(10, 0.0).abs() < 1e-9);
    }
}
