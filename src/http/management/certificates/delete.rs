//! `DELETE …/certificates/{certificate_id}`.

use axum::extract::State;
use http::StatusCode;

use super::{CertificatePath, missing};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::routing::whole_detail;
use crate::storage::Payload;

/// Deletes a CA that no action names.
#[utoipa::path(
    delete, path = "/certificates/{certificate_id}", operation_id = "delete_certificate", tag = "certificates",
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    CertificatePath(id): CertificatePath,
) -> Result<StatusCode, ApiError> {
    let routing = &state.stores.rules;
    let actions = routing.actions().await?;
    let user = actions.iter().find(|action| {
        whole_detail(action)
            .is_ok_and(|detail| detail.get("cert_id").is_some_and(|named| named == id.as_str()))
    });
    if let Some(action) = user {
        let told = format!("action_id: {}", action.action_id);
        return Err(ApiError::new(ErrorKind::CERTIFICATE_IN_USE, told));
    }
    let change = change(&state, writer, Payload::empty());
    if routing.delete_certificate(&id, change).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing(id.as_str()))
    }
}
