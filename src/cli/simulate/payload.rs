//! What a reporter sends: bodies with a mark that no other report has, good ones and bad ones. Pure: the device's loop
//! sends them, the verification reads the marks back.

use std::sync::Arc;

use bytes::Bytes;

use super::dice::Dice;
use super::mix::{Mix, ReportKind};

/// The product's model: what every device of the fleet reports.
pub(super) const MODEL: &str = r#"[{"service_id":"Sim","service_type":"Sim","properties":[
  {"property_name":"temperature","data_type":"decimal","min":"-40","max":"120","step":0.1,"unit":"C","method":"R"},
  {"property_name":"humidity","data_type":"int","min":"0","max":"100","unit":"%","method":"R"},
  {"property_name":"mark","data_type":"string","max_length":64,"method":"R"},
  {"property_name":"note","data_type":"string","method":"R"}]}]"#;

/// What is wrong with a report, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bad {
    /// A number over its maximum.
    OutOfRange,
    /// A text where a number belongs.
    WrongType,
    /// A service that the product does not have.
    UnknownService,
    /// JSON that ends too early.
    MalformedJson,
    /// A child that is not the gateway's.
    ForeignChild,
    /// A token with another signature.
    ForgedToken,
    /// No token at all.
    MissingToken,
}

impl Bad {
    /// Its name in the summary.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OutOfRange => "out_of_range",
            Self::WrongType => "wrong_type",
            Self::UnknownService => "unknown_service",
            Self::MalformedJson => "malformed_json",
            Self::ForeignChild => "foreign_child",
            Self::ForgedToken => "forged_token",
            Self::MissingToken => "missing_token",
        }
    }

    /// The status and code that refuse it (device-api.md, errors).
    pub(super) const fn refusal(self) -> (u16, &'static str) {
        match self {
            Self::OutOfRange | Self::WrongType | Self::UnknownService | Self::MalformedJson => {
                (400, "IOTDA.000006")
            }
            Self::ForeignChild => (400, "IOTDA.021104"),
            Self::ForgedToken => (403, "IOTDA.000004"),
            Self::MissingToken => (401, "IOTDA.000002"),
        }
    }

    /// What can be wrong with a report of this kind; a message may hold anything.
    const fn of(kind: ReportKind) -> &'static [Self] {
        match kind {
            ReportKind::Properties => &[
                Self::OutOfRange,
                Self::WrongType,
                Self::UnknownService,
                Self::MalformedJson,
                Self::ForgedToken,
                Self::MissingToken,
            ],
            ReportKind::Message => &[Self::ForgedToken, Self::MissingToken],
            ReportKind::Batch => &[
                Self::OutOfRange,
                Self::WrongType,
                Self::UnknownService,
                Self::MalformedJson,
                Self::ForeignChild,
                Self::ForgedToken,
                Self::MissingToken,
            ],
        }
    }
}

/// A report, ready to send.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) kind: ReportKind,
    pub(super) bad: Option<Bad>,
    pub(super) path: String,
    pub(super) body: Bytes,
}

/// Who reports.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    /// Its number in the fleet, a part of its marks.
    pub(super) number: u32,
    pub(super) device_id: String,
    /// Its children's ids; none for a direct device.
    pub(super) children: Vec<String>,
    /// A device that is not its child.
    pub(super) stranger: String,
}

/// Makes a reporter's reports, one after another.
pub(super) struct Maker {
    run: Arc<str>,
    reporter: Arc<Reporter>,
    dice: Dice,
    mix: Mix,
    batches_in_a_million: u32,
    bad_in_a_million: u32,
    payload_bytes: usize,
    made: u32,
}

impl Maker {
    pub(super) fn new(run: Arc<str>, reporter: Arc<Reporter>, settings: &MakerSettings) -> Self {
        Self {
            dice: Dice::new(settings.seed, u64::from(reporter.number)),
            mix: settings.mix,
            batches_in_a_million: if reporter.children.is_empty() {
                0
            } else {
                settings.batches_in_a_million
            },
            bad_in_a_million: settings.bad_in_a_million,
            payload_bytes: settings.payload_bytes,
            run,
            reporter,
            made: 0,
        }
    }

    /// The next report; its number in marks is how many were made before it. None where the mix has nothing for it.
    pub(super) fn next(&mut self) -> Option<Report> {
        let kind = self.mix.pick(&mut self.dice, self.batches_in_a_million)?;
        let is_bad = self.dice.chance(self.bad_in_a_million);
        let bad = if is_bad {
            self.dice.pick(Bad::of(kind)).copied()
        } else {
            None
        };
        let mark = mark(&self.run, self.reporter.number, self.made);
        self.made = self.made.saturating_add(1);
        let mut body = match kind {
            ReportKind::Properties => {
                let services = self.services(&mark, bad, self.payload_bytes);
                format!(r#"{{"services":{services}}}"#)
            }
            ReportKind::Message => padded(
                format!(r#"{{"mark":"{mark}","note":""#),
                r#""}"#,
                self.payload_bytes,
            ),
            ReportKind::Batch => self.batch(&mark, bad),
        };
        if bad == Some(Bad::MalformedJson) {
            body.pop();
        }
        let path = match kind {
            ReportKind::Properties => "properties/report",
            ReportKind::Message => "messages/up",
            ReportKind::Batch => "gateway/sub-devices/properties/report",
        };
        Some(Report {
            kind,
            bad,
            path: format!("/v5/devices/{}/sys/{path}", self.reporter.device_id),
            body: Bytes::from(body),
        })
    }

    /// Every child once; with a foreign one in the last one's place, or the fault in the last one's values.
    fn batch(&mut self, mark: &str, bad: Option<Bad>) -> String {
        let reporter = self.reporter.clone();
        let each = self.payload_bytes / reporter.children.len().max(1);
        let last = reporter.children.len().saturating_sub(1);
        let mut devices = Vec::with_capacity(reporter.children.len());
        for (index, child) in reporter.children.iter().enumerate() {
            let fault = bad.filter(|_| index == last);
            let foreign = fault == Some(Bad::ForeignChild);
            let id = if foreign { &reporter.stranger } else { child };
            let services = self.services(mark, fault, each.saturating_sub(id.len() + 30));
            devices.push(format!(r#"{{"device_id":"{id}","services":{services}}}"#));
        }
        format!(r#"{{"devices":[{}]}}"#, devices.join(","))
    }

    /// A list of one service, padded to about `bytes`.
    fn services(&mut self, mark: &str, bad: Option<Bad>, bytes: usize) -> String {
        let service = if bad == Some(Bad::UnknownService) {
            "Nowhere"
        } else {
            "Sim"
        };
        let tenths = self.dice.below(1600);
        let temperature = if bad == Some(Bad::OutOfRange) {
            "512".to_owned()
        } else {
            // From -40.0 to 119.9; the sign and the digits apart, since integers have no -0.
            let below = tenths < 400;
            let distance = tenths.abs_diff(400);
            let sign = if below { "-" } else { "" };
            format!("{sign}{}.{}", distance / 10, distance % 10)
        };
        let humidity = if bad == Some(Bad::WrongType) {
            r#""wet""#.to_owned()
        } else {
            self.dice.below(101).to_string()
        };
        let start = format!(
            r#"[{{"service_id":"{service}","properties":{{"temperature":{temperature},"humidity":{humidity},"mark":"{mark}","note":""#
        );
        padded(start, r#""}}]"#, bytes)
    }
}

/// What all makers of a run share.
#[derive(Clone, Copy, Debug)]
pub(super) struct MakerSettings {
    pub(super) seed: u64,
    pub(super) mix: Mix,
    /// A gateway's.
    pub(super) batches_in_a_million: u32,
    pub(super) bad_in_a_million: u32,
    /// The size of a body, about.
    pub(super) payload_bytes: usize,
}

/// The text that stands in one report alone: the run, the reporter, and the report's number among its own.
fn mark(run: &str, reporter: u32, report: u32) -> String {
    format!("{run}-{reporter}-{report}")
}

/// The report's number, where the mark is this run's and this reporter's.
pub(super) fn read_mark(text: &str, run: &str, reporter: u32) -> Option<u32> {
    let rest = text.strip_prefix(run)?.strip_prefix('-')?;
    let (by, report) = rest.split_once('-')?;
    (by.parse() == Ok(reporter)).then(|| report.parse().ok())?
}

fn padded(mut start: String, end: &str, bytes: usize) -> String {
    let missing = bytes.saturating_sub(start.len() + end.len());
    start.extend(std::iter::repeat_n('x', missing));
    start.push_str(end);
    start
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::json_scan;
    use crate::domain::model::ProductModel;

    fn maker(bad_in_a_million: u32, mix: &str, children: usize) -> Maker {
        let settings = MakerSettings {
            seed: 11,
            mix: mix.parse().unwrap(),
            batches_in_a_million: 500_000,
            bad_in_a_million,
            payload_bytes: 300,
        };
        let reporter = Reporter {
            number: 4,
            device_id: "gate".into(),
            children: (0..children).map(|number| format!("kid{number}")).collect(),
            stranger: "stranger".into(),
        };
        Maker::new("run".into(), Arc::new(reporter), &settings)
    }

    #[test]
    fn the_model_is_one_that_the_platform_takes() {
        assert!(ProductModel::parse(MODEL).is_ok());
    }

    #[test]
    fn good_reports_are_json_of_about_the_asked_size_with_rising_marks() {
        let mut maker = maker(0, "properties=1,message=1,batch=1", 2);
        let mut kinds = BTreeSet::new();
        for number in 0..50 {
            let report = maker.next().unwrap();
            let text = std::str::from_utf8(&report.body).unwrap();
            assert!(json_scan::scan(&report.body).is_ok(), "{text}");
            assert!(text.contains(&format!(r#""mark":"run-4-{number}""#)), "{text}");
            assert!((270..330).contains(&text.len()), "{} {text}", text.len());
            assert_eq!(report.bad, None);
            kinds.insert(report.kind);
        }
        assert_eq!(kinds.len(), 3);
    }

    #[test]
    fn a_seed_makes_the_same_reports_again() {
        let bodies = || {
            let mut maker = maker(300_000, "properties=1,message=1,batch=1", 2);
            (0..50).map(|_| maker.next().unwrap().body).collect::<Vec<_>>()
        };
        assert_eq!(bodies(), bodies());
    }

    #[test]
    fn each_kind_of_bad_report_is_bad_in_its_own_way() {
        let mut maker = maker(1_000_000, "properties=1,message=1,batch=2", 2);
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let report = maker.next().unwrap();
            let text = String::from_utf8(report.body.to_vec()).unwrap();
            let bad = report.bad.unwrap();
            seen.insert(bad);
            let holds = |part: &str| assert!(text.contains(part), "{bad:?}: {text}");
            match bad {
                Bad::OutOfRange => holds(r#""temperature":512"#),
                Bad::WrongType => holds(r#""humidity":"wet""#),
                Bad::UnknownService => holds("Nowhere"),
                Bad::ForeignChild => holds("stranger"),
                Bad::MalformedJson => assert!(json_scan::scan(text.as_bytes()).is_err()),
                Bad::ForgedToken | Bad::MissingToken => assert!(json_scan::scan(text.as_bytes()).is_ok()),
            }
        }
        assert_eq!(seen.len(), 7);
    }

    #[test]
    fn marks_read_back_for_their_own_run_and_reporter_alone() {
        let text = mark("sim-1", 4, 17);
        assert_eq!(read_mark(&text, "sim-1", 4), Some(17));
        assert_eq!(read_mark(&text, "sim-1", 5), None);
        assert_eq!(read_mark(&text, "sim-2", 4), None);
        assert_eq!(read_mark("sim-1-4", "sim-1", 4), None);
        assert_eq!(read_mark("", "sim-1", 4), None);
    }
}
