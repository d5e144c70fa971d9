//! `DELETE …/devices/{device_id}`.

use axum::extract::State;
use http::StatusCode;

use super::DevicePath;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::{DeviceDeletion, Payload};

/// Deletes a device that has no children; its tokens die with it.
#[utoipa::path(
    delete, path = "/devices/{device_id}", operation_id = "delete_device", tag = "devices",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
) -> Result<StatusCode, ApiError> {
    let device = path.load(&state).await?;
    let change = change(&state, writer, Payload::empty());
    match state.stores.registry.delete_device(device.key, change).await? {
        DeviceDeletion::Deleted => Ok(StatusCode::NO_CONTENT),
        DeviceDeletion::NotFound => Err(ErrorKind::NO_DEVICE.into()),
        DeviceDeletion::HasChildren => Err(ErrorKind::DEVICE_HAS_CHILDREN.into()),
    }
}
