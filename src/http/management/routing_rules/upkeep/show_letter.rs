//! `GET …/routing-rule/actions/{action_id}/dead-letters/{letter_id}`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::list_letters::LetterView;
use super::{LetterPath, no_letter};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// A dead letter with what was to go out.
#[derive(Serialize, ToSchema)]
pub struct WholeLetter {
    #[serde(flatten)]
    letter: LetterView,
    /// Absent where retention had taken the event before it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    event: Option<Box<RawValue>>,
}

/// One dead letter, with its event as the target would get it.
#[utoipa::path(
    get, path = "/routing-rule/actions/{action_id}/dead-letters/{letter_id}", operation_id = "show_dead_letter",
    tag = "routing",
    responses((status = OK, body = WholeLetter)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: LetterPath,
) -> Result<Json<WholeLetter>, ApiError> {
    let found = state.routing.letter(&path.action_id, path.letter).await?;
    let letter = found.ok_or_else(|| no_letter(&path.letter.to_string()))?;
    // As it stands: what a device wrote as 21.50 stays 21.50.
    let event = letter.told.body.as_deref();
    let event = event.and_then(|body| serde_json::from_slice(body).ok());
    Ok(Json(WholeLetter {
        letter: LetterView::of(&letter),
        event,
    }))
}
