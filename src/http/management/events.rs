//! `GET …/devices/{device_id}/events`: what a device sent, newest first (routing.md §6).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::ToSchema;

use super::ManagementState;
use super::devices::DevicePath;
use super::event_kinds::{DeviceEventKind, OF_DEVICES, kinds};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters, TimeRange};
use crate::storage::EventFilter;

/// What the answer holds.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the answer is put together from texts")]
struct EventList {
    /// Envelopes, as applications are sent them.
    #[schema(value_type = Vec<Object>)]
    events: (),
    page: EventPage,
}

/// How many are on this page, and the marker of the last.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the answer is put together from texts")]
struct EventPage {
    count: usize,
    marker: Option<String>,
}

/// A page of envelopes: `{events: [envelope], page: {count, marker}}`, `count` being this page's.
#[utoipa::path(
    get, path = "/devices/{device_id}/events", operation_id = "list_device_events", tag = "devices",
    params(
        ("kind" = inline(Option<DeviceEventKind>), Query, description = "Absent: all."),
        TimeRange, Paging,
    ),
    responses((status = OK, body = EventList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
    query: Parameters,
) -> Result<Response, ApiError> {
    let device = path.load(&state).await?;
    let page = query.page()?;
    let (from, to) = query.time_range()?;
    let filter = EventFilter {
        device: Some(device.key),
        kinds: kinds(&query, OF_DEVICES)?,
        from,
        to,
    };
    let shown = state.history.events(&filter, page).await?;
    let marker = shown.last().map(|(position, _)| position.marker());
    // Envelopes are text already: what a device wrote as 21.50 stays 21.50.
    let envelopes: Vec<&str> = shown.iter().map(|(_, envelope)| envelope.as_str()).collect();
    let body = format!(
        r#"{{"events":[{}],"page":{}}}"#,
        envelopes.join(","),
        serde_json::json!({"count": shown.len(), "marker": marker}),
    );
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}
