//! `POST /v5/devices/{device_id}/sys/gateway/sub-devices/properties/report`.

use axum::extract::State;
use http::StatusCode;

use super::DeviceState;
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::device::AuthenticatedDevice;

/// Stores a gateway's report for its children; 200 means that it is on disk.
pub async fn handle(
    State(state): State<DeviceState>,
    caller: AuthenticatedDevice,
    body: PlainBody,
) -> Result<StatusCode, ApiError> {
    state
        .ingest
        .report_children(&caller.device, body.bytes(), caller.request_id)
        .await?;
    Ok(StatusCode::OK)
}
