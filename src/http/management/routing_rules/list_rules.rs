//! `GET …/routing-rule/rules`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::rule_view::RuleView;
use super::{AppType, scoped};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView, apps};
use crate::storage::RuleFilter;

/// Which rules.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct ListRoutingRules {
    /// Those of this resource.
    resource: Option<String>,
    /// Those of this event.
    event: Option<String>,
    #[param(value_type = Option<AppType>, inline)]
    app_type: Option<String>,
    /// Those of one resource space.
    app_id: Option<String>,
    /// Those of this name.
    rule_name: Option<String>,
    /// Those that take events, or those that do not.
    active: Option<bool>,
}

/// `{rules, count, marker}`.
#[derive(Serialize, ToSchema)]
pub struct RuleList {
    rules: Vec<RuleView>,
    #[serde(flatten)]
    page: PageView,
}

/// A page of rules, newest first.
#[utoipa::path(
    get, path = "/routing-rule/rules", operation_id = "list_routing_rules", tag = "routing",
    params(ListRoutingRules, Paging),
    responses((status = OK, body = RuleList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<RuleList>, ApiError> {
    let active = query.text("active").map(|_| query.flag("active")).transpose()?;
    let scoped = scoped(&query)?;
    let page = query.page()?;
    let app_id = apps::named(&state, query.text("app_id").as_deref()).await?;
    let filter = RuleFilter {
        resource: query.text("resource"),
        event: query.text("event"),
        scoped,
        app_id: app_id.map(|id| id.to_string()),
        name: query.text("rule_name"),
        active,
    };
    let found = state.stores.rules.list_rules(&filter, page).await?;
    let page = PageView::new(found.total, found.items.last().map(|rule| rule.key));
    let rules = found.items.into_iter().map(RuleView::of).collect();
    Ok(Json(RuleList { rules, page }))
}
