//! A rule as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::{AppType, EventName, ResourceName};
use crate::storage::Rule;

/// A rule.
#[derive(Serialize, ToSchema)]
pub struct RuleView {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    subject: SubjectView,
    #[schema(value_type = AppType)]
    app_type: &'static str,
    /// With `app_type` APP.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    /// Empty: the whole event.
    select: String,
    /// Empty: all events of the subject.
    #[serde(rename = "where")]
    condition: String,
    /// Whether it takes events.
    active: bool,
}

#[derive(Serialize, ToSchema)]
struct SubjectView {
    #[schema(value_type = ResourceName)]
    resource: String,
    #[schema(value_type = EventName)]
    event: String,
}

impl RuleView {
    pub(super) fn of(rule: Rule) -> Self {
        let text = rule.text;
        Self {
            rule_id: rule.rule_id.to_string(),
            rule_name: text.name,
            description: text.description,
            subject: SubjectView {
                resource: text.resource,
                event: text.event,
            },
            app_type: if text.app_id.is_some() { "APP" } else { "GLOBAL" },
            app_id: text.app_id.map(|id| id.to_string()),
            select: text.select,
            condition: text.condition,
            active: rule.active,
        }
    }
}
