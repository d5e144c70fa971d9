//! The summary for people.

use std::fmt::Write;

use super::compare::{Findings, Found};
use super::summary::{Percentiles, Summary, grouped};

/// Lines of a label and figures; what did not hold stands last.
pub(super) fn render(summary: &Summary) -> String {
    let mut out = Lines::default();
    head(&mut out, summary);
    reports(&mut out, summary);
    times(&mut out, summary);
    transport(&mut out, summary);
    answers(&mut out, summary);
    if let Some(findings) = &summary.verification {
        verification(&mut out, findings);
    }
    if let Some(product) = &summary.kept {
        out.line(
            "kept",
            &format!("the product {product} and its devices; --remove {product} deletes them"),
        );
    }
    for example in &summary.examples {
        out.line("seen", example);
    }
    if summary.ok {
        out.line("result", "everything expected held");
    }
    for problem in &summary.problems {
        out.line("problem", problem);
    }
    out.text
}

/// Lines with their labels, each label once where it stands for several.
#[derive(Default)]
struct Lines {
    text: String,
    last: &'static str,
}

impl Lines {
    fn line(&mut self, label: &'static str, text: &str) {
        let shown = if label == self.last { "" } else { label };
        self.last = label;
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{shown:<14}{text}");
    }
}

fn head(out: &mut Lines, summary: &Summary) {
    let fleet = &summary.fleet;
    let gateways = match fleet.gateways {
        0 => String::new(),
        gateways => {
            let children = counted(fleet.children_per_gateway.into(), "child", "children");
            let gateways = counted(gateways.into(), "gateway", "gateways");
            format!(", {gateways} with {children} each")
        }
    };
    let interrupted = if summary.interrupted { ", interrupted" } else { "" };
    let text = format!(
        "{}, {}{gateways}, {:.1} s{interrupted}, seed {}",
        summary.run,
        counted(fleet.devices.into(), "device", "devices"),
        summary.seconds,
        summary.seed
    );
    out.line("run", &text);
}

fn reports(out: &mut Lines, summary: &Summary) {
    let reports = &summary.reports;
    let others = [
        (reports.refused_as_expected, "refused as expected"),
        (reports.wrongly_accepted, "wrongly accepted"),
        (reports.wrongly_refused, "wrongly refused"),
        (reports.server_errors, "server errors"),
        (reports.unanswered, "without an answer"),
        (reports.given_up, "given up"),
        (reports.unfinished, "unfinished"),
    ];
    let others = others
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {} {what}", grouped(count)));
    let (sent, acknowledged) = (grouped(reports.sent), grouped(reports.acknowledged));
    let text = format!(
        "{sent} sent, {acknowledged} acknowledged{}",
        others.collect::<String>()
    );
    out.line("reports", &text);
    let kinds = reports
        .by_kind
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, count)| format!("{} {kind}", grouped(*count)));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let children = match reports.child_reports {
        0 => String::new(),
        count => format!(" with {} children's reports", grouped(count)),
    };
    out.line("reports", &format!("acknowledged: {kinds}{children}"));
    let asked = summary
        .rate
        .map_or(", as fast as the fleet can".to_owned(), |rate| {
            format!(" of {rate}/s asked")
        });
    out.line(
        "rate",
        &format!("{:.1}/s acknowledged{asked}", summary.acknowledged_per_second),
    );
    // The last few may fall to the end of the duration itself.
    if reports.behind > reports.sent / 1000 {
        let behind = grouped(reports.behind);
        out.line("behind", &format!("{behind} reports were due and did not get their turn: the server, the way to it or this client could not keep the rate"));
    }
}

fn times(out: &mut Lines, summary: &Summary) {
    let latency = &summary.latency_ms;
    let from = if summary.rate.is_some() {
        ", from when each was due"
    } else {
        ""
    };
    for (label, of, note) in [
        ("latency", &latency.report, from),
        ("authenticate", &latency.authentication, ""),
        ("connect", &latency.connection, ", handshake included"),
    ] {
        if of.count > 0 {
            out.line(label, &format!("{}{note}", percentiles(of)));
        }
    }
}

fn percentiles(of: &Percentiles) -> String {
    format!(
        "p50 {} ms, p90 {} ms, p99 {} ms, p99.9 {} ms, max {} ms",
        of.p50, of.p90, of.p99, of.p99_9, of.max
    )
}

fn transport(out: &mut Lines, summary: &Summary) {
    let tokens = &summary.authentications;
    let mut text = format!(
        "{} devices, {} renewals, {} after a refused token",
        grouped(tokens.first),
        grouped(tokens.renewals),
        grouped(tokens.after_refusal)
    );
    if tokens.denied > 0 {
        let _ = write!(text, ", {} denied", grouped(tokens.denied));
    }
    out.line("tokens", &text);
    let connections = &summary.connections;
    let mut text = format!(
        "{} full handshakes, {} resumed",
        grouped(connections.full_handshakes),
        grouped(connections.resumed_handshakes)
    );
    if connections.failed > 0 {
        let _ = write!(text, ", {} failed", grouped(connections.failed));
    }
    out.line("connections", &text);
    let bytes = &summary.bytes;
    let (sent, received) = (grouped(bytes.sent), grouped(bytes.received));
    let text = format!(
        "{} acknowledged in bodies; {sent} sent and {received} received with TLS",
        grouped(bytes.bodies)
    );
    out.line("bytes", &text);
}

fn answers(out: &mut Lines, summary: &Summary) {
    for answer in &summary.answers {
        let space = if answer.code.is_empty() { "" } else { " " };
        let advice = match (answer.held_back, answer.code.as_str()) {
            (false, _) => "",
            (true, "IOTDA.021101") => {
                ", waited for: limits.device_requests_per_second or device_auth_per_minute of the server, 0 is none"
            }
            (true, "IOTDA.021102") => {
                ", waited for: limits.instance_requests_per_second of the server, 0 is none"
            }
            (true, _) => ", waited for",
        };
        let (status, code, count) = (answer.status, &answer.code, grouped(answer.count));
        out.line("answers", &format!("{status}{space}{code}: {count}{advice}"));
    }
    for (bad, figures) in &summary.bad_reports {
        let otherwise = match figures.otherwise {
            0 => String::new(),
            count => format!(", {} otherwise", grouped(count)),
        };
        out.line(
            "bad reports",
            &format!("{bad}: {} refused{otherwise}", grouped(figures.refused)),
        );
    }
}

fn verification(out: &mut Lines, findings: &Findings) {
    let unanswered = match findings.unanswered {
        0 => String::new(),
        count => format!(" ({} of them without an answer)", grouped(count)),
    };
    let text = format!(
        "{} events acknowledged, {} stored{unanswered}, read from {} devices{}",
        grouped(findings.acknowledged),
        grouped(findings.stored),
        grouped(findings.devices),
        if findings.hold() {
            ": each once and in order"
        } else {
            ""
        }
    );
    out.line("verified", &text);
    for (label, found) in [
        ("missing", &findings.missing),
        ("twice", &findings.twice),
        ("unexpected", &findings.unexpected),
        ("out of order", &findings.out_of_order),
    ] {
        list(out, label, found);
    }
}

fn list(out: &mut Lines, label: &'static str, found: &Found) {
    for place in &found.first {
        out.line(label, place);
    }
    let more = found.count.saturating_sub(found.first.len() as u64);
    if more > 0 && !found.first.is_empty() {
        out.line(label, &format!("and {} more", grouped(more)));
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
