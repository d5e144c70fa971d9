//! Actions at work (routing.md §6): tried, watched, paused, told to deliver again; and their dead letters.

pub mod letters;
pub mod list_letters;
pub mod pause;
pub mod replay;
pub mod show_letter;
pub mod state;
pub mod try_out;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::ActionId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::ManagementState;
use crate::storage::{DONE, NewAuditEntry};

/// The action that a path names; it is there.
pub struct ActionPath(ActionId);

impl FromRequestParts<ManagementState> for ActionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, action_id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        existing(state, &action_id).await.map(Self)
    }
}

/// The dead letter that a path names, of an action that is there.
pub struct LetterPath {
    action_id: ActionId,
    letter: i64,
}

impl FromRequestParts<ManagementState> for LetterPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, action_id, letter)) = Path::<(String, String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        let action_id = existing(state, &action_id).await?;
        let letter = letter.parse().map_err(|_| no_letter(&letter))?;
        Ok(Self { action_id, letter })
    }
}

async fn existing(state: &ManagementState, action_id: &str) -> Result<ActionId, ApiError> {
    let id = ActionId::parse(action_id).map_err(|_| missing(action_id))?;
    let found = state.stores.rules.action(&id).await?;
    found.map(|_| id).ok_or_else(|| missing(action_id))
}

fn missing(action_id: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_ACTION, format!("action_id: {action_id}"))
}

fn no_letter(letter_id: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_LETTER, format!("letter_id: {letter_id}"))
}

/// An action that is there and does not run: it was made, or is being deleted, in this moment, or another node runs it.
pub(super) fn not_yet() -> ApiError {
    ApiError::new(
        ErrorKind::UNAVAILABLE,
        "The action does not run yet on this node, try again, or ask the node that forwards.",
    )
}

/// Tells the audit log what was done where no transaction of the registry does.
async fn note_done(state: &ManagementState, writer: Writer) -> Result<(), ApiError> {
    let entry = NewAuditEntry {
        at: state.clock.now(),
        request_id: writer.request_id,
        deed: writer.deed,
        outcome: DONE.to_owned(),
    };
    Ok(state.stores.audit.note(entry).await?)
}

/// How many it was done to.
#[derive(Serialize, ToSchema)]
pub struct LetterCount {
    count: u64,
}
