//! The first page: whether anything is wrong, and where. It and the figures of its charts are asked for again while it is open.

use askama::Template;
use axum::Json;
use axum::response::IntoResponse;
use serde_json::Value;

use crate::console::components::{Badge, Tone, time};
use crate::console::page::{self, Frame};
use crate::console::verdict::{self, Answers, Trouble};
use crate::console::{Answer, Refusal, Visitor, api};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    verdict: Trouble,
    troubles: Vec<Badge>,
    failing: Vec<Failing>,
    tiles: Vec<Tile>,
    hour: Answers,
    /// The last hour in parts, the newest first.
    parts: Vec<(String, Answers)>,
    facts: Vec<(&'static str, String)>,
    addresses: Vec<(&'static str, String)>,
}

/// A number and what it counts.
struct Tile {
    name: &'static str,
    number: String,
    more: String,
}

/// An action that does not deliver.
struct Failing {
    action: String,
    state: Badge,
    pending: i64,
    lag: String,
}

/// Shows it.
pub async fn show(visitor: Visitor) -> Answer {
    let settings = &visitor.console.0.settings;
    let status = visitor.get("/status").await?;
    let troubles = verdict::troubles(&status);
    page::show(&Overview {
        frame: visitor.frame("Overview"),
        verdict: verdict::in_short(&status, &troubles),
        troubles: troubles
            .into_iter()
            .map(|trouble| Badge::new(trouble.tone, trouble.text))
            .collect(),
        failing: api::list(&status, "/actions/failing")
            .iter()
            .map(Failing::of)
            .collect(),
        tiles: tiles(&visitor, &status).await?,
        hour: Answers::of_hour(&status),
        parts: parts(api::list(&status, "/rates/steps")),
        facts: facts(&status),
        addresses: vec![
            ("Project id", settings.project_id.clone()),
            ("Devices connect to", format!("https://{}", settings.device_host)),
        ],
    })
}

/// What the charts are drawn from: the API's `rates`.
pub async fn rates(visitor: Visitor) -> Answer {
    let mut status = visitor.get("/status").await?;
    let rates = status.get_mut("rates").map_or(Value::Null, Value::take);
    Ok(Json(rates).into_response())
}

async fn tiles(visitor: &Visitor, status: &Value) -> Result<Vec<Tile>, Refusal> {
    let count = async |path: &str, at: &str| {
        let found = visitor.get(path).await?;
        Ok::<_, Refusal>(api::number(&found, at))
    };
    let products = count("/products?limit=1", "/page/count").await?;
    let rules = count("/routing-rule/rules?limit=1", "/count").await?;
    let active = count("/routing-rule/rules?limit=1&active=true", "/count").await?;
    let of_devices = |name: &str| api::number(status, &format!("/devices/by_status/{name}"));
    let counts = [
        ("ONLINE", "online"),
        ("OFFLINE", "offline"),
        ("INACTIVE", "never seen"),
        ("FROZEN", "frozen"),
    ]
    .map(|(name, word)| (of_devices(name), word));
    let devices: Vec<_> = counts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let (first, last) = (sequence(status, "first"), sequence(status, "last"));
    let tile = |name, number: i64, more| Tile {
        name,
        number: grouped(number),
        more,
    };
    Ok(vec![
        tile(
            "Devices",
            api::number(status, "/devices/total"),
            devices.join(" · "),
        ),
        tile("Products", products, String::new()),
        tile("Rules", rules, format!("{active} active")),
        tile(
            "To be forwarded",
            api::number(status, "/actions/pending"),
            format!("actions: {}", api::number(status, "/actions/total")),
        ),
        tile(
            "Events held",
            (last - first + 1).max(0),
            bytes(api::number(status, "/store/bytes")),
        ),
    ])
}

fn sequence(status: &Value, end: &str) -> i64 {
    let text = api::text(status, &format!("/store/{end}_sequence"));
    text.parse().unwrap_or(0)
}

fn facts(status: &Value) -> Vec<(&'static str, String)> {
    let at = |pointer: &str| time(api::text(status, pointer));
    let oldest = at("/retention/oldest_event_time");
    let days = api::number(status, "/retention/days");
    let kept = if days == 0 {
        "kept for good".to_owned()
    } else {
        format!("kept for {days} days")
    };
    vec![
        ("Running since", format!("{} UTC", at("/started_time"))),
        (
            "Certificate ends",
            format!(
                "{} UTC, in {} days",
                at("/certificate/end_time"),
                api::number(status, "/certificate/days_left")
            ),
        ),
        (
            "Oldest event",
            if oldest.is_empty() {
                format!("none; events are {kept}")
            } else {
                format!("{oldest} UTC; events are {kept}")
            },
        ),
        ("Database", api::text(status, "/store/backend").to_owned()),
        (
            "Open connections",
            grouped(api::number(status, "/listeners/connections")),
        ),
    ]
}

impl Failing {
    fn of(action: &Value) -> Self {
        let state = api::text(action, "/state");
        let badge = match state {
            "refused" => Badge::new(Tone::Bad, "Refused by the target"),
            _ => Badge::new(Tone::Warning, "Trying again"),
        };
        Self {
            action: api::text(action, "/action_id").to_owned(),
            state: badge,
            pending: api::number(action, "/pending"),
            lag: lag(api::number(action, "/lag_seconds")),
        }
    }
}

/// Five minutes each.
fn parts(steps: &[Value]) -> Vec<(String, Answers)> {
    let part = |steps: &[Value]| {
        let end = steps.last().map(|step| time(api::text(step, "/time")));
        (end.unwrap_or_default(), Answers::sum(steps))
    };
    steps.rchunks(30).map(part).collect()
}

fn lag(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// With a thin space between thousands.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn bytes(number: i64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let unit = units.iter().find(|(_, size)| number >= *size);
    unit.map_or(format!("{number} bytes"), |(name, size)| {
        let tenths = number / (size / 10);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(
            (bytes(999).as_str(), bytes(1_250_000).as_str()),
            ("999 bytes", "1.2 MB")
        );
        assert_eq!(
            (lag(119).as_str(), lag(120).as_str(), lag(7200).as_str()),
            ("119 s", "2 min", "2 h")
        );
    }

    #[test]
    fn an_hour_is_told_in_parts_of_five_minutes_the_newest_whole() {
        let step = json!({"time": "2026-11-24T22:30:00.000Z", "accepted": 1});
        let told = parts(&vec![step; 31]);
        let accepted: Vec<_> = told.iter().map(|(_, answers)| answers.accepted).collect();
        assert_eq!(accepted, [30, 1]);
        assert_eq!(told[0].0, "2026-11-24 22:30:00");
    }
}
