//! The envelope that shows an event to the outside (routing.md §1), built as text so that payloads keep the device's
//! own digits and strings. Called by whatever gives events out.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::event::{DeviceDescription, EventKind, StoredEvent};
use super::{event_time, json_scan};

/// The event as one JSON object; `device` is the description that the event names, none for product events.
pub fn render(stored: &StoredEvent, device: Option<&DeviceDescription>) -> String {
    let event = &stored.event;
    let mut out = String::with_capacity(event.payload.len() + 512);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"{{"resource":"{}","event":"{}","event_time":"{}","event_time_ms":"{}","request_id":"{}","#,
        event.kind.resource(),
        event.kind.event(),
        event_time::compact(event.received),
        event_time::with_millis(event.received),
        event.request_id,
    );
    let _ = write!(out, r#""sequence":"{}","#, stored.position.0);
    if let Some(faults) = &event.faults {
        let _ = write!(out, r#""faults":{faults},"#);
    }
    out.push_str(r#""notify_data":{"header":"#);
    match device {
        Some(device) => push_header(&mut out, device),
        None => out.push_str("{}"),
    }
    if event.kind != EventKind::DeviceDeleted {
        out.push_str(r#","body":"#);
        push_body(&mut out, stored, device);
    }
    out.push_str("}}");
    out
}

/// The same in one line, for formats with one event a line: insignificant white space is left out.
pub fn line(stored: &StoredEvent, device: Option<&DeviceDescription>) -> String {
    let mut text = render(stored, device);
    let (mut in_string, mut escaped) = (false, false);
    text.retain(|c| {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            return true;
        }
        in_string = c == '"';
        !matches!(c, ' ' | '\t' | '\r' | '\n')
    });
    text
}

fn push_header(out: &mut String, device: &DeviceDescription) {
    let members = [
        ("app_id", &device.app_id),
        ("device_id", &device.device_id),
        ("node_id", &device.node_id),
        ("product_id", &device.product_id),
        ("gateway_id", &device.gateway_id),
    ];
    for (index, (name, value)) in members.into_iter().enumerate() {
        let _ = write!(
            out,
            r#"{}"{name}":{}"#,
            if index == 0 { '{' } else { ',' },
            json_string(value)
        );
    }
    if let Some(tags) = &device.tags {
        let _ = write!(out, r#","tags":{tags}"#);
    }
    out.push('}');
}

fn push_body(out: &mut String, stored: &StoredEvent, device: Option<&DeviceDescription>) {
    let payload = &stored.event.payload;
    if stored.event.kind != EventKind::MessageReport {
        // Made by the platform, so it is JSON text.
        out.push_str(&String::from_utf8_lossy(payload));
        return;
    }
    let topic = format!(
        "$oc/devices/{}/sys/messages/up",
        device.map_or("", |device| &device.device_id)
    );
    let _ = write!(out, r#"{{"topic":{},"content":"#, json_string(&topic));
    match (json_scan::scan(payload), std::str::from_utf8(payload)) {
        (Ok(json), _) => out.push_str(json.trim()),
        (Err(_), Ok(text)) => out.push_str(&json_string(text)),
        (Err(_), Err(_)) => {
            let _ = write!(
                out,
                r#""{}","content_encoding":"base64""#,
                STANDARD.encode(payload)
            );
        }
    }
    out.push('}');
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::event::NewEvent;
    use crate::domain::ids::{DeviceKey, Position, RequestId, VersionKey};

    fn stored(kind: EventKind, payload: &'static [u8]) -> StoredEvent {
        StoredEvent {
            position: Position(7),
            event: NewEvent {
                kind,
                device: Some((DeviceKey(1), VersionKey(2))),
                reported_by: None,
                received: Timestamp(1_795_421_730_250),
                request_id: RequestId::from_bytes([1; 16]),
                payload: payload.into(),
                faults: None,
            },
        }
    }

    fn shown(kind: EventKind, payload: &'static [u8]) -> String {
        let device = DeviceDescription {
            app_id: "a".into(),
            device_id: "p_n".into(),
            node_id: "n".into(),
            product_id: "p".into(),
            gateway_id: "p_n".into(),
            tags: None,
        };
        render(&stored(kind, payload), Some(&device))
    }

    fn content(payload: &'static [u8]) -> String {
        let text = shown(EventKind::MessageReport, payload);
        let start = text.find(r#""content":"#).unwrap();
        text[start..].strip_suffix("}}}").unwrap().to_owned()
    }

    #[test]
    fn an_envelope_has_the_documented_shape() {
        assert_eq!(
            shown(EventKind::PropertyReport, br#"{"services":[]}"#),
            concat!(
                r#"{"resource":"device.property","event":"report","event_time":"20261123T081530Z","#,
                r#""event_time_ms":"2026-11-23T08:15:30.250Z","request_id":"01010101-0101-0101-0101-010101010101","#,
                r#""sequence":"7","notify_data":{"header":{"app_id":"a","device_id":"p_n","node_id":"n","#,
                r#""product_id":"p","gateway_id":"p_n"},"body":{"services":[]}}}"#
            )
        );
    }

    #[test]
    fn a_message_stands_as_json_text_or_base64() {
        assert_eq!(content(br#" {"a":1.50} "#), r#""content":{"a":1.50}"#);
        assert_eq!(content(b"hello \"you\""), r#""content":"hello \"you\"""#);
        assert_eq!(
            content(b"\xff\x00"),
            r#""content":"/wA=","content_encoding":"base64""#
        );
    }

    #[test]
    fn a_line_has_no_white_space_but_inside_strings() {
        let payload = b" {\r\n\t\"a b\" : [1.50 ,\" \\\" \\\\\" , \" c\"]\n}";
        let shown = line(&stored(EventKind::MessageReport, payload), None);
        assert!(
            shown.contains(r#""content":{"a b":[1.50," \" \\"," c"]}"#),
            "{shown}"
        );
        assert!(!shown.contains('\n'));
        let text = line(&stored(EventKind::MessageReport, b"two\nlines"), None);
        assert!(text.contains(r#""content":"two\nlines""#), "{text}");
    }

    #[test]
    fn a_deleted_device_has_a_header_alone() {
        assert!(shown(EventKind::DeviceDeleted, b"").ends_with(r#""gateway_id":"p_n"}}}"#));
    }
}
