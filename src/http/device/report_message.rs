//! `POST /v5/devices/{device_id}/sys/messages/up`.

use axum::extract::State;
use http::StatusCode;

use super::DeviceState;
use crate::http::error::ApiError;
use crate::http::extract::body::CappedBody;
use crate::http::extract::device::AuthenticatedDevice;

/// Stores a device's message, byte for byte; 200 means that it is on disk.
#[utoipa::path(
    post, path = "/v5/devices/{device_id}/sys/messages/up", operation_id = "report_message", tag = "device",
    request_body(content = Option<String>, content_type = "*/*", description = "Any bytes, at most 1 MB."),
    responses((status = OK)),
)]
pub async fn handle(
    State(state): State<DeviceState>,
    caller: AuthenticatedDevice,
    body: CappedBody,
) -> Result<StatusCode, ApiError> {
    state
        .ingest
        .report_message(&caller.device, body.bytes.clone(), caller.request_id)
        .await?;
    Ok(StatusCode::OK)
}
