//! `POST …/devices/{device_id}/freeze` and `/unfreeze`.

use axum::extract::State;
use http::StatusCode;

use super::{DevicePath, Heard, payload};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::shadow::status_body;
use crate::storage::{Device, FreezeOutcome};

/// Freezes a direct device: its tokens die at once, and it gets no new one.
#[utoipa::path(
    post, path = "/devices/{device_id}/freeze", operation_id = "freeze_device", tag = "devices",
    responses((status = NO_CONTENT)),
)]
pub async fn freeze(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
) -> Result<StatusCode, ApiError> {
    let device = path.load(&state).await?;
    if device.gateway.is_some() {
        return Err(ErrorKind::FREEZE_CHILD.into());
    }
    set(&state, writer, device, true, ErrorKind::ALREADY_FROZEN).await
}

/// Lets a frozen device authenticate again.
#[utoipa::path(
    post, path = "/devices/{device_id}/unfreeze", operation_id = "unfreeze_device", tag = "devices",
    responses((status = NO_CONTENT)),
)]
pub async fn unfreeze(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
) -> Result<StatusCode, ApiError> {
    let device = path.load(&state).await?;
    set(&state, writer, device, false, ErrorKind::NOT_FROZEN).await
}

async fn set(
    state: &ManagementState,
    writer: Writer,
    device: Device,
    frozen: bool,
    already: ErrorKind,
) -> Result<StatusCode, ApiError> {
    let heard = Heard::of(state, &device).await?;
    let change = change(state, writer, payload(heard));
    // In pushes a frozen device reads FREEZED; one that thaws and was never heard has no status to tell.
    let status = match heard.status(false) {
        _ if frozen => Some("FREEZED"),
        "INACTIVE" => None,
        other => Some(other),
    };
    let status = status.map(|status| status_body(status, heard.last_seen(), change.at));
    let registry = &state.stores.registry;
    match registry.set_frozen(device.key, frozen, status, change).await? {
        FreezeOutcome::Done => Ok(StatusCode::NO_CONTENT),
        FreezeOutcome::NotFound => Err(ErrorKind::NO_DEVICE.into()),
        FreezeOutcome::AlreadySo => Err(already.into()),
    }
}
