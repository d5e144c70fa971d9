//! `GET …/apps/{app_id}`.

use axum::Json;
use axum::extract::State;

use super::{AppPath, AppView, space};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One resource space.
#[utoipa::path(
    get, path = "/apps/{app_id}", operation_id = "show_application", tag = "applications",
    responses((status = OK, body = AppView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    AppPath(app_id): AppPath,
) -> Result<Json<AppView>, ApiError> {
    Ok(Json(AppView::of(&space(&state, Some(&app_id)).await?)))
}
