//! The log as it grows, for readers who stay: each subscription gets every event that passes its filter, in order, from a
//! position of its own, in steps of a bounded size. Readers at the log's end share what one of them read; one that is
//! behind reads for itself. Nothing is read while nobody subscribes. Called by `http`, which knows who may read.

mod recent;
mod start;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::History;
use crate::domain::envelope;
use crate::domain::event::{DeviceDescription, EventKind, StoredEvent};
use crate::domain::ids::{DeviceId, Position, ProductId};
use crate::storage::{EventLog, ReadLimit, Registry, Result, Stores};
use recent::{Found, Recent};

pub use start::{AheadOfLog, Start};

/// How often the log is looked at although nothing was heard of it: what another process appended.
const POLL: Duration = Duration::from_secs(5);

/// How many events one read gives at most.
const ROWS: u32 = 1000;

/// How many positions one read looks through at most, whatever its filter: no statement runs for long.
const SPAN: i64 = 20_000;

/// Bounds of what is held.
#[derive(Clone, Copy, Debug)]
pub struct FeedSettings {
    /// Bytes of the newest events, shared by all who read at the log's end.
    pub recent_bytes: usize,
    /// Bytes of one step; a single larger event makes a step of its own.
    pub step_bytes: usize,
}

/// Which events a subscription gets.
#[derive(Clone, Debug, Default)]
pub struct FeedFilter {
    /// Of these kinds; empty for all but the internal ones.
    pub kinds: Vec<EventKind>,
    /// With this device in their header.
    pub device_id: Option<DeviceId>,
    /// Of this product: that of the header's device, or the product that the event tells of.
    pub product_id: Option<ProductId>,
}

/// An event as subscribers are shown it.
#[derive(Debug)]
pub struct Shown {
    /// Its place in the log.
    pub position: Position,
    /// What it tells.
    pub kind: EventKind,
    /// The envelope, in one line.
    pub line: String,
    device_id: Option<String>,
    product_id: Option<String>,
}

/// What one step of a subscription came to.
#[derive(Debug)]
pub enum Step {
    /// Events from the first position to the last are gone: retention has passed them.
    Gap(Position, Position),
    /// Events that pass the filter, one at least.
    Events(Vec<Arc<Shown>>),
    /// None of those looked at passes the filter; there are more to look at.
    Scanned,
    /// There is nothing more yet.
    CaughtUp,
}

/// Gives subscriptions; clones share what was read last.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    registry: Arc<dyn Registry>,
    history: History,
    settings: FeedSettings,
    recent: Mutex<Recent>,
    /// Held by the one reader who reads on at the log's end for all.
    filling: tokio::sync::Mutex<()>,
}

/// One reader's way through the log.
pub struct Subscription {
    feed: Feed,
    filter: FeedFilter,
    position: Position,
    begun: bool,
    appended: watch::Receiver<Position>,
}

impl FeedFilter {
    /// The kinds that may pass.
    fn kinds(&self) -> Vec<EventKind> {
        if self.kinds.is_empty() {
            let public = |kind: &EventKind| !kind.is_internal();
            EventKind::ALL.into_iter().filter(public).collect()
        } else {
            self.kinds.clone()
        }
    }

    fn passes(&self, shown: &Shown) -> bool {
        let is = |wanted: Option<&str>, found: Option<&str>| wanted.is_none() || wanted == found;
        (self.kinds.is_empty() || self.kinds.contains(&shown.kind))
            && is(
                self.device_id.as_ref().map(DeviceId::as_str),
                shown.device_id.as_deref(),
            )
            && is(
                self.product_id.as_ref().map(ProductId::as_str),
                shown.product_id.as_deref(),
            )
    }
}

impl Feed {
    /// Over these stores.
    pub fn new(stores: &Stores, settings: FeedSettings) -> Self {
        Self(Arc::new(Shared {
            log: stores.log.clone(),
            registry: stores.registry.clone(),
            history: History::new(stores),
            settings,
            recent: Mutex::new(Recent::new(settings.recent_bytes)),
            filling: tokio::sync::Mutex::default(),
        }))
    }

    fn limit(&self) -> ReadLimit {
        ReadLimit {
            rows: ROWS,
            bytes: self.0.settings.step_bytes as u64,
        }
    }

    fn recent<T>(&self, with: impl FnOnce(&mut Recent) -> T) -> T {
        with(&mut self.0.recent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads on at the log's end, for all readers there; whether there is something after `position` now.
    async fn fill(&self, position: Position, known: Position) -> Result<bool> {
        let is_due = || known > position || self.recent(|recent| recent.last_look().elapsed() >= POLL);
        if !is_due() {
            return Ok(false);
        }
        let _one = self.0.filling.lock().await;
        loop {
            let after = self.recent(|recent| recent.reach(position));
            // Another reader may have been here meanwhile.
            if after > position {
                return Ok(true);
            }
            if !is_due() {
                return Ok(false);
            }
            let chunk = self.0.log.read(after, self.limit()).await?;
            let Some(first) = chunk.events.first().map(|event| event.position) else {
                self.recent(Recent::looked);
                return Ok(false);
            };
            let shown = self.show(&chunk.events, &FeedFilter::default()).await?;
            self.recent(|recent| recent.push(first, shown, chunk.up_to));
        }
    }

    /// The events that pass, as they are shown.
    async fn show(&self, events: &[StoredEvent], filter: &FeedFilter) -> Result<Vec<Arc<Shown>>> {
        let descriptions = super::descriptions(&*self.0.log, events).await?;
        let mut all = Vec::new();
        for stored in events.iter().filter(|stored| !stored.event.kind.is_internal()) {
            let version = stored.event.device.map(|(_, version)| version);
            let device = version.and_then(|version| descriptions.get(&version));
            let mut shown = Shown {
                position: stored.position,
                kind: stored.event.kind,
                line: String::new(),
                device_id: device.map(|device| device.device_id.clone()),
                product_id: product_of(stored, device),
            };
            if filter.passes(&shown) {
                shown.line = envelope::line(stored, device);
                all.push(Arc::new(shown));
            }
        }
        Ok(all)
    }
}

fn product_of(stored: &StoredEvent, device: Option<&DeviceDescription>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Product {
        product_id: String,
    }
    if let Some(device) = device {
        return Some(device.product_id.clone());
    }
    let product = serde_json::from_slice::<Product>(&stored.event.payload);
    product.ok().map(|product| product.product_id)
}

impl Subscription {
    /// Everything up to here was given or did not pass; the next step goes on after it.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Goes on by at most one step.
    pub async fn step(&mut self) -> Result<Step> {
        // Seen before the log is looked at: what comes meanwhile is heard by `changed`.
        let known = *self.appended.borrow_and_update();
        if !self.begun {
            self.begun = true;
            if let Some(gap) = self.gap().await? {
                return Ok(gap);
            }
        }
        let feed = self.feed.clone();
        loop {
            let found =
                feed.recent(|recent| recent.after(self.position, &self.filter, feed.0.settings.step_bytes));
            match found {
                Found::Looked(events, up_to) => return Ok(self.moved(events, up_to)),
                Found::Passed => return self.read_log().await,
                Found::End if known.0.saturating_sub(self.position.0) > recent::FAR => {
                    return self.read_log().await;
                }
                Found::End if feed.fill(self.position, known).await? => {}
                Found::End => return Ok(Step::CaughtUp),
            }
        }
    }

    /// Waits until there may be something new: at once if the log grew since the last step, else after a while in any case.
    pub async fn changed(&mut self) {
        let heard = tokio::time::timeout(POLL, self.appended.changed()).await;
        if matches!(heard, Ok(Err(_))) {
            // The writer is gone, and nothing more comes.
            tokio::time::sleep(POLL).await;
        }
    }

    fn moved(&mut self, events: Vec<Arc<Shown>>, up_to: Position) -> Step {
        self.position = up_to;
        if events.is_empty() {
            Step::Scanned
        } else {
            Step::Events(events)
        }
    }

    /// What retention has passed after this position, and goes over it.
    async fn gap(&mut self) -> Result<Option<Step>> {
        let first = self.feed.0.log.bounds().await?.first;
        let next = Position(self.position.0.saturating_add(1));
        if first <= next {
            return Ok(None);
        }
        self.position = Position(first.0.saturating_sub(1));
        Ok(Some(Step::Gap(next, self.position)))
    }

    /// One step of a reader who is behind what is shared.
    async fn read_log(&mut self) -> Result<Step> {
        if let Some(gap) = self.gap().await? {
            return Ok(gap);
        }
        let log = self.feed.0.log.clone();
        let last = log.bounds().await?.last;
        let up_to = last.min(Position(self.position.0.saturating_add(SPAN)));
        if up_to <= self.position {
            return Ok(Step::CaughtUp);
        }
        let kinds = self.filter.kinds();
        let chunk = log
            .read_kinds(&kinds, self.position, up_to, self.feed.limit())
            .await?;
        // Retention may have come by between the two: then what was read may miss some, and the gap is told first.
        if let Some(gap) = self.gap().await? {
            return Ok(gap);
        }
        let shown = self.feed.show(&chunk.events, &self.filter).await?;
        Ok(self.moved(shown, chunk.up_to))
    }
}
