//! `POST …/routing-rule/actions`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::action_view::{ActionView, ChannelDetail};
use super::path::no_rule;
use super::{ChannelName, new_id, target};
use crate::auth::secret::random_bytes;
use crate::auth::webhook_signature::SigningSecret;
use crate::domain::ids::{ActionId, RuleId};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Id36;
use crate::storage::{NewAction, Payload};

/// An action to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct CreateRuleAction {
    #[schema(value_type = Id36)]
    rule_id: String,
    #[schema(value_type = ChannelName)]
    channel: String,
    channel_detail: ChannelDetail,
    /// Another action, which gets this one's dead letters.
    #[schema(max_length = 36)]
    dead_letter_action: Option<String>,
}

/// An action that was just made.
#[derive(Serialize, ToSchema)]
pub struct NewActionView {
    #[serde(flatten)]
    action: ActionView,
    /// What it signs with (Standard Webhooks); it is shown this once.
    signing_secret: String,
}

/// Makes an action, which delivers what its rule takes from now on.
#[utoipa::path(
    post, path = "/routing-rule/actions", operation_id = "create_rule_action", tag = "routing",
    request_body = CreateRuleAction,
    responses((status = CREATED, body = NewActionView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<NewActionView>), ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let missing = |name| fields.fault(name, "is missing");
    let rule_id = fields.id("rule_id", RuleId::parse)?;
    let rule_id = rule_id.ok_or_else(|| missing("rule_id"))?;
    let kind = target::channel(&fields)?.ok_or_else(|| missing("channel"))?;
    let target = target::target(&state, &fields, kind, None).await?;
    let target = target.ok_or_else(|| missing("channel_detail"))?;
    let dead_letter_action = target::dead_letter_action(&state, &fields, None).await?;
    let signing = SigningSecret::from_random(random_bytes()?);
    let new = NewAction {
        action_id: new_id(ActionId::parse)?,
        rule_id: rule_id.clone(),
        channel: kind.name.to_owned(),
        detail: target.detail,
        credentials: target.credentials,
        signing: signing.text().clone(),
        dead_letter_action: dead_letter_action.flatten(),
    };
    let change = change(&state, writer.making(&new.action_id), Payload::empty());
    let action = state.stores.rules.create_action(new, change).await?;
    let action = action.ok_or_else(|| no_rule(rule_id.as_str()))?;
    let view = NewActionView {
        action: ActionView::of(&action),
        signing_secret: signing.text().expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}
