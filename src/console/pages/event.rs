//! One event: its envelope as applications are sent it, and what became of it at each action.

use askama::Template;
use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::Value;

use super::messages::batch;
use crate::console::components::{Badge, Tone, time};
use crate::console::envelope::{Batch, Line};
use crate::console::fields::query;
use crate::console::json_text::set_out;
use crate::console::page::{self, Frame};
use crate::console::{Answer, Refusal, Visitor, api};

#[derive(Template)]
#[template(path = "event.html")]
struct Event {
    frame: Frame,
    line: Line,
    envelope: String,
    /// Why there is nothing to tell of deliveries; empty otherwise.
    untold: String,
    deliveries: Vec<Delivery>,
}

/// An event on its way to one target.
struct Delivery {
    is_settled: bool,
    rule: String,
    action: String,
    state: Badge,
    attempts: Vec<Attempt>,
}

/// One try.
struct Attempt {
    time: String,
    outcome: Badge,
    detail: String,
    took_ms: i64,
}

/// Shows it.
pub async fn show(visitor: Visitor, Path(sequence): Path<String>) -> Answer {
    let missing = || {
        let text = "There is no such event, or retention has taken it.";
        visitor.refuse(StatusCode::NOT_FOUND, text)
    };
    let number = sequence.parse::<i64>().ok().filter(|number| *number > 0);
    let number = number.ok_or_else(missing)?;
    let text = envelope(&visitor, number).await?.ok_or_else(missing)?;
    let line = Line::of(&text).map_err(|error| Refusal::internal(&error))?;
    let path = format!("/events/{number}/deliveries");
    let (deliveries, untold) = match visitor.call(Method::GET, &path, &Value::Null).await? {
        Ok(found) => (found, String::new()),
        Err(refused) => (Value::Null, refused.message),
    };
    page::show(&Event {
        frame: visitor.frame(&format!("Event {number}")),
        line,
        envelope: set_out(&text),
        untold,
        deliveries: api::list(&deliveries, "/deliveries")
            .iter()
            .map(Delivery::of)
            .collect(),
    })
}

/// The envelope of this sequence, as the API's stream gives it.
async fn envelope(visitor: &Visitor, sequence: i64) -> Result<Option<String>, Refusal> {
    let after = (sequence - 1).to_string();
    let text = match batch(visitor, &query([("after", after.as_str()), ("limit", "1")])).await? {
        Ok(text) => text,
        // Ahead of the log.
        Err(refused) if refused.status == StatusCode::BAD_REQUEST => return Ok(None),
        Err(refused) => return Err(visitor.refuse(refused.status, refused.message)),
    };
    let read: Batch<'_> = serde_json::from_str(&text).map_err(|error| Refusal::internal(&error))?;
    // What comes instead is a later one: the log has numbers that no envelope tells of.
    let found = read.events.first().map(|event| event.get());
    Ok(found
        .filter(|text| Line::of(text).is_ok_and(|line| line.sequence == sequence.to_string()))
        .map(str::to_owned))
}

impl Delivery {
    fn of(delivery: &Value) -> Self {
        Self {
            is_settled: api::text(delivery, "/state") == "settled",
            rule: api::text(delivery, "/rule_id").to_owned(),
            action: api::text(delivery, "/action_id").to_owned(),
            state: match api::text(delivery, "/state") {
                "waiting" => Badge::new(Tone::Quiet, "Not looked at yet"),
                "not_taken" => Badge::new(Tone::Quiet, "Not taken by the rule"),
                "pending" => Badge::new(Tone::Warning, "On its way"),
                "parked" => Badge::new(Tone::Warning, "Set aside"),
                "delivered" => Badge::new(Tone::Good, "Delivered"),
                "settled" => Badge::new(Tone::Quiet, "Settled"),
                other => Badge::new(Tone::Quiet, other),
            },
            attempts: api::list(delivery, "/attempts").iter().map(Attempt::of).collect(),
        }
    }
}

impl Attempt {
    fn of(attempt: &Value) -> Self {
        Self {
            time: time(api::text(attempt, "/time")),
            outcome: match api::text(attempt, "/outcome") {
                "delivered" => Badge::new(Tone::Good, "Delivered"),
                "event_refused" => Badge::new(Tone::Bad, "Event refused"),
                "target_refused" => Badge::new(Tone::Bad, "Target refuses"),
                "failed" => Badge::new(Tone::Warning, "Failed"),
                other => Badge::new(Tone::Quiet, other),
            },
            detail: api::text(attempt, "/detail").to_owned(),
            took_ms: api::number(attempt, "/duration_ms"),
        }
    }
}
