//! The event log: appended by whoever takes something in, followed by everything else.

use std::collections::HashMap;

use async_trait::async_trait;
use tokio::sync::watch;

use super::Result;
use crate::domain::clock::Timestamp;
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{DeviceKey, Position, VersionKey};

/// The first and last positions that the log holds; equal to `last + 1` and `last` when it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The oldest event still held.
    pub first: Position,
    /// The newest position ever given.
    pub last: Position,
}

/// What retention removes: the oldest events, a step at a time.
#[derive(Clone, Copy, Debug)]
pub struct PurgeRequest {
    /// Events received before this.
    pub before: Option<Timestamp>,
    /// The oldest ones, while the log takes more than this many bytes.
    pub max_bytes: Option<u64>,
    /// At most this many events in this step.
    pub step_rows: u32,
}

/// Narrows a device's events.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// The device; none for all.
    pub device: Option<DeviceKey>,
    /// Of these kinds; empty for all but the internal ones.
    pub kinds: Vec<EventKind>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received at or before.
    pub to: Option<Timestamp>,
}

/// One row of the history index.
#[derive(Clone, Copy, Debug)]
pub struct IndexEntry {
    /// The device.
    pub device: DeviceKey,
    /// The event.
    pub position: Position,
    /// Its kind.
    pub kind: EventKind,
    /// When it was taken in.
    pub received: Timestamp,
}

/// How much one read of whole events gives: it stops at either bound, and gives one event at least.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// At most this many events.
    pub rows: u32,
    /// No further event once their payloads take this many bytes.
    pub bytes: u64,
}

impl ReadLimit {
    /// Whether a read that gave these may have stopped at this bound, and not at its end.
    pub fn was_reached(&self, events: &[StoredEvent]) -> bool {
        let bytes: u64 = events
            .iter()
            .map(|stored| stored.event.payload.len() as u64)
            .sum();
        events.len() >= self.rows as usize || bytes >= self.bytes
    }
}

/// What one read gave.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The events, oldest first.
    pub events: Vec<StoredEvent>,
    /// The log was looked through up to here: the next read goes on after it.
    pub up_to: Position,
}

/// The event log.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Stores events, all or none, in order; answers when they are on disk, with the last one's position.
    async fn append(&self, events: Vec<NewEvent>) -> Result<Position>;
    /// The highest position that is known to be committed; tells of each rise soon after the commit. It is a hint to look
    /// at the log, never a proof: a backend that learns of other processes' commits (by a notification or a slow poll of
    /// its own) sends those too, one that does not leaves them to the followers' own slow poll. Sending costs one store
    /// for each commit, whoever listens.
    fn appended(&self) -> watch::Receiver<Position>;
    /// The events after `after`, oldest first, of all kinds; looked through up to the last one given.
    async fn read(&self, after: Position, limit: ReadLimit) -> Result<Chunk>;
    /// The events of these kinds with `after < position <= up_to`, oldest first; looked through up to the last one given if
    /// the limit may have cut it short, else to `up_to`. Other payloads are not read.
    async fn read_kinds(
        &self,
        kinds: &[EventKind],
        after: Position,
        up_to: Position,
        limit: ReadLimit,
    ) -> Result<Chunk>;
    /// Up to `limit` events after `after`, oldest first, as the history index needs them: no payload is read. Product
    /// events, which tell of no device, have none, and neither have internal ones.
    async fn index_entries(&self, after: Position, limit: u32)
    -> Result<Vec<(Position, Option<IndexEntry>)>>;
    /// The events at these positions, newest first; those that are gone are left out.
    async fn events(&self, positions: &[Position]) -> Result<Vec<StoredEvent>>;
    /// Up to `limit` positions of matching events with `after < position < before`, newest first. Looks at every row
    /// of the range, so the range is the short tail that no index has reached.
    async fn scan_back(
        &self,
        filter: &EventFilter,
        after: Position,
        before: Position,
        limit: u32,
    ) -> Result<Vec<Position>>;
    /// What the log holds.
    async fn bounds(&self) -> Result<LogBounds>;
    /// Removes at most one step of old events; answers how many. Positions are never reused.
    async fn purge(&self, request: PurgeRequest) -> Result<u64>;
    /// The descriptions that events name.
    async fn describe(&self, versions: &[VersionKey]) -> Result<HashMap<VersionKey, DeviceDescription>>;
    /// What the store takes on disk, bytes.
    async fn size_bytes(&self) -> Result<u64>;
    /// Fails while a commit has hung for longer than a few seconds.
    fn takes_writes(&self) -> Result<()>;
    /// Waits until no accepted write is outstanding, then stops taking more.
    async fn close(&self);
}
