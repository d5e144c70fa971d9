//! `GET …/routing-rule/backlog-policy/{policy_id}`.

use axum::Json;
use axum::extract::State;

use super::super::policy::{PolicyPath, missing};
use super::BacklogPolicyView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One backlog policy.
#[utoipa::path(
    get, path = "/routing-rule/backlog-policy/{policy_id}", operation_id = "show_routing_backlog_policy",
    tag = "routing",
    responses((status = OK, body = BacklogPolicyView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    PolicyPath(policy_id): PolicyPath,
) -> Result<Json<BacklogPolicyView>, ApiError> {
    let policy = state.stores.rules.backlog(&policy_id).await?;
    let policy = policy.ok_or_else(|| missing(policy_id.as_str()))?;
    Ok(Json(BacklogPolicyView::of(&policy)))
}
