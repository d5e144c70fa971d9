//! The names by which callers narrow events.

use crate::domain::event::EventKind;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::query::Parameters;
use crate::http::schema::{choice, documented};

/// The kinds that a device has.
pub const OF_DEVICES: &[&str] = &["property", "message", "device", "status"];

/// The kinds of all events.
pub const OF_ALL: &[&str] = &["property", "message", "device", "status", "product"];

documented! {
    /// A kind of a device's events.
    DeviceEventKind = choice(OF_DEVICES);
    /// A kind of event.
    AnyEventKind = choice(OF_ALL);
}

/// The kinds that `kind` names, one of these; none when it is absent.
pub fn kinds(query: &Parameters, names: &[&str]) -> Result<Vec<EventKind>, ApiError> {
    let Some(name) = query.text("kind") else {
        return Ok(Vec::new());
    };
    let known = names.iter().find(|known| **known == name);
    let resource = match known.copied() {
        Some("property") => "device.property",
        Some("message") => "device.message",
        Some("status") => "device.status",
        Some(resource) => resource,
        None => {
            let (last, others) = names.split_last().unwrap_or((&"", &[]));
            let detail = format!("kind: must be {} or {last}", others.join(", "));
            return Err(ApiError::new(ErrorKind::INVALID_INPUT, detail));
        }
    };
    let tells = |kind: &EventKind| kind.resource() == resource;
    Ok(EventKind::ALL.into_iter().filter(tells).collect())
}
