//! The dead letters of an action: events that it gave up, listed, shown, delivered again, dropped.

use askama::Template;
use axum::extract::Path;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::standing::{self, api_path};
use crate::auth::person::UserRole;
use crate::console::components::{Pager, time};
use crate::console::fields::{query, segment};
use crate::console::json_text::set_out;
use crate::console::page::{self, Frame, to};
use crate::console::{Answer, Asked, Fields, Form, Operator, Refusal, Visitor, api};

#[derive(Template)]
#[template(path = "letters.html")]
struct Letters {
    frame: Frame,
    may_change: bool,
    path: String,
    action_path: String,
    target: String,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    path: String,
    letter_id: String,
    time: String,
    device_id: String,
    sequence: String,
    attempts: i64,
    reason: String,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Letter {
    frame: Frame,
    may_change: bool,
    list_path: String,
    row: Row,
    /// Empty where retention had taken it.
    event: String,
}

/// Of a letter: its event as the target would get it.
#[derive(Deserialize)]
struct Whole {
    event: Option<Box<RawValue>>,
}

fn path(action_id: &str) -> String {
    format!("{}/dead-letters", standing::path(action_id))
}

impl Row {
    fn of(letter: &Value, action_id: &str) -> Self {
        let text = |name: &str| api::text(letter, name).to_owned();
        let letter_id = text("/letter_id");
        Self {
            path: format!("{}/{}", path(action_id), segment(&letter_id)),
            letter_id,
            time: time(&text("/time")),
            device_id: text("/device_id"),
            sequence: text("/sequence"),
            attempts: api::number(letter, "/attempts"),
            reason: text("/reason"),
        }
    }

    /// Where a form of it goes.
    fn at(&self, what: &str) -> String {
        format!("{}/{what}", self.path)
    }
}

impl Letters {
    /// Where a form of it goes.
    fn at(&self, what: &str) -> String {
        format!("{}/{what}", self.path)
    }
}

/// What a deed did to so many.
fn noticed(frame: Frame, asked: &Fields) -> Frame {
    let told = |name: &str, what: &str| {
        let count: u64 = asked.text(name).parse().ok()?;
        Some(match count {
            1 => format!("One dead letter is {what}."),
            count => format!("{count} dead letters are {what}."),
        })
    };
    let notice = told("replayed", "delivered again").or_else(|| told("dropped", "dropped"));
    Frame { notice, ..frame }
}

/// A page of them, newest first.
pub async fn list(Path(action_id): Path<String>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let action = visitor.get(&api_path(&action_id)).await?;
    let limit = Pager::LIMIT.to_string();
    let marker = asked.text("marker");
    let at = query([("limit", limit.as_str()), ("marker", marker)]);
    let found = visitor
        .get(&format!("{}/dead-letters{at}", api_path(&action_id)))
        .await?;
    let letters = api::list(&found, "/letters").iter();
    let rows: Vec<_> = letters.map(|letter| Row::of(letter, &action_id)).collect();
    let path = path(&action_id);
    page::show(&Letters {
        frame: noticed(visitor.frame("Dead letters"), &asked),
        may_change: visitor.may(UserRole::Operator),
        action_path: standing::path(&action_id),
        target: standing::target(&action).to_owned(),
        pager: Pager::of(&found, rows.len(), &path, &[], marker),
        rows,
        path,
    })
}

fn api_letter(action_id: &str, letter_id: &str) -> String {
    format!("{}/dead-letters/{}", api_path(action_id), segment(letter_id))
}

/// One with its event.
pub async fn show(Path((action_id, letter_id)): Path<(String, String)>, visitor: Visitor) -> Answer {
    let at = api_letter(&action_id, &letter_id);
    let found = visitor
        .call_for::<Box<RawValue>>(Method::GET, &at, String::new())
        .await?;
    let found = found.map_err(|refused| visitor.refuse(refused.status, refused.message))?;
    let fault = |error: serde_json::Error| Refusal::internal(&error);
    let told: Value = serde_json::from_str(found.get()).map_err(fault)?;
    let whole: Whole = serde_json::from_str(found.get()).map_err(fault)?;
    page::show(&Letter {
        frame: visitor.frame("A dead letter"),
        may_change: visitor.may(UserRole::Operator),
        list_path: path(&action_id),
        row: Row::of(&told, &action_id),
        event: whole.event.map_or(String::new(), |event| set_out(event.get())),
    })
}

/// Does something to letters by the API, and tells of how many.
async fn deed(
    form: &Form<Operator>,
    method: Method,
    at: &str,
    action_id: &str,
    told: &str,
) -> Result<axum::response::Response, Refusal> {
    let done = form.visitor.change(method, at, &Value::Null).await?;
    let count = api::number(&done, "/count");
    to(&format!("{}?{told}={count}", path(action_id)))
}

/// Delivers all of them again.
pub async fn replay_all(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let at = format!("{}/dead-letters/replay", api_path(&action_id));
    deed(&form, Method::POST, &at, &action_id, "replayed").await
}

/// Drops all of them.
pub async fn drop_all(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let at = format!("{}/dead-letters", api_path(&action_id));
    deed(&form, Method::DELETE, &at, &action_id, "dropped").await
}

/// Delivers one again.
pub async fn replay_one(
    Path((action_id, letter_id)): Path<(String, String)>,
    form: Form<Operator>,
) -> Answer {
    let at = format!("{}/replay", api_letter(&action_id, &letter_id));
    deed(&form, Method::POST, &at, &action_id, "replayed").await
}

/// Drops one.
pub async fn drop_one(Path((action_id, letter_id)): Path<(String, String)>, form: Form<Operator>) -> Answer {
    let at = api_letter(&action_id, &letter_id);
    deed(&form, Method::DELETE, &at, &action_id, "dropped").await
}
