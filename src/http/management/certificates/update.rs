//! `PUT …/certificates/{certificate_id}`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::{CertificatePath, CertificateView, content, missing};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::Payload;

/// What of a CA changes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct UpdateCertificate {
    /// One or more certificates in PEM; absent: those that are there stay.
    #[schema(max_length = 65536)]
    content: Option<String>,
    /// Must not be true: devices do not register themselves with certificates here.
    provision_enable: Option<bool>,
    /// Must not be true.
    ocsp_enable: Option<bool>,
    /// Must not be true.
    ocsp_ssl_enable: Option<bool>,
}

/// Puts another PEM in a CA's place; the actions that name it verify their targets against it from now on.
#[utoipa::path(
    put, path = "/certificates/{certificate_id}", operation_id = "update_certificate", tag = "certificates",
    request_body = UpdateCertificate,
    responses((status = OK, body = CertificateView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    CertificatePath(id): CertificatePath,
    body: PlainBody,
) -> Result<Json<CertificateView>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    for name in ["provision_enable", "ocsp_enable", "ocsp_ssl_enable"] {
        if fields.flag(name)? == Some(true) {
            return Err(fields.fault(name, "is not available: devices do not use certificates here"));
        }
    }
    let routing = &state.stores.rules;
    let stored = match content(&fields)? {
        Some(pem) => {
            let change = change(&state, writer, Payload::empty());
            routing.update_certificate(&id, pem, change).await?
        }
        None => routing.certificate(&id).await?,
    };
    let stored = stored.ok_or_else(|| missing(id.as_str()))?;
    Ok(Json(CertificateView::of(&stored)))
}
