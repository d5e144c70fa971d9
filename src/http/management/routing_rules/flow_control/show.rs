//! `GET …/routing-rule/flowcontrol-policy/{policy_id}`.

use axum::Json;
use axum::extract::State;

use super::super::policy::{PolicyPath, missing};
use super::FlowControlPolicyView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One flow-control policy.
#[utoipa::path(
    get, path = "/routing-rule/flowcontrol-policy/{policy_id}", operation_id = "show_routing_flow_control_policy",
    tag = "routing",
    responses((status = OK, body = FlowControlPolicyView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    PolicyPath(policy_id): PolicyPath,
) -> Result<Json<FlowControlPolicyView>, ApiError> {
    let policy = state.stores.rules.flow_control(&policy_id).await?;
    let policy = policy.ok_or_else(|| missing(policy_id.as_str()))?;
    Ok(Json(FlowControlPolicyView::of(&policy)))
}
