//! `GET …/device-ca`: what devices must trust (routing.md §6).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::ManagementState;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Reader;

/// The PEM of the CA that devices must trust, when Fieldgate made it.
#[utoipa::path(
    get, path = "/device-ca", operation_id = "show_device_ca", tag = "instance",
    responses((status = OK, body = String, content_type = "application/x-pem-file")),
)]
pub async fn handle(State(state): State<ManagementState>, _: Reader) -> Result<Response, ApiError> {
    let Some(pem) = state.facts.ca.clone() else {
        let detail =
            "Fieldgate did not make the certificate of this instance: devices trust whoever signed it.";
        return Err(ApiError::new(ErrorKind::NO_CERTIFICATE, detail));
    };
    Ok(([(CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}
