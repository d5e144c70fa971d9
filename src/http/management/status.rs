//! `GET …/status`: the instance on one screen (routing.md §6).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ManagementState;
use crate::domain::clock::Timestamp;
use crate::domain::event_time;
use crate::domain::ids::Position;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::observability::ActionFigures;
use crate::observability::rates::{STEP, Step};
use crate::storage::{EventLog, ReadLimit, Result};

/// How long a count of all devices stands: it looks at each of them.
const COUNTS_STAND_MS: i64 = 10_000;

/// Actions in trouble that are shown one by one.
const SHOWN: usize = 50;

/// What does not change while the instance runs.
pub struct InstanceFacts {
    /// Where devices connect.
    pub device: SocketAddr,
    /// Where operators and applications connect.
    pub management: SocketAddr,
    /// `sqlite` or `postgres`.
    pub backend: &'static str,
    /// `retention.days`.
    pub retention_days: u32,
    /// `retention.bytes`.
    pub retention_bytes: u64,
    /// When it was built.
    pub started: Timestamp,
    /// The CA that it made for itself, as PEM.
    pub ca: Option<String>,
}

/// The last count of devices by status, and when it was made.
pub type DeviceCounts = tokio::sync::Mutex<Option<(Timestamp, BTreeMap<String, i64>)>>;

/// The instance on one screen.
#[derive(Serialize, ToSchema)]
pub struct Status {
    version: &'static str,
    started_time: String,
    /// Whether reports can be taken.
    ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    listeners: ListenersView,
    store: StoreView,
    retention: RetentionView,
    certificate: CertificateView,
    devices: DevicesView,
    actions: ActionsView,
    rates: RatesView,
}

#[derive(Serialize, ToSchema)]
struct ListenersView {
    device: String,
    management: String,
    /// Open connections of both.
    connections: i64,
}

#[derive(Serialize, ToSchema)]
struct StoreView {
    /// `sqlite` or `postgres`.
    backend: &'static str,
    bytes: u64,
    /// Rows that wait for the writer.
    queue_rows: i64,
    /// The oldest sequence that is held; above `last_sequence` when none is.
    first_sequence: String,
    last_sequence: String,
}

#[derive(Serialize, ToSchema)]
struct RetentionView {
    /// 0 is no bound.
    days: u32,
    /// 0 is no bound.
    bytes: u64,
    /// When the oldest event that is held was taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_event_time: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct CertificateView {
    /// When the first of the certificates ends.
    end_time: String,
    days_left: i64,
}

#[derive(Serialize, ToSchema)]
struct DevicesView {
    total: i64,
    /// How many are ONLINE, OFFLINE, INACTIVE and FROZEN, as of at most ten seconds ago.
    by_status: BTreeMap<String, i64>,
}

#[derive(Serialize, ToSchema)]
struct ActionsView {
    total: usize,
    /// How many are healthy, retrying, refused and paused.
    by_state: BTreeMap<String, usize>,
    /// Events that wait, of all actions.
    pending: u64,
    /// Those that are retrying or refused, the one that waits longest first; at most 50.
    failing: Vec<FailingAction>,
}

#[derive(Serialize, ToSchema)]
struct FailingAction {
    action_id: String,
    state: String,
    pending: u64,
    lag_seconds: u64,
}

#[derive(Serialize, ToSchema)]
struct RatesView {
    /// The length of a step.
    interval_seconds: u64,
    /// The last hour, the oldest step first.
    steps: Vec<RateView>,
}

/// What devices were answered in one step.
#[derive(Serialize, ToSchema)]
struct RateView {
    /// When it ended.
    time: String,
    accepted: u64,
    refused: u64,
    failed: u64,
}

/// The instance on one screen: whether anything is wrong, and where.
#[utoipa::path(
    get, path = "/status", operation_id = "show_status", tag = "instance",
    responses((status = OK, body = Status)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
) -> std::result::Result<Json<Status>, ApiError> {
    let (now, facts) = (state.clock.now(), &state.facts);
    let bounds = state.stores.log.bounds().await?;
    let reason = state.readiness.reason_against().await;
    let ends = state.readiness.certificate_ends();
    let figures = state.routing.figures();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        started_time: event_time::with_millis(facts.started),
        ready: reason.is_none(),
        reason,
        listeners: ListenersView {
            device: facts.device.to_string(),
            management: facts.management.to_string(),
            connections: state.metrics.connections.get(),
        },
        store: StoreView {
            backend: facts.backend,
            bytes: state.stores.log.size_bytes().await?,
            queue_rows: state.metrics.queue_rows.get(),
            first_sequence: bounds.first.0.to_string(),
            last_sequence: bounds.last.0.to_string(),
        },
        retention: RetentionView {
            days: facts.retention_days,
            bytes: facts.retention_bytes,
            oldest_event_time: oldest(&state.stores.log, bounds.first).await?,
        },
        certificate: CertificateView {
            end_time: event_time::with_millis(ends),
            days_left: (ends.0 - now.0) / 86_400_000,
        },
        devices: devices(&state, now).await?,
        actions: ActionsView::of(&figures),
        rates: RatesView {
            interval_seconds: STEP.as_secs(),
            steps: state.rates.steps().iter().map(RateView::of).collect(),
        },
    };
    Ok(Json(status))
}

async fn oldest(log: &Arc<dyn EventLog>, first: Position) -> Result<Option<String>> {
    let one = ReadLimit { rows: 1, bytes: 1 };
    let chunk = log.read(Position(first.0 - 1), one).await?;
    let received = chunk.events.first().map(|stored| stored.event.received);
    Ok(received.map(event_time::with_millis))
}

/// Counted by one caller at a time, and not again soon.
async fn devices(state: &ManagementState, now: Timestamp) -> Result<DevicesView> {
    let mut held = state.device_counts.lock().await;
    let by_status = match &*held {
        Some((at, counts)) if now.0.saturating_sub(at.0) < COUNTS_STAND_MS => counts.clone(),
        _ => {
            let online_since = now.plus_millis(-state.offline_after_ms);
            let counts = state.stores.registry.devices_by_status(online_since).await?;
            *held = Some((now, counts.clone()));
            counts
        }
    };
    Ok(DevicesView {
        total: by_status.values().sum(),
        by_status,
    })
}

impl ActionsView {
    fn of(figures: &[ActionFigures]) -> Self {
        let mut by_state = BTreeMap::new();
        for action in figures {
            *by_state.entry(action.state.to_owned()).or_insert(0) += 1;
        }
        let mut failing: Vec<_> = figures
            .iter()
            .filter(|action| ["retrying", "refused"].contains(&action.state))
            .map(|action| FailingAction {
                action_id: action.action.clone(),
                state: action.state.to_owned(),
                pending: action.pending,
                lag_seconds: action.lag_seconds,
            })
            .collect();
        failing.sort_by_key(|action| std::cmp::Reverse(action.lag_seconds));
        failing.truncate(SHOWN);
        Self {
            total: figures.len(),
            by_state,
            pending: figures.iter().map(|action| action.pending).sum(),
            failing,
        }
    }
}

impl RateView {
    fn of(step: &Step) -> Self {
        Self {
            time: event_time::with_millis(step.end),
            accepted: step.answers.accepted,
            refused: step.answers.refused,
            failed: step.answers.failed,
        }
    }
}
