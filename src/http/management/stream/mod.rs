//! `GET …/events/stream`: every event as it comes, or again from a sequence on (routing.md §6): server-sent events, or a
//! long poll for who asks for JSON.

mod poll;
mod readers;
mod sse;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use http::header::ACCEPT;
use utoipa::{IntoParams, ToSchema};

use super::ManagementState;
use super::event_kinds::{AnyEventKind, OF_ALL, kinds};
use crate::domain::ids::{DeviceId, IdError, Position, ProductId};
use crate::history::{FeedFilter, Start};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Reader;
use crate::http::extract::query::Parameters;
use crate::http::schema::{CompactTime, Id36, Id128};

pub use readers::Readers;

/// What a reader of server-sent events sends when it comes again.
const LAST_EVENT_ID: &str = "last-event-id";

/// The most events that `last` may ask for.
const MOST_LAST: u32 = 1000;

/// Which events, and from where on. Of `after`, `start_time` and `last` there may be one; without any, from now on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "shows what the handler reads")]
pub struct StreamEvents {
    /// The sequence after which to begin.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Begin with what was taken in at this second or later, about.
    #[param(value_type = Option<CompactTime>, inline)]
    start_time: Option<String>,
    /// Begin with the last so many that match.
    #[param(maximum = 1000)]
    last: Option<u32>,
    /// Those with this device in their header.
    #[param(value_type = Option<Id128>, inline)]
    device_id: Option<String>,
    /// Those of this product.
    #[param(value_type = Option<Id36>, inline)]
    product_id: Option<String>,
    /// Absent: all.
    #[param(value_type = Option<AnyEventKind>, inline)]
    kind: Option<String>,
    /// Long poll: the most events of one answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Long poll: seconds to wait for the first event.
    #[param(maximum = 60, default = 0)]
    wait: Option<u32>,
}

/// What a long poll answers.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the answer is put together from texts")]
struct EventBatch {
    /// Envelopes, as applications are sent them, the oldest first.
    #[schema(value_type = Vec<Object>)]
    events: (),
    /// Goes into the next call's `after`.
    next: String,
    /// Sequences that retention has passed before they were read, where there are any.
    gap: Option<Gap>,
}

/// The first and the last of them.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the answer is put together from texts")]
struct Gap {
    from: String,
    to: String,
}

/// Each event at least once and in order, as long as the caller likes: `id` is its sequence, `event` its resource and event
/// (`device.property/report`), `data` its envelope in one line. Whoever comes again with `Last-Event-ID` goes on where it
/// was. An event `gap` tells of sequences that retention has passed. With `Accept: application/json` and `wait` a long poll.
#[utoipa::path(
    get, path = "/events/stream", operation_id = "stream_events", tag = "instance",
    params(
        StreamEvents,
        ("Last-Event-ID" = Option<i64>, Header, description = "The sequence to go on after, before anything the query says.", minimum = 0),
    ),
    responses((status = OK, content((String = "text/event-stream"), (EventBatch = "application/json")))),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    reader: Reader,
    query: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = filter(&query)?;
    let start = match headers.get(LAST_EVENT_ID) {
        Some(id) => Start::After(sequence("Last-Event-ID", id.to_str().unwrap_or_default())?),
        None => start(&query)?,
    };
    let asks = wants_json(&headers)
        .then(|| poll::Asked::read(&query))
        .transpose()?;
    let place = state.streams.take_place()?;
    let subscription = state.streams.feed().subscribe(filter, start).await?;
    let subscription = subscription.map_err(|ahead| {
        let detail = format!("after, Last-Event-ID: is ahead of the log; {ahead}.");
        ApiError::new(ErrorKind::INVALID_INPUT, detail)
    })?;
    let reading = place.read(subscription, reader.access_key());
    match asks {
        Some(asked) => poll::answer(reading, asked).await,
        None => Ok(sse::answer(reading)),
    }
}

/// Whether the caller takes JSON and no event stream.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepts = |kind: &str| {
        headers
            .get_all(ACCEPT)
            .iter()
            .any(|value| value.to_str().is_ok_and(|value| value.contains(kind)))
    };
    accepts("application/json") && !accepts("text/event-stream")
}

fn filter(query: &Parameters) -> Result<FeedFilter, ApiError> {
    let fault =
        |name: &str, fault: IdError| ApiError::new(ErrorKind::INVALID_INPUT, format!("{name}: {fault}"));
    let device_id = query.text("device_id").map(|text| DeviceId::parse(&text));
    let product_id = query.text("product_id").map(|text| ProductId::parse(&text));
    Ok(FeedFilter {
        kinds: kinds(query, OF_ALL)?,
        device_id: device_id.transpose().map_err(|error| fault("device_id", error))?,
        product_id: product_id
            .transpose()
            .map_err(|error| fault("product_id", error))?,
    })
}

fn start(query: &Parameters) -> Result<Start, ApiError> {
    let (time, _) = query.time_range()?;
    let last = query.text("last").map(|text| {
        let last = text.parse().ok().filter(|last| *last <= MOST_LAST);
        last.ok_or_else(|| ApiError::new(ErrorKind::INVALID_INPUT, "last: must be 0 to 1000"))
    });
    match (query.text("after"), time, last.transpose()?) {
        (None, None, None) => Ok(Start::Now),
        (Some(after), None, None) => Ok(Start::After(sequence("after", &after)?)),
        (None, Some(time), None) => Ok(Start::Time(time)),
        (None, None, Some(last)) => Ok(Start::Last(last)),
        _ => {
            let detail = "after, start_time, last: give one of them at most";
            Err(ApiError::new(ErrorKind::INVALID_INPUT, detail))
        }
    }
}

fn sequence(name: &str, text: &str) -> Result<Position, ApiError> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number
        .map(Position)
        .ok_or_else(|| ApiError::new(ErrorKind::INVALID_INPUT, format!("{name}: must be a sequence")))
}
