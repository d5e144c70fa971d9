//! Flow-control policies (management-api.md §9.4): how many events a second may go out.

pub mod create;
pub mod delete;
pub mod list;
pub mod show;
pub mod update;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::schema::{choice, documented};
use crate::storage::FlowControlPolicy;

/// What a policy may hold for: everything, a channel, a rule, an action.
const SCOPES: [&str; 4] = ["USER", "CHANNEL", "RULE", "ACTION"];

/// The most events a second that a policy may allow.
const MOST: i64 = 1000;

documented! {
    /// What the policy holds for.
    FlowScope = choice(&SCOPES);
}

/// A flow-control policy as the API shows it.
#[derive(Serialize, ToSchema)]
pub struct FlowControlPolicyView {
    policy_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[schema(value_type = FlowScope)]
    scope: String,
    /// The channel, or the id of the rule or action; none with USER.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_value: Option<String>,
    /// Events a second.
    limit: i64,
}

impl FlowControlPolicyView {
    fn of(policy: &FlowControlPolicy) -> Self {
        Self {
            policy_id: policy.policy_id.to_string(),
            policy_name: policy.text.name.clone(),
            description: policy.text.description.clone(),
            scope: policy.text.scope.clone(),
            scope_value: policy.text.scope_value.clone(),
            limit: policy.text.limit,
        }
    }
}
