//! `PUT …/routing-rule/rules/{rule_id}`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::path::RulePath;
use super::rule_view::RuleView;
use super::{LONGEST_TEXT, clause};
use crate::domain::text_class::{is_description, is_name};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Name256;
use crate::routing::sql::{Select, Where};
use crate::storage::{Payload, RulePatch};

/// What of a rule changes; what is absent stays, and an empty text clears.
#[derive(ToSchema)]
struct UpdateRoutingRule {
    #[schema(value_type = Option<Name256>)]
    rule_name: Option<String>,
    #[schema(max_length = 256)]
    description: Option<String>,
    /// Stands together with `where`.
    #[schema(max_length = 2500)]
    select: Option<String>,
    /// Stands together with `select`.
    #[schema(rename = "where", max_length = 2500)]
    condition: Option<String>,
    /// Whether the rule takes events from now on.
    active: Option<bool>,
}

/// Changes a rule; it judges every event from now on so, and those taken before go out as they were taken.
#[utoipa::path(
    put, path = "/routing-rule/rules/{rule_id}", operation_id = "update_routing_rule", tag = "routing",
    request_body = UpdateRoutingRule,
    responses((status = OK, body = RuleView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: RulePath,
    body: PlainBody,
) -> Result<Json<RuleView>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let update = UpdateRoutingRule::read(&fields)?.patch(&fields)?;
    let change = change(&state, writer, Payload::empty());
    let rule = state.stores.rules.update_rule(&path.0, update, change).await?;
    rule.map(|rule| Json(RuleView::of(rule)))
        .ok_or_else(|| path.missing())
}

impl UpdateRoutingRule {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            rule_name: fields.text("rule_name", LONGEST_TEXT, is_name)?,
            description: fields.text("description", LONGEST_TEXT, is_description)?,
            select: clause(fields, "select", Select::parse)?,
            condition: clause(fields, "where", Where::parse)?,
            active: fields.flag("active")?,
        })
    }

    fn patch(self, fields: &Fields<'_>) -> Result<RulePatch, ApiError> {
        let sql = match (self.select, self.condition) {
            (Some(select), Some(condition)) => Some((select, condition)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(fields.fault("where", "is missing: it stands together with select"));
            }
            (None, Some(_)) => {
                return Err(fields.fault("select", "is missing: it stands together with where"));
            }
        };
        Ok(RulePatch {
            name: self.rule_name,
            description: self.description,
            sql,
            active: self.active,
        })
    }
}
