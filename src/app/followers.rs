//! What follows the log, on one node at a time: forwarding, shadows, statuses, the history index, registrations, retention.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{AFTER_GRACE, address_policy, egress_settings};
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::history::{History, Indexer, Retention, RetentionSettings};
use crate::ingest::ActivityBook;
use crate::lifecycle::Lifecycle;
use crate::routing::egress::{AddressPolicy, Egress, EgressSettings, SystemLookup};
use crate::routing::{Channels, Routing};
use crate::shadow::{Registrations, ShadowFollower, Shadows, StatusFollower};
use crate::storage::{Stores, Term};

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

/// Why following stops.
#[derive(PartialEq, Eq)]
enum End {
    /// The instance stops.
    Stop,
    /// Something that follows failed.
    Failure,
    /// Another node may lead.
    Lost,
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
            let forwarding = Lifecycle::new();
            self.start_routing(&forwarding);
            let end = self.follow(term.as_mut(), &forwarding, &stop).await;
            finish(&forwarding, &stop).await;
            term.end().await;
            if end == End::Failure {
                instance.shutdown();
            }
        }
    }

    /// Until the term ends. While it is not known who leads, forwarding is held: it knows what it delivered and has not saved.
    async fn follow(&self, term: &mut dyn Term, forwarding: &Lifecycle, stop: &CancellationToken) -> End {
        loop {
            self.routing.hold(false);
            let following = Lifecycle::new();
            self.start(&following);
            let end = tokio::select! {
                biased;
                () = stop.cancelled() => End::Stop,
                () = forwarding.token().cancelled_owned() => End::Failure,
                () = following.token().cancelled_owned() => End::Failure,
                () = term.lost() => End::Lost,
            };
            self.routing.hold(end == End::Lost);
            finish(&following, stop).await;
            if end != End::Lost {
                return end;
            }
            let regained = tokio::select! {
                biased;
                () = stop.cancelled() => return End::Stop,
                regained = term.regain() => regained,
            };
            if !regained {
                tracing::warn!("this node does not follow the log any more, another one does");
                return end;
            }
            tracing::info!("this node follows the log again");
        }
    }

    fn start_routing(&self, forwarding: &Lifecycle) {
        let policy = self.settings.targets.clone();
        let egress = Egress::new(policy, Arc::new(SystemLookup), self.settings.egress);
        let channels = Channels::new(egress, Arc::new(SystemClock));
        self.routing.start(Arc::new(channels), forwarding);
    }

    fn start(&self, following: &Lifecycle) {
        let (stores, interval) = (&self.stores, self.settings.interval);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
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

/// Waits until it has ended: never two at once, on one node either.
async fn finish(following: &Lifecycle, stop: &CancellationToken) {
    following.shutdown();
    while !following.drain(AFTER_GRACE).await && !stop.is_cancelled() {
        tracing::warn!("what followed the log takes long to end");
    }
}
