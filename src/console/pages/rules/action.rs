//! One action: how it fares, what one can do with it, and its settings.

use askama::Template;
use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::action_fields::{self, ActionFields};
use super::standing::{self, Standing, api_path};
use super::{blame, list, replay};
use crate::auth::person::UserRole;
use crate::console::api;
use crate::console::components::{Tone, time};
use crate::console::fields::segment;
use crate::console::page::{self, Frame, show_with, to};
use crate::console::visitor::Needs;
use crate::console::{Answer, Asked, Fields, Form, Operator, Refusal, Visitor};

const DONE: &[(&str, &str)] = &[
    (
        "saved",
        "The action is changed; what waits goes to the new target.",
    ),
    (
        "paused",
        "The action is paused: it goes on taking events and delivers none.",
    ),
    (
        "resumed",
        "The action delivers again, what it took meanwhile first.",
    ),
];

/// The page; what a deed leads to is set beside what is always there.
#[derive(Template)]
#[template(path = "action.html")]
pub(super) struct Action {
    pub frame: Frame,
    may_change: bool,
    path: String,
    id: String,
    rule_path: String,
    rule_name: String,
    is_rule_active: bool,
    standing: Standing,
    /// Just made: the secret, and until when the one before signs too.
    secret: Option<(String, String)>,
    /// What came of a sample event.
    tried: Option<(Tone, String)>,
    error: String,
    /// None for an action over a channel that this page does not know.
    fields: Option<ActionFields>,
    pub replay: replay::ReplayFields,
    /// Why a replay was refused, where that is of no field.
    pub replay_error: String,
}

impl Action {
    /// Where a form of it goes.
    fn at(&self, what: &str) -> String {
        format!("{}/{what}", self.path)
    }
}

/// Everything as it is stored.
pub(super) async fn load<N: Needs>(
    visitor: &Visitor<N>,
    action_id: &str,
) -> Result<(Value, Action), Refusal> {
    let action = visitor.get(&api_path(action_id)).await?;
    let rule_id = api::text(&action, "/rule_id");
    let rule = visitor
        .get(&format!("/routing-rule/rules/{}", segment(rule_id)))
        .await?;
    let is_http = action.pointer("/channel_detail/http_forwarding").is_some();
    let may_change = visitor.may(UserRole::Operator);
    let page = Action {
        frame: visitor.frame(standing::target(&action)),
        may_change,
        path: standing::path(action_id),
        id: action_id.to_owned(),
        rule_path: list::path(rule_id),
        rule_name: list::name(&rule).to_owned(),
        is_rule_active: list::is_active(&rule),
        standing: standing::of(visitor, action_id).await?,
        secret: None,
        tried: None,
        error: String::new(),
        fields: if is_http && may_change {
            Some(action_fields::fields(visitor, &action).await?)
        } else {
            None
        },
        replay: replay::fields(&Fields::default()),
        replay_error: String::new(),
    };
    Ok((action, page))
}

/// Shows it.
pub async fn show(Path(action_id): Path<String>, visitor: Visitor, Asked(asked): Asked) -> Answer {
    let (_, mut page) = load(&visitor, &action_id).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    if let Ok(count) = asked.text("replaying").parse::<u64>() {
        page.frame.notice = Some(replay::notice(count));
    }
    page::show(&page)
}

/// The page with a secret that was just made.
pub(super) async fn show_secret(
    visitor: &Visitor<Operator>,
    action_id: &str,
    secret: &str,
    previous_until: &str,
) -> Answer {
    let (_, mut page) = load(visitor, action_id).await?;
    page.secret = Some((secret.to_owned(), time(previous_until)));
    page::show(&page)
}

/// Changes its settings.
pub async fn save(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let (action, mut page) = load(visitor, &action_id).await?;
    let Some(fields) = page.fields.take() else {
        let text = "The console changes actions over HTTP push alone.";
        return Err(visitor.refuse(StatusCode::CONFLICT, text));
    };
    let body = json!({
        "channel_detail": action_fields::channel_detail(said, &action),
        "dead_letter_action": said.text("dead_letter_action"),
    });
    match visitor.call(Method::PUT, &api_path(&action_id), &body).await? {
        Ok(_) => to(&format!("{}?done=saved", page.path)),
        Err(refused) => {
            let mut fields = action_fields::filled(fields, said);
            page.error = blame(&mut fields, &refused);
            page.fields = Some(fields);
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

async fn deed(form: &Form<Operator>, action_id: &str, what: &str) -> Result<Value, Refusal> {
    let at = format!("{}/{what}", api_path(action_id));
    form.visitor.change(Method::POST, &at, &Value::Null).await
}

/// Gives it another signing secret, shown on the page that answers.
pub async fn rotate_secret(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let made = deed(&form, &action_id, "rotate-secret").await?;
    let [secret, until] = ["/signing_secret", "/previous_until"].map(|at| api::text(&made, at));
    show_secret(&form.visitor, &action_id, secret, until).await
}

/// Sends a sample event, and shows what the target said.
pub async fn try_out(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let found = deed(&form, &action_id, "test").await?;
    let took = api::number(&found, "/duration_ms");
    let detail = api::text(&found, "/detail");
    let tried = if found.pointer("/ok") == Some(&true.into()) {
        let text = format!("The target took a sample event in {took} ms: {detail}");
        (Tone::Good, text)
    } else {
        let text = format!("The target did not take a sample event ({took} ms): {detail}");
        (Tone::Bad, text)
    };
    let (_, mut page) = load(&form.visitor, &action_id).await?;
    page.tried = Some(tried);
    page::show(&page)
}

/// Stops its deliveries.
pub async fn pause(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    deed(&form, &action_id, "pause").await?;
    to(&format!("{}?done=paused", standing::path(&action_id)))
}

/// Lets it deliver again.
pub async fn resume(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    deed(&form, &action_id, "resume").await?;
    to(&format!("{}?done=resumed", standing::path(&action_id)))
}

/// Deletes it with what waits and its dead letters.
pub async fn delete(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let visitor = &form.visitor;
    let path = api_path(&action_id);
    let action = visitor.get(&path).await?;
    visitor.change(Method::DELETE, &path, &Value::Null).await?;
    let rule = list::path(api::text(&action, "/rule_id"));
    to(&format!("{rule}?done=action-deleted"))
}
