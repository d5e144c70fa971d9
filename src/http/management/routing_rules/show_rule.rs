//! `GET …/routing-rule/rules/{rule_id}`.

use axum::Json;
use axum::extract::State;

use super::path::RulePath;
use super::rule_view::RuleView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One rule.
#[utoipa::path(
    get, path = "/routing-rule/rules/{rule_id}", operation_id = "show_routing_rule", tag = "routing",
    responses((status = OK, body = RuleView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: RulePath,
) -> Result<Json<RuleView>, ApiError> {
    Ok(Json(RuleView::of(path.load(&state).await?)))
}
