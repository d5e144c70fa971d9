//! `POST …/routing-rule/actions/{action_id}/replay`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::test_rule::position;
use super::{ActionPath, not_yet, note_done};
use crate::domain::clock::Timestamp;
use crate::domain::event_time::parse_event_time;
use crate::domain::ids::Position;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, devices};
use crate::http::schema::Id128;
use crate::routing::{ReplayRange, ReplayRefusal};

/// What to deliver again: from `from_sequence` or `from_time` to `to_sequence` or `to_time`, both included. Times are
/// like `20261123T081530Z` or `2026-11-23T08:15:30.250Z`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct ActionReplay {
    #[schema(pattern = "^[0-9]{1,19}$")]
    from_sequence: Option<String>,
    from_time: Option<String>,
    /// Neither this nor `to_time`: to the end of the log.
    #[schema(pattern = "^[0-9]{1,19}$")]
    to_sequence: Option<String>,
    /// A time without milliseconds is the whole of its second.
    to_time: Option<String>,
    /// The events of this device alone.
    #[schema(value_type = Option<Id128>)]
    device_id: Option<String>,
}

/// How many events of the range the rule takes.
#[derive(Serialize, ToSchema)]
pub struct Replaying {
    replaying: u64,
}

/// One end of the range.
type End = Result<Position, Timestamp>;

/// Delivers events of the log again, in their order, beside those that come.
#[utoipa::path(
    post, path = "/routing-rule/actions/{action_id}/replay", operation_id = "replay_rule_action", tag = "routing",
    request_body = ActionReplay,
    responses((status = OK, body = Replaying)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    ActionPath(action_id): ActionPath,
    body: PlainBody,
) -> Result<Json<Replaying>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let Some(from) = end(&fields, "from_sequence", "from_time", 0)? else {
        return Err(fields.fault("from_sequence", "is missing, and so is from_time"));
    };
    let up_to = end(&fields, "to_sequence", "to_time", 999)?;
    let backwards = match (from, up_to) {
        (Ok(from), Some(Ok(up_to))) => from > up_to,
        (Err(from), Some(Err(up_to))) => from > up_to,
        _ => false,
    };
    if backwards {
        return Err(ErrorKind::BAD_RANGE.into());
    }
    let device = match fields.text("device_id", 128, |_| true)? {
        None => None,
        Some(id) => Some(devices::load(&state, "device_id", &id).await?.key),
    };
    let range = ReplayRange { from, up_to, device };
    let replaying = match state.routing.replay(&action_id, range).await {
        Ok(count) => count,
        Err(ReplayRefusal::NoAction) => return Err(not_yet()),
        Err(ReplayRefusal::TooMany) => return Err(ErrorKind::TOO_MANY_REPLAYS.into()),
        Err(ReplayRefusal::Store(error)) => return Err(error.into()),
    };
    note_done(&state, writer).await?;
    Ok(Json(Replaying { replaying }))
}

/// A second without milliseconds ends `rest_ms` later.
fn end(fields: &Fields<'_>, sequence: &str, time: &str, rest_ms: i64) -> Result<Option<End>, ApiError> {
    match (fields.raw(sequence), fields.text(time, usize::MAX, |_| true)?) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(fields.fault(sequence, &format!("stands beside {time}; give one of them"))),
        (Some(text), None) => match position(text) {
            Some(position) => Ok(Some(Ok(position))),
            None => Err(fields.fault(sequence, "must be a decimal number as a string")),
        },
        (None, Some(text)) => match parse_event_time(&text) {
            Some(at) if text.len() == 16 => Ok(Some(Err(at.plus_millis(rest_ms)))),
            Some(at) => Ok(Some(Err(at))),
            None => Err(ApiError::new(
                ErrorKind::BAD_TIME,
                format!("{time}: must be like 20261123T081530Z or 2026-11-23T08:15:30.250Z"),
            )),
        },
    }
}
