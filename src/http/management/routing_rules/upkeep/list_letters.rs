//! `GET …/routing-rule/actions/{action_id}/dead-letters`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActionPath, not_yet};
use crate::domain::event_time;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView};
use crate::storage::Letter;

/// An event that was given up.
#[derive(Serialize, ToSchema)]
pub(super) struct LetterView {
    letter_id: String,
    /// The event's.
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    /// Why it was given up.
    reason: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was given up, like `2026-11-23T08:15:30.250Z`.
    time: String,
}

impl LetterView {
    pub(super) fn of(letter: &Letter) -> Self {
        let told = &letter.told;
        Self {
            letter_id: letter.id.to_string(),
            sequence: told.position.0.to_string(),
            device_id: told.device_id.clone(),
            reason: told.reason.clone(),
            attempts: told.attempts,
            time: event_time::with_millis(told.at),
        }
    }
}

/// `{letters, page}`.
#[derive(Serialize, ToSchema)]
pub struct LetterList {
    letters: Vec<LetterView>,
    page: PageView,
}

/// A page of an action's dead letters, newest first; those that are being delivered again are left out.
#[utoipa::path(
    get, path = "/routing-rule/actions/{action_id}/dead-letters", operation_id = "list_dead_letters", tag = "routing",
    params(Paging),
    responses((status = OK, body = LetterList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    ActionPath(action_id): ActionPath,
    query: Parameters,
) -> Result<Json<LetterList>, ApiError> {
    let found = state.routing.letters(&action_id, query.page()?).await?;
    let found = found.ok_or_else(not_yet)?;
    Ok(Json(LetterList {
        letters: found.items.iter().map(LetterView::of).collect(),
        page: PageView::new(found.total, found.items.last().map(|letter| letter.id)),
    }))
}
