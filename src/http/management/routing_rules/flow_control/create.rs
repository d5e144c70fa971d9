//! `POST …/routing-rule/flowcontrol-policy`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::super::policy::new_id;
use super::{FlowControlPolicyView, FlowScope, MOST, SCOPES};
use crate::domain::ids::{ActionId, RuleId};
use crate::domain::text_class::is_name;
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Name256;
use crate::storage::{FlowControlText, Payload};

/// How many events a second may go out, and of what.
#[derive(ToSchema)]
struct NewFlowControlPolicy {
    #[schema(value_type = Option<Name256>)]
    policy_name: Option<String>,
    #[schema(value_type = Option<Name256>)]
    description: Option<String>,
    /// Absent: USER, which is everything.
    #[schema(value_type = Option<FlowScope>)]
    scope: String,
    /// With CHANNEL its name, like `HTTP_FORWARDING`; with RULE and ACTION the id.
    #[schema(max_length = 256)]
    scope_value: Option<String>,
    /// Events a second.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1000, default = 1000)]
    limit: i64,
}

impl NewFlowControlPolicy {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let asked = Self {
            policy_name: fields.text("policy_name", 256, is_name)?,
            description: fields.text("description", 256, is_name)?,
            scope: fields
                .choice("scope", &SCOPES)?
                .unwrap_or_else(|| "USER".to_owned()),
            scope_value: fields
                .text("scope_value", 256, |_| true)?
                .filter(|value| !value.is_empty()),
            limit: fields.number("limit", 1..=MOST)?.unwrap_or(MOST),
        };
        match (asked.scope.as_str(), &asked.scope_value) {
            ("USER", Some(_)) => Err(fields.fault("scope_value", "must be absent with the scope USER")),
            ("USER", None) | (_, Some(_)) => Ok(asked),
            (scope, None) => {
                Err(fields.fault("scope_value", &format!("is missing, as the scope is {scope}")))
            }
        }
    }

    /// The rule or action must be there: a policy for nothing would look like one that works.
    async fn check_scope(&self, state: &ManagementState, fields: &Fields<'_>) -> Result<(), ApiError> {
        let value = self.scope_value.as_deref().unwrap_or_default();
        let routing = &state.stores.rules;
        let fits = match self.scope.as_str() {
            "CHANNEL" => value.ends_with("_FORWARDING"),
            "RULE" => match RuleId::parse(value) {
                Ok(rule_id) => routing.rule(&rule_id).await?.is_some(),
                Err(_) => false,
            },
            "ACTION" => match ActionId::parse(value) {
                Ok(action_id) => routing.action(&action_id).await?.is_some(),
                Err(_) => false,
            },
            _ => true,
        };
        let what = self.scope.to_lowercase();
        let fault = || fields.fault("scope_value", &format!("there is no such {what}"));
        if fits { Ok(()) } else { Err(fault()) }
    }
}

/// Limits what goes out. It delays events, it never drops any.
#[utoipa::path(
    post, path = "/routing-rule/flowcontrol-policy", operation_id = "create_routing_flow_control_policy",
    tag = "routing",
    request_body = NewFlowControlPolicy,
    responses((status = CREATED, body = FlowControlPolicyView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<FlowControlPolicyView>), ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let asked = NewFlowControlPolicy::read(&fields)?;
    asked.check_scope(&state, &fields).await?;
    let text = FlowControlText {
        name: asked.policy_name.filter(|text| !text.is_empty()),
        description: asked.description.filter(|text| !text.is_empty()),
        scope: asked.scope,
        scope_value: asked.scope_value,
        limit: asked.limit,
    };
    let policy_id = new_id()?;
    let change = change(&state, writer.making(&policy_id), Payload::empty());
    let policy = state.stores.rules.create_flow_control(policy_id, text, change);
    Ok((
        StatusCode::CREATED,
        Json(FlowControlPolicyView::of(&policy.await?)),
    ))
}
