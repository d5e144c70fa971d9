//! `PUT …/routing-rule/flowcontrol-policy/{policy_id}`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::super::policy::{PolicyPath, missing, text_over};
use super::{FlowControlPolicyView, MOST};
use crate::domain::text_class::is_name;
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Name256;
use crate::storage::{FlowControlText, Payload};

/// What changes; what is absent stays. The scope is for good.
#[derive(ToSchema)]
struct FlowControlPolicyPatch {
    /// The empty text clears it.
    #[schema(value_type = Option<Name256>)]
    policy_name: Option<String>,
    /// The empty text clears it.
    #[schema(value_type = Option<Name256>)]
    description: Option<String>,
    /// Events a second.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

impl FlowControlPolicyPatch {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            policy_name: fields.text("policy_name", 256, is_name)?,
            description: fields.text("description", 256, is_name)?,
            limit: fields.number("limit", 1..=MOST)?,
        })
    }

    fn over(self, before: FlowControlText) -> FlowControlText {
        FlowControlText {
            name: text_over(self.policy_name, before.name),
            description: text_over(self.description, before.description),
            limit: self.limit.unwrap_or(before.limit),
            ..before
        }
    }
}

/// Changes a flow-control policy; what is absent stays.
#[utoipa::path(
    put, path = "/routing-rule/flowcontrol-policy/{policy_id}", operation_id = "update_routing_flow_control_policy",
    tag = "routing",
    request_body = FlowControlPolicyPatch,
    responses((status = OK, body = FlowControlPolicyView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    PolicyPath(policy_id): PolicyPath,
    body: PlainBody,
) -> Result<Json<FlowControlPolicyView>, ApiError> {
    let asked = FlowControlPolicyPatch::read(&Fields::parse(body.bytes())?)?;
    let gone = || missing(policy_id.as_str());
    let routing = &state.stores.rules;
    let before = routing.flow_control(&policy_id).await?.ok_or_else(gone)?;
    let change = change(&state, writer, Payload::empty());
    let policy = routing.update_flow_control(&policy_id, asked.over(before.text), change);
    Ok(Json(FlowControlPolicyView::of(&policy.await?.ok_or_else(gone)?)))
}
