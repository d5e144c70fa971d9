//! CA certificates that targets may prove themselves with (management-api.md §13): add, list, show, replace, delete.
//! Devices do not sign in with certificates here, so what belongs to that is refused.

pub mod add;
pub mod delete;
pub mod list;
pub mod show;
pub mod update;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use x509_parser::pem::parse_x509_pem;

use super::ManagementState;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::domain::ids::CertificateId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::fields::Fields;
use crate::routing::egress::check_ca;
use crate::storage::CaCertificate;

/// The longest PEM.
const LONGEST: usize = 64 * 1024;

/// A certificate as lists show it; the first one where the PEM holds more.
#[derive(Serialize, ToSchema)]
pub struct CertificateView {
    certificate_id: String,
    /// The subject's common name.
    #[serde(skip_serializing_if = "Option::is_none")]
    cn_name: Option<String>,
    /// The subject's organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Whether it can be used: always.
    status: bool,
    provision_enable: bool,
    ocsp_enable: bool,
    /// Like `20261123T081530Z`, as are the next two.
    create_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_date: Option<String>,
}

impl CertificateView {
    fn of(stored: &CaCertificate) -> Self {
        let mut view = Self {
            certificate_id: stored.certificate_id.to_string(),
            cn_name: None,
            owner: None,
            status: true,
            provision_enable: false,
            ocsp_enable: false,
            create_date: event_time::compact(stored.created),
            effective_date: None,
            expiry_date: None,
        };
        let Ok((_, pem)) = parse_x509_pem(stored.pem.as_bytes()) else {
            return view;
        };
        let Ok(certificate) = pem.parse_x509() else {
            return view;
        };
        let (subject, validity) = (certificate.subject(), certificate.validity());
        let date = |seconds: i64| event_time::compact(Timestamp(seconds.saturating_mul(1000)));
        let first = |name: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
            name.and_then(|name| name.as_str().ok()).map(str::to_owned)
        };
        view.cn_name = first(subject.iter_common_name().next());
        view.owner = first(subject.iter_organization().next());
        view.effective_date = Some(date(validity.not_before.timestamp()));
        view.expiry_date = Some(date(validity.not_after.timestamp()));
        view
    }
}

/// `content`, a PEM that a target can be verified against; none when it is absent.
fn content(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let pem = fields.text("content", LONGEST, |_| true)?;
    if let Some(pem) = &pem {
        check_ca(pem.as_bytes()).map_err(|fault| fields.fault("content", &fault.to_string()))?;
    }
    Ok(pem)
}

fn missing(certificate_id: &str) -> ApiError {
    ApiError::new(
        ErrorKind::NO_CERTIFICATE,
        format!("certificate_id: {certificate_id}"),
    )
}

/// The certificate that a path names.
pub struct CertificatePath(CertificateId);

impl FromRequestParts<ManagementState> for CertificatePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        CertificateId::parse(&id).map(Self).map_err(|_| missing(&id))
    }
}
