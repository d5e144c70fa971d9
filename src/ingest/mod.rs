//! The one use case behind every device path: who is it, does what it reports fit its product's model, and is it
//! on disk. Called by `http::device`; knows no HTTP. What it stores, followers read from the log.

mod activity;
mod authentication;
mod check;
mod directory;
mod limits;
mod reporting;
mod trace;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::auth::access_token::TokenKey;
use crate::domain::clock::Clock;
use crate::domain::model::ValidationMode;
use crate::lifecycle::{Lifecycle, pause};
use crate::observability::Metrics;
use crate::storage::{Result, Stores};
use limits::Limits;

pub use activity::ActivityBook;
pub use authentication::{AuthenticationRefusal, AuthenticationRequest, IssuedToken, TokenRefusal};
pub use check::{CheckedReport, PlacedFault, ReportRules, check_report};
pub use directory::{DeviceDirectory, KnownDevice, KnownProduct};
pub use limits::{Limit, LimitReached, LimitSettings, PasswordSettings, PasswordTrials};
pub use reporting::ReportRefusal;
pub use trace::{TraceBook, TracedRequest};

/// What the configuration says of taking reports in.
#[derive(Clone, Debug)]
pub struct IngestSettings {
    /// For products that name no mode of their own.
    pub default_mode: ValidationMode,
    /// How far ahead of the platform a device's `event_time` may be, milliseconds.
    pub event_time_max_ahead_ms: i64,
    /// How many devices and products to keep in memory.
    pub cached_devices: usize,
    /// How many entries a device's trace keeps.
    pub trace_entries: u32,
    /// No traffic for this long is OFFLINE, milliseconds.
    pub offline_after_ms: i64,
    /// How much callers may ask.
    pub limits: LimitSettings,
}

/// Takes in what devices send.
pub struct Ingest {
    directory: Arc<DeviceDirectory>,
    activity: Arc<ActivityBook>,
    trace: Arc<TraceBook>,
    stores: Stores,
    tokens: TokenKey,
    clock: Arc<dyn Clock>,
    limits: Limits,
    metrics: Arc<Metrics>,
    settings: IngestSettings,
}

impl Ingest {
    /// Over these stores; hears of their registry changes from now on.
    pub fn new(
        stores: Stores,
        tokens: TokenKey,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        settings: IngestSettings,
    ) -> Self {
        let activity = Arc::new(ActivityBook::new(
            stores.followers.clone(),
            settings.offline_after_ms,
        ));
        let directory = DeviceDirectory::new(
            &stores.registry,
            activity.clone(),
            settings.default_mode,
            settings.cached_devices,
        );
        let trace = TraceBook::new(
            stores.followers.clone(),
            directory.clone(),
            settings.trace_entries,
        );
        Self {
            directory,
            activity,
            trace: Arc::new(trace),
            stores,
            tokens,
            clock,
            limits: Limits::new(&settings.limits),
            metrics,
            settings,
        }
    }

    /// What is known of devices' traffic, newer than the store has it.
    pub fn activity(&self) -> &Arc<ActivityBook> {
        &self.activity
    }

    /// What devices were told when they were refused.
    pub fn trace(&self) -> &Arc<TraceBook> {
        &self.trace
    }

    /// Writes devices' activity and traces down about once a second, and a last time when told to stop.
    pub fn start_writers(&self, lifecycle: &Lifecycle, stop: CancellationToken) {
        let (activity, trace, also_stop) = (self.activity.clone(), self.trace.clone(), stop.clone());
        lifecycle.spawn("activity writer", async move { activity.run(stop).await });
        lifecycle.spawn("trace writer", async move { trace.run(also_stop).await });
    }
}

/// How often what was gathered in memory is written.
const WRITE_INTERVAL: Duration = Duration::from_millis(500);

/// Calls `write` again and again, and once more after `stop`; a failure is a warning, the next call tries again.
async fn write_now_and_then<W>(what: &'static str, stop: CancellationToken, write: impl Fn() -> W)
where
    W: Future<Output = Result<()>>,
{
    loop {
        let going_on = pause(&stop, WRITE_INTERVAL).await;
        if let Err(error) = write().await {
            tracing::warn!(what, %error, "not written");
        }
        if !going_on {
            return;
        }
    }
}

/// What a lock guards here stays whole, whoever panicked beside it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
