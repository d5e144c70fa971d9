//! What operators and applications see: products, devices and a device's events (management-api.md §4, §5;
//! routing.md §6), and the health of the instance.

mod devices;
mod events;
mod metrics;
mod products;
mod projects;
mod tokens;
mod trace;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use http::Uri;
use serde::Serialize;

use super::Routes;
use super::error::{ApiError, ErrorKind};
use super::extract::body::BodyBudget;
use super::extract::principal::Writer;
use super::extract::signature;
use super::health::{self, Readiness};
use super::request_log::Logged;
use super::strict::Strict;
use crate::auth::api_token::ApiTokenKey;
use crate::domain::clock::Clock;
use crate::domain::ids::Position;
use crate::history::History;
use crate::ingest::ActivityBook;
use crate::observability::Metrics;
use crate::storage::{Change, Stores};

/// What the management routes need.
#[derive(Clone)]
pub struct ManagementState {
    /// The stores.
    pub stores: Stores,
    /// When devices were last heard.
    pub activity: Arc<ActivityBook>,
    /// Events by device.
    pub history: History,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The project of every path.
    pub project_id: String,
    /// Signs and reads the tokens that callers get.
    pub tokens: Arc<ApiTokenKey>,
    /// How far off a signed request's date may be, milliseconds.
    pub signature_max_skew_ms: i64,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What bodies may take.
    pub bodies: BodyBudget,
    /// No traffic for this long reads as OFFLINE, milliseconds.
    pub offline_after_ms: i64,
}

impl FromRef<ManagementState> for BodyBudget {
    fn from_ref(state: &ManagementState) -> Self {
        state.bodies.clone()
    }
}

/// The router of the management listener.
pub fn router(state: ManagementState, readiness: Arc<Readiness>) -> Routes {
    let (clock, metrics) = (state.clock.clone(), state.metrics.clone());
    let project = Router::new()
        .route(
            "/products",
            post(products::create::handle).get(products::list::handle),
        )
        .route(
            "/products/{product_id}",
            get(products::show::handle).delete(products::delete::handle),
        )
        .route(
            "/devices",
            post(devices::create::handle).get(devices::list::handle),
        )
        .route(
            "/devices/{device_id}",
            get(devices::show::handle).delete(devices::delete::handle),
        )
        .route("/devices/{device_id}/action", post(devices::reset_secret::handle))
        .route("/devices/{device_id}/freeze", post(devices::freeze::freeze))
        .route("/devices/{device_id}/unfreeze", post(devices::freeze::unfreeze))
        .route("/devices/{device_id}/events", get(events::handle))
        .route("/devices/{device_id}/trace", get(trace::handle));
    let routes = Router::new()
        .nest("/v5/iot/{project_id}", project)
        .route("/v3/projects", get(projects::handle))
        .route("/metrics", get(metrics::handle))
        .route_layer(from_fn_with_state(state.clone(), signature::judge))
        .merge(health::routes(readiness))
        .route("/v3/auth/tokens", post(tokens::handle))
        // axum itself names the methods that the path takes, in `Allow`.
        .method_not_allowed_fallback(async || ApiError::from(ErrorKind::NO_METHOD))
        .fallback(no_path)
        .with_state(state);
    Logged::new(Strict(routes), clock, metrics, None)
}

async fn no_path(uri: Uri) -> ApiError {
    let shown: String = uri.path().chars().take(200).collect();
    ApiError::new(ErrorKind::UNKNOWN_PATH, shown)
}

/// A list's `page`: how many match in all, and the marker of the last record shown.
#[derive(Serialize)]
struct PageView {
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl PageView {
    fn new(count: i64, last_key: Option<i64>) -> Self {
        Self {
            count,
            marker: last_key.map(|key| Position(key).marker()),
        }
    }
}

/// A registry change made now, told by `shown` as its event's payload.
fn change(state: &ManagementState, writer: Writer, shown: &impl Serialize) -> Result<Change, ApiError> {
    let payload =
        serde_json::to_vec(shown).map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    tracing::info!(
        request_id = %writer.request_id,
        access_key = writer.principal.access_key,
        key_name = writer.principal.name,
        peer = writer.peer.map(tracing::field::display),
        "a change of the registry"
    );
    Ok(Change {
        at: state.clock.now(),
        request_id: writer.request_id,
        payload: payload.into(),
    })
}
