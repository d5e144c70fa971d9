//! The long poll: answers as soon as there is an event, or when the time is over.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use tokio::time::Instant;

use super::readers::{News, Reading};
use crate::domain::ids::Position;
use crate::history::Step;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::query::Parameters;

/// What the caller asks for.
pub(super) struct Asked {
    limit: usize,
    wait: Duration,
}

impl Asked {
    /// `limit` 1 to 1000 (100), `wait` 0 to 60 (0).
    pub(super) fn read(query: &Parameters) -> Result<Self, ApiError> {
        let limit = query.text("limit").map_or(Some(100), |text| text.parse().ok());
        let limit = limit.filter(|limit| (1..=1000).contains(limit));
        let wait = query.text("wait").map_or(Some(0), |text| text.parse().ok());
        let wait = wait.filter(|wait| *wait <= 60);
        Ok(Self {
            limit: limit.ok_or_else(|| ApiError::new(ErrorKind::BAD_LIMIT, "limit: must be 1 to 1000"))?,
            wait: wait
                .map(Duration::from_secs)
                .ok_or_else(|| ApiError::new(ErrorKind::INVALID_INPUT, "wait: must be 0 to 60"))?,
        })
    }
}

/// `{events, next}`, and `gap` where there is one.
pub(super) async fn answer(mut reading: Reading, asked: Asked) -> Result<Response, ApiError> {
    let mut until = Instant::now() + asked.wait;
    let mut gap = None;
    let mut events = loop {
        match reading.next(until).await? {
            News::Step(Step::Events(events)) => break events,
            News::Step(Step::Gap(from, to)) => {
                // Told at once, with what comes after it if that is there.
                let from = gap.map_or(from, |(from, _)| from);
                gap = Some((from, to));
                until = Instant::now();
            }
            News::NoKey => {
                let reason = "the key is no longer good";
                return Err(ApiError::unexplained(ErrorKind::INVALID_TOKEN, reason));
            }
            News::Step(_) | News::Quiet | News::Stopping => break Vec::new(),
        }
    };
    let mut next = reading.position();
    if events.len() > asked.limit {
        events.truncate(asked.limit);
        next = events.last().map_or(next, |last| last.position);
    }
    let envelopes: Vec<&str> = events.iter().map(|shown| shown.line.as_str()).collect();
    let body = format!(
        r#"{{"events":[{}],"next":"{}"{}}}"#,
        envelopes.join(","),
        next.0,
        gap.map_or(String::new(), shown_gap),
    );
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

fn shown_gap((from, to): (Position, Position)) -> String {
    format!(r#","gap":{{"from":"{}","to":"{}"}}"#, from.0, to.0)
}
