//! `POST …/devices/{device_id}/action?action_id=resetSecret`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::{DevicePath, DeviceView};
use crate::auth::secret::{Secret, check_device_secret, generate_device_secret};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::extract::query::Parameters;
use crate::http::management::{ManagementState, change};
use crate::storage::SecretSlot;

/// `{device_id, secret, secret_type}`.
#[derive(Serialize)]
pub struct ResetSecret {
    device_id: String,
    secret: String,
    secret_type: &'static str,
}

/// Sets a secret, given or generated; the device's tokens die at once.
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
    query: Parameters,
    body: PlainBody,
) -> Result<Json<ResetSecret>, ApiError> {
    if query.text("action_id").as_deref() != Some("resetSecret") {
        return Err(ApiError::new(
            ErrorKind::INVALID_INPUT,
            "action_id: must be resetSecret",
        ));
    }
    let fields = Fields::parse(body.bytes())?;
    let (slot, secret_type) = match fields
        .choice("secret_type", &["PRIMARY", "SECONDARY"])?
        .as_deref()
    {
        Some("SECONDARY") => (SecretSlot::Secondary, "SECONDARY"),
        _ => (SecretSlot::Primary, "PRIMARY"),
    };
    fields.flag("force_disconnect")?;
    let secret = match fields.text("secret", usize::MAX, |_| true)? {
        None => {
            generate_device_secret().map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?
        }
        Some(text) if check_device_secret(&text) => Secret::new(text),
        Some(_) => return Err(fields.fault("secret", "must be 8 to 32 letters, digits, '_' or '-'")),
    };
    let device = path.load(&state).await?;
    let change = change(&state, writer, &DeviceView::event(&state, &device).await?)?;
    if !state
        .stores
        .registry
        .reset_secret(device.key, slot, secret.clone(), change)
        .await?
    {
        return Err(ErrorKind::NO_DEVICE.into());
    }
    let (device_id, secret) = (device.device_id.to_string(), secret.expose().to_owned());
    Ok(Json(ResetSecret {
        device_id,
        secret,
        secret_type,
    }))
}
