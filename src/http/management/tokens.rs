//! `POST /v3/auth/tokens`: a token for an access key and its secret, in Keystone's shape (management-api.md §2.5).

use axum::Json;
use axum::extract::State;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::ManagementState;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::SmallBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::prove;

const X_SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");

/// Gives a token that lives for a day, or until its key is disabled or deleted. The names of domain and project are
/// not looked at: there is one of each.
#[utoipa::path(
    post, path = "/v3/auth/tokens", operation_id = "create_token", tag = "identity", security(()),
    request_body(content = Object, description = "Keystone's `auth`: identity with the method `password`, the access key as \
        the user's name and the secret key as its password; scope."),
    responses((status = CREATED, body = Object, headers(("X-Subject-Token" = String, description = "The token.")))),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    SmallBody(body): SmallBody,
) -> Result<(StatusCode, HeaderMap, Json<Value>), ApiError> {
    let asked = read(&body)?;
    if asked.project_id.is_some_and(|id| id != state.project_id) {
        let detail = "auth.scope.project.id is not this instance's.";
        return Err(ApiError::new(ErrorKind::FOREIGN_PROJECT, detail));
    }
    let key = prove(&state, &asked.access_key, &asked.secret).await?;
    let refused = |reason: String| ApiError::unexplained(ErrorKind::UNAUTHENTICATED, reason);
    let key = key.map_err(|refusal| refused(refusal.to_string()))?;
    let (token, stated) = state.tokens.issue(&key.access_key, state.clock.now());
    tracing::info!(access_key = key.access_key, "a token was issued");
    let id = &state.project_id;
    let domain = json!({"id": id, "name": asked.domain_name.as_ref().unwrap_or(id)});
    let shown = json!({"token": {
        "methods": ["password"],
        "issued_at": keystone_time(stated.issued),
        "expires_at": keystone_time(stated.expires),
        "project": {"id": id, "name": asked.project_name.as_ref().unwrap_or(id), "domain": domain},
        "user": {"id": key.access_key, "name": key.access_key, "domain": domain, "password_expires_at": ""},
        "roles": [{"id": key.role.as_str(), "name": key.role.as_str()}],
        "catalog": [],
    }});
    let mut value = HeaderValue::try_from(token)
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(X_SUBJECT_TOKEN, value)]);
    Ok((StatusCode::CREATED, headers, Json(shown)))
}

/// What the body asks for.
struct Asked {
    access_key: String,
    secret: String,
    domain_name: Option<String>,
    project_id: Option<String>,
    project_name: Option<String>,
}

fn read(body: &[u8]) -> Result<Asked, ApiError> {
    let whole = Fields::parse(body)?;
    let auth = inside(&whole, "auth")?;
    let identity = inside(&auth, "identity")?;
    let methods = identity.raw("methods").map(serde_json::from_str::<Vec<String>>);
    if !matches!(methods, Some(Ok(methods)) if methods.iter().any(|method| method == "password")) {
        return Err(identity.fault("methods", "must be [\"password\"]"));
    }
    let user = inside(&inside(&identity, "password")?, "user")?;
    let text = |fields: &Fields<'_>, name: &str| fields.text(name, 256, |_| true);
    let domain = user.object("domain")?;
    let scope = auth.object("scope")?;
    let project = scope.map(|scope| scope.object("project")).transpose()?.flatten();
    Ok(Asked {
        access_key: user.required("name", 256, |_| true)?,
        secret: user.required("password", 256, |_| true)?,
        domain_name: domain.map(|domain| text(&domain, "name")).transpose()?.flatten(),
        project_id: project
            .as_ref()
            .map(|project| text(project, "id"))
            .transpose()?
            .flatten(),
        project_name: project
            .map(|project| text(&project, "name"))
            .transpose()?
            .flatten(),
    })
}

fn inside<'a>(fields: &Fields<'a>, name: &str) -> Result<Fields<'a>, ApiError> {
    fields
        .object(name)?
        .ok_or_else(|| fields.fault(name, "is missing"))
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSS000Z`.
fn keystone_time(at: Timestamp) -> String {
    event_time::with_millis(at).replace('Z', "000Z")
}
