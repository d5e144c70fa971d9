//! Judges reported properties against a product model, and stamps what is stored (device-api.md, "Product models and
//! validation"). Values are compared as the decimal texts that the device sent.

use std::fmt::Write;

use serde_json::value::RawValue;

use super::clock::Timestamp;
use super::decimal::Decimal;
use super::event_time;
use super::model::{DataType, ProductModel, Property};
use super::report::{self, ServiceReport};

/// How much of a value a fault shows.
const SHOWN: usize = 64;

/// What kind of fault; few, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The model has no such service.
    UnknownService,
    /// The service has no such property.
    UnknownProperty,
    /// Another type than the model's.
    WrongType,
    /// Beyond min or max, or 32 or 64 bits.
    OutOfRange,
    /// Between two steps.
    OffStep,
    /// Longer than `max_length`.
    TooLong,
    /// Not in `enum_list`.
    NotInList,
}

impl FaultKind {
    /// As metrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownService => "unknown_service",
            Self::UnknownProperty => "unknown_property",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::OffStep => "off_step",
            Self::TooLong => "too_long",
            Self::NotInList => "not_in_list",
        }
    }
}

/// One value, or one service, that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("services[{service}]{}: {message}", .property.as_ref().map_or_else(|| ".service_id".to_owned(), |name| format!(".properties.{name}")))]
pub struct Fault {
    /// Which entry of `services`.
    pub service: usize,
    /// Which property of it; none when the whole service is unknown.
    pub property: Option<String>,
    /// What kind.
    pub kind: FaultKind,
    /// What is wrong, with the value and the limit.
    pub message: String,
}

/// Where a fault stands: which entry of `services`, and which member of its properties; none for the whole entry.
type Place = (usize, Option<usize>);

/// What does not fit in a report, in its order. A report may hold a hundred thousand faults: all their places are
/// kept, the words of the first [`FAULTS_KEPT`] alone.
#[derive(Debug, Default)]
pub struct Faults {
    places: Vec<Place>,
    first: Vec<Fault>,
}

impl Faults {
    /// Whether everything fits.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.places.len()
    }

    /// The first of them, at most [`FAULTS_KEPT`].
    pub fn first(&self) -> &[Fault] {
        &self.first
    }

    fn push(&mut self, place: Place, name: Option<&str>, kind: FaultKind, message: impl FnOnce() -> String) {
        self.places.push(place);
        if self.first.len() < FAULTS_KEPT {
            self.first.push(Fault {
                service: place.0,
                property: name.map(cut),
                kind,
                message: message(),
            });
        }
    }
}

/// How many faults of a report are kept in words.
pub const FAULTS_KEPT: usize = 100;

/// Judges every value of a report.
pub fn validate(model: &ProductModel, services: &[ServiceReport<'_>]) -> Faults {
    let mut faults = Faults::default();
    for (index, entry) in services.iter().enumerate() {
        let Some(service) = model.service(&entry.service_id) else {
            let message = || format!("the product model has no service {}", cut(&entry.service_id));
            faults.push((index, None), None, FaultKind::UnknownService, message);
            continue;
        };
        for (member, (name, value)) in entry.properties.iter().enumerate() {
            let place = (index, Some(member));
            match service.property(name).map(|property| judge(property, value)) {
                Some(Ok(())) => {}
                Some(Err((kind, message))) => faults.push(place, Some(name), kind, || message),
                None => faults.push(place, Some(name), FaultKind::UnknownProperty, || {
                    "the service has no such property".to_owned()
                }),
            }
        }
    }
    faults
}

type Judgement = Result<(), (FaultKind, String)>;

fn judge(property: &Property, value: &RawValue) -> Judgement {
    let raw = value.get();
    match property.data_type {
        DataType::Int => number(
            property,
            raw,
            "a whole number in 32 bits",
            Some((i32::MIN.into(), i32::MAX.into())),
        ),
        DataType::Long => number(
            property,
            raw,
            "a whole number in 64 bits",
            Some((i64::MIN, i64::MAX)),
        ),
        DataType::Decimal => number(property, raw, "a number", None),
        DataType::Boolean if matches!(raw, "true" | "false" | "0" | "1") => Ok(()),
        DataType::Boolean => Err(wrong_type(raw, "true or false")),
        DataType::String | DataType::Enum => text(property, value),
        DataType::DateTime => match report::text(value) {
            Some(text) if event_time::parse_date_time(&text).is_some() => Ok(()),
            _ => Err(wrong_type(
                raw,
                "a time like 2026-11-23T08:15:30Z or 20261123T081530Z",
            )),
        },
        DataType::JsonObject if !raw.starts_with(['{', '[']) => Err(wrong_type(raw, "an object or an array")),
        DataType::JsonObject => length(property, raw.len(), "bytes"),
        DataType::StringList => string_list(property, raw),
    }
}

fn wrong_type(raw: &str, wanted: &str) -> (FaultKind, String) {
    (FaultKind::WrongType, format!("{} is not {wanted}", cut(raw)))
}

fn number(property: &Property, raw: &str, wanted: &str, bits: Option<(i64, i64)>) -> Judgement {
    // A string also fails here: its first character is a quotation mark.
    let value = Decimal::parse(raw).ok_or_else(|| wrong_type(raw, wanted))?;
    if let Some((low, high)) = bits {
        if !value.is_integer() {
            return Err(wrong_type(raw, wanted));
        }
        if !value.is_within(low, high) {
            return Err((FaultKind::OutOfRange, format!("{} is not {wanted}", cut(raw))));
        }
    }
    if let Some((min, shown)) = &property.min
        && value < *min
    {
        return Err((
            FaultKind::OutOfRange,
            format!("{} is under the minimum {shown}", cut(raw)),
        ));
    }
    if let Some((max, shown)) = &property.max
        && value > *max
    {
        return Err((
            FaultKind::OutOfRange,
            format!("{} is over the maximum {shown}", cut(raw)),
        ));
    }
    match &property.step {
        Some((step, shown)) => on_step(property, &value, step).then_some(()).ok_or_else(|| {
            (
                FaultKind::OffStep,
                format!("{} is not a whole number of steps of {shown}", cut(raw)),
            )
        }),
        None => Ok(()),
    }
}

fn on_step(property: &Property, value: &Decimal, step: &Decimal) -> bool {
    match &property.min {
        Some((base, _)) => value.is_multiple(base, step),
        None => Decimal::parse("0").is_some_and(|zero| value.is_multiple(&zero, step)),
    }
}

fn text(property: &Property, value: &RawValue) -> Judgement {
    let text = report::text(value).ok_or_else(|| wrong_type(value.get(), "a string"))?;
    if property.data_type == DataType::String {
        length(property, text.chars().count(), "characters")?;
    }
    if property.enum_list.is_empty() || property.enum_list.iter().any(|allowed| *allowed == text) {
        return Ok(());
    }
    let allowed = cut(&property.enum_list.join(", "));
    Err((
        FaultKind::NotInList,
        format!("{} is not one of {allowed}", cut(value.get())),
    ))
}

fn length(property: &Property, length: usize, unit: &str) -> Judgement {
    match property.max_length {
        Some(max) if length > max => Err((
            FaultKind::TooLong,
            format!("has {length} {unit}, over the maximum of {max}"),
        )),
        _ => Ok(()),
    }
}

fn string_list(property: &Property, raw: &str) -> Judgement {
    let texts: Vec<String> = serde_json::from_str(raw).map_err(|_| wrong_type(raw, "an array of strings"))?;
    texts
        .iter()
        .try_for_each(|text| length(property, text.chars().count(), "characters in one string"))
}

/// A member's name as [`Fault::property`] has it.
pub fn shown_name(name: &str) -> String {
    cut(name)
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The body of the event's envelope: each service with its properties as sent, without what `left_out` names, and with
/// its time; and what a person should know about the times. None when nothing is left.
pub fn stamped_body(
    services: &[ServiceReport<'_>],
    left_out: Option<&Faults>,
    now: Timestamp,
    max_ahead_ms: i64,
) -> (Option<String>, Vec<String>) {
    let mut body = String::with_capacity(services.iter().map(|service| service.text.len() + 160).sum());
    body.push_str(r#"{"services":["#);
    let mut notes = Vec::new();
    let mut any = false;
    let mut places = left_out.map_or(&[][..], |faults| &faults.places);
    for (index, service) in services.iter().enumerate() {
        // Places stand in the order of the report.
        let (own, later) = places.split_at(places.partition_point(|(place, _)| *place <= index));
        places = later;
        let Some(properties) = remaining(service, own) else {
            continue;
        };
        if any {
            body.push(',');
        }
        any = true;
        let (at, note) = time_of(service, now, max_ahead_ms);
        notes.extend(note.map(|note| format!("services[{index}].event_time: {note}")));
        let id = serde_json::Value::from(service.service_id.as_ref());
        // Writing to a String cannot fail.
        let _ = write!(
            body,
            r#"{{"service_id":{id},"properties":{properties},"event_time":"{}","event_time_ms":"{}"}}"#,
            event_time::compact(at),
            event_time::with_millis(at),
        );
    }
    body.push_str("]}");
    (any.then_some(body), notes)
}

/// The text of the properties that stay; none when none does.
fn remaining(service: &ServiceReport<'_>, own: &[Place]) -> Option<String> {
    match own {
        [] => return Some(service.text.to_owned()),
        [(_, None), ..] => return None,
        _ => {}
    }
    let mut gone = own.iter().filter_map(|(_, member)| *member).peekable();
    let mut text = String::from("{");
    for (member, (name, value)) in service.properties.iter().enumerate() {
        if gone.next_if_eq(&member).is_some() {
            continue;
        }
        if text.len() > 1 {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{}:{}", serde_json::Value::from(name.as_ref()), value.get());
    }
    text.push('}');
    (text.len() > 2).then_some(text)
}

fn time_of(
    service: &ServiceReport<'_>,
    now: Timestamp,
    max_ahead_ms: i64,
) -> (Timestamp, Option<&'static str>) {
    let Some(text) = &service.event_time else {
        return (now, None);
    };
    match event_time::parse_event_time(text) {
        None => (now, Some("is in another form, the platform's time stands in")),
        Some(at) if at > now.plus_millis(max_ahead_ms) => {
            (now, Some("is too far ahead, the platform's time stands in"))
        }
        Some(at) => (at, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::json_scan;

    const NOW: Timestamp = Timestamp(1_795_421_730_250);

    fn judged(rule: &str, value: &str) -> Option<String> {
        let model = format!(
            r#"[{{"service_id":"S","service_type":"S","properties":[{{"property_name":"p","method":"R",{rule}}}]}}]"#
        );
        let model = ProductModel::parse(&model).unwrap();
        let report = format!(r#"{{"services":[{{"service_id":"S","properties":{{"p":{value}}}}}]}}"#);
        json_scan::scan(report.as_bytes()).unwrap();
        let services = report::parse_properties(&report).unwrap();
        let faults = validate(&model, &services);
        assert!(faults.count() <= 1);
        faults.first().first().map(|fault| {
            fault
                .to_string()
                .strip_prefix("services[0].properties.p: ")
                .unwrap()
                .to_owned()
        })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn every_type_takes_what_just_fits_and_refuses_what_just_does_not() {
        let long = format!("{}.5", "9".repeat(398));
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                r#""data_type":"int","min":"-5","max":"5""#,
                &["-5", "5", "0", "-0", "1e0", "5.0"],
                &["-6", "6", "5.5", "\"5\"", "true", "null", "[]"],
            ),
            (
                r#""data_type":"int""#,
                &["2147483647", "-2147483648", "1e2", "1.0", "2.147483647e9"],
                &["2147483648", "-2147483649", "1e10", "0.5", "1e-1"],
            ),
            (
                r#""data_type":"long""#,
                &["9223372036854775807", "-9223372036854775808"],
                &["9223372036854775808", "-9223372036854775809", "1e1000"],
            ),
            (
                r#""data_type":"long","max":"9007199254740992""#,
                &["9007199254740992"],
                &["9007199254740993"],
            ),
            (
                r#""data_type":"decimal","step":0.1"#,
                &["0.3", "-0.7", "1e2", "0"],
                &["0.35", "1e-2"],
            ),
            (
                r#""data_type":"double","min":"0.05","step":0.1"#,
                &["0.05", "0.35"],
                &["0.3", "0.04"],
            ),
            (
                r#""data_type":"int","min":"0","max":"500","step":10"#,
                &["20", "100", "0", "1e2", "500"],
                &["5", "11"],
            ),
            (
                r#""data_type":"int","step":100"#,
                &["200", "0", "-300", "1e3"],
                &["50", "10"],
            ),
            (
                r#""data_type":"int","min":"-100","step":10"#,
                &["0", "-90", "10"],
                &["1", "-95"],
            ),
            (
                r#""data_type":"int","min":"1","step":5"#,
                &["1", "6", "101"],
                &["5", "0"],
            ),
            (
                r#""data_type":"decimal","max":"1""#,
                &["1", "1.000", "-1e999"],
                &["1.0000000000000000000001", &long],
            ),
            (
                r#""data_type":"string","max_length":3"#,
                &["\"abc\"", "\"温度计\"", "\"\\u6e29aa\"", "\"\""],
                &["\"abcd\"", "1", "null"],
            ),
            (
                r#""data_type":"string","max_length":0,"min":"0","max":"65535","step":0"#,
                &["\"long enough\""],
                &["7"],
            ),
            (
                r#""data_type":"string","enum_list":["a","b"]"#,
                &["\"a\"", "\"\\u0062\""],
                &["\"c\"", "\"A\""],
            ),
            (
                r#""data_type":"enum","enum_list":["on","off"]"#,
                &["\"on\""],
                &["\"ON\"", "1"],
            ),
            (r#""data_type":"enum""#, &["\"anything\""], &["{}"]),
            (
                r#""data_type":"boolean""#,
                &["true", "false", "0", "1"],
                &["2", "\"true\"", "1.0", "null"],
            ),
            (
                r#""data_type":"DateTime""#,
                &[
                    "\"20261123T081530Z\"",
                    "\"2026-11-23T08:15:30Z\"",
                    "\"2026-11-23T08:15:30.250Z\"",
                ],
                &["\"2026-11-31T08:15:30Z\"", "\"2026-11-23\"", "5"],
            ),
            (
                r#""data_type":"jsonObject","max_length":7"#,
                &["{\"a\":1}", "[1,2,3]", "[]"],
                &["{\"a\":10}", "1", "\"\""],
            ),
            (
                r#""data_type":"string list","max_length":2"#,
                &["[]", "[\"ab\",\"c\"]"],
                &["[\"abc\"]", "[1]", "\"a\""],
            ),
        ];
        for (rule, good, bad) in table {
            for value in *good {
                assert_eq!(judged(rule, value), None, "{rule} takes {value}");
            }
            for value in *bad {
                assert!(judged(rule, value).is_some(), "{rule} refuses {value}");
            }
        }
    }

    #[test]
    fn faults_say_what_was_wrong_and_where() {
        assert_eq!(
            judged(r#""data_type":"int","max":"120""#, "512").unwrap(),
            "512 is over the maximum 120"
        );
        assert_eq!(
            judged(r#""data_type":"int","min":"1""#, "0").unwrap(),
            "0 is under the minimum 1"
        );
        let digits = "9".repeat(400);
        assert!(judged(r#""data_type":"int""#, &digits).unwrap().len() < 120);
        let model = ProductModel::parse("[]").unwrap();
        let services =
            report::parse_properties(r#"{"services":[{"service_id":"X","properties":{}}]}"#).unwrap();
        let faults = validate(&model, &services);
        assert_eq!(
            faults.first()[0].to_string(),
            "services[0].service_id: the product model has no service X"
        );
    }

    fn stamped(report: &str, left_out: Option<&Faults>) -> (Option<String>, usize) {
        let services = report::parse_properties(report).unwrap();
        let (body, notes) = stamped_body(&services, left_out, NOW, 600_000);
        (body, notes.len())
    }

    #[test]
    fn times_are_kept_or_replaced_and_values_stay_as_sent() {
        let report = |time: &str| {
            format!(
                r#"{{"services":[{{"service_id":"S","properties":{{ "v": 21.50 }},"event_time":{time}}}]}}"#
            )
        };
        let (body, notes) = stamped(&report("\"20261123T081500Z\""), None);
        let expected = r#"{"services":[{"service_id":"S","properties":{ "v": 21.50 },"event_time":"20261123T081500Z","event_time_ms":"2026-11-23T08:15:00.000Z"}]}"#;
        assert_eq!((body.as_deref(), notes), (Some(expected), 0));
        for (time, notes) in [
            ("\"yesterday\"", 1),
            ("\"20261123T082531Z\"", 1),
            ("\"20261123T082530Z\"", 0),
            ("7", 1),
            ("null", 0),
        ] {
            assert_eq!(stamped(&report(time), None).1, notes, "{time}");
        }
        let (body, _) = stamped(&report("\"20991123T082531Z\""), None);
        assert!(
            body.unwrap()
                .contains(r#""event_time_ms":"2026-11-23T08:15:30.250Z""#)
        );
    }

    #[test]
    fn a_filter_leaves_out_what_does_not_fit() {
        let report = r#"{"services":[{"service_id":"S","properties":{"a":1,"b":2.50}},{"service_id":"T","properties":{"c":1}}]}"#;
        let places = |places: &[Place]| Faults {
            places: places.to_vec(),
            first: Vec::new(),
        };
        let (body, _) = stamped(report, Some(&places(&[(0, Some(0)), (1, None)])));
        let body = body.unwrap();
        assert!(
            body.contains(r#""properties":{"b":2.50}"#) && !body.contains("\"T\""),
            "{body}"
        );
        let all = places(&[(0, Some(0)), (0, Some(1)), (1, Some(0))]);
        assert_eq!(stamped(report, Some(&all)).0, None);
    }

    #[test]
    fn a_report_of_faults_alone_is_judged_in_one_pass() {
        let model = r#"[{"service_id":"S","service_type":"S","properties":[{"property_name":"p","data_type":"int","method":"R"}]}]"#;
        let model = ProductModel::parse(model).unwrap();
        let members: Vec<String> = (0..100_000).map(|number| format!("\"{number:x}\":1")).collect();
        let report = format!(
            r#"{{"services":[{{"service_id":"S","properties":{{"p":1,{}}}}}]}}"#,
            members.join(",")
        );
        let services = report::parse_properties(&report).unwrap();
        let faults = validate(&model, &services);
        assert_eq!((faults.count(), faults.first().len()), (100_000, FAULTS_KEPT));
        let (body, _) = stamped_body(&services, Some(&faults), NOW, 0);
        assert!(body.unwrap().contains(r#""properties":{"p":1}"#));
    }

    proptest! {
        #[test]
        fn no_report_makes_it_panic(value in r#"[\[\]{}",:0-9a-e\\. eE+-]{0,30}"#, kind in 0_usize..9) {
            let names = ["int", "long", "decimal", "string", "enum", "boolean", "DateTime", "jsonObject", "string list"];
            let report = format!(r#"{{"services":[{{"service_id":"S","properties":{{"p":{value}}}}}]}}"#);
            if json_scan::scan(report.as_bytes()).is_ok() && report::parse_properties(&report).is_ok_and(|r| r[0].properties.len() == 1) {
                let rule = format!(r#""data_type":"{}","min":"-1.5","max":"99","step":0.25,"max_length":4"#, names[kind]);
                let _ = judged(&rule, &value);
            }
        }
    }
}
