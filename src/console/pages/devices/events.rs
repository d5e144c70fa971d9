//! What a device sent, and what it was told when it was refused, as its page shows them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::path_of;
use crate::console::api;
use crate::console::components::{Badge, Tone, time};
use crate::console::fields::query;

/// Events of one page of the list.
pub(super) const SHOWN: usize = 10;

/// An event with its body as the device wrote it.
pub(super) struct Event {
    pub(super) time: String,
    pub(super) kind: &'static str,
    pub(super) body: String,
    pub(super) faults: Vec<String>,
}

/// Newest events, and the way to older ones.
#[derive(Default)]
pub(super) struct Events {
    pub(super) rows: Vec<Event>,
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    events: Vec<Envelope>,
    page: ListedPage,
}

#[derive(Deserialize)]
struct ListedPage {
    marker: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    resource: String,
    event: String,
    event_time_ms: String,
    #[serde(default)]
    faults: Vec<String>,
    notify_data: Notified,
}

#[derive(Deserialize)]
struct Notified {
    body: Option<Box<RawValue>>,
}

impl Events {
    /// Of the API's text for this device.
    pub(super) fn read(text: &str, device_id: &str, kind: &str) -> serde_json::Result<Self> {
        let listed: Listed = serde_json::from_str(text)?;
        let is_full = listed.events.len() == SHOWN;
        let next = listed.page.marker.filter(|_| is_full).map(|marker| {
            let at = query([("kind", kind), ("events", &marker)]);
            format!("{}#events", path_of(device_id, &at))
        });
        Ok(Self {
            rows: listed.events.into_iter().map(Event::of).collect(),
            next,
        })
    }
}

impl Event {
    fn of(envelope: Envelope) -> Self {
        let kind = match (envelope.resource.as_str(), envelope.event.as_str()) {
            ("device.property", _) => "Properties",
            ("device.message", _) => "Message",
            ("device.status", _) => "Status",
            (_, "create") => "Registered",
            (_, "update") => "Changed",
            (_, "delete") => "Deleted",
            _ => "Device",
        };
        Self {
            time: time(&envelope.event_time_ms),
            kind,
            body: envelope
                .notify_data
                .body
                .map_or(String::new(), |body| body.get().to_owned()),
            faults: envelope.faults,
        }
    }
}

/// A refusal, or a remark on what was taken.
pub(super) struct Told {
    pub(super) time: String,
    pub(super) request: String,
    pub(super) answer: Badge,
    pub(super) message: String,
    pub(super) meaning: &'static str,
    pub(super) count: i64,
}

impl Told {
    pub(super) fn of(entry: &Value) -> Self {
        let text = |name: &str| api::text(entry, name).to_owned();
        let status = api::number(entry, "/status");
        let tone = if status == 200 { Tone::Warning } else { Tone::Bad };
        Self {
            time: time(&text("/time")),
            request: format!("{} {}", text("/method"), text("/path")),
            answer: Badge::new(
                tone,
                format!("{status} {}", text("/error_code")).trim().to_owned(),
            ),
            message: text("/error_msg"),
            meaning: meaning(status),
            count: api::number(entry, "/count").max(1),
        }
    }
}

/// What to do about an answer, in plain words.
const fn meaning(status: i64) -> &'static str {
    match status {
        200 => "The report was taken, but not all of it as it was meant.",
        400 => "What the device sent does not fit: try it in the product's check of a report.",
        401 => "The device was not recognised: its secret, its clock or its token is wrong.",
        403 => "The device was recognised, but may not do this: is it frozen, or another's child?",
        404 => {
            "There is nothing at this path: the device's software calls another than those of the platform."
        }
        413 => "The body is larger than the platform takes.",
        429 => "The device asked more often than the limits allow; it may try again a little later.",
        503 => "The platform could not take it just then; the device should try again.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_stay_as_the_device_wrote_them() {
        let text = r#"{"events":[{"resource":"device.property","event":"report","event_time":"20261123T081530Z","event_time_ms":"2026-11-23T08:15:30.250Z","request_id":"r","sequence":"1","notify_data":{"header":{},"body":{"t":21.50}}}],"page":{"count":1,"marker":"ab"}}"#;
        let events = Events::read(text, "d1", "").unwrap();
        let event = events.rows.first().unwrap();
        assert_eq!(
            (event.kind, event.body.as_str()),
            ("Properties", r#"{"t":21.50}"#)
        );
        assert_eq!(event.time, "2026-11-23 08:15:30");
        assert_eq!(events.next, None, "less than a page has no next");
    }
}
