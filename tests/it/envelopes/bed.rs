//! A program whose events go to receivers, and what is known of its payloads before they come.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::SECRET;
use crate::harness::{Gate, Push, Receiver, Reply, Sse};

/// The forms of a time: each digit is a 0.
const FORMS: [(&str, &str); 2] = [
    ("00000000T000000Z", "<yyyyMMddTHHmmssZ>"),
    ("0000-00-00T00:00:00.000Z", "<yyyy-MM-ddTHH:mm:ss.SSSZ>"),
];

const MODEL: &str = r#"[{"service_id":"Meter","service_type":"Meter","properties":[{"property_name":"temperature","data_type":"decimal","min":"-40","max":"120","method":"R"},{"property_name":"total","data_type":"decimal","min":"0","max":"1000000","method":"R"}]},{"service_id":"Door","service_type":"Door","properties":[{"property_name":"state","data_type":"string","max_length":8,"method":"R"}]}]"#;

pub struct Bed {
    pub gate: Gate,
    app_id: String,
    /// When it began, in both forms.
    begun: [String; 2],
}

impl Bed {
    /// With a product `meter`.
    pub fn start() -> Self {
        Self::over(Gate::builder().forwarding().start())
    }

    pub fn over(gate: Gate) -> Self {
        let begun = now();
        let made = gate.product("meter", MODEL, r#","validation_mode":"reject""#);
        assert_eq!(made.status, 201, "{}", made.text());
        let app_id = made.json()["app_id"].as_str().unwrap().to_owned();
        Self { gate, app_id, begun }
    }

    pub fn restart(self) -> Self {
        let gate = self.gate.restart();
        Self { gate, ..self }
    }

    /// Where the events of a subject go from now on.
    pub fn pushes(&self, resource: &str, event: &str) -> Receiver {
        let receiver = Receiver::start();
        let subject = json!({"subject": {"resource": resource, "event": event}});
        self.gate.forward(&subject, &receiver.url());
        receiver
    }

    /// A device of the product; a child where a gateway is given. It holds a token unless it is a child.
    pub fn device(&self, device_id: &str, gateway: Option<&str>) -> Option<String> {
        self.gate.device_of("meter", device_id, SECRET, gateway);
        let direct = gateway.is_none();
        direct.then(|| self.gate.token(device_id, SECRET))
    }

    pub fn tag(&self, device_id: &str, tags: &Value) {
        let body = json!({"resource_type": "device", "resource_id": device_id, "tags": tags});
        let bound = self.gate.api("POST", "/tags/bind-resource", &body.to_string());
        assert_eq!(bound.status, 200, "{}", bound.text());
    }

    /// Holds a push to a golden file, and the stream's line of the event to the same one, or to another where the payload
    /// holds white space; `request` is the id of the request that brought the event, where the platform did not make it.
    #[track_caller]
    pub fn assert_golden(&self, name: &str, push: &Push, request: Option<&str>) {
        let text = std::str::from_utf8(&push.body).unwrap();
        let event = push.json();
        self.assert_told(&event, push, request);
        assert_eq!(self.masked(text, &event), golden(name).unwrap(), "{name}");

        let sequence = push.sequence();
        let query = format!("?after={}", sequence - 1);
        let mut stream = Sse::open(&self.gate, &self.gate.admin, &query, None).greeted();
        let line = stream.next().unwrap();
        assert_eq!(u64::try_from(line.id).unwrap(), sequence);
        let subject = [&event["resource"], &event["event"]].map(|text| text.as_str().unwrap());
        assert_eq!(line.name, subject.join("/"));
        let in_one_line = golden(&format!("{name}.line")).or_else(|| golden(name));
        assert_eq!(
            self.masked(&line.data, &event),
            in_one_line.unwrap(),
            "{name}, as a line"
        );
    }

    /// The history of a device shows what was pushed.
    #[track_caller]
    pub fn assert_in_history(&self, device_id: &str, push: &Push) {
        let path = format!("/devices/{device_id}/events?limit=50");
        let history = self.gate.api("GET", &path, "");
        assert_eq!(history.status, 200, "{}", history.text());
        let (shown, pushed) = (history.text(), std::str::from_utf8(&push.body).unwrap());
        assert!(shown.contains(pushed), "{pushed}\nis not in\n{shown}");
    }

    /// What differs from run to run, held to what is known of it.
    #[track_caller]
    fn assert_told(&self, event: &Value, push: &Push, request: Option<&str>) {
        let text = |name: &str| event[name].as_str().unwrap();
        assert_eq!(text("sequence"), push.sequence().to_string());
        let compact: String = text("event_time_ms")[..19]
            .chars()
            .filter(|c| !"-:".contains(*c))
            .collect();
        assert_eq!(text("event_time"), format!("{compact}Z"));
        match request {
            Some(request) => assert_eq!(text("request_id"), request),
            None => assert_eq!(
                form(text("request_id")).replace(|c: char| c.is_ascii_hexdigit(), "0"),
                "00000000-0000-0000-0000-000000000000"
            ),
        }
        assert!(self.form_of_this_run(text("event_time")).is_some(), "{event}");
    }

    /// With names in place of what differs from run to run. A time is one that lies in this run: others stand as they are.
    fn masked(&self, text: &str, event: &Value) -> String {
        let mut masked = text.replace(&self.app_id, "<app_id>");
        for name in ["sequence", "request_id"] {
            let value = event[name].as_str().unwrap();
            masked = masked.replacen(
                &format!(r#""{name}":"{value}""#),
                &format!(r#""{name}":"<{name}>""#),
                1,
            );
        }
        let parts: Vec<&str> = masked.split('"').collect();
        let parts = parts
            .iter()
            .map(|part| self.form_of_this_run(part).unwrap_or(part));
        parts.collect::<Vec<_>>().join("\"")
    }

    /// The form of a time between the beginning and now.
    fn form_of_this_run(&self, text: &str) -> Option<&'static str> {
        let (begun, now) = (&self.begun, now());
        (0..2).find_map(|index| {
            let (digits, name) = FORMS[index];
            let within = begun[index].as_str() <= text && text <= now[index].as_str();
            (form(text) == digits && within).then_some(name)
        })
    }
}

/// The id of a request that was taken.
#[track_caller]
pub fn request_of(reply: &Reply) -> String {
    assert!((200..300).contains(&reply.status), "{}", reply.text());
    reply.header("x-request-id").unwrap().to_owned()
}

fn form(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "0")
}

/// This instant in both forms, which sort as times do.
fn now() -> [String; 2] {
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    let (hour, minute, second, millis) = time.as_hms_milli();
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    let compact = format!("{date}T{clock}Z").replace(['-', ':'], "");
    [compact, format!("{date}T{clock}.{millis:03}Z")]
}

/// The text of a golden file, if there is one.
fn golden(name: &str) -> Option<String> {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.strip_suffix('\n').unwrap().to_owned())
}
