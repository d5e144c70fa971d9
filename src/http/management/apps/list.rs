//! `GET …/apps`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::AppView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::Parameters;
use crate::http::management::ManagementState;

/// Which resource spaces.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ShowApplications {
    /// The default one alone, or all but it.
    default_app: Option<bool>,
}

/// `{applications}`.
#[derive(Serialize, ToSchema)]
pub struct AppList {
    applications: Vec<AppView>,
}

/// All resource spaces, the earliest made first.
#[utoipa::path(
    get, path = "/apps", operation_id = "show_applications", tag = "applications",
    params(ShowApplications),
    responses((status = OK, body = AppList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<AppList>, ApiError> {
    let default_app = query.text("default_app").map(|_| query.flag("default_app"));
    let asked = ShowApplications {
        default_app: default_app.transpose()?,
    };
    let apps = state.stores.registry.list_apps(asked.default_app).await?;
    Ok(Json(AppList {
        applications: apps.iter().map(AppView::of).collect(),
    }))
}
