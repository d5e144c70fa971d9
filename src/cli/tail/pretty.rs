//! An event as a line for people: time, device, kind, and what it tells. Numbers are shown in the device's own digits, and
//! nothing in it can move a terminal's cursor.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest text of an event.
const LONGEST: usize = 400;

#[derive(Deserialize)]
struct Envelope<'a> {
    resource: &'a str,
    event: &'a str,
    event_time_ms: &'a str,
    #[serde(borrow)]
    faults: Option<&'a RawValue>,
    #[serde(borrow)]
    notify_data: Told<'a>,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    header: Header<'a>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    device_id: Option<Cow<'a, str>>,
}

/// The members of bodies that are worth a place in the line.
#[derive(Default, Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    services: Vec<Service<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    device_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Service<'a> {
    #[serde(borrow)]
    service_id: Cow<'a, str>,
    #[serde(borrow, default)]
    properties: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// The envelope as a line; as it is where it is none.
pub(super) fn line(envelope: &str) -> String {
    let Ok(told) = serde_json::from_str::<Envelope<'_>>(envelope) else {
        return printable(envelope);
    };
    let body = told.notify_data.body.map(RawValue::get);
    let body = body.and_then(|text| serde_json::from_str(text).ok());
    let kind = match told.resource.strip_prefix("device.") {
        Some(kind) => kind.to_owned(),
        None => format!("{} {}", told.resource, told.event),
    };
    let mut text = told_by(told.resource, body.unwrap_or_default());
    if let Some(faults) = told.faults {
        text = format!("{text}  faults {}", faults.get());
    }
    let time = told.event_time_ms.replace('T', " ");
    let device = told.notify_data.header.device_id.unwrap_or_default();
    printable(&format!("{time}  {device:<20}  {kind:<8}  {text}"))
        .trim_end()
        .to_owned()
}

fn told_by(resource: &str, body: Body<'_>) -> String {
    match resource {
        "device.property" => {
            let services = body.services.iter().map(|service| {
                let values = service.properties.iter();
                let values: Vec<_> = values
                    .map(|(name, value)| format!("{name}={}", value.get()))
                    .collect();
                format!("{} {}", service.service_id, values.join(" "))
            });
            services.collect::<Vec<_>>().join("; ")
        }
        "device.message" => body.content.map_or("", RawValue::get).to_owned(),
        "device.status" => body.status.unwrap_or_default().into_owned(),
        "device" => body.device_name.unwrap_or_default().into_owned(),
        _ => body.product_id.unwrap_or_default().into_owned(),
    }
}

/// Without control characters, and not too long.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(resource: &str, event: &str, body: &str) -> String {
        line(&format!(
            r#"{{"resource":"{resource}","event":"{event}","event_time":"20261123T081530Z","event_time_ms":"2026-11-23T08:15:30.250Z","request_id":"r","sequence":"7","notify_data":{{"header":{{"device_id":"meter-1"}},"body":{body}}}}}"#
        ))
    }

    #[test]
    fn each_kind_tells_what_matters() {
        let services = r#"{"services":[{"service_id":"Meter","properties":{"temperature":21.50,"door":"open"},"event_time":"x"},{"service_id":"S","properties":{}}]}"#;
        assert_eq!(
            shown("device.property", "report", services),
            r#"2026-11-23 08:15:30.250Z  meter-1               property  Meter door="open" temperature=21.50; S"#
        );
        let message = shown("device.message", "report", r#"{"topic":"t","content":{"a":1.0}}"#);
        assert!(message.ends_with(r#"  message   {"a":1.0}"#), "{message}");
        let status = shown(
            "device.status",
            "update",
            r#"{"status":"ONLINE","last_online_time":null}"#,
        );
        assert!(status.ends_with("  status    ONLINE"), "{status}");
        let made = shown("device", "create", r#"{"device_name":"the meter","tags":[]}"#);
        assert!(made.ends_with("  device create  the meter"), "{made}");
        let product = shown("product", "delete", r#"{"product_id":"p"}"#);
        assert!(product.ends_with("  product delete  p"), "{product}");
    }

    #[test]
    fn nothing_moves_the_cursor_and_nothing_is_endless() {
        let colours = shown(
            "device.message",
            "report",
            "{\"content\":\"\\u001b[31m \u{9b}\u{202e}x\"}",
        );
        assert!(colours.ends_with(r#""\u001b[31m \u{9b}\u{202e}x""#), "{colours}");
        let long = format!("{{\"content\":\"{}\"}}", "y".repeat(5000));
        let long = shown("device.message", "report", &long);
        assert!(
            long.ends_with("yy…") && long.chars().count() == LONGEST + 1,
            "{long}"
        );
        assert_eq!(line("no envelope\u{7}"), r"no envelope\u{7}");
    }
}
