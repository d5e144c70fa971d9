//! `GET …/devices/{device_id}/trace`: what a device was told when it was refused (routing.md §5, §6).

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::devices::DevicePath;
use super::{ManagementState, PageView};
use crate::domain::event_time;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::storage::TraceEntry;

/// `{entries, page}`.
#[derive(Serialize, ToSchema)]
pub struct Trace {
    entries: Vec<TraceEntryView>,
    page: PageView,
}

#[derive(Serialize, ToSchema)]
struct TraceEntryView {
    time: String,
    method: String,
    path: String,
    status: u16,
    error_code: String,
    error_msg: String,
    request_id: String,
    count: i64,
}

/// A page of entries, the latest first; equal ones stand once, with their number.
#[utoipa::path(
    get, path = "/devices/{device_id}/trace", operation_id = "list_device_trace", tag = "devices",
    params(Paging),
    responses((status = OK, body = Trace)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
    query: Parameters,
) -> Result<Json<Trace>, ApiError> {
    let device = path.load(&state).await?;
    let found = state.stores.followers.trace(device.key, query.page()?).await?;
    let page = PageView::new(found.total, found.items.last().map(|entry| entry.id));
    let entries = found.items.into_iter().map(view).collect();
    Ok(Json(Trace { entries, page }))
}

fn view(entry: TraceEntry) -> TraceEntryView {
    let told = entry.told;
    TraceEntryView {
        time: event_time::with_millis(told.at),
        method: told.method,
        path: told.path,
        status: told.status,
        error_code: told.code,
        error_msg: told.message,
        request_id: told.request_id,
        count: told.count,
    }
}
