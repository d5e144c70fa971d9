//! The names by which callers narrow events.

use crate::domain::event::EventKind;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::query::Parameters;
use crate::http::schema::{choice, documented};

documented! {
    /// A kind of event.
    EventKindName = choice(&["property", "message", "device", "status", "product"]);
}

/// The kinds that `kind` names; none when it is absent.
pub fn kinds(query: &Parameters) -> Result<Vec<EventKind>, ApiError> {
    let Some(text) = query.text("kind") else {
        return Ok(Vec::new());
    };
    let resource = match text.as_str() {
        "property" => "device.property",
        "message" => "device.message",
        "status" => "device.status",
        "device" | "product" => text.as_str(),
        _ => {
            let detail = "kind: must be property, message, device, status or product";
            return Err(ApiError::new(ErrorKind::INVALID_INPUT, detail));
        }
    };
    let named = |kind: &EventKind| kind.resource() == resource;
    Ok(EventKind::ALL.into_iter().filter(named).collect())
}
