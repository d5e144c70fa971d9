//! The console beside the API.

use std::sync::Arc;

use super::{device_host, password_settings};
use crate::config::Config;
use crate::console::{Console, ConsoleSettings};
use crate::http::management::{self, ManagementState};
use crate::http::{InProcess, Routes};
use crate::observability::Metrics;

/// The management listener's routes: the API, and the console, which calls the API inside the process.
pub(super) fn beside_api(config: &Config, state: ManagementState, metrics: Arc<Metrics>) -> Routes {
    let api = management::router(state.clone(), None);
    let console = Console::new(ConsoleSettings {
        stores: state.stores.clone(),
        api: InProcess::new(api, &state.project_id),
        project_id: state.project_id.clone(),
        device_host: device_host(config),
        clock: state.clock.clone(),
        bodies: state.bodies.clone(),
        metrics,
        session_ms: i64::from(config.console.session_hours) * 3_600_000,
        trials: password_settings(config),
        tracked_callers: config.limits.tracked_callers,
    });
    management::router(state, Some(console.router()))
}
