//! `POST …/products/{product_id}/check-report`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{ProductPath, ProductQuery};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;
use crate::ingest::{CheckedReport, PlacedFault, check_report};

/// A report as a device of the product would send it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the body is judged as the text that it is")]
struct Report {
    #[schema(value_type = Vec<Object>)]
    services: (),
}

/// What a device would be answered, and why.
#[derive(Serialize, ToSchema)]
pub struct ReportCheck {
    /// The status of the answer: 200 or 400.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_msg: Option<String>,
    /// The product's, or the configuration's.
    validation_mode: &'static str,
    /// How many values do not fit the model.
    fault_count: usize,
    /// The first 100 of them.
    faults: Vec<FaultView>,
    /// What the device's trace would say of a report that is taken.
    remarks: Vec<String>,
    /// What would be stored; absent where nothing would.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    stored: Option<Box<RawValue>>,
}

/// A value, or a service, that does not fit.
#[derive(Serialize, ToSchema)]
struct FaultView {
    /// Like `services[0].properties.temperature: 512 is over the maximum 120`.
    message: String,
    /// Like `out_of_range`.
    kind: &'static str,
    /// The first byte of the value in the report.
    from: usize,
    /// The byte after its last.
    to: usize,
}

/// Judges a report as a device's is, without storing it.
#[utoipa::path(
    post, path = "/products/{product_id}/check-report", operation_id = "check_report", tag = "products",
    params(ProductQuery), request_body = Report,
    responses((status = OK, body = ReportCheck)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: ProductPath,
    body: PlainBody,
) -> Result<Json<ReportCheck>, ApiError> {
    let product = path.load(&state).await?;
    let checked = check_report(&product, state.report_rules, body.bytes(), state.clock.now())?;
    Ok(Json(view(checked)?))
}

fn view(checked: CheckedReport) -> Result<ReportCheck, ApiError> {
    let refusal = checked.refusal.map(ApiError::from);
    let told = refusal.as_ref().map(ApiError::told);
    let stored = checked.stored.map(RawValue::from_string).transpose();
    Ok(ReportCheck {
        status: told.as_ref().map_or(200, |(status, _)| status.as_u16()),
        error_code: refusal.as_ref().map(ApiError::code),
        error_msg: told.map(|(_, text)| text),
        validation_mode: checked.mode.as_str(),
        fault_count: checked.fault_count,
        faults: checked.faults.iter().map(fault).collect(),
        remarks: checked.remarks,
        stored: stored.map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?,
    })
}

fn fault(placed: &PlacedFault) -> FaultView {
    FaultView {
        message: placed.fault.to_string(),
        kind: placed.fault.kind.name(),
        from: placed.bytes.0,
        to: placed.bytes.1,
    }
}
