//! `POST …/routing-rule/rules`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::rule_view::RuleView;
use super::{APP_TYPES, AppType, LONGEST_TEXT, SubjectBody, clause, new_id, subject};
use crate::domain::ids::{AppId, RuleId};
use crate::domain::text_class::{is_description, is_name};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::apps::space;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{Id36, Name256};
use crate::routing::sql::{Select, Where};
use crate::routing::subject::Subject;
use crate::storage::{NewRule, Payload, RuleText};

/// A rule to make.
#[derive(ToSchema)]
struct CreateRoutingRule {
    #[schema(value_type = Option<Name256>)]
    rule_name: Option<String>,
    #[schema(max_length = 256)]
    description: Option<String>,
    #[schema(value_type = SubjectBody)]
    subject: Subject,
    /// Absent: GLOBAL.
    #[schema(value_type = Option<AppType>)]
    app_type: Option<String>,
    /// Counts with `app_type` APP; absent then: the default one.
    #[schema(value_type = Option<Id36>)]
    app_id: Option<AppId>,
    /// What goes out; absent or empty: the whole event.
    #[schema(max_length = 2500)]
    select: Option<String>,
    /// Which events are taken; absent or empty: all of the subject.
    #[schema(rename = "where", max_length = 2500)]
    condition: Option<String>,
}

/// Makes a rule. It takes nothing until it is updated to be active.
#[utoipa::path(
    post, path = "/routing-rule/rules", operation_id = "create_routing_rule", tag = "routing",
    request_body = CreateRoutingRule,
    responses((status = CREATED, body = RuleView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<RuleView>), ApiError> {
    let asked = CreateRoutingRule::read(&Fields::parse(body.bytes())?)?;
    let app_id = match asked.app_type.as_deref() {
        Some("APP") => Some(space(&state, asked.app_id.as_ref()).await?.app_id),
        _ => None,
    };
    let rule_id = new_id(RuleId::parse)?;
    let change = change(&state, writer.making(&rule_id), Payload::empty());
    let text = asked.text(app_id);
    let rule = state
        .stores
        .rules
        .create_rule(NewRule { rule_id, text }, change)
        .await?;
    Ok((StatusCode::CREATED, Json(RuleView::of(rule))))
}

impl CreateRoutingRule {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            rule_name: fields.text("rule_name", LONGEST_TEXT, is_name)?,
            description: fields.text("description", LONGEST_TEXT, is_description)?,
            subject: subject(fields)?,
            app_type: fields.choice("app_type", &APP_TYPES)?,
            app_id: fields.id("app_id", AppId::parse)?,
            select: clause(fields, "select", Select::parse)?,
            condition: clause(fields, "where", Where::parse)?,
        })
    }

    fn text(self, app_id: Option<AppId>) -> RuleText {
        RuleText {
            name: self.rule_name.filter(|text| !text.is_empty()),
            description: self.description.filter(|text| !text.is_empty()),
            resource: self.subject.resource().to_owned(),
            event: self.subject.event().to_owned(),
            app_id,
            select: self.select.unwrap_or_default(),
            condition: self.condition.unwrap_or_default(),
        }
    }
}
