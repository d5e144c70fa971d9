//! `PUT …/devices/{device_id}`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::body::Timeout;
use super::{DevicePath, DeviceView, Heard, body, payload};
use crate::domain::text_class::is_name;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{Name256, Name2048};
use crate::storage::DevicePatch;

/// What of a device changes; what is absent stays, and an empty text takes an optional one away.
#[derive(ToSchema)]
struct UpdateDevice {
    #[schema(value_type = Option<Name256>)]
    device_name: Option<String>,
    #[schema(value_type = Option<Name2048>)]
    description: Option<String>,
    /// Free, at most 1 KB; replaces the former.
    #[schema(value_type = Option<Object>)]
    extension_info: Option<String>,
    #[schema(value_type = Option<UpdateAuthInfo>)]
    auth_info: UpdateAuthInfo,
}

/// What of a device's access changes.
#[derive(Default, ToSchema)]
struct UpdateAuthInfo {
    /// Whether it connects by a secure protocol alone.
    secure_access: Option<bool>,
    /// The registration ends after so many seconds in which the device was never heard; 0: never.
    #[schema(value_type = Option<Timeout>)]
    timeout: Option<i64>,
}

/// Changes a device.
#[utoipa::path(
    put, path = "/devices/{device_id}", operation_id = "update_device", tag = "devices",
    request_body = UpdateDevice,
    responses((status = OK, body = DeviceView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
    body: PlainBody,
) -> Result<Json<DeviceView>, ApiError> {
    let asked = UpdateDevice::read(&Fields::parse(body.bytes())?)?;
    let timeout = asked.auth_info.timeout;
    let device = path.load(&state).await?;
    let change = change(&state, writer, payload(Heard::of(&state, &device).await?));
    let registry = &state.stores.registry;
    match registry.update_device(device.key, asked.patch(), change).await? {
        Some(device) => Ok(Json(DeviceView::load(&state, &device, timeout).await?)),
        None => Err(ErrorKind::NO_DEVICE.into()),
    }
}

impl UpdateDevice {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let auth_info = match fields.object("auth_info")? {
            None => UpdateAuthInfo::default(),
            Some(info) => UpdateAuthInfo {
                secure_access: info.flag("secure_access")?,
                timeout: body::timeout(&info)?,
            },
        };
        Ok(Self {
            device_name: fields.text("device_name", 256, is_name)?,
            description: fields.text("description", 2048, is_name)?,
            extension_info: body::extension_info(fields)?,
            auth_info,
        })
    }

    fn patch(self) -> DevicePatch {
        DevicePatch {
            name: self.device_name,
            description: self.description,
            extension_info: self.extension_info,
            secure_access: self.auth_info.secure_access,
            timeout_seconds: self.auth_info.timeout,
        }
    }
}
