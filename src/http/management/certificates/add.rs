//! `POST …/certificates`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::{CertificateView, content};
use crate::auth::secret::random_bytes;
use crate::domain::ids::{AppId, CertificateId};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::apps::space;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Id36;
use crate::storage::Payload;

/// A CA to store.
#[derive(ToSchema)]
struct AddCertificate {
    /// One or more certificates in PEM.
    #[schema(max_length = 65536)]
    content: String,
    /// Absent: the default one's.
    #[schema(value_type = Option<Id36>)]
    app_id: Option<AppId>,
}

/// Stores a CA; actions name it as `cert_id`.
#[utoipa::path(
    post, path = "/certificates", operation_id = "add_certificate", tag = "certificates",
    request_body = AddCertificate,
    responses((status = CREATED, body = CertificateView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<CertificateView>), ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let asked = AddCertificate {
        app_id: fields.id("app_id", AppId::parse)?,
        content: content(&fields)?.ok_or_else(|| fields.fault("content", "is missing"))?,
    };
    let app = space(&state, asked.app_id.as_ref()).await?;
    let id = CertificateId::parse(&hex::encode(random_bytes::<12>()?))
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    let change = change(&state, writer.making(&id), Payload::empty());
    let stored = state
        .stores
        .rules
        .create_certificate(id, Some(app.app_id), asked.content, change)
        .await?;
    Ok((StatusCode::CREATED, Json(CertificateView::of(&stored))))
}
