//! `POST …/devices/{device_id}/reset-fingerprint`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{Fingerprint, SlotName};
use super::{DevicePath, Heard, body, payload};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Slot;

/// The new fingerprint.
#[derive(ToSchema)]
struct ResetFingerprint {
    /// 40 or 64 hexadecimal digits; absent: the former one is taken away.
    #[schema(value_type = Option<Fingerprint>)]
    fingerprint: Option<String>,
    /// Devices over HTTPS hold no session to end.
    #[expect(dead_code, reason = "read and checked, and of no effect over HTTPS")]
    force_disconnect: Option<bool>,
    /// Absent: PRIMARY.
    #[schema(value_type = Option<SlotName>)]
    fingerprint_type: (Slot, &'static str),
}

/// `{device_id, fingerprint, fingerprint_type}`.
#[derive(Serialize, ToSchema)]
pub struct FingerprintReset {
    device_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    fingerprint_type: &'static str,
}

/// Sets or takes away a device's certificate fingerprint.
#[utoipa::path(
    post, path = "/devices/{device_id}/reset-fingerprint", operation_id = "reset_fingerprint", tag = "devices",
    request_body = Option<ResetFingerprint>,
    responses((status = OK, body = FingerprintReset)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
    body: PlainBody,
) -> Result<Json<FingerprintReset>, ApiError> {
    let asked = ResetFingerprint::read(&Fields::parse(body.bytes())?)?;
    let (slot, fingerprint_type) = asked.fingerprint_type;
    let device = path.load(&state).await?;
    let change = change(&state, writer, payload(Heard::of(&state, &device).await?));
    let registry = &state.stores.registry;
    let done = registry.reset_fingerprint(device.key, slot, asked.fingerprint.clone(), change);
    if !done.await? {
        return Err(ErrorKind::NO_DEVICE.into());
    }
    Ok(Json(FingerprintReset {
        device_id: device.device_id.to_string(),
        fingerprint: asked.fingerprint,
        fingerprint_type,
    }))
}

impl ResetFingerprint {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            fingerprint: body::fingerprint(fields)?,
            force_disconnect: fields.flag("force_disconnect")?,
            fingerprint_type: body::slot(fields, "fingerprint_type")?,
        })
    }
}
