//! `POST …/routing-rule/backlog-policy`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::super::policy::new_id;
use super::{BacklogPolicyBody, BacklogPolicyView, default_text};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Bounds what waits for each action; of several policies the tightest bounds hold.
#[utoipa::path(
    post, path = "/routing-rule/backlog-policy", operation_id = "create_routing_backlog_policy", tag = "routing",
    request_body = BacklogPolicyBody,
    responses((status = CREATED, body = BacklogPolicyView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<BacklogPolicyView>), ApiError> {
    let asked = BacklogPolicyBody::read(&Fields::parse(body.bytes())?)?;
    let policy_id = new_id()?;
    let change = change(&state, writer.making(&policy_id), Payload::empty());
    let text = asked.over(default_text());
    let policy = state.stores.rules.create_backlog(policy_id, text, change).await?;
    Ok((StatusCode::CREATED, Json(BacklogPolicyView::of(&policy))))
}
