//! What devices must trust, as a file.

use axum::response::IntoResponse;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use crate::console::{Answer, Visitor};

/// Downloads the CA; where Fieldgate did not make it, the refusal says whom devices trust.
pub async fn download(visitor: Visitor) -> Answer {
    let pem = visitor.get_text("/device-ca").await?;
    let headers = [
        (CONTENT_TYPE, "application/x-pem-file"),
        (CONTENT_DISPOSITION, "attachment; filename=\"fieldgate-ca.pem\""),
    ];
    Ok((headers, pem).into_response())
}
