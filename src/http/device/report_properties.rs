//! `POST /v5/devices/{device_id}/sys/properties/report`.

use axum::extract::State;
use http::StatusCode;

use super::{DeviceState, PropertyReport};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::device::AuthenticatedDevice;

/// Stores a device's property report; 200 means that it is on disk.
#[utoipa::path(
    post, path = "/v5/devices/{device_id}/sys/properties/report", operation_id = "report_properties", tag = "device",
    request_body = PropertyReport,
    responses((status = OK)),
)]
pub async fn handle(
    State(state): State<DeviceState>,
    caller: AuthenticatedDevice,
    body: PlainBody,
) -> Result<StatusCode, ApiError> {
    state
        .ingest
        .report_properties(&caller.device, body.bytes(), caller.request_id)
        .await?;
    Ok(StatusCode::OK)
}
