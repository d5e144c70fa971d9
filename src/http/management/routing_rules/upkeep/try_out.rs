//! `POST …/routing-rule/actions/{action_id}/test`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActionPath, not_yet, note_done};
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::ManagementState;
use crate::routing::Trial;
use crate::routing::channel::Outcome;

/// What came of the sample event.
#[derive(Serialize, ToSchema)]
pub struct ActionTest {
    /// Whether the target took it.
    ok: bool,
    /// What the target said.
    detail: String,
    duration_ms: u64,
}

/// Sends one sample event to the action's target, whatever its rule says; it counts nowhere.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/test", operation_id = "test_rule_action", tag = "routing",
    responses((status = OK, body = ActionTest)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    ActionPath(action_id): ActionPath,
) -> Result<Json<ActionTest>, ApiError> {
    let Trial(report) = state.routing.try_out(&action_id).await.ok_or_else(not_yet)?;
    note_done(&state, writer).await?;
    Ok(Json(ActionTest {
        ok: report.outcome == Outcome::Delivered,
        detail: report.detail,
        duration_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    }))
}
