//! `GET …/events/{sequence}/deliveries`: what became of an event (routing.md §6).

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::test_rule::position;
use crate::domain::event_time;
use crate::domain::ids::Position;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;
use crate::http::schema::{choice, documented};
use crate::routing::{DeliveryState, EventDelivery};
use crate::storage::AttemptRow;

documented! {
    /// `waiting`: not judged yet. `not_taken`: the rule does not take it any more. `settled`: given up or dropped, or
    /// delivered so long ago that its tries are forgotten.
    DeliveryStateName = choice(&["waiting", "not_taken", "pending", "parked", "delivered", "settled"]);
    /// Whom a failure concerns.
    AttemptOutcome = choice(&["delivered", "event_refused", "target_refused", "failed"]);
}

/// `{sequence, deliveries}`.
#[derive(Serialize, ToSchema)]
pub struct EventDeliveries {
    sequence: String,
    deliveries: Vec<DeliveryView>,
}

/// An event on its way to one target.
#[derive(Serialize, ToSchema)]
struct DeliveryView {
    rule_id: String,
    action_id: String,
    #[schema(value_type = DeliveryStateName)]
    state: &'static str,
    /// The tries that are still known, the oldest first.
    attempts: Vec<AttemptView>,
}

/// One try.
#[derive(Serialize, ToSchema)]
struct AttemptView {
    /// When the target answered, like `2026-11-23T08:15:30.250Z`.
    time: String,
    #[schema(value_type = AttemptOutcome)]
    outcome: String,
    /// What the target said.
    detail: String,
    duration_ms: u64,
}

/// What became of an event at each action whose rule takes it.
#[utoipa::path(
    get, path = "/events/{sequence}/deliveries", operation_id = "show_event_deliveries", tag = "routing",
    responses((status = OK, body = EventDeliveries)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    EventPath(position): EventPath,
) -> Result<Json<EventDeliveries>, ApiError> {
    if !state.routing.is_at_work() {
        return Err(super::upkeep::not_yet());
    }
    let found = state.routing.deliveries(position).await?;
    let found = found.ok_or_else(|| missing(&position.0.to_string()))?;
    Ok(Json(EventDeliveries {
        sequence: position.0.to_string(),
        deliveries: found.into_iter().map(DeliveryView::of).collect(),
    }))
}

/// The event that a path names.
pub struct EventPath(Position);

impl FromRequestParts<ManagementState> for EventPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, sequence)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        position(&sequence).map(Self).ok_or_else(|| missing(&sequence))
    }
}

fn missing(sequence: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_EVENT, format!("sequence: {sequence}"))
}

impl DeliveryView {
    fn of(delivery: EventDelivery) -> Self {
        let arrived = |attempt: &AttemptRow| attempt.outcome == "delivered";
        Self {
            state: match delivery.state {
                DeliveryState::Waiting => "waiting",
                DeliveryState::NotTaken => "not_taken",
                DeliveryState::Pending => "pending",
                DeliveryState::Parked => "parked",
                DeliveryState::Settled if delivery.attempts.iter().any(arrived) => "delivered",
                DeliveryState::Settled => "settled",
            },
            rule_id: delivery.rule_id.to_string(),
            action_id: delivery.action_id.to_string(),
            attempts: delivery.attempts.into_iter().map(AttemptView::of).collect(),
        }
    }
}

impl AttemptView {
    fn of(attempt: AttemptRow) -> Self {
        Self {
            time: event_time::with_millis(attempt.at),
            outcome: attempt.outcome,
            detail: attempt.detail,
            duration_ms: attempt.took_ms,
        }
    }
}
