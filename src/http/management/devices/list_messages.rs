//! `GET …/devices/{device_id}/messages`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::DevicePath;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// The messages sent to a device.
#[derive(Serialize, ToSchema)]
pub struct DeviceMessages {
    device_id: String,
    #[schema(value_type = Vec<Object>, max_items = 0)]
    messages: [(); 0],
}

/// The messages sent to a device: none, since none can be sent.
#[utoipa::path(
    get, path = "/devices/{device_id}/messages", operation_id = "list_device_messages", tag = "downlink",
    responses((status = OK, body = DeviceMessages)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
) -> Result<Json<DeviceMessages>, ApiError> {
    let device = path.load(&state).await?;
    Ok(Json(DeviceMessages {
        device_id: device.device_id.to_string(),
        messages: [],
    }))
}
