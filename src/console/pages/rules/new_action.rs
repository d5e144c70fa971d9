//! An action to make for a rule.

use askama::Template;
use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::Value;

use super::action_fields::{self, ActionFields};
use super::{action, blame, list, members};
use crate::console::api;
use crate::console::fields::segment;
use crate::console::page::{Frame, show_with};
use crate::console::{Answer, Form, Operator, Refusal, Visitor};

#[derive(Template)]
#[template(path = "action_new.html")]
struct NewAction {
    frame: Frame,
    rule_path: String,
    rule_name: String,
    error: String,
    fields: ActionFields,
}

async fn page(visitor: &Visitor<Operator>, rule_id: &str) -> Result<NewAction, Refusal> {
    let at = format!("/routing-rule/rules/{}", segment(rule_id));
    let rule = visitor.get(&at).await?;
    Ok(NewAction {
        frame: visitor.frame("New action"),
        rule_path: list::path(rule_id),
        rule_name: list::name(&rule).to_owned(),
        error: String::new(),
        fields: action_fields::blank(visitor).await?,
    })
}

/// An empty form.
pub async fn show(Path(rule_id): Path<String>, visitor: Visitor<Operator>) -> Answer {
    show_with(StatusCode::OK, &page(&visitor, &rule_id).await?)
}

/// Makes it; the page that answers shows its signing secret, and no later one does.
pub async fn create(Path(rule_id): Path<String>, form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let mut page = page(visitor, &rule_id).await?;
    let mut body = members(said, &["dead_letter_action"]);
    let detail = action_fields::channel_detail(said, &Value::Null);
    body.extend([
        ("rule_id".to_owned(), rule_id.into()),
        ("channel".to_owned(), "HTTP_FORWARDING".into()),
        ("channel_detail".to_owned(), detail),
    ]);
    let body = Value::Object(body);
    match visitor.call(Method::POST, "/routing-rule/actions", &body).await? {
        Ok(made) => {
            let secret = api::text(&made, "/signing_secret");
            action::show_secret(visitor, api::text(&made, "/action_id"), secret, "").await
        }
        Err(refused) => {
            page.fields = action_fields::filled(page.fields, said);
            page.error = blame(&mut page.fields, &refused);
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
