//! `POST …/routing-rule/actions/{action_id}/rotate-secret`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::path::ActionPath;
use crate::auth::secret::random_bytes;
use crate::auth::webhook_signature::{OVERLAP_MS, SigningSecret};
use crate::domain::event_time;
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::{ActionPatch, Payload, SigningSecrets};

/// An action's new secret.
#[derive(Serialize, ToSchema)]
pub struct RotatedSecret {
    action_id: String,
    /// What it signs with from now on; it is shown this once.
    signing_secret: String,
    /// Until when the secret before signs too, like `20261123T081530Z`.
    previous_until: String,
}

/// Gives an action another signing secret; for 24 hours each request carries a signature of the one before too.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/rotate-secret", operation_id = "rotate_signing_secret",
    tag = "routing",
    responses((status = OK, body = RotatedSecret)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: ActionPath,
) -> Result<Json<RotatedSecret>, ApiError> {
    let stored = path.load(&state).await?;
    let made = SigningSecret::from_random(random_bytes()?);
    let until = state.clock.now().plus_millis(OVERLAP_MS);
    let update = ActionPatch {
        signing: Some(SigningSecrets {
            current: made.text().clone(),
            previous: Some((stored.signing.current, until)),
        }),
        ..ActionPatch::default()
    };
    let change = change(&state, writer, Payload::empty());
    let action = state.stores.rules.update_action(&path.0, update, change).await?;
    let action = action.ok_or_else(|| path.missing())?;
    Ok(Json(RotatedSecret {
        action_id: action.action_id.to_string(),
        signing_secret: made.text().expose().to_owned(),
        previous_until: event_time::compact(until),
    }))
}
