//! One rule with its actions: shown, changed, tried, switched on and off, deleted.

use askama::Template;
use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::clauses::{self, Clause};
use super::new_rule::texts;
use super::trial::{self, NoTrial, Trial};
use super::{blame, list, standing, subject};
use crate::auth::person::UserRole;
use crate::console::api::{self, ApiRefusal};
use crate::console::components::{Badge, Field};
use crate::console::fields::segment;
use crate::console::page::{Frame, show_with, to};
use crate::console::visitor::Needs;
use crate::console::{Answer, Asked, Form, Operator, Refusal, Visitor};

const DONE: &[(&str, &str)] = &[
    (
        "created",
        "The rule is made. It takes nothing yet: give it an action, then activate it.",
    ),
    (
        "saved",
        "The rule is changed; it judges every event from now on so.",
    ),
    ("activated", "The rule takes events from now on."),
    (
        "deactivated",
        "The rule takes nothing from now on; what it took before is still delivered.",
    ),
    ("action-deleted", "The action is deleted."),
];

#[derive(Template)]
#[template(path = "rule.html")]
struct Rule {
    frame: Frame,
    may_change: bool,
    path: String,
    name: String,
    state: Badge,
    is_active: bool,
    facts: Vec<(&'static str, String)>,
    actions: Vec<standing::Line>,
    /// Why it was refused, where that is of no field.
    error: String,
    texts: [Field; 2],
    clauses: [Clause; 2],
    event: Field,
    trial: Option<Trial>,
}

impl Rule {
    /// Where a form of it goes.
    fn at(&self, what: &str) -> String {
        format!("{}/{what}", self.path)
    }
}

async fn load<N: Needs>(visitor: &Visitor<N>, rule_id: &str) -> Result<(Value, Rule), Refusal> {
    let rule = visitor.get(&api_path(rule_id)).await?;
    let told = |name: &str| api::text(&rule, &format!("/{name}")).to_owned();
    let name = list::name(&rule).to_owned();
    let page = Rule {
        frame: visitor.frame(&name),
        may_change: visitor.may(UserRole::Operator),
        path: list::path(rule_id),
        state: list::state(&rule),
        is_active: list::is_active(&rule),
        facts: vec![
            ("Takes", subject::shown(&subject::of(&rule)).to_owned()),
            ("Of", scope(visitor, &rule).await?),
            ("Rule id", told("rule_id")),
        ],
        actions: standing::lines(visitor, rule_id).await?,
        error: String::new(),
        texts: texts(told),
        clauses: clauses::clauses(told),
        event: trial::event_field(""),
        trial: None,
        name,
    };
    Ok((rule, page))
}

fn api_path(rule_id: &str) -> String {
    format!("/routing-rule/rules/{}", segment(rule_id))
}

async fn scope<N: Needs>(visitor: &Visitor<N>, rule: &Value) -> Result<String, Refusal> {
    let app_id = api::text(rule, "/app_id");
    if app_id.is_empty() {
        return Ok("All resource spaces".to_owned());
    }
    let app = visitor.get(&format!("/apps/{}", segment(app_id))).await?;
    Ok(format!("The resource space {}", api::text(&app, "/app_name")))
}

/// Shows it.
pub async fn show(Path(rule_id): Path<String>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let (_, mut page) = load(&visitor, &rule_id).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    show_with(StatusCode::OK, &page)
}

/// Changes what of it changes, or tries that.
pub async fn save(Path(rule_id): Path<String>, form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let (rule, mut page) = load(visitor, &rule_id).await?;
    let sent = |name: &str| said.text(name).to_owned();
    (page.texts, page.clauses) = (texts(sent), clauses::sent(said));
    page.event = trial::event_field(said.text("event"));
    if said.text("do") == "try" {
        match trial::run(visitor, &subject::of(&rule), said).await? {
            Ok(trial) => page.trial = Some(trial),
            Err(NoTrial::Event(error)) => page.event.error = error,
            Err(NoTrial::Refused(refused)) => return refuse(page, &refused),
        }
        let status = if page.event.error.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        return show_with(status, &page);
    }
    let body = json!({
        "rule_name": said.text("rule_name"), "description": said.text("description"),
        "select": said.text("select"), "where": said.text("where"),
    });
    match visitor.call(Method::PUT, &api_path(&rule_id), &body).await? {
        Ok(_) => to(&format!("{}?done=saved", page.path)),
        Err(refused) => refuse(page, &refused),
    }
}

fn refuse(mut page: Rule, refused: &ApiRefusal) -> Answer {
    if !clauses::mark(&mut page.clauses, refused) {
        page.error = blame(&mut page.texts, refused);
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn set_active(form: &Form<Operator>, rule_id: &str, active: bool) -> Answer {
    let body = json!({ "active": active });
    form.visitor
        .change(Method::PUT, &api_path(rule_id), &body)
        .await?;
    let done = if active { "activated" } else { "deactivated" };
    to(&format!("{}?done={done}", list::path(rule_id)))
}

/// Lets it take events.
pub async fn activate(Path(rule_id): Path<String>, form: Form<Operator>) -> Answer {
    set_active(&form, &rule_id, true).await
}

/// Lets it take none.
pub async fn deactivate(Path(rule_id): Path<String>, form: Form<Operator>) -> Answer {
    set_active(&form, &rule_id, false).await
}

/// Deletes it with its actions.
pub async fn delete(Path(rule_id): Path<String>, form: Form<Operator>) -> Answer {
    let path = api_path(&rule_id);
    form.visitor.change(Method::DELETE, &path, &Value::Null).await?;
    to("/console/rules?done=deleted")
}
