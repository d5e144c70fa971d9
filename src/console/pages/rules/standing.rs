//! How actions fare: in a line beside their rule, and whole on their page, where a script asks for it again.

use askama::Template;
use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::console::api;
use crate::console::components::{Badge, Tone, time};
use crate::console::fields::segment;
use crate::console::page;
use crate::console::visitor::Needs;
use crate::console::{Answer, Refusal, Visitor};

/// An action in a line.
pub struct Line {
    /// Its page.
    pub path: String,
    /// Where it delivers to.
    pub target: String,
    /// How it fares.
    pub state: Badge,
    /// How many events wait.
    pub pending: i64,
}

/// All that the API tells of it.
#[derive(Template)]
#[template(path = "action_state.html")]
pub struct Standing {
    state: Badge,
    since: String,
    last_error: String,
    /// Of the events that the rule took.
    taken: i64,
    tiles: Vec<Tile>,
    lag: String,
    /// It does not run here, or not yet.
    is_unknown: bool,
    /// Whether it delivers nothing on purpose.
    pub is_paused: bool,
}

struct Tile {
    name: &'static str,
    number: i64,
    more: String,
}

/// Where an action delivers to.
pub fn target(action: &Value) -> &str {
    match api::text(action, "/channel_detail/http_forwarding/url") {
        "" => api::text(action, "/channel"),
        url => url,
    }
}

/// The path of an action's page.
pub fn path(action_id: &str) -> String {
    format!("/console/rules/actions/{}", segment(action_id))
}

/// The path of an action in the API.
pub fn api_path(action_id: &str) -> String {
    format!("/routing-rule/actions/{}", segment(action_id))
}

/// The actions of a rule; the newest 50 where there are more.
pub async fn lines<N: Needs>(visitor: &Visitor<N>, rule_id: &str) -> Result<Vec<Line>, Refusal> {
    let at = format!("/routing-rule/actions?limit=50&rule_id={}", segment(rule_id));
    let found = visitor.get(&at).await?;
    let mut lines = Vec::new();
    for action in api::list(&found, "/actions") {
        let action_id = api::text(action, "/action_id");
        let state = ask(visitor, action_id).await?;
        lines.push(Line {
            path: path(action_id),
            target: target(action).to_owned(),
            state: badge(api::text(&state, "/state")),
            pending: api::number(&state, "/pending"),
        });
    }
    Ok(lines)
}

/// Of one action.
pub async fn of<N: Needs>(visitor: &Visitor<N>, action_id: &str) -> Result<Standing, Refusal> {
    Ok(Standing::read(&ask(visitor, action_id).await?))
}

/// The part of an action's page that changes by itself.
pub async fn fragment(visitor: Visitor, Path(action_id): Path<String>) -> Answer {
    page::show(&of(&visitor, &action_id).await?)
}

/// Null where it does not run.
async fn ask<N: Needs>(visitor: &Visitor<N>, action_id: &str) -> Result<Value, Refusal> {
    let at = format!("{}/state", api_path(action_id));
    match visitor.call(Method::GET, &at, &Value::Null).await? {
        Ok(state) => Ok(state),
        Err(refused) if refused.status == StatusCode::SERVICE_UNAVAILABLE => Ok(Value::Null),
        Err(refused) => Err(visitor.refuse(refused.status, refused.message)),
    }
}

fn badge(state: &str) -> Badge {
    match state {
        "healthy" => Badge::new(Tone::Good, "Healthy"),
        "retrying" => Badge::new(Tone::Warning, "Retrying"),
        "refused" => Badge::new(Tone::Bad, "Refused"),
        "paused" => Badge::new(Tone::Quiet, "Paused"),
        _ => Badge::new(Tone::Quiet, "Not running here"),
    }
}

impl Standing {
    fn read(state: &Value) -> Self {
        let number = |name: &str| api::number(state, name);
        let name = api::text(state, "/state");
        let tile = |name, at: &str, more: String| Tile {
            name,
            number: number(at),
            more,
        };
        let parked = match number("/parked") {
            0 => String::new(),
            parked => format!("{parked} of them parked"),
        };
        Self {
            state: badge(name),
            since: time(api::text(state, "/since")),
            last_error: api::text(state, "/last_error").to_owned(),
            taken: number("/taken"),
            tiles: vec![
                tile("Delivered", "/delivered", String::new()),
                tile("Waiting", "/pending", parked),
                tile("Dead letters", "/dead", String::new()),
                tile("Dropped", "/dropped", String::new()),
            ],
            lag: lag(number("/lag_seconds")),
            is_unknown: name.is_empty(),
            is_paused: name == "paused",
        }
    }
}

/// How long the oldest event has waited; empty for not at all.
fn lag(seconds: i64) -> String {
    match seconds {
        ..=0 => String::new(),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_reads_in_the_unit_that_fits() {
        assert_eq!(
            [0, 1, 119, 120, 7199, 7200].map(lag).join(" "),
            " 1 s 119 s 2 min 119 min 2 h"
        );
    }
}
