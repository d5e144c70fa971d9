//! Backlog policies (management-api.md §9.3): how much may wait for a target, and how long.

pub mod create;
pub mod delete;
pub mod list;
pub mod show;
pub mod update;

use serde::Serialize;
use utoipa::ToSchema;

use super::policy;
use crate::domain::text_class::is_name;
use crate::http::error::ApiError;
use crate::http::extract::fields::Fields;
use crate::http::schema::Name256;
use crate::storage::{BacklogPolicy, BacklogText};

/// 1 GB, less a byte.
const MOST_BYTES: i64 = 1_073_741_823;

/// A day, less a second.
const MOST_SECONDS: i64 = 86_399;

/// What a backlog policy says. What is absent when one is made has its default; what is absent in an update stays.
#[derive(ToSchema)]
struct BacklogPolicyBody {
    /// The empty text clears it.
    #[schema(value_type = Option<Name256>)]
    policy_name: Option<String>,
    /// The empty text clears it.
    #[schema(value_type = Option<Name256>)]
    description: Option<String>,
    /// Bytes that may wait for one action; 0: none.
    #[schema(minimum = 0, maximum = 1_073_741_823, default = 1_073_741_823)]
    backlog_size: Option<i64>,
    /// Seconds that an event may wait; 0: none.
    #[schema(minimum = 0, maximum = 86399, default = 86399)]
    backlog_time: Option<i64>,
}

impl BacklogPolicyBody {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            policy_name: fields.text("policy_name", 256, is_name)?,
            description: fields.text("description", 256, is_name)?,
            backlog_size: fields.number("backlog_size", 0..=MOST_BYTES)?,
            backlog_time: fields.number("backlog_time", 0..=MOST_SECONDS)?,
        })
    }

    /// With what it leaves out taken from `before`.
    fn over(self, before: BacklogText) -> BacklogText {
        BacklogText {
            name: policy::text_over(self.policy_name, before.name),
            description: policy::text_over(self.description, before.description),
            size_bytes: self.backlog_size.unwrap_or(before.size_bytes),
            time_seconds: self.backlog_time.unwrap_or(before.time_seconds),
        }
    }
}

/// What a policy says that nothing is said of.
fn default_text() -> BacklogText {
    BacklogText {
        size_bytes: MOST_BYTES,
        time_seconds: MOST_SECONDS,
        ..BacklogText::default()
    }
}

/// A backlog policy as the API shows it.
#[derive(Serialize, ToSchema)]
pub struct BacklogPolicyView {
    policy_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Bytes.
    backlog_size: i64,
    /// Seconds.
    backlog_time: i64,
}

impl BacklogPolicyView {
    fn of(policy: &BacklogPolicy) -> Self {
        Self {
            policy_id: policy.policy_id.to_string(),
            policy_name: policy.text.name.clone(),
            description: policy.text.description.clone(),
            backlog_size: policy.text.size_bytes,
            backlog_time: policy.text.time_seconds,
        }
    }
}
