//! Resource spaces, which the API calls applications (management-api.md §8): add, list, show, rename, delete.

pub mod add;
pub mod delete;
pub mod list;
pub mod show;
pub mod update;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::ManagementState;
use crate::domain::event_time;
use crate::domain::ids::AppId;
use crate::domain::text_class::is_name;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::fields::Fields;
use crate::http::schema::Name64;
use crate::storage::App;

/// A resource space as the API shows it.
#[derive(Serialize, ToSchema)]
pub struct AppView {
    app_id: String,
    app_name: String,
    /// Like `20261123T081530Z`.
    create_time: String,
    /// Whether it stands in where a request names none.
    default_app: bool,
}

impl AppView {
    fn of(app: &App) -> Self {
        Self {
            app_id: app.app_id.to_string(),
            app_name: app.name.clone(),
            create_time: event_time::compact(app.created),
            default_app: app.is_default,
        }
    }
}

/// What names a resource space.
#[derive(ToSchema)]
struct AppBody {
    #[schema(value_type = Name64)]
    app_name: String,
}

impl AppBody {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            app_name: fields.required("app_name", 64, is_name)?,
        })
    }
}

fn missing(app_id: &str) -> ApiError {
    ApiError::new(ErrorKind::NO_APP, format!("app_id: {app_id}"))
}

/// The space of this id, else the default one.
pub(super) async fn space(state: &ManagementState, app_id: Option<&AppId>) -> Result<App, ApiError> {
    match app_id {
        None => Ok(state.stores.registry.default_app().await?),
        Some(app_id) => {
            let app = state.stores.registry.app(app_id).await?;
            app.ok_or_else(|| missing(app_id.as_str()))
        }
    }
}

/// The space that a query's `app_id` names, which must be there.
pub(super) async fn named(state: &ManagementState, app_id: Option<&str>) -> Result<Option<AppId>, ApiError> {
    let Some(text) = app_id else { return Ok(None) };
    let app_id = AppId::parse(text)
        .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, format!("app_id: {error}")))?;
    space(state, Some(&app_id)).await?;
    Ok(Some(app_id))
}

/// The resource space that a path names.
pub struct AppPath(AppId);

impl FromRequestParts<ManagementState> for AppPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, app_id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        AppId::parse(&app_id).map(Self).map_err(|_| missing(&app_id))
    }
}
