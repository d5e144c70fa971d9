//! `PUT …/routing-rule/backlog-policy/{policy_id}`.

use axum::Json;
use axum::extract::State;

use super::super::policy::{PolicyPath, missing};
use super::{BacklogPolicyBody, BacklogPolicyView};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// Changes a backlog policy; what is absent stays.
#[utoipa::path(
    put, path = "/routing-rule/backlog-policy/{policy_id}", operation_id = "update_routing_backlog_policy",
    tag = "routing",
    request_body = BacklogPolicyBody,
    responses((status = OK, body = BacklogPolicyView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    PolicyPath(policy_id): PolicyPath,
    body: PlainBody,
) -> Result<Json<BacklogPolicyView>, ApiError> {
    let asked = BacklogPolicyBody::read(&Fields::parse(body.bytes())?)?;
    let gone = || missing(policy_id.as_str());
    let routing = &state.stores.rules;
    let before = routing.backlog(&policy_id).await?.ok_or_else(gone)?;
    let change = change(&state, writer, Payload::empty());
    let policy = routing.update_backlog(&policy_id, asked.over(before.text), change);
    Ok(Json(BacklogPolicyView::of(&policy.await?.ok_or_else(gone)?)))
}
