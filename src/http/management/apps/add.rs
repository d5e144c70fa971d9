//! `POST …/apps`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{AppBody, AppView};
use crate::auth::secret::random_bytes;
use crate::domain::ids::AppId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Makes a resource space.
#[utoipa::path(
    post, path = "/apps", operation_id = "add_application", tag = "applications",
    request_body = AppBody,
    responses((status = CREATED, body = AppView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<AppView>), ApiError> {
    let AppBody { app_name } = AppBody::read(&Fields::parse(body.bytes())?)?;
    let app_id = AppId::parse(&hex::encode(random_bytes::<16>()?))
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    let change = change(&state, writer.making(&app_id), Payload::empty());
    let app = state.stores.registry.create_app(app_id, app_name, change).await?;
    Ok((StatusCode::CREATED, Json(AppView::of(&app))))
}
