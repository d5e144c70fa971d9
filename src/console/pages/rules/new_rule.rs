//! A rule to make, which can be tried on an event before.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::Value;

use super::clauses::{self, Clause};
use super::subject::{self, SUBJECTS};
use super::trial::{self, NoTrial, Trial};
use super::{blame, list, members};
use crate::console::api::{self, ApiRefusal};
use crate::console::components::Field;
use crate::console::page::{Frame, show_with, to};
use crate::console::{Answer, Asked, Fields, Form, Operator, Refusal, Visitor};

#[derive(Template)]
#[template(path = "rule_new.html")]
struct NewRule {
    frame: Frame,
    /// Why it was refused, where that is of no field.
    error: String,
    fields: [Field; 4],
    clauses: [Clause; 2],
    event: Field,
    trial: Option<Trial>,
}

/// The name and the description of a rule.
pub(super) fn texts(text: impl Fn(&str) -> String) -> [Field; 2] {
    let optional = |field: Field| Field {
        is_optional: true,
        ..field
    };
    let name = Field::text("rule_name", "Name").hint("Letters, digits and _?'#().,&%@!- without blanks.");
    [
        optional(name.value(text("rule_name"))),
        optional(Field::text("description", "Description").value(text("description"))),
    ]
}

async fn page(visitor: &Visitor<Operator>, said: &Fields) -> Result<NewRule, Refusal> {
    let found = visitor.get("/apps").await?;
    let mut scopes = vec![(String::new(), "All resource spaces".to_owned())];
    scopes.extend(api::list(&found, "/applications").iter().map(|app| {
        let [id, name] = ["/app_id", "/app_name"].map(|at| api::text(app, at).to_owned());
        (id, format!("Only {name}"))
    }));
    let scope = Field {
        choices: scopes,
        ..Field::choice("app_id", "Scope", &[]).value(said.text("app_id"))
    };
    let [name, description] = texts(|name| said.text(name).to_owned());
    Ok(NewRule {
        frame: visitor.frame("New rule"),
        error: String::new(),
        fields: [
            name,
            description,
            Field::choice("subject", "What it takes", SUBJECTS).value(said.text("subject")),
            scope,
        ],
        clauses: clauses::sent(said),
        event: trial::event_field(said.text("event")),
        trial: None,
    })
}

/// An empty form.
pub async fn show(visitor: Visitor<Operator>, Asked(asked): Asked) -> Answer {
    show_with(StatusCode::OK, &page(&visitor, &asked).await?)
}

/// Makes it, or tries it.
pub async fn create(form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    if said.text("do") == "try" {
        return try_out(visitor, said).await;
    }
    let asked = body(said);
    let made = visitor.call(Method::POST, "/routing-rule/rules", &asked).await?;
    match made {
        Ok(rule) => to(&format!(
            "{}?done=created",
            list::path(api::text(&rule, "/rule_id"))
        )),
        Err(refused) => refuse(page(visitor, said).await?, &refused),
    }
}

fn body(said: &Fields) -> Value {
    let mut body = members(said, &["rule_name", "description", "select", "where", "app_id"]);
    let scope = if said.text("app_id").is_empty() {
        "GLOBAL"
    } else {
        "APP"
    };
    body.extend([
        ("subject".to_owned(), subject::body(said.text("subject"))),
        ("app_type".to_owned(), scope.into()),
    ]);
    Value::Object(body)
}

async fn try_out(visitor: &Visitor<Operator>, said: &Fields) -> Answer {
    let mut page = page(visitor, said).await?;
    match trial::run(visitor, said.text("subject"), said).await? {
        Ok(trial) => page.trial = Some(trial),
        Err(NoTrial::Event(error)) => page.event.error = error,
        Err(NoTrial::Refused(refused)) => return refuse(page, &refused),
    }
    let status = if page.event.error.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    show_with(status, &page)
}

fn refuse(mut page: NewRule, refused: &ApiRefusal) -> Answer {
    if !clauses::mark(&mut page.clauses, refused) {
        page.error = blame(&mut page.fields, refused);
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
