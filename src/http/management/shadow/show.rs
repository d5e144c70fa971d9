//! `GET …/devices/{device_id}/shadow`.

use axum::Json;
use axum::extract::State;

use super::ShadowView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;
use crate::http::management::devices::DevicePath;

/// What a device last reported and what it is desired to be; a report that was answered 200 is in it.
#[utoipa::path(
    get, path = "/devices/{device_id}/shadow", operation_id = "show_device_shadow", tag = "shadow",
    responses((status = OK, body = ShadowView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
) -> Result<Json<ShadowView>, ApiError> {
    let device = path.load(&state).await?;
    let snapshot = state.shadows.current(device.key).await?;
    Ok(Json(ShadowView::of(device.device_id.as_str(), &snapshot.shadow)))
}
