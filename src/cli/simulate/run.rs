//! What all devices of a run share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::options::Plan;
use super::pace::Pace;
use super::tally::Tally;
use crate::cli::client::connection::Client;

/// A run.
pub(super) struct Run {
    /// Starts every id and mark.
    pub(super) id: Arc<str>,
    pub(super) plan: Plan,
    /// To the device listener.
    pub(super) client: Client,
    pub(super) pace: Pace,
    /// Cancelled at the end of the duration and by Ctrl-C: what is in flight is awaited, nothing more is sent.
    pub(super) stop: CancellationToken,
    tally: Mutex<Tally>,
}

impl Run {
    pub(super) fn new(id: Arc<str>, plan: Plan, client: Client, stop: CancellationToken) -> Self {
        let reporters = u64::from(plan.fleet.devices) + u64::from(plan.fleet.gateways);
        Self {
            pace: Pace::new(plan.rate, plan.duration, plan.reports, reporters),
            tally: Mutex::default(),
            id,
            plan,
            client,
            stop,
        }
    }

    /// What was counted so far; held for a few words at a time.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
