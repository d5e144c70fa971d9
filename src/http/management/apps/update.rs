//! `PUT …/apps/{app_id}`.

use axum::Json;
use axum::extract::State;

use super::{AppBody, AppPath, AppView, missing};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Names a resource space anew.
#[utoipa::path(
    put, path = "/apps/{app_id}", operation_id = "update_application", tag = "applications",
    request_body = AppBody,
    responses((status = OK, body = AppView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    AppPath(app_id): AppPath,
    body: PlainBody,
) -> Result<Json<AppView>, ApiError> {
    let AppBody { app_name } = AppBody::read(&Fields::parse(body.bytes())?)?;
    let change = change(&state, writer, Payload::empty());
    let registry = &state.stores.registry;
    let app = registry.rename_app(app_id.clone(), app_name, change).await?;
    let app = app.ok_or_else(|| missing(app_id.as_str()))?;
    Ok(Json(AppView::of(&app)))
}
