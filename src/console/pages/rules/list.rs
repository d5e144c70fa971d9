//! All rules, each with its actions and how they fare.

use askama::Template;
use serde_json::{Value, json};

use super::{standing, subject};
use crate::auth::person::UserRole;
use crate::console::components::{Badge, Pager, Tone};
use crate::console::fields::{query, segment};
use crate::console::page::{self, Frame};
use crate::console::{Answer, Asked, Refusal, Visitor, api};

const DONE: &[(&str, &str)] = &[("deleted", "The rule is deleted, and its actions.")];

#[derive(Template)]
#[template(path = "rules.html")]
struct Rules {
    frame: Frame,
    may_change: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    path: String,
    name: String,
    subject: String,
    state: Badge,
    actions: Vec<standing::Line>,
}

impl Row {
    async fn of(visitor: &Visitor, rule: &Value) -> Result<Self, Refusal> {
        let rule_id = api::text(rule, "/rule_id");
        Ok(Self {
            path: path(rule_id),
            name: name(rule).to_owned(),
            subject: subject::shown(&subject::of(rule)).to_owned(),
            state: state(rule),
            actions: standing::lines(visitor, rule_id).await?,
        })
    }
}

/// The path of a rule's page.
pub(super) fn path(rule_id: &str) -> String {
    format!("/console/rules/{}", segment(rule_id))
}

/// A rule's name, or its id where it has none.
pub(super) fn name(rule: &Value) -> &str {
    match api::text(rule, "/rule_name") {
        "" => api::text(rule, "/rule_id"),
        name => name,
    }
}

/// Whether it takes events.
pub(super) fn state(rule: &Value) -> Badge {
    if is_active(rule) {
        Badge::new(Tone::Good, "Active")
    } else {
        Badge::new(Tone::Quiet, "Inactive")
    }
}

pub(super) fn is_active(rule: &Value) -> bool {
    rule.pointer("/active").and_then(Value::as_bool) == Some(true)
}

/// A page of them, newest first.
pub async fn list(visitor: Visitor, Asked(asked): Asked) -> Answer {
    let limit = Pager::LIMIT.to_string();
    let marker = asked.text("marker");
    let at = query([("limit", limit.as_str()), ("marker", marker)]);
    let found = visitor.get(&format!("/routing-rule/rules{at}")).await?;
    let mut rows = Vec::new();
    for rule in api::list(&found, "/rules") {
        rows.push(Row::of(&visitor, rule).await?);
    }
    // The documented list of rules has its page's members beside the rules.
    let paged = json!({ "page": found });
    page::show(&Rules {
        frame: visitor.frame("Rules").noticing(asked.text("done"), DONE),
        may_change: visitor.may(UserRole::Operator),
        pager: Pager::of(&paged, rows.len(), "/console/rules", &[], marker),
        rows,
    })
}
