//! Envelopes as the event stream gives them, for people: what they say in one line. Their text
//! itself is never read into numbers and written again, so that what a device wrote as 21.50 stays 21.50.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::components::time;
use super::fields::query;

/// What the event stream answers who asks for JSON.
#[derive(Deserialize)]
pub struct Batch<'a> {
    /// Envelopes, the oldest first.
    #[serde(borrow)]
    pub events: Vec<&'a RawValue>,
    /// After which to go on.
    pub next: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    resource: &'a str,
    event: &'a str,
    event_time_ms: &'a str,
    sequence: &'a str,
    request_id: &'a str,
    #[serde(default)]
    faults: Value,
    #[serde(borrow)]
    notify_data: Notified<'a>,
}

#[derive(Deserialize)]
struct Notified<'a> {
    #[serde(default)]
    header: Value,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// What is not the same in each message and each report.
#[derive(Default, Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    services: Option<&'a RawValue>,
}

/// An event as a line of a list shows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place in the log.
    pub sequence: String,
    /// When it was taken in.
    pub time: String,
    /// `device.property/report` and so on.
    pub kind: String,
    /// Empty for events of products.
    pub device: String,
    /// The same.
    pub product: String,
    /// The request that brought it.
    pub request_id: String,
    /// What it says, cut short.
    pub said: String,
    /// It was taken although something did not fit the product.
    pub has_faults: bool,
}

impl Line {
    /// Of an envelope.
    pub fn of(text: &str) -> serde_json::Result<Self> {
        let envelope: Envelope<'_> = serde_json::from_str(text)?;
        let header = |name: &str| {
            let found = envelope.notify_data.header.get(name).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let body = envelope.notify_data.body.map_or("", RawValue::get);
        let told: Told<'_> = serde_json::from_str(body).unwrap_or_default();
        let said = told.content.or(told.services).map_or(body, RawValue::get);
        Ok(Self {
            sequence: envelope.sequence.to_owned(),
            time: time(envelope.event_time_ms),
            kind: format!("{}/{}", envelope.resource, envelope.event),
            device: header("device_id"),
            product: header("product_id"),
            request_id: envelope.request_id.to_owned(),
            said: cut(said),
            has_faults: !envelope.faults.is_null(),
        })
    }

    /// The query for events of the same device.
    pub fn of_device(&self) -> String {
        query([("device_id", self.device.as_str())])
    }

    /// The query for events of the same product.
    pub fn of_product(&self) -> String {
        query([("product_id", self.product.as_str())])
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Characters of a line.
const SAID: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_one_line_and_keeps_its_digits() {
        let text = r#"{"resource":"device.message","event":"report","event_time":"20261124T223005Z","event_time_ms":"2026-11-24T22:30:05.250Z","request_id":"r","sequence":"7","faults":["f"],"notify_data":{"header":{"device_id":"d","product_id":"p"},"body":{"topic":"t","content":21.50}}}"#;
        let line = Line::of(text).unwrap();
        assert_eq!(
            (line.sequence.as_str(), line.kind.as_str()),
            ("7", "device.message/report")
        );
        assert_eq!((line.device.as_str(), line.product.as_str()), ("d", "p"));
        assert_eq!(
            (line.time.as_str(), line.said.as_str()),
            ("2026-11-24 22:30:05", "21.50")
        );
        assert!(line.has_faults);
        assert_eq!(cut(&"ä".repeat(SAID + 1)), format!("{}…", "ä".repeat(SAID)));
    }
}
