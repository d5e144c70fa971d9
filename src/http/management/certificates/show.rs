//! `GET …/certificates/{certificate_id}`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{CertificatePath, CertificateView, missing};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One CA, with its PEM.
#[derive(Serialize, ToSchema)]
pub struct WholeCertificate {
    #[serde(flatten)]
    certificate: CertificateView,
    /// As it was stored.
    content: String,
}

/// One CA.
#[utoipa::path(
    get, path = "/certificates/{certificate_id}", operation_id = "show_certificate", tag = "certificates",
    responses((status = OK, body = WholeCertificate)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    CertificatePath(id): CertificatePath,
) -> Result<Json<WholeCertificate>, ApiError> {
    let stored = state.stores.rules.certificate(&id).await?;
    let stored = stored.ok_or_else(|| missing(id.as_str()))?;
    Ok(Json(WholeCertificate {
        certificate: CertificateView::of(&stored),
        content: stored.pem,
    }))
}
