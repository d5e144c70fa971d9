//! How the API shows devices (management-api.md §5.2).

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::domain::ids::DeviceKey;
use crate::http::error::ApiError;
use crate::http::management::ManagementState;
use crate::storage::{AuthType, Device, Payload, Result, StoreError, Tag};

/// What is known of a device beside the registry's record: when it was heard, and what that makes of it now.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Heard {
    now: Timestamp,
    offline_after_ms: i64,
    last_seen: Option<Timestamp>,
    status_changed: Option<Timestamp>,
    first_seen: Option<Timestamp>,
}

impl Heard {
    /// A device that was never heard.
    pub(in super::super) fn never(state: &ManagementState) -> Self {
        Self {
            now: state.clock.now(),
            offline_after_ms: state.offline_after_ms,
            last_seen: None,
            status_changed: None,
            first_seen: None,
        }
    }

    /// Of one device.
    pub(in super::super) async fn of(state: &ManagementState, device: &Device) -> Result<Self> {
        let heard = Self::of_each(state, &[device.key]).await?;
        Ok(heard
            .get(&device.key)
            .copied()
            .unwrap_or_else(|| Self::never(state)))
    }

    /// Of each of these devices.
    pub(in super::super) async fn of_each(
        state: &ManagementState,
        devices: &[DeviceKey],
    ) -> Result<HashMap<DeviceKey, Self>> {
        let seen = state.activity.last_seen(devices).await?;
        let statuses = state.stores.statuses.statuses(devices).await?;
        let never = Self::never(state);
        let heard = devices.iter().map(|key| {
            let status = statuses.get(key);
            let last_seen = seen.get(key).copied();
            let heard = Self {
                last_seen,
                // A status trails what is seen by up to a second; it starts with what was last seen when it is written.
                status_changed: status.map(|status| status.changed).or(last_seen),
                first_seen: status.map(|status| status.active).or(last_seen),
                ..never
            };
            (*key, heard)
        });
        Ok(heard.collect())
    }

    /// HTTPS devices hold no session: their status is derived from their traffic (routing.md §1).
    pub(in super::super) const fn status(&self, frozen: bool) -> &'static str {
        match self.last_seen {
            _ if frozen => "FROZEN",
            None => "INACTIVE",
            Some(seen) if self.now.0 - seen.0 > self.offline_after_ms => "OFFLINE",
            Some(_) => "ONLINE",
        }
    }

    /// When it was last heard.
    pub(in super::super) const fn last_seen(&self) -> Option<Timestamp> {
        self.last_seen
    }
}

/// What lists show of a device.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct DeviceSummary {
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
    tags: Vec<TagView>,
}

/// A tag.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct TagView {
    tag_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag_value: Option<String>,
}

impl TagView {
    fn of(tag: &Tag) -> Self {
        Self {
            tag_key: tag.tag_key.clone(),
            tag_value: tag.tag_value.clone(),
        }
    }
}

impl DeviceSummary {
    pub(in super::super) fn new(device: &Device, heard: &Heard) -> Self {
        let gateway_id = device.gateway.as_ref().unwrap_or(&device.device_id).to_string();
        let node_type = if device.gateway.is_some() {
            "ENDPOINT"
        } else {
            "GATEWAY"
        };
        Self {
            app_id: device.app.app_id.to_string(),
            app_name: device.app.name.clone(),
            device_id: device.device_id.to_string(),
            node_id: device.node_id.to_string(),
            gateway_id,
            device_name: device.name.clone(),
            node_type,
            description: device.description.clone(),
            product_id: device.product_id.to_string(),
            product_name: device.product_name.clone(),
            status: heard.status(device.frozen),
            tags: device.tags.iter().map(TagView::of).collect(),
        }
    }
}

/// A device as the API shows it; its event is the same without secrets.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct DeviceView {
    #[serde(flatten)]
    summary: DeviceSummary,
    auth_info: AuthInfo,
    create_time: String,
    /// When the status last changed, like `2026-11-23T08:15:30.250Z`; absent where it was never heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_status_update_time: Option<String>,
    /// When it was first heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_time: Option<String>,
    /// When it last authenticated or reported; absent where it was never heard, and in events.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_heard_time: Option<String>,
    /// Devices over HTTPS tell of none.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    modules: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    extension_info: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
struct AuthInfo {
    /// SECRET or CERTIFICATES.
    auth_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_fingerprint: Option<String>,
    secure_access: bool,
    /// Where the request set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<i64>,
}

impl AuthInfo {
    fn of(device: &Device) -> Self {
        let by_secret = device.auth_type == AuthType::Secret;
        let secondary = device.secondary_secret.as_ref();
        Self {
            auth_type: device.auth_type.as_str(),
            secret: by_secret.then(|| device.secret.expose().to_owned()),
            secondary_secret: secondary.map(|secret| secret.expose().to_owned()),
            fingerprint: device.fingerprint.clone(),
            secondary_fingerprint: device.secondary_fingerprint.clone(),
            secure_access: device.secure_access,
            timeout: None,
        }
    }

    fn without_secrets(device: &Device) -> Self {
        Self {
            secret: None,
            secondary_secret: None,
            ..Self::of(device)
        }
    }
}

impl DeviceView {
    /// With its secrets, as IoTDA shows it; `timeout` where the request set it.
    pub(super) async fn load(
        state: &ManagementState,
        device: &Device,
        timeout: Option<i64>,
    ) -> std::result::Result<Self, ApiError> {
        let heard = Heard::of(state, device).await?;
        Ok(Self {
            auth_info: AuthInfo {
                timeout,
                ..AuthInfo::of(device)
            },
            last_heard_time: heard.last_seen().map(event_time::with_millis),
            ..Self::event(device, &heard)?
        })
    }

    /// Without its secrets, as events show it.
    fn event(device: &Device, heard: &Heard) -> Result<Self> {
        let extension_info = device.extension_info.clone().map(RawValue::from_string);
        let extension_info = extension_info.transpose();
        Ok(Self {
            summary: DeviceSummary::new(device, heard),
            auth_info: AuthInfo::without_secrets(device),
            create_time: event_time::compact(device.created),
            connection_status_update_time: heard.status_changed.map(event_time::with_millis),
            active_time: heard.first_seen.map(event_time::with_millis),
            last_heard_time: None,
            modules: [],
            extension_info: extension_info.map_err(|error| StoreError::Corrupt(error.to_string()))?,
        })
    }
}

/// A change's event shows the whole device, as the change leaves it, without its secrets.
pub(in super::super) fn payload(heard: Heard) -> Payload<Device> {
    Payload::json(move |device| DeviceView::event(device, &heard))
}
