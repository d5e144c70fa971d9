//! What follows the log, on one node at a time: forwarding, shadows, statuses, the history index, registrations, retention.

use std::sync::Arc;
use std::time::Duration;

use super::{AFTER_GRACE, address_policy, egress_settings};
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::history::{History, Indexer, Retention, RetentionSettings};
use crate::ingest::ActivityBook;
use crate::lifecycle::Lifecycle;
use crate::routing::egress::{AddressPolicy, Egress, EgressSettings, SystemLookup};
use crate::routing::{Channels, Routing};
use crate::shadow::{Registrations, ShadowFollower, Shadows, StatusFollower};
use crate::storage::Stores;

/// What they are made of, again for each term that this node leads.
pub(super) struct Followers {
    pub(super) stores: Stores,
    pub(super) routing: Routing,
    pub(super) shadows: Shadows,
    pub(super) activity: Arc<ActivityBook>,
    pub(super) settings: FollowerSettings,
}

/// What the configuration says of them.
pub(super) struct FollowerSettings {
    targets: AddressPolicy,
    egress: EgressSettings,
    interval: Duration,
    offline_after_ms: i64,
    retention: RetentionSettings,
}

impl FollowerSettings {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            targets: address_policy(config),
            egress: egress_settings(&config.routing),
            interval: Duration::from_millis(config.storage.follower_interval_ms),
            offline_after_ms: config.ingest.offline_after_ms(),
            retention: RetentionSettings {
                days: config.retention.days,
                bytes: config.retention.bytes,
                audit_days: config.retention.audit_days,
                step_rows: config.retention.step_rows,
                interval: Duration::from_secs(config.retention.interval_seconds),
            },
        }
    }
}

impl Followers {
    /// Follows whenever this node leads, until the instance stops.
    pub(super) async fn run(self, instance: Lifecycle) {
        let stop = instance.token();
        loop {
            let mut term = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                term = self.stores.leadership.lead() => term,
            };
            tracing::info!("this node follows the log from now on");
            let following = Lifecycle::new();
            self.start(&following);
            let failed = tokio::select! {
                biased;
                () = stop.cancelled() => false,
                () = following.token().cancelled_owned() => true,
                () = term.lost() => {
                    tracing::warn!("this node does not follow the log any more, another one may");
                    false
                }
            };
            following.shutdown();
            // Never two at once, on one node either.
            while !following.drain(AFTER_GRACE).await && !stop.is_cancelled() {
                tracing::warn!("what followed the log takes long to end");
            }
            term.end().await;
            if failed {
                instance.shutdown();
            }
        }
    }

    fn start(&self, following: &Lifecycle) {
        let (stores, interval) = (&self.stores, self.settings.interval);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let policy = self.settings.targets.clone();
        let egress = Egress::new(policy, Arc::new(SystemLookup), self.settings.egress);
        let channels = Channels::new(egress, clock.clone());
        self.routing.start(Arc::new(channels), following);
        let indexer = Indexer::new(History::new(stores), interval);
        following.spawn("history index", indexer.run(following.token()));
        let shadows = ShadowFollower::new(self.shadows.clone(), interval);
        following.spawn("shadows", shadows.run(following.token()));
        let offline_after_ms = self.settings.offline_after_ms;
        let statuses = StatusFollower::new(stores.clone(), clock.clone(), offline_after_ms, interval);
        following.spawn("device status", statuses.run(following.token()));
        let registrations =
            Registrations::new(stores.clone(), self.activity.clone(), clock.clone(), interval);
        following.spawn("registrations", registrations.run(following.token()));
        let retention = Retention::new(stores.clone(), clock, self.settings.retention);
        following.spawn("retention", retention.run(following.token()));
    }
}
