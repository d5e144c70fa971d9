//! Events by device: a follower indexes the log in a file of its own, and a read joins that index with the tail of
//! the log that it has not reached, so a read after a 200 sees the event. The feed for readers who stay and retention live
//! here too.

mod feed;
mod indexer;
mod retention;

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::envelope;
use crate::domain::event::{DeviceDescription, EventKind, StoredEvent};
use crate::domain::ids::{Position, VersionKey};
use crate::storage::{EventFilter, EventLog, FollowerStore, PageRequest, Result, Stores};

pub use feed::{AheadOfLog, Feed, FeedFilter, FeedSettings, Shown, Start, Step, Subscription};
pub use indexer::Indexer;
pub use retention::{Retention, RetentionSettings};

/// The name of the index's cursor.
const CURSOR: &str = "history";

/// Reads events by device.
#[derive(Clone)]
pub struct History {
    log: Arc<dyn EventLog>,
    followers: Arc<dyn FollowerStore>,
}

impl History {
    /// Over these stores.
    pub fn new(stores: &Stores) -> Self {
        Self {
            log: stores.log.clone(),
            followers: stores.followers.clone(),
        }
    }

    /// The events of a page that match, newest first, each as its envelope.
    pub async fn events(&self, filter: &EventFilter, page: PageRequest) -> Result<Vec<(Position, String)>> {
        let shown = self.positions(filter, page).await?;
        // Payloads are read for what is shown alone: what is skipped may be hundreds of messages of 1 MB.
        self.envelopes(&self.log.events(&shown).await?).await
    }

    /// The positions of a page that match, newest first.
    async fn positions(&self, filter: &EventFilter, page: PageRequest) -> Result<Vec<Position>> {
        let (before, limit) = (Position(page.before), page.offset.saturating_add(page.limit));
        // The cursor is read first: what is indexed meanwhile is then seen in the tail, never in neither.
        let cursor = self.followers.cursor(CURSOR).await?;
        let mut found = self.log.scan_back(filter, cursor, before, limit).await?;
        let missing = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if missing > 0 {
            let below = before.min(Position(cursor.0.saturating_add(1)));
            found.extend(self.followers.indexed(filter, below, missing).await?);
        }
        Ok(found.split_off(found.len().min(page.offset as usize)))
    }

    /// The event at a position, with its envelope; none when the log does not hold it, or it is internal.
    pub async fn event(&self, position: Position) -> Result<Option<(EventKind, String)>> {
        let mut events = self.log.events(&[position]).await?;
        events.retain(|stored| !stored.event.kind.is_internal());
        let kind = events.first().map(|stored| stored.event.kind);
        let shown = self.envelopes(&events).await?.pop();
        Ok(kind.zip(shown).map(|(kind, (_, envelope))| (kind, envelope)))
    }

    async fn envelopes(&self, events: &[StoredEvent]) -> Result<Vec<(Position, String)>> {
        let descriptions = descriptions(&*self.log, events).await?;
        Ok(events
            .iter()
            .map(|stored| {
                let description = stored
                    .event
                    .device
                    .and_then(|(_, version)| descriptions.get(&version));
                (stored.position, envelope::render(stored, description))
            })
            .collect())
    }
}

/// The descriptions that these events name.
async fn descriptions(
    log: &dyn EventLog,
    events: &[StoredEvent],
) -> Result<HashMap<VersionKey, DeviceDescription>> {
    let mut versions: Vec<_> = events
        .iter()
        .filter_map(|stored| stored.event.device)
        .map(|(_, version)| version)
        .collect();
    versions.sort_unstable();
    versions.dedup();
    log.describe(&versions).await
}
