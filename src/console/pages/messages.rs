//! Events as they come: the newest at first, and from there on as a stream.

use std::collections::VecDeque;

use askama::Template;
use axum::body::Body;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::console::components::Field;
use crate::console::envelope::{Batch, Line};
use crate::console::fields::query;
use crate::console::page::{Frame, show_with};
use crate::console::signed_in::WhileSignedIn;
use crate::console::{Answer, Asked, Fields, Refusal, Visitor, api};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How many events the page begins with.
const SHOWN: usize = 50;

/// Steps in which they are read: one holds few where a filter lets few pass.
const STEPS: usize = 20;

#[derive(Template)]
#[template(path = "messages.html")]
struct Messages {
    frame: Frame,
    /// Why the API refused the filters.
    error: String,
    fields: [Field; 3],
    is_filtered: bool,
    rows: VecDeque<Line>,
    /// Where the stream goes on from; empty where the page has none.
    stream: String,
}

/// What was read, newest first, and after which sequence to go on.
#[derive(Default)]
struct Newest {
    rows: VecDeque<Line>,
    next: String,
}

/// The newest that match.
pub async fn list(visitor: Visitor, Asked(asked): Asked) -> Answer {
    let filters = filters(&asked);
    let (newest, error, status) = match newest(&visitor, &filters).await? {
        Ok(newest) => (newest, String::new(), StatusCode::OK),
        Err(refused) => (Newest::default(), refused.message, refused.status),
    };
    let stream = if error.is_empty() {
        let pairs = filters.into_iter().chain([("after", newest.next.as_str())]);
        format!("/console/messages/stream{}", query(pairs))
    } else {
        String::new()
    };
    let page = Messages {
        frame: visitor.frame("Messages"),
        error,
        fields: fields(&asked),
        is_filtered: filters.iter().any(|(_, value)| !value.is_empty()),
        rows: newest.rows,
        stream,
    };
    show_with(status, &page)
}

/// The same as they come, until the session ends: the API's stream.
pub async fn stream(visitor: Visitor, Asked(asked): Asked, headers: HeaderMap) -> Answer {
    let pairs = filters(&asked)
        .into_iter()
        .chain([("after", asked.text("after"))]);
    let mut sent = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/event-stream"))]);
    if let Some(last) = headers.get(LAST_EVENT_ID) {
        sent.insert(LAST_EVENT_ID, last.clone());
    }
    match visitor
        .open(&format!("/events/stream{}", query(pairs)), sent)
        .await?
    {
        Ok(response) => Ok(response.map(|body| Body::new(WhileSignedIn::new(&visitor, body)))),
        Err(refused) => Err(visitor.refuse(refused.status, refused.message)),
    }
}

fn filters(asked: &Fields) -> [(&'static str, &str); 3] {
    ["device_id", "product_id", "kind"].map(|name| (name, asked.text(name)))
}

fn fields(asked: &Fields) -> [Field; 3] {
    let kinds = [
        ("", "All"),
        ("property", "Properties"),
        ("message", "Messages"),
        ("status", "Status of devices"),
        ("device", "Changes of devices"),
        ("product", "Changes of products"),
    ];
    [
        Field::text("device_id", "Device").value(asked.text("device_id")),
        Field::text("product_id", "Product").value(asked.text("product_id")),
        Field::choice("kind", "Kind", &kinds).value(asked.text("kind")),
    ]
}

async fn newest(
    visitor: &Visitor,
    filters: &[(&str, &str)],
) -> Result<Result<Newest, api::ApiRefusal>, Refusal> {
    let (count, limit) = (SHOWN.to_string(), "1000");
    let mut newest = Newest::default();
    for _ in 0..STEPS {
        let start = if newest.next.is_empty() {
            ("last", count.as_str())
        } else {
            ("after", newest.next.as_str())
        };
        let pairs = filters.iter().copied().chain([start, ("limit", limit)]);
        let text = match batch(visitor, &query(pairs)).await? {
            Ok(text) => text,
            Err(refused) => return Ok(Err(refused)),
        };
        let read: Batch<'_> = serde_json::from_str(&text).map_err(|error| Refusal::internal(&error))?;
        for event in &read.events {
            let line = Line::of(event.get()).map_err(|error| Refusal::internal(&error))?;
            newest.rows.push_front(line);
        }
        newest.rows.truncate(SHOWN);
        newest.next = read.next;
        if read.events.is_empty() {
            break;
        }
    }
    Ok(Ok(newest))
}

/// What the API's stream answers at once to this query.
pub(super) async fn batch(
    visitor: &Visitor,
    query: &str,
) -> Result<Result<String, api::ApiRefusal>, Refusal> {
    let sent = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    match visitor.open(&format!("/events/stream{query}"), sent).await? {
        Ok(response) => Ok(Ok(api::whole(response).await?)),
        Err(refused) => Ok(Err(refused)),
    }
}
