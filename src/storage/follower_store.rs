//! What followers of the log keep: the history index, devices' traffic and traces.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{EventFilter, IndexEntry, Page, PageRequest, Result};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};

/// What is known of a device's traffic; gathered in memory, written within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceActivity {
    /// The device.
    pub device: DeviceKey,
    /// The newest instants of token issue, as `auth::access_token::TokenInstants` encodes them.
    pub token_instants: [u8; 32],
    /// The last authentication or report.
    pub last_seen: Timestamp,
}

/// What a device's trace tells of requests of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTraceEntry {
    /// The device.
    pub device: DeviceKey,
    /// When it last happened.
    pub at: Timestamp,
    /// The request's method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its status.
    pub status: u16,
    /// Its error code, or empty.
    pub code: String,
    /// What was wrong.
    pub message: String,
    /// The last such request.
    pub request_id: String,
    /// How many there were.
    pub count: i64,
}

/// A stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// Rises with the time of the entry; the record id of paging.
    pub id: i64,
    /// What it tells.
    pub told: NewTraceEntry,
}

/// What followers keep, away from the log's writer.
#[async_trait]
pub trait FollowerStore: Send + Sync {
    /// Where the follower `name` stands; [`Position::START`] when it never saved.
    async fn cursor(&self, name: &str) -> Result<Position>;
    /// Adds to the history index and moves its cursor (`history`), in one transaction.
    async fn index(&self, entries: &[IndexEntry], up_to: Position) -> Result<()>;
    /// Up to `limit` indexed positions below `before` that match, newest first. `filter.device` is set.
    async fn indexed(&self, filter: &EventFilter, before: Position, limit: u32) -> Result<Vec<Position>>;
    /// Drops up to `step_rows` index entries below `first`; answers how many.
    async fn forget_below(&self, first: Position, step_rows: u32) -> Result<u64>;
    /// Forgets the history index and its cursor; it is made again from the log.
    async fn reset_index(&self) -> Result<()>;
    /// Writes activity rows, replacing older ones of the same devices; where another node wrote meanwhile, the newest of both
    /// stays. A device heard for the first time, or again after it
    /// went offline, is online from then on, to be announced (see [`StatusStore`](super::StatusStore)).
    async fn save_activity(&self, rows: &[DeviceActivity]) -> Result<()>;
    /// Adds to devices' traces; an entry that tells the same as an older one takes its place and adds their counts. The
    /// newest `keep` of each device stay.
    async fn save_trace(&self, entries: &[NewTraceEntry], keep: u32) -> Result<()>;
    /// A page of a device's trace.
    async fn trace(&self, device: DeviceKey, page: PageRequest) -> Result<Page<TraceEntry>>;
    /// Forgets the traces, the activity and the status of devices that are gone.
    async fn forget_devices(&self, devices: &[DeviceKey]) -> Result<()>;
    /// A device's activity.
    async fn activity(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceActivity>>;
}
