//! `POST …/routing-rule/actions/{action_id}/pause` and `/resume`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActionPath, missing};
use crate::domain::ids::ActionId;
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::{ActionPatch, Payload};

/// Whether the action delivers nothing now.
#[derive(Serialize, ToSchema)]
pub struct ActionPause {
    paused: bool,
}

/// Stops an action's deliveries; it goes on taking events.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/pause", operation_id = "pause_rule_action", tag = "routing",
    responses((status = OK, body = ActionPause)),
)]
pub async fn pause(
    State(state): State<ManagementState>,
    writer: Writer,
    ActionPath(action_id): ActionPath,
) -> Result<Json<ActionPause>, ApiError> {
    set(&state, writer, &action_id, true).await
}

/// Lets a paused action deliver again, what it took meanwhile first.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/resume", operation_id = "resume_rule_action", tag = "routing",
    responses((status = OK, body = ActionPause)),
)]
pub async fn resume(
    State(state): State<ManagementState>,
    writer: Writer,
    ActionPath(action_id): ActionPath,
) -> Result<Json<ActionPause>, ApiError> {
    set(&state, writer, &action_id, false).await
}

async fn set(
    state: &ManagementState,
    writer: Writer,
    action_id: &ActionId,
    paused: bool,
) -> Result<Json<ActionPause>, ApiError> {
    let patch = ActionPatch {
        paused: Some(paused),
        ..ActionPatch::default()
    };
    let change = change(state, writer, Payload::empty());
    let done = state.stores.rules.update_action(action_id, patch, change).await?;
    done.ok_or_else(|| missing(action_id.as_str()))?;
    // One that does not run yet starts as the store says.
    state.routing.set_paused(action_id, paused);
    Ok(Json(ActionPause { paused }))
}
