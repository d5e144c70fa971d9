//! The newest events, rendered once for all actions: those that have caught up read them from memory, and one that is
//! behind reads the log for itself. Bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::descriptions::Descriptions;
use crate::domain::envelope;
use crate::domain::event::{DeviceDescription, EventKind, StoredEvent};
use crate::domain::ids::Position;
use crate::observability::Metrics;
use crate::storage::{EventLog, ReadLimit, Result};

/// The bounds of one read.
const READ: ReadLimit = ReadLimit {
    rows: 500,
    bytes: 4 * 1024 * 1024,
};

/// How long the log's end, once seen, is taken for it although nothing was heard: another process may have appended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The part of the bytes that descriptions of devices have beside the events.
const DESCRIPTIONS: usize = 8;

/// What an event takes in memory beside its texts, about.
const OVERHEAD: usize = 512;

/// An event with its envelope.
#[derive(Debug)]
pub struct Rendered {
    /// The event.
    pub stored: StoredEvent,
    /// The device that it tells of.
    pub device: Option<Arc<DeviceDescription>>,
    /// The envelope.
    pub envelope: String,
}

impl Rendered {
    /// Whether it tells that what is set changed here.
    pub fn is_mark(&self) -> bool {
        self.stored.event.kind == EventKind::RoutingChanged
    }
}

/// What one read gave: everything after where it began, up to a position.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// The events that rules see, and the marks of what changed in rules, oldest first.
    pub events: Vec<Arc<Rendered>>,
    /// The log was looked through up to here.
    pub up_to: Option<Position>,
}

impl Stretch {
    /// Leaves out everything from the first change of rules behind `known` on; whether there was one.
    pub fn cut_behind(&mut self, known: Position) -> bool {
        let changed = |event: &Arc<Rendered>| event.is_mark() && event.stored.position > known;
        let Some(at) = self.events.iter().position(changed) else {
            return false;
        };
        let mark = self.events.drain(at..).next();
        self.up_to = mark.map(|mark| Position(mark.stored.position.0 - 1));
        true
    }
}

#[derive(Debug, Default)]
struct Recent {
    events: VecDeque<Arc<Rendered>>,
    bytes: usize,
    /// What is held: everything after the first up to the second.
    held: Option<(Position, Position)>,
    /// Where the log ended when it was last looked at, and when that was.
    ended: Option<(Position, Instant)>,
}

/// The log's end, shared.
pub struct Tail {
    log: Arc<dyn EventLog>,
    appended: watch::Receiver<Position>,
    recent: Mutex<Recent>,
    /// Held by whoever reads the log's end for all.
    reading: tokio::sync::Mutex<()>,
    most_bytes: usize,
    descriptions: Descriptions,
    metrics: Arc<Metrics>,
}

impl Tail {
    /// Over this log, holding at most so many bytes.
    pub fn new(log: Arc<dyn EventLog>, most_bytes: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            appended: log.appended(),
            log,
            recent: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            most_bytes,
            descriptions: Descriptions::new(u64::try_from(most_bytes / DESCRIPTIONS).unwrap_or(u64::MAX)),
            metrics,
        }
    }

    /// The events after `after`. Costs nothing where there are none: an action asks after each answer of its target.
    pub async fn read(&self, after: Position) -> Result<Stretch> {
        if self.ends_at(after) {
            return Ok(Stretch::default());
        }
        if let Some(found) = self.remembered(after) {
            return Ok(found);
        }
        if self.held().is_some_and(|(_, end)| after < end) {
            self.metrics.forwarding.log_read("behind");
            return self.read_log(after).await;
        }
        let _reading = self.reading.lock().await;
        if self.ends_at(after) {
            return Ok(Stretch::default());
        }
        if let Some(found) = self.remembered(after) {
            return Ok(found);
        }
        // Before it is read: what is appended meanwhile is heard of.
        let looked = Instant::now();
        self.metrics.forwarding.log_read("end");
        let found = self.read_log(after).await?;
        if found.up_to.is_none() {
            self.recent().ended = Some((after, looked));
        }
        self.keep(after, &found);
        Ok(found)
    }

    /// The events at these positions that are still there.
    pub async fn events(&self, positions: &[Position]) -> Result<Vec<Arc<Rendered>>> {
        let found = self.log.events(positions).await?;
        self.render(found).await
    }

    /// Whether the log ends here, as far as is known.
    fn ends_at(&self, after: Position) -> bool {
        let nothing_heard = after >= *self.appended.borrow();
        let ended = self.recent().ended;
        nothing_heard && ended.is_some_and(|(end, looked)| after >= end && looked.elapsed() < LOOK_AGAIN)
    }

    fn held(&self) -> Option<(Position, Position)> {
        self.recent().held
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, after: Position) -> Option<Stretch> {
        let recent = self.recent();
        let (start, end) = recent.held?;
        if after < start || after >= end {
            return None;
        }
        let from = recent
            .events
            .partition_point(|event| event.stored.position <= after);
        let rows = READ.rows as usize;
        let events: Vec<_> = recent.events.iter().skip(from).take(rows).cloned().collect();
        let cut = events.len() == rows;
        let last = events.last().map(|event| event.stored.position);
        Some(Stretch {
            up_to: Some(if cut { last.unwrap_or(end) } else { end }),
            events,
        })
    }

    async fn read_log(&self, after: Position) -> Result<Stretch> {
        let chunk = self.log.read(after, READ).await?;
        let up_to = (chunk.up_to > after).then_some(chunk.up_to);
        let events = self.render(chunk.events).await?;
        Ok(Stretch { events, up_to })
    }

    async fn render(&self, events: Vec<StoredEvent>) -> Result<Vec<Arc<Rendered>>> {
        let shown: Vec<_> = events
            .into_iter()
            .filter(|stored| {
                let kind = stored.event.kind;
                !kind.is_internal() || kind == EventKind::RoutingChanged
            })
            .collect();
        let versions = shown.iter().filter_map(|stored| stored.event.device);
        let versions = versions.map(|(_, version)| version).collect();
        let descriptions = self.descriptions.of(self.log.as_ref(), versions).await?;
        let rendered = shown.into_iter().map(|stored| {
            let version = stored.event.device.map(|(_, version)| version);
            let device = version.and_then(|version| descriptions.get(&version).cloned());
            let envelope = envelope::render(&stored, device.as_deref());
            Arc::new(Rendered {
                stored,
                device,
                envelope,
            })
        });
        Ok(rendered.collect())
    }

    fn keep(&self, after: Position, found: &Stretch) {
        let Some(up_to) = found.up_to else { return };
        let mut recent = self.recent();
        let start = match recent.held {
            Some((start, end)) if end == after => start,
            _ => {
                recent.events.clear();
                recent.bytes = 0;
                after
            }
        };
        recent.held = Some((start, up_to));
        for event in &found.events {
            recent.bytes += weight(event);
            recent.events.push_back(event.clone());
        }
        while recent.bytes > self.most_bytes {
            let Some(oldest) = recent.events.pop_front() else {
                break;
            };
            recent.bytes -= weight(&oldest);
            recent.held = Some((oldest.stored.position, up_to));
        }
    }
}

fn weight(event: &Rendered) -> usize {
    event.envelope.len() + event.stored.event.payload.len() + OVERHEAD
}
