//! `DELETE …/routing-rule/rules/{rule_id}`.

use axum::extract::State;
use http::StatusCode;

use super::dead_letter_users::refuse_while_named;
use super::path::RulePath;
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Deletes a rule, its actions, and what they have not delivered yet. No action of another rule may send them its dead letters.
#[utoipa::path(
    delete, path = "/routing-rule/rules/{rule_id}", operation_id = "delete_routing_rule", tag = "routing",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: RulePath,
) -> Result<StatusCode, ApiError> {
    refuse_while_named(&state, |action| action.rule_id == path.0).await?;
    let change = change(&state, writer, Payload::empty());
    if state.stores.rules.delete_rule(&path.0, change).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(path.missing())
    }
}
