//! `PUT …/routing-rule/actions/{action_id}`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::action_view::{ActionView, ChannelDetail};
use super::path::ActionPath;
use super::{ChannelName, target};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::routing::channel::target::ChannelKind;
use crate::storage::{ActionPatch, Payload};

/// What of an action changes; what is absent stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct UpdateRuleAction {
    #[schema(value_type = Option<ChannelName>)]
    channel: Option<String>,
    /// The whole of it; a credential that reads `******` stays.
    channel_detail: Option<ChannelDetail>,
    /// Another action, which gets this one's dead letters; empty: none.
    #[schema(max_length = 36)]
    dead_letter_action: Option<String>,
}

/// Changes an action; what waits goes to the new target.
#[utoipa::path(
    put, path = "/routing-rule/actions/{action_id}", operation_id = "update_rule_action", tag = "routing",
    request_body = UpdateRuleAction,
    responses((status = OK, body = ActionView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: ActionPath,
    body: PlainBody,
) -> Result<Json<ActionView>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let stored = path.load(&state).await?;
    let asked = target::channel(&fields)?;
    let target = match asked.or_else(|| ChannelKind::of(&stored.channel)) {
        Some(kind) => target::target(&state, &fields, kind, Some(&stored))
            .await?
            .map(|target| (kind.name.to_owned(), target.detail, target.credentials)),
        None if fields.raw("channel_detail").is_some() => return Err(fields.fault("channel", "is missing")),
        None => None,
    };
    if target.is_none() && asked.is_some_and(|kind| kind.name != stored.channel) {
        return Err(fields.fault("channel_detail", "is missing: the channel is another one"));
    }
    let update = ActionPatch {
        target,
        dead_letter_action: target::dead_letter_action(&state, &fields, Some(&path.0)).await?,
        ..ActionPatch::default()
    };
    let change = change(&state, writer, Payload::empty());
    let action = state.stores.rules.update_action(&path.0, update, change).await?;
    action
        .map(|action| Json(ActionView::of(&action)))
        .ok_or_else(|| path.missing())
}
