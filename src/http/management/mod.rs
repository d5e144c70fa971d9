//! What operators and applications see: products, devices and a device's events (management-api.md §4, §5;
//! routing.md §6), and the health of the instance.

mod apps;
mod audit;
mod certificates;
mod device_ca;
mod devices;
mod event_kinds;
mod events;
mod metrics;
mod products;
mod projects;
mod routing_rules;
mod shadow;
mod status;
mod stream;
mod tags;
mod tokens;
mod trace;
mod unbuilt;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ErrorKind};
use super::extract::attempt::note_refusals;
use super::extract::body::BodyBudget;
use super::extract::principal::Writer;
use super::extract::signature;
use super::health::{self, Readiness};
use super::openapi::{self, Document};
use super::request_log::Logged;
use super::strict::Strict;
use super::{Routes, device};
use crate::auth::api_token::ApiTokenKey;
use crate::domain::clock::Clock;
use crate::domain::ids::Position;
use crate::history::History;
use crate::ingest::{ActivityBook, ReportRules};
use crate::observability::Metrics;
use crate::observability::rates::Rates;
use crate::routing::Routing;
use crate::routing::egress::AddressPolicy;
use crate::shadow::Shadows;
use crate::storage::{Change, Payload, Stores};
pub use status::{DeviceCounts, InstanceFacts};
pub use stream::Readers;

/// What the management routes need.
#[derive(Clone)]
pub struct ManagementState {
    /// The stores.
    pub stores: Stores,
    /// When devices were last heard.
    pub activity: Arc<ActivityBook>,
    /// Events by device.
    pub history: History,
    /// Those who read events as they come.
    pub streams: Readers,
    /// Rules at work.
    pub routing: Routing,
    /// Which addresses targets may have.
    pub targets: Arc<AddressPolicy>,
    /// Devices' shadows.
    pub shadows: Shadows,
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
    /// What `/readyz` asks.
    pub readiness: Arc<Readiness>,
    /// What devices were answered in the last hour.
    pub rates: Arc<Rates>,
    /// What `/status` shows beside.
    pub facts: Arc<InstanceFacts>,
    /// The last count of devices.
    pub device_counts: Arc<DeviceCounts>,
    /// What `/openapi.json` shows.
    pub document: Document,
    /// No traffic for this long reads as OFFLINE, milliseconds.
    pub offline_after_ms: i64,
    /// How reports are judged.
    pub report_rules: ReportRules,
}

impl FromRef<ManagementState> for BodyBudget {
    fn from_ref(state: &ManagementState) -> Self {
        state.bodies.clone()
    }
}

impl FromRef<ManagementState> for Arc<Readiness> {
    fn from_ref(state: &ManagementState) -> Self {
        state.readiness.clone()
    }
}

impl FromRef<ManagementState> for Document {
    fn from_ref(state: &ManagementState) -> Self {
        state.document.clone()
    }
}

/// Every path with its documentation. To add an operation: write its handler in a file of its own with
/// `#[utoipa::path]` (path below the project, the SDK's name as `operation_id`, parameters of the query, body,
/// success), add it here, delete its row in `unbuilt.rs` and give it one in `tests/it/access_matrix.rs`. The parameters
/// that a path names, credentials and refusals are added by `http::openapi`; `http::schema` has the schemas of ids, names
/// and choices. Where a body's type is filled by the handler itself, the document cannot part from the code.
///
/// Examples: `products/create.rs` (a body), `products/list.rs` (a query and pages), `products/show.rs` (one thing),
/// `products/delete.rs` (no content).
fn paths() -> OpenApiRouter<ManagementState> {
    let project = OpenApiRouter::default()
        .routes(routes!(products::create::handle, products::list::handle))
        .routes(routes!(
            products::show::handle,
            products::update::handle,
            products::delete::handle
        ))
        .routes(routes!(products::check_report::handle))
        .routes(routes!(devices::create::handle, devices::list::handle))
        .routes(routes!(
            devices::show::handle,
            devices::update::handle,
            devices::delete::handle
        ))
        .routes(routes!(devices::search::handle))
        .routes(routes!(devices::reset_secret::handle))
        .routes(routes!(devices::reset_fingerprint::handle))
        .routes(routes!(devices::change_gateway::handle))
        .routes(routes!(devices::freeze::freeze))
        .routes(routes!(devices::freeze::unfreeze))
        .routes(routes!(devices::list_groups::handle))
        .routes(routes!(
            devices::downlink::list_properties,
            devices::downlink::update_properties
        ))
        .routes(routes!(
            devices::list_messages::handle,
            devices::downlink::create_message
        ))
        .routes(routes!(devices::downlink::create_command))
        .routes(routes!(devices::downlink::create_async_command))
        .routes(routes!(
            shadow::show::handle,
            shadow::desire::handle,
            shadow::clear::handle
        ))
        .routes(routes!(tags::bind::handle))
        .routes(routes!(tags::unbind::handle))
        .routes(routes!(tags::query::handle))
        .routes(routes!(apps::add::handle, apps::list::handle))
        .routes(routes!(
            apps::show::handle,
            apps::update::handle,
            apps::delete::handle
        ))
        .routes(routes!(events::handle))
        .routes(routes!(stream::handle))
        .routes(routes!(trace::handle))
        .routes(routes!(audit::handle))
        .routes(routes!(status::handle))
        .routes(routes!(device_ca::handle))
        .routes(routes!(routing_rules::test_rule::handle))
        .routes(routes!(
            routing_rules::create_rule::handle,
            routing_rules::list_rules::handle
        ))
        .routes(routes!(
            routing_rules::show_rule::handle,
            routing_rules::update_rule::handle,
            routing_rules::delete_rule::handle
        ))
        .routes(routes!(
            routing_rules::create_action::handle,
            routing_rules::list_actions::handle
        ))
        .routes(routes!(
            routing_rules::show_action::handle,
            routing_rules::update_action::handle,
            routing_rules::delete_action::handle
        ))
        .routes(routes!(routing_rules::rotate_secret::handle))
        .routes(routes!(certificates::add::handle, certificates::list::handle))
        .routes(routes!(
            certificates::show::handle,
            certificates::update::handle,
            certificates::delete::handle
        ));
    let project = action_paths(policy_paths(project));
    OpenApiRouter::default()
        .nest("/v5/iot/{project_id}", unbuilt::add_to(project))
        .routes(routes!(projects::handle))
        .routes(routes!(tokens::handle))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::handle))
        .routes(routes!(openapi::show))
}

/// Bounds on what waits and on what goes out.
fn policy_paths(project: OpenApiRouter<ManagementState>) -> OpenApiRouter<ManagementState> {
    use routing_rules::{backlog, flow_control};
    project
        .routes(routes!(backlog::create::handle, backlog::list::handle))
        .routes(routes!(
            backlog::show::handle,
            backlog::update::handle,
            backlog::delete::handle
        ))
        .routes(routes!(flow_control::create::handle, flow_control::list::handle))
        .routes(routes!(
            flow_control::show::handle,
            flow_control::update::handle,
            flow_control::delete::handle
        ))
}

/// Actions at work.
fn action_paths(project: OpenApiRouter<ManagementState>) -> OpenApiRouter<ManagementState> {
    use routing_rules::{deliveries, upkeep};
    project
        .routes(routes!(deliveries::handle))
        .routes(routes!(upkeep::try_out::handle))
        .routes(routes!(upkeep::state::handle))
        .routes(routes!(upkeep::pause::pause))
        .routes(routes!(upkeep::pause::resume))
        .routes(routes!(upkeep::replay::handle))
        .routes(routes!(upkeep::list_letters::handle, upkeep::letters::drop_all))
        .routes(routes!(upkeep::letters::replay_all))
        .routes(routes!(upkeep::show_letter::handle, upkeep::letters::drop_one))
        .routes(routes!(upkeep::letters::replay_one))
}

/// The document that `/openapi.json` shows; `device_host` is the address that devices are told.
pub fn document(device_host: &str) -> serde_json::Result<Document> {
    Document::new(
        paths().into_openapi(),
        device::paths().into_openapi(),
        device_host,
    )
}

/// The router of the management listener: the API, and what is served beside it under paths of its own.
pub fn router(state: ManagementState, beside: Option<Router>) -> Routes {
    let (clock, metrics) = (state.clock.clone(), state.metrics.clone());
    let (routes, _) = paths().split_for_parts();
    let routes = routes
        .route_layer(from_fn_with_state(state.clone(), signature::judge))
        .route_layer(from_fn_with_state(state.clone(), note_refusals))
        // axum itself names the methods that the path takes, in `Allow`.
        .method_not_allowed_fallback(async || ApiError::from(ErrorKind::NO_METHOD))
        .fallback(no_path)
        .with_state(state);
    let routes = match beside {
        Some(beside) => routes.merge(beside),
        None => routes,
    };
    Logged::new(Strict(routes), clock, metrics, None)
}

async fn no_path(uri: Uri) -> ApiError {
    let shown: String = uri.path().chars().take(200).collect();
    ApiError::new(ErrorKind::UNKNOWN_PATH, shown)
}

/// A list's `page`: how many match in all, and the marker of the last record shown.
#[derive(Serialize, ToSchema)]
struct PageView {
    /// How many match in all.
    count: i64,
    /// Goes into the next page's `marker`.
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

/// A registry change made now by this caller; `payload` is that of its event.
fn change<T>(state: &ManagementState, writer: Writer, payload: Payload<T>) -> Change<T> {
    Change {
        at: state.clock.now(),
        request_id: writer.request_id,
        deed: writer.deed,
        payload,
    }
}
