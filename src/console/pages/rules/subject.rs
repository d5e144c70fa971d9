//! What a rule takes, as a choice.

use serde_json::{Value, json};

use crate::console::api;
use crate::routing::subject::Subject;

/// How the subjects read that devices over HTTPS have events of, the usual one first.
pub const SUBJECTS: &[(&str, &str)] = &[
    ("device.property:report", "Reported properties"),
    ("device.message:report", "Messages of devices"),
    ("device.status:update", "Devices online and offline"),
    ("device:create", "Devices registered"),
    ("device:update", "Devices changed"),
    ("device:delete", "Devices deleted"),
    ("product:create", "Products made"),
    ("product:update", "Products changed"),
    ("product:delete", "Products deleted"),
];

/// As the API takes it; what is no subject it refuses.
pub fn body(chosen: &str) -> Value {
    let (resource, event) = chosen.split_once(':').unwrap_or((chosen, ""));
    json!({"resource": resource, "event": event})
}

/// Of a rule: its resource and event.
pub fn of(rule: &Value) -> String {
    let [resource, event] = ["/subject/resource", "/subject/event"].map(|at| api::text(rule, at));
    format!("{resource}:{event}")
}

/// How it reads; one that the choice does not have, as it is.
pub fn shown(chosen: &str) -> &str {
    let found = SUBJECTS.iter().find(|(name, _)| *name == chosen);
    found.map_or(chosen, |(_, text)| text)
}

/// By which kind events of it are found.
pub fn kind(chosen: &str) -> Option<&'static str> {
    let (resource, event) = chosen.split_once(':')?;
    match Subject::new(resource, event)?.resource() {
        "device.property" => Some("property"),
        "device.message" => Some("message"),
        "device.status" => Some("status"),
        kind @ ("device" | "product") => Some(kind),
        _ => None,
    }
}
