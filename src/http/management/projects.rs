//! `GET /v3/projects`: the project id for a caller that was given none (management-api.md §2.6).

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::ManagementState;
use crate::http::error::ApiError;
use crate::http::extract::principal::KeyHolder;
use crate::http::extract::query::Parameters;

/// `{projects, links}`, as IAM answers.
#[derive(Serialize)]
pub struct ProjectList {
    projects: [ProjectView; 1],
    links: Links,
}

#[derive(Serialize)]
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

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    own: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<&'static str>,
}

/// The one project, under whatever name it is asked for: callers ask by the id of the region that they were told.
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
    let id = &state.project_id;
    let project = ProjectView {
        id: id.clone(),
        name: query.text("name").unwrap_or_else(|| id.clone()),
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
