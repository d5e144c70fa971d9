//! `GET …/routing-rule/actions/{action_id}/state`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActionPath, not_yet};
use crate::domain::event_time;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;
use crate::http::schema::{choice, documented};
use crate::routing::ActionState;

documented! {
    /// How the action fares.
    ActionStateName = choice(&["healthy", "retrying", "refused", "paused"]);
}

/// Where an action stands: taken = delivered + pending + dead + dropped.
#[derive(Serialize, ToSchema)]
pub struct ActionStateView {
    #[schema(value_type = ActionStateName)]
    state: &'static str,
    /// Like `2026-11-23T08:15:30.250Z`.
    since: String,
    /// What the target said last when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Events that the rule took; one that is delivered again counts again.
    taken: u64,
    delivered: u64,
    /// Those that became dead letters.
    dead: u64,
    /// Those that a bound dropped.
    dropped: u64,
    /// Of the dropped: by a backlog policy's size.
    dropped_by_size: u64,
    /// Of the dropped: by a backlog policy's time.
    dropped_by_time: u64,
    /// Of the dropped: by the log's retention.
    dropped_by_retention: u64,
    /// Those that wait, the parked included.
    pending: u64,
    pending_bytes: u64,
    /// Those that were set aside, since they fail while others of the target do not.
    parked: u64,
    /// When the platform took in the oldest event that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_pending_time: Option<String>,
    /// How long that one has waited.
    lag_seconds: i64,
}

impl ActionStateView {
    fn of(state: ActionState) -> Self {
        let name = state.name();
        let standing = state.standing;
        let counters = standing.counters;
        Self {
            state: name,
            since: event_time::with_millis(standing.since),
            last_error: standing.last_error,
            taken: counters.taken,
            delivered: counters.delivered,
            dead: counters.dead,
            dropped: counters.dropped(),
            dropped_by_size: counters.dropped_by_size,
            dropped_by_time: counters.dropped_by_time,
            dropped_by_retention: counters.dropped_by_retention,
            pending: standing.pending,
            pending_bytes: standing.pending_bytes,
            parked: standing.parked,
            oldest_pending_time: state.oldest_pending.map(event_time::with_millis),
            lag_seconds: state.lag_seconds,
        }
    }
}

/// How an action fares and what came of its events so far.
#[utoipa::path(
    get, path = "/routing-rule/actions/{action_id}/state", operation_id = "show_rule_action_state", tag = "routing",
    responses((status = OK, body = ActionStateView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    ActionPath(action_id): ActionPath,
) -> Result<Json<ActionStateView>, ApiError> {
    let found = state.routing.state(&action_id).ok_or_else(not_yet)?;
    Ok(Json(ActionStateView::of(found)))
}
