//! `DELETE …/routing-rule/actions/{action_id}`.

use axum::extract::State;
use http::StatusCode;

use super::dead_letter_users::refuse_while_named;
use super::path::ActionPath;
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Deletes an action that no other sends its dead letters to, and what it has not delivered yet.
#[utoipa::path(
    delete, path = "/routing-rule/actions/{action_id}", operation_id = "delete_rule_action", tag = "routing",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: ActionPath,
) -> Result<StatusCode, ApiError> {
    refuse_while_named(&state, |action| action.action_id == path.0).await?;
    let change = change(&state, writer, Payload::empty());
    if state.stores.rules.delete_action(&path.0, change).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(path.missing())
    }
}
