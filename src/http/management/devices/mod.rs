//! Devices (management-api.md §5), and what cannot be done to a device over HTTPS.

mod body;
pub mod change_gateway;
pub mod create;
pub mod delete;
pub mod downlink;
pub mod freeze;
pub mod list;
pub mod list_groups;
pub mod list_messages;
pub mod reset_fingerprint;
pub mod reset_secret;
pub mod search;
pub mod show;
pub mod update;
mod view;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::ManagementState;
use crate::domain::ids::DeviceId;
use crate::http::error::{ApiError, ErrorKind};
use crate::storage::Device;

pub(super) use view::{DeviceSummary, DeviceView, Heard, payload};

/// The device that a path names.
pub struct DevicePath(String);

impl FromRequestParts<ManagementState> for DevicePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, device_id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        Ok(Self(device_id))
    }
}

impl DevicePath {
    /// Loads it.
    pub async fn load(&self, state: &ManagementState) -> Result<Device, ApiError> {
        load(state, "device_id", &self.0).await
    }
}

/// The device of an id that `field` names.
pub(super) async fn load(state: &ManagementState, field: &str, device_id: &str) -> Result<Device, ApiError> {
    let missing = || ApiError::new(ErrorKind::NO_DEVICE, format!("{field}: {device_id}"));
    let id = DeviceId::parse(device_id).map_err(|_| missing())?;
    state.stores.registry.device(&id).await?.ok_or_else(missing)
}
