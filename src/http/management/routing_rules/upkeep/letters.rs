//! Dead letters delivered again, or dropped, one or all.

use axum::Json;
use axum::extract::State;

use super::{ActionPath, LetterCount, LetterPath, no_letter, not_yet, note_done};
use crate::domain::ids::ActionId;
use crate::http::error::ApiError;
use crate::http::extract::principal::Writer;
use crate::http::management::ManagementState;

/// Delivers all dead letters of an action again.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/dead-letters/replay", operation_id = "replay_dead_letters",
    tag = "routing",
    responses((status = OK, body = LetterCount)),
)]
pub async fn replay_all(
    State(state): State<ManagementState>,
    writer: Writer,
    ActionPath(action_id): ActionPath,
) -> Result<Json<LetterCount>, ApiError> {
    replay(&state, writer, &action_id, None).await
}

/// Delivers one dead letter again.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/dead-letters/{letter_id}/replay",
    operation_id = "replay_dead_letter", tag = "routing",
    responses((status = OK, body = LetterCount)),
)]
pub async fn replay_one(
    State(state): State<ManagementState>,
    writer: Writer,
    path: LetterPath,
) -> Result<Json<LetterCount>, ApiError> {
    replay(&state, writer, &path.action_id, Some(path.letter)).await
}

/// Drops all dead letters of an action, for good.
#[utoipa::path(
    delete, path = "/routing-rule/actions/{action_id}/dead-letters", operation_id = "delete_dead_letters",
    tag = "routing",
    responses((status = OK, body = LetterCount)),
)]
pub async fn drop_all(
    State(state): State<ManagementState>,
    writer: Writer,
    ActionPath(action_id): ActionPath,
) -> Result<Json<LetterCount>, ApiError> {
    discard(&state, writer, &action_id, None).await
}

/// Drops one dead letter, for good.
#[utoipa::path(
    delete, path = "/routing-rule/actions/{action_id}/dead-letters/{letter_id}", operation_id = "delete_dead_letter",
    tag = "routing",
    responses((status = OK, body = LetterCount)),
)]
pub async fn drop_one(
    State(state): State<ManagementState>,
    writer: Writer,
    path: LetterPath,
) -> Result<Json<LetterCount>, ApiError> {
    discard(&state, writer, &path.action_id, Some(path.letter)).await
}

async fn replay(
    state: &ManagementState,
    writer: Writer,
    action_id: &ActionId,
    letter: Option<i64>,
) -> Result<Json<LetterCount>, ApiError> {
    let count = state.routing.replay_letters(action_id, letter).await?;
    told(state, writer, letter, count).await
}

async fn discard(
    state: &ManagementState,
    writer: Writer,
    action_id: &ActionId,
    letter: Option<i64>,
) -> Result<Json<LetterCount>, ApiError> {
    let count = state.routing.drop_letters(action_id, letter).await?;
    told(state, writer, letter, count).await
}

async fn told(
    state: &ManagementState,
    writer: Writer,
    letter: Option<i64>,
    count: Option<u64>,
) -> Result<Json<LetterCount>, ApiError> {
    let count = count.ok_or_else(not_yet)?;
    if let (Some(letter), 0) = (letter, count) {
        return Err(no_letter(&letter.to_string()));
    }
    note_done(state, writer).await?;
    Ok(Json(LetterCount { count }))
}
