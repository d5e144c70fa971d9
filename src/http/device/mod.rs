//! What devices see: four paths (device-api.md). Checks come in the documented order: path, method, token, limits,
//! announced length, body, JSON, shape, children, product model.

mod authenticate;
mod report_children;
mod report_message;
mod report_properties;

use std::sync::Arc;

use axum::extract::FromRef;
use http::Uri;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Routes;
use super::error::{ApiError, ErrorKind};
use super::extract::body::BodyBudget;
use super::request_log::Logged;
use super::strict::Strict;
use crate::domain::clock::Clock;
use crate::ingest::Ingest;
use crate::observability::Metrics;

/// A device's property report.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`ingest` reads the body")]
struct PropertyReport {
    #[schema(min_items = 1)]
    services: Vec<ServiceReport>,
}

/// One service's values.
#[derive(ToSchema)]
#[expect(dead_code, reason = "`ingest` reads the body")]
struct ServiceReport {
    /// A service of the device's product model.
    service_id: String,
    /// Its properties.
    #[schema(value_type = Object)]
    properties: (),
    /// `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'` or `yyyyMMdd'T'HHmmss'Z'`; in another form the platform's time stands in.
    event_time: Option<String>,
}

/// What the device paths need.
#[derive(Clone)]
pub struct DeviceState {
    /// Takes the reports in.
    pub ingest: Arc<Ingest>,
    /// What bodies may take.
    pub bodies: BodyBudget,
}

impl FromRef<DeviceState> for BodyBudget {
    fn from_ref(state: &DeviceState) -> Self {
        state.bodies.clone()
    }
}

/// Every path with its documentation.
pub(super) fn paths() -> OpenApiRouter<DeviceState> {
    OpenApiRouter::default()
        .routes(routes!(authenticate::handle))
        .routes(routes!(report_message::handle))
        .routes(routes!(report_properties::handle))
        .routes(routes!(report_children::handle))
}

/// The router of the device listener.
pub fn router(state: DeviceState, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Routes {
    let trace = state.ingest.trace().clone();
    let (routes, _) = paths().split_for_parts();
    let routes = routes
        .method_not_allowed_fallback(async || ApiError::method_not_allowed("POST"))
        .fallback(no_path)
        .with_state(state);
    Logged::new(Strict(routes), clock, metrics, Some(trace))
}

async fn no_path(uri: Uri) -> ApiError {
    let shown: String = uri.path().chars().take(200).collect();
    ApiError::new(ErrorKind::NO_PATH, format!("there is no path {shown}"))
}
