//! `GET …/routing-rule/actions`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::action_view::ActionView;
use super::{AppType, scoped};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView, apps};
use crate::storage::ActionFilter;

/// Which actions.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct ListRuleActions {
    /// Those of one rule.
    rule_id: Option<String>,
    /// Those of one channel.
    channel: Option<String>,
    /// Of rules of all resource spaces or of one.
    #[param(value_type = Option<AppType>, inline)]
    app_type: Option<String>,
    /// Of rules of this resource space.
    app_id: Option<String>,
}

/// `{actions, count, marker}`.
#[derive(Serialize, ToSchema)]
pub struct ActionList {
    actions: Vec<ActionView>,
    #[serde(flatten)]
    page: PageView,
}

/// A page of actions, newest first.
#[utoipa::path(
    get, path = "/routing-rule/actions", operation_id = "list_rule_actions", tag = "routing",
    params(ListRuleActions, Paging),
    responses((status = OK, body = ActionList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<ActionList>, ApiError> {
    let scoped = scoped(&query)?;
    let page = query.page()?;
    let app_id = apps::named(&state, query.text("app_id").as_deref()).await?;
    let filter = ActionFilter {
        rule_id: query.text("rule_id"),
        channel: query.text("channel"),
        scoped,
        app_id: app_id.map(|id| id.to_string()),
    };
    let found = state.stores.rules.list_actions(&filter, page).await?;
    let page = PageView::new(found.total, found.items.last().map(|action| action.key.0));
    let actions = found.items.iter().map(ActionView::of).collect();
    Ok(Json(ActionList { actions, page }))
}
