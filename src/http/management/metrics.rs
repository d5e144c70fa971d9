//! `GET /metrics`: Prometheus text, open to loopback, else to a reader's key.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::ManagementState;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Scraper;

/// All metrics, those of the store and of actions as they are now.
#[utoipa::path(
    get, path = "/metrics", operation_id = "show_metrics", tag = "instance",
    security((), ("token" = [])),
    responses((status = OK, body = String, content_type = "text/plain; version=0.0.4")),
)]
pub async fn handle(State(state): State<ManagementState>, _: Scraper) -> Result<Response, ApiError> {
    let bytes = state.stores.log.size_bytes().await?;
    state
        .metrics
        .store_bytes
        .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    let text = state
        .metrics
        .text(&state.routing.figures())
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
