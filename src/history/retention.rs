//! Retention: removes the oldest events by age and by size, in steps small enough that no report waits for one.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::lifecycle::pause;
use crate::storage::{PurgeRequest, Result, Stores};

/// What the configuration says of retention.
#[derive(Clone, Copy, Debug)]
pub struct RetentionSettings {
    /// Days that events stay; 0 is no bound.
    pub days: u32,
    /// Bytes that the log may take; 0 is no bound.
    pub bytes: u64,
    /// Days that the audit log keeps; 0 is no bound.
    pub audit_days: u32,
    /// Events removed in one step.
    pub step_rows: u32,
    /// Time between two looks.
    pub interval: Duration,
}

/// Keeps the log within its bounds.
pub struct Retention {
    stores: Stores,
    clock: Arc<dyn Clock>,
    settings: RetentionSettings,
}

impl Retention {
    /// Over these stores.
    pub const fn new(stores: Stores, clock: Arc<dyn Clock>, settings: RetentionSettings) -> Self {
        Self {
            stores,
            clock,
            settings,
        }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while pause(&stop, self.settings.interval).await {
            match self.purge(&stop).await {
                Ok(0) => {}
                Ok(events) => tracing::info!(events, "retention removed old events"),
                Err(error) => tracing::warn!(%error, "retention did not run, it will be tried again"),
            }
        }
    }

    /// Removes what is over the bounds; answers how many events went.
    pub async fn purge(&self, stop: &CancellationToken) -> Result<u64> {
        let age_ms = i64::from(self.settings.days) * 86_400_000;
        let request = PurgeRequest {
            before: (self.settings.days > 0).then(|| self.clock.now().plus_millis(-age_ms)),
            max_bytes: (self.settings.bytes > 0).then_some(self.settings.bytes),
            step_rows: self.settings.step_rows,
        };
        let mut removed = 0;
        while !stop.is_cancelled() {
            let purged = self.stores.log.purge(request).await?;
            removed += purged;
            if purged == 0 {
                break;
            }
        }
        if removed > 0 {
            let first = self.stores.log.bounds().await?.first;
            while !stop.is_cancelled()
                && self
                    .stores
                    .followers
                    .forget_below(first, self.settings.step_rows)
                    .await?
                    > 0
            {}
        }
        self.purge_audit(stop).await?;
        Ok(removed)
    }

    async fn purge_audit(&self, stop: &CancellationToken) -> Result<()> {
        if self.settings.audit_days == 0 {
            return Ok(());
        }
        let age_ms = i64::from(self.settings.audit_days) * 86_400_000;
        let before = self.clock.now().plus_millis(-age_ms);
        let step_rows = self.settings.step_rows;
        while !stop.is_cancelled() && self.stores.audit.forget_before(before, step_rows).await? > 0 {}
        Ok(())
    }
}
