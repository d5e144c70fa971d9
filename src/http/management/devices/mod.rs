//! Devices (management-api.md §5): create, list, show, delete, freeze, unfreeze, reset of a secret; and what cannot be done
//! to a device over HTTPS.

pub mod create;
pub mod delete;
pub mod downlink;
pub mod freeze;
pub mod list;
pub mod list_groups;
pub mod list_messages;
pub mod reset_secret;
pub mod show;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ManagementState;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::domain::ids::DeviceId;
use crate::http::error::{ApiError, ErrorKind};
use crate::storage::{Device, StoreError};

/// What lists show of a device.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceSummary {
    app_id: String,
    app_name: String,
    device_id: String,
    node_id: String,
    /// Its own id where it connects directly, else its parent's.
    gateway_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_name: Option<String>,
    /// GATEWAY or ENDPOINT.
    node_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    product_id: String,
    product_name: String,
    /// ONLINE, OFFLINE, INACTIVE or FROZEN.
    status: &'static str,
    #[schema(value_type = Vec<Object>)]
    tags: [(); 0],
}

/// A device as the API shows it; its event is the same without `auth_info`.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceView {
    #[serde(flatten)]
    summary: DeviceSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_info: Option<AuthInfo>,
    create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    extension_info: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
struct AuthInfo {
    auth_type: &'static str,
    secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_secret: Option<String>,
    secure_access: bool,
    timeout: i64,
}

impl DeviceSummary {
    /// With the status that `last_seen` gives now.
    pub(super) fn new(state: &ManagementState, device: &Device, last_seen: Option<Timestamp>) -> Self {
        let gateway_id = device.gateway.as_ref().unwrap_or(&device.device_id).to_string();
        Self {
            app_id: device.app.app_id.to_string(),
            app_name: device.app.name.clone(),
            device_id: device.device_id.to_string(),
            node_id: device.node_id.to_string(),
            gateway_id,
            device_name: device.name.clone(),
            node_type: if device.gateway.is_some() {
                "ENDPOINT"
            } else {
                "GATEWAY"
            },
            description: device.description.clone(),
            product_id: device.product_id.to_string(),
            product_name: device.product_name.clone(),
            status: status(state, device, last_seen),
            tags: [],
        }
    }
}

impl DeviceView {
    /// With its secrets.
    pub(super) async fn load(state: &ManagementState, device: &Device) -> Result<Self, ApiError> {
        let auth_info = AuthInfo {
            auth_type: "SECRET",
            secret: device.secret.expose().to_owned(),
            secondary_secret: device
                .secondary_secret
                .as_ref()
                .map(|secret| secret.expose().to_owned()),
            secure_access: device.secure_access,
            timeout: device.timeout_seconds,
        };
        Ok(Self {
            auth_info: Some(auth_info),
            ..Self::event(state, device).await?
        })
    }

    /// Without its secrets, as events show it.
    pub(super) async fn event(state: &ManagementState, device: &Device) -> Result<Self, ApiError> {
        let seen = state.activity.last_seen(&[device.key]).await?;
        let extension_info = device
            .extension_info
            .clone()
            .map(RawValue::from_string)
            .transpose();
        let extension_info = extension_info.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Self {
            summary: DeviceSummary::new(state, device, seen.get(&device.key).copied()),
            auth_info: None,
            create_time: event_time::compact(device.created),
            extension_info,
        })
    }
}

/// HTTPS devices hold no session: their status is derived from their traffic (routing.md §1).
fn status(state: &ManagementState, device: &Device, last_seen: Option<Timestamp>) -> &'static str {
    let now = state.clock.now();
    match last_seen {
        _ if device.frozen => "FROZEN",
        None => "INACTIVE",
        Some(seen) if now.0 - seen.0 > state.offline_after_ms => "OFFLINE",
        Some(_) => "ONLINE",
    }
}

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
        let missing = || ApiError::new(ErrorKind::NO_DEVICE, format!("device_id: {}", self.0));
        let device_id = DeviceId::parse(&self.0).map_err(|_| missing())?;
        state
            .stores
            .registry
            .device(&device_id)
            .await?
            .ok_or_else(missing)
    }
}
