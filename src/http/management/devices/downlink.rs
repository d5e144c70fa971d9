//! Live properties, commands and messages to a device. A device over HTTPS holds no session through which it could be
//! asked or told anything, so each is refused as IoTDA refuses it for a device that is not online.

use axum::extract::State;

use super::DevicePath;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::principal::{Reader, Writer};
use crate::http::management::ManagementState;

/// Asks a device for its properties: always refused, the device is not online.
#[utoipa::path(
    get,
    path = "/devices/{device_id}/properties",
    operation_id = "list_properties",
    tag = "downlink"
)]
pub async fn list_properties(
    State(state): State<ManagementState>,
    _: Reader,
    path: DevicePath,
) -> Result<(), ApiError> {
    refuse(&state, &path).await
}

/// Sets a device's properties: always refused, the device is not online.
#[utoipa::path(
    put, path = "/devices/{device_id}/properties", operation_id = "update_properties", tag = "downlink",
    request_body = Object,
)]
pub async fn update_properties(
    State(state): State<ManagementState>,
    _: Writer,
    path: DevicePath,
    _: PlainBody,
) -> Result<(), ApiError> {
    refuse(&state, &path).await
}

/// Sends a device a command: always refused, the device is not online.
#[utoipa::path(
    post, path = "/devices/{device_id}/commands", operation_id = "create_command", tag = "downlink",
    request_body = Object,
)]
pub async fn create_command(
    State(state): State<ManagementState>,
    _: Writer,
    path: DevicePath,
    _: PlainBody,
) -> Result<(), ApiError> {
    refuse(&state, &path).await
}

/// Queues a command for a device: always refused, the device is not online.
#[utoipa::path(
    post, path = "/devices/{device_id}/async-commands", operation_id = "create_async_command", tag = "downlink",
    request_body = Object,
)]
pub async fn create_async_command(
    State(state): State<ManagementState>,
    _: Writer,
    path: DevicePath,
    _: PlainBody,
) -> Result<(), ApiError> {
    refuse(&state, &path).await
}

/// Sends a device a message: always refused, the device is not online.
#[utoipa::path(
    post, path = "/devices/{device_id}/messages", operation_id = "create_message", tag = "downlink",
    request_body = Object,
)]
pub async fn create_message(
    State(state): State<ManagementState>,
    _: Writer,
    path: DevicePath,
    _: PlainBody,
) -> Result<(), ApiError> {
    refuse(&state, &path).await
}

async fn refuse(state: &ManagementState, path: &DevicePath) -> Result<(), ApiError> {
    path.load(state).await?;
    let detail = "A device that connects over HTTPS cannot be reached from here.";
    Err(ApiError::new(ErrorKind::NOT_ONLINE, detail))
}
