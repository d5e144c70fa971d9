//! `DELETE …/devices/{device_id}/shadow`.

use axum::extract::State;
use http::StatusCode;

use crate::domain::event::EventKind;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::devices::DevicePath;
use crate::http::management::{ManagementState, change};
use crate::storage::{Payload, ShadowChange};

/// Clears what a device last reported and what it is desired to be; versions start anew.
#[utoipa::path(
    delete, path = "/devices/{device_id}/shadow", operation_id = "delete_device_shadow", tag = "shadow",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
) -> Result<StatusCode, ApiError> {
    let device = path.load(&state).await?;
    let change = change(&state, writer, Payload::empty());
    let registry = &state.stores.registry;
    let kind = EventKind::ShadowCleared;
    match registry.change_shadow(device.key, kind, None, change).await? {
        ShadowChange::NotFound => Err(ErrorKind::NO_DEVICE.into()),
        ShadowChange::Done | ShadowChange::Overtaken => Ok(StatusCode::NO_CONTENT),
    }
}
