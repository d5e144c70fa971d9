//! `POST …/devices/{device_id}/action?action_id=resetSecret`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{DevicePath, DeviceView};
use crate::auth::secret::{Secret, check_device_secret, generate_device_secret};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::extract::query::Parameters;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{DeviceSecret, choice, documented};
use crate::storage::SecretSlot;

const SECRET_TYPES: [&str; 2] = ["PRIMARY", "SECONDARY"];

documented! {
    /// The one action.
    ResetAction = choice(&["resetSecret"]);
    /// Both secrets are equally good.
    SecretType = choice(&SECRET_TYPES);
}

/// Which secret becomes what.
#[derive(ToSchema)]
struct ResetSecret {
    /// Absent: generated.
    #[schema(value_type = Option<DeviceSecret>)]
    secret: Option<Secret>,
    /// Absent: PRIMARY.
    #[schema(value_type = Option<SecretType>)]
    secret_type: SecretSlot,
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
    let secret = match asked.secret {
        Some(secret) => secret,
        None => {
            generate_device_secret().map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?
        }
    };
    let device = path.load(&state).await?;
    let change = change(&state, writer, &DeviceView::event(&state, &device).await?)?;
    if !state
        .stores
        .registry
        .reset_secret(device.key, asked.secret_type, secret.clone(), change)
        .await?
    {
        return Err(ErrorKind::NO_DEVICE.into());
    }
    let (device_id, secret) = (device.device_id.to_string(), secret.expose().to_owned());
    let secret_type = match asked.secret_type {
        SecretSlot::Primary => "PRIMARY",
        SecretSlot::Secondary => "SECONDARY",
    };
    Ok(Json(SecretReset {
        device_id,
        secret,
        secret_type,
    }))
}

impl ResetSecret {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let secret_type = match fields.choice("secret_type", &SECRET_TYPES)?.as_deref() {
            Some("SECONDARY") => SecretSlot::Secondary,
            _ => SecretSlot::Primary,
        };
        let secret = match fields.text("secret", usize::MAX, |_| true)? {
            Some(text) if !check_device_secret(&text) => {
                return Err(fields.fault("secret", "must be 8 to 32 letters, digits, '_' or '-'"));
            }
            text => text.map(Secret::new),
        };
        Ok(Self {
            secret,
            secret_type,
            force_disconnect: fields.flag("force_disconnect")?,
        })
    }
}
