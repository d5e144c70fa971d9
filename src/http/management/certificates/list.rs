//! `GET …/certificates`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::CertificateView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView, apps};

/// Which certificates.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct ListCertificates {
    /// Those of one resource space.
    app_id: Option<String>,
}

/// `{certificates, page}`.
#[derive(Serialize, ToSchema)]
pub struct CertificateList {
    certificates: Vec<CertificateView>,
    page: PageView,
}

/// A page of CAs, newest first.
#[utoipa::path(
    get, path = "/certificates", operation_id = "list_certificates", tag = "certificates",
    params(ListCertificates, Paging),
    responses((status = OK, body = CertificateList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<CertificateList>, ApiError> {
    let page = query.page()?;
    let app_id = apps::named(&state, query.text("app_id").as_deref()).await?;
    let app_id = app_id.as_ref().map(crate::domain::ids::AppId::as_str);
    let found = state.stores.rules.list_certificates(app_id, page).await?;
    let page = PageView::new(found.total, found.items.last().map(|stored| stored.key));
    let certificates = found.items.iter().map(CertificateView::of).collect();
    Ok(Json(CertificateList { certificates, page }))
}
