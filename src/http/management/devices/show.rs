//! `GET …/devices/{device_id}`.

use axum::Json;
use axum::extract::State;

use super::{DevicePath, DeviceView};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One device, with its secrets, as IoTDA shows it.
#[utoipa::path(
    get, path = "/devices/{device_id}", operation_id = "show_device", tag = "devices",
    responses((status = OK, body = DeviceView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
) -> Result<Json<DeviceView>, ApiError> {
    let device = path.load(&state).await?;
    Ok(Json(DeviceView::load(&state, &device, None).await?))
}
