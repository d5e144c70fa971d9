//! `POST /v5/devices/{device_id}/sys/gateway/sub-devices/properties/report`.

use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::{DeviceState, ServiceReport};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::device::AuthenticatedDevice;

/// A gateway's report for its children.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`ingest` reads the body")]
struct ChildrenReport {
    #[schema(min_items = 1, max_items = 50)]
    devices: Vec<ChildReport>,
}

/// One child's report.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`ingest` reads the body")]
struct ChildReport {
    device_id: String,
    #[schema(min_items = 1)]
    services: Vec<ServiceReport>,
}

/// Stores a gateway's report for its children; 200 means that it is on disk.
#[utoipa::path(
    post, path = "/v5/devices/{device_id}/sys/gateway/sub-devices/properties/report",
    operation_id = "report_children", tag = "device",
    request_body = ChildrenReport,
    responses((status = OK)),
)]
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
