//! `POST …/devices/{device_id}/action?action_id=resetSecret`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::SlotName;
use super::{DevicePath, Heard, body, payload};
use crate::auth::secret::Secret;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::extract::query::Parameters;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{DeviceSecret, choice, documented};
use crate::storage::Slot;

documented! {
    /// The one action.
    ResetAction = choice(&["resetSecret"]);
}

/// Which secret becomes what.
#[derive(ToSchema)]
struct ResetSecret {
    /// Absent: generated.
    #[schema(value_type = Option<DeviceSecret>)]
    secret: Secret,
    /// Absent: PRIMARY.
    #[schema(value_type = Option<SlotName>)]
    secret_type: (Slot, &'static str),
    /// Taken and without effect: a reset always ends the device's tokens.
    #[expect(dead_code, reason = "a reset always does it")]
    force_disconnect: Option<bool>,
}

/// The secret that counts now.
#[derive(Serialize, ToSchema)]
pub struct SecretReset {
    device_id: String,
    secret: String,
    secret_type: &'static str,
}

/// Sets a secret, given or generated; the device's tokens die at once.
#[utoipa::path(
    post, path = "/devices/{device_id}/action", operation_id = "reset_device_secret", tag = "devices",
    params(("action_id" = inline(ResetAction), Query, description = "`resetSecret`")),
    request_body = Option<ResetSecret>,
    responses((status = OK, body = SecretReset)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
    query: Parameters,
    body: PlainBody,
) -> Result<Json<SecretReset>, ApiError> {
    if query.text("action_id").as_deref() != Some("resetSecret") {
        return Err(ApiError::new(
            ErrorKind::INVALID_INPUT,
            "action_id: must be resetSecret",
        ));
    }
    let asked = ResetSecret::read(&Fields::parse(body.bytes())?)?;
    let (slot, secret_type) = asked.secret_type;
    let device = path.load(&state).await?;
    let change = change(&state, writer, payload(Heard::of(&state, &device).await?));
    let registry = &state.stores.registry;
    let done = registry.reset_secret(device.key, slot, asked.secret.clone(), change);
    if !done.await? {
        return Err(ErrorKind::NO_DEVICE.into());
    }
    Ok(Json(SecretReset {
        device_id: device.device_id.to_string(),
        secret: asked.secret.expose().to_owned(),
        secret_type,
    }))
}

impl ResetSecret {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            secret: body::secret(fields)?,
            secret_type: body::slot(fields, "secret_type")?,
            force_disconnect: fields.flag("force_disconnect")?,
        })
    }
}
