//! `GET /v3/projects`: the project id for a caller that was given none (management-api.md §2.6).

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ManagementState;
use crate::http::error::ApiError;
use crate::http::extract::principal::KeyHolder;
use crate::http::extract::query::Parameters;

/// `{projects, links}`, as IAM answers.
#[derive(Serialize, ToSchema)]
pub struct ProjectList {
    projects: [ProjectView; 1],
    links: Links,
}

#[derive(Serialize, ToSchema)]
struct ProjectView {
    id: String,
    name: String,
    description: &'static str,
    domain_id: String,
    parent_id: String,
    enabled: bool,
    is_domain: bool,
    links: Links,
}

#[derive(Serialize, ToSchema)]
struct Links {
    #[serde(rename = "self")]
    own: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<&'static str>,
}

/// Which project.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListProjects {
    /// Whatever it is, the answer is the one project under this name.
    name: Option<String>,
}

/// The one project, under whatever name it is asked for: callers ask by the id of the region that they were told.
#[utoipa::path(
    get, path = "/v3/projects", operation_id = "list_projects", tag = "identity",
    params(ListProjects),
    responses((status = OK, body = ProjectList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: KeyHolder,
    query: Parameters,
) -> Result<Json<ProjectList>, ApiError> {
    const OWN: Links = Links {
        own: "/v3/projects",
        next: None,
        previous: None,
    };
    let asked = ListProjects {
        name: query.text("name"),
    };
    let id = &state.project_id;
    let project = ProjectView {
        id: id.clone(),
        name: asked.name.unwrap_or_else(|| id.clone()),
        description: "",
        domain_id: id.clone(),
        parent_id: id.clone(),
        enabled: true,
        is_domain: false,
        links: OWN,
    };
    Ok(Json(ProjectList {
        projects: [project],
        links: OWN,
    }))
}
