//! `DELETE …/apps/{app_id}`.

use axum::extract::State;
use http::StatusCode;

use super::{AppPath, missing};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::{AppDeletion, Payload};

/// Deletes a resource space that is not the default one and that no product, rule or CA belongs to.
#[utoipa::path(
    delete, path = "/apps/{app_id}", operation_id = "delete_application", tag = "applications",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    AppPath(app_id): AppPath,
) -> Result<StatusCode, ApiError> {
    let change = change(&state, writer, Payload::empty());
    let registry = &state.stores.registry;
    match registry.delete_app(app_id.clone(), change).await? {
        AppDeletion::Deleted => Ok(StatusCode::NO_CONTENT),
        AppDeletion::NotFound => Err(missing(app_id.as_str())),
        AppDeletion::IsDefault => Err(ErrorKind::APP_IS_DEFAULT.into()),
        AppDeletion::HasProducts => Err(ErrorKind::APP_IN_USE.into()),
        AppDeletion::HasRule(rule_id) => {
            Err(ApiError::new(ErrorKind::APP_NAMED, format!("rule_id: {rule_id}")))
        }
        AppDeletion::HasCertificate(id) => Err(ApiError::new(
            ErrorKind::APP_NAMED,
            format!("certificate_id: {id}"),
        )),
    }
}
