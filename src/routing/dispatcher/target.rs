//! How a target fares, as far as its answers tell: whether events go to it as they come, or one at a time to find out.

use std::collections::HashSet;

use super::{ItemId, OrderKey};
use crate::domain::clock::Timestamp;

/// Devices that fail one after another, with no success between, before the target itself counts as failing.
const FAILING_DEVICES: usize = 3;

/// What an action's state shows (routing.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// It takes events.
    Healthy,
    /// It fails as a whole; one event at a time is tried.
    Retrying,
    /// It refuses this action; one event at a time is tried.
    Refused,
}

/// A target's state and when to try it again.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) state: TargetState,
    /// Since when it is so.
    pub(super) since: Timestamp,
    pub(super) last_error: Option<String>,
    /// How many events it took.
    pub(super) successes: u64,
    /// Tries in a row that failed as a whole.
    pub(super) failures: u32,
    /// When to try again, while it is down.
    pub(super) due: Timestamp,
    /// While it is down: when an event that was never tried may find out whether it is the other events' fault.
    pub(super) due_for_untried: Timestamp,
    /// The event that is on its way to find out.
    pub(super) probe: Option<ItemId>,
    failing: HashSet<OrderKey>,
}

impl Target {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            state: TargetState::Healthy,
            since: now,
            last_error: None,
            successes: 0,
            failures: 0,
            due: now,
            due_for_untried: now,
            probe: None,
            failing: HashSet::new(),
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.state == TargetState::Healthy
    }

    /// It took an event, or refused one for what it is.
    pub(super) fn answers(&mut self, now: Timestamp) {
        self.failing.clear();
        self.failures = 0;
        if !self.is_healthy() {
            self.state = TargetState::Healthy;
            self.since = now;
        }
    }

    /// It is down, and to be tried again after these delays.
    pub(super) fn goes_down(
        &mut self,
        state: TargetState,
        error: &str,
        now: Timestamp,
        (delay_ms, untried_ms): (i64, i64),
    ) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
        self.last_error = Some(error.to_owned());
        self.due = now.plus_millis(delay_ms);
        self.due_for_untried = now.plus_millis(untried_ms.min(delay_ms));
    }

    /// A device's event failed; whether this makes the target count as failing, with `others` devices that have events
    /// which might fare better.
    pub(super) fn fails_for(&mut self, key: OrderKey, waiting: impl Iterator<Item = OrderKey>) -> bool {
        self.failing.insert(key);
        let others = waiting.filter(|other| !self.failing.contains(other)).count();
        self.fails_for_many() || others == 0
    }

    /// Whether enough devices failed to tell that it is not their events' fault.
    pub(super) fn fails_for_many(&self) -> bool {
        self.failing.len() >= FAILING_DEVICES
    }
}
