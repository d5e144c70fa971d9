//! Server-sent events: a body that is made as it is taken. What waits for a slow reader is one step of the feed; nothing is
//! read for it meanwhile, and `server` ends a connection whose peer takes nothing.

use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http_body::Frame;
use tokio::time::Instant;

use super::readers::{News, Reading};
use crate::history::{Shown, Step};
use crate::server::Streamed;

/// A line goes out this often, so that proxies and clients know that the stream lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Proxies are not to gather the stream.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

type Making = Pin<Box<dyn Future<Output = Option<(String, Reading)>> + Send>>;

/// The body: the next part is being made, or the end was told.
struct Events(Option<Making>);

/// The stream.
pub(super) fn answer(reading: Reading) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    let body = Events(Some(Box::pin(std::future::ready(Some(greet(reading))))));
    let mut response = (headers, Body::new(body)).into_response();
    response.extensions_mut().insert(Streamed);
    response
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(making) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let made = ready!(making.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(made.map(|(part, reading)| {
            self.0 = Some(Box::pin(go_on(reading)));
            Ok(Frame::data(Bytes::from(part)))
        }))
    }
}

/// Where the stream begins: who loses it before the first event goes on from there.
fn greet(reading: Reading) -> (String, Reading) {
    let part = format!("retry: 1000\nid: {}\n\n", reading.position().0);
    (part, reading)
}

async fn go_on(mut reading: Reading) -> Option<(String, Reading)> {
    let part = match reading.next(Instant::now() + KEEP_ALIVE).await {
        Ok(News::Step(Step::Events(events))) => written(&events),
        Ok(News::Step(Step::Gap(from, to))) => format!(
            "id: {to}\nevent: gap\ndata: {{\"from\":\"{from}\",\"to\":\"{to}\"}}\n\n",
            from = from.0,
            to = to.0,
        ),
        // The id moves on for a filter that lets little pass.
        Ok(News::Step(_) | News::Quiet) => format!(": keep-alive\nid: {}\n\n", reading.position().0),
        Ok(News::Stopping | News::NoKey) => return None,
        Err(error) => {
            tracing::warn!(%error, "an event stream was ended, its reader may come again");
            return None;
        }
    };
    Some((part, reading))
}

fn written(events: &[std::sync::Arc<Shown>]) -> String {
    let lines: usize = events.iter().map(|shown| shown.line.len() + 80).sum();
    let mut part = String::with_capacity(lines);
    for shown in events {
        // Writing to a String cannot fail.
        let _ = write!(
            part,
            "id: {}\nevent: {}/{}\ndata: {}\n\n",
            shown.position.0,
            shown.kind.resource(),
            shown.kind.event(),
            shown.line
        );
    }
    part
}
