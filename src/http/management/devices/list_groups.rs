//! `POST …/devices/{device_id}/list-device-group`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::DevicePath;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// The groups that a device is in.
#[derive(Serialize, ToSchema)]
pub struct DeviceGroups {
    #[schema(value_type = Vec<Object>, max_items = 0)]
    device_groups: [(); 0],
}

/// The groups that a device is in: none, since this version has none.
#[utoipa::path(
    post, path = "/devices/{device_id}/list-device-group", operation_id = "list_device_groups_by_device",
    tag = "devices",
    responses((status = OK, body = DeviceGroups)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
) -> Result<Json<DeviceGroups>, ApiError> {
    path.load(&state).await?;
    Ok(Json(DeviceGroups { device_groups: [] }))
}
