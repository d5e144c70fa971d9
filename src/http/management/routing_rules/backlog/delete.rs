//! `DELETE …/routing-rule/backlog-policy/{policy_id}`.

use axum::extract::State;
use http::StatusCode;

use super::super::policy::{PolicyPath, missing};
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Deletes a backlog policy.
#[utoipa::path(
    delete, path = "/routing-rule/backlog-policy/{policy_id}", operation_id = "delete_routing_backlog_policy",
    tag = "routing",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    PolicyPath(policy_id): PolicyPath,
) -> Result<StatusCode, ApiError> {
    let change = change(&state, writer, Payload::empty());
    if state.stores.rules.delete_backlog(&policy_id, change).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing(policy_id.as_str()))
    }
}
