//! `GET …/routing-rule/backlog-policy`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::BacklogPolicyView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView};
use crate::storage::PolicyFilter;

/// Which backlog policies.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListBacklogPolicies {
    /// Those of this name.
    policy_name: Option<String>,
}

/// `{backlog_policies, count, marker}`.
#[derive(Serialize, ToSchema)]
pub struct BacklogPolicyList {
    backlog_policies: Vec<BacklogPolicyView>,
    #[serde(flatten)]
    page: PageView,
}

/// A page of backlog policies, newest first.
#[utoipa::path(
    get, path = "/routing-rule/backlog-policy", operation_id = "list_routing_backlog_policy", tag = "routing",
    params(ListBacklogPolicies, Paging),
    responses((status = OK, body = BacklogPolicyList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<BacklogPolicyList>, ApiError> {
    let asked = ListBacklogPolicies {
        policy_name: query.text("policy_name"),
    };
    let filter = PolicyFilter {
        name: asked.policy_name,
        ..PolicyFilter::default()
    };
    let found = state.stores.rules.list_backlogs(&filter, query.page()?).await?;
    Ok(Json(BacklogPolicyList {
        backlog_policies: found.items.iter().map(BacklogPolicyView::of).collect(),
        page: PageView::new(found.total, found.items.last().map(|policy| policy.key)),
    }))
}
