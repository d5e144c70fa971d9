//! `GET …/routing-rule/flowcontrol-policy`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::FlowControlPolicyView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView};
use crate::storage::PolicyFilter;

/// Which flow-control policies.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListFlowControlPolicies {
    /// Those of this scope.
    scope: Option<String>,
    /// Those for this channel, rule or action.
    scope_value: Option<String>,
    /// Those of this name.
    policy_name: Option<String>,
}

/// `{flowcontrol_policies, count, marker}`.
#[derive(Serialize, ToSchema)]
pub struct FlowControlPolicyList {
    flowcontrol_policies: Vec<FlowControlPolicyView>,
    #[serde(flatten)]
    page: PageView,
}

/// A page of flow-control policies, newest first.
#[utoipa::path(
    get, path = "/routing-rule/flowcontrol-policy", operation_id = "list_routing_flow_control_policy",
    tag = "routing",
    params(ListFlowControlPolicies, Paging),
    responses((status = OK, body = FlowControlPolicyList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<FlowControlPolicyList>, ApiError> {
    let asked = ListFlowControlPolicies {
        scope: query.text("scope"),
        scope_value: query.text("scope_value"),
        policy_name: query.text("policy_name"),
    };
    let filter = PolicyFilter {
        name: asked.policy_name,
        scope: asked.scope,
        scope_value: asked.scope_value,
    };
    let routing = &state.stores.rules;
    let found = routing.list_flow_controls(&filter, query.page()?).await?;
    let policies = found.items.iter().map(FlowControlPolicyView::of);
    Ok(Json(FlowControlPolicyList {
        flowcontrol_policies: policies.collect(),
        page: PageView::new(found.total, found.items.last().map(|policy| policy.key)),
    }))
}
