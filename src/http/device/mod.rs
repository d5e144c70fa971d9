//! What devices see: four paths (device-api.md). Checks come in the documented order: path, method, token, limits,
//! announced length, body, JSON, shape, children, product model.

mod authenticate;
mod report_children;
mod report_message;
mod report_properties;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use http::Uri;

use super::Routes;
use super::error::{ApiError, ErrorKind};
use super::extract::body::BodyBudget;
use super::request_log::Logged;
use super::strict::Strict;
use crate::domain::clock::Clock;
use crate::ingest::Ingest;
use crate::observability::Metrics;

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

/// The router of the device listener.
pub fn router(state: DeviceState, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Routes {
    let trace = state.ingest.trace().clone();
    let routes = Router::new()
        .route("/v5/device-auth", post(authenticate::handle))
        .route(
            "/v5/devices/{device_id}/sys/messages/up",
            post(report_message::handle),
        )
        .route(
            "/v5/devices/{device_id}/sys/properties/report",
            post(report_properties::handle),
        )
        .route(
            "/v5/devices/{device_id}/sys/gateway/sub-devices/properties/report",
            post(report_children::handle),
        )
        .method_not_allowed_fallback(async || ApiError::method_not_allowed("POST"))
        .fallback(no_path)
        .with_state(state);
    Logged::new(Strict(routes), clock, metrics, Some(trace))
}

async fn no_path(uri: Uri) -> ApiError {
    let shown: String = uri.path().chars().take(200).collect();
    ApiError::new(ErrorKind::NO_PATH, format!("there is no path {shown}"))
}
