//! `GET …/routing-rule/actions/{action_id}`.

use axum::Json;
use axum::extract::State;

use super::action_view::ActionView;
use super::path::ActionPath;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One action.
#[utoipa::path(
    get, path = "/routing-rule/actions/{action_id}", operation_id = "show_rule_action", tag = "routing",
    responses((status = OK, body = ActionView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: ActionPath,
) -> Result<Json<ActionView>, ApiError> {
    Ok(Json(ActionView::of(&path.load(&state).await?)))
}
