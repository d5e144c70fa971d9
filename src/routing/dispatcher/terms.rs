//! What the dispatcher is told, and what it tells.

use super::{Schedule, TargetState};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::routing::channel::Outgoing;
use crate::storage::Counters;

/// What orders events: their device; those of none are ordered among themselves.
pub type OrderKey = Option<DeviceKey>;

/// Names an event that is to be delivered: one place of the log may be in several lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId {
    /// The lane.
    pub lane: i64,
    /// The position, or the letter's id.
    pub place: i64,
}

/// Bounds of an action.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events of a lane that are loaded and not settled, or settled out of turn.
    pub window: usize,
    /// Bytes of bodies in memory.
    pub window_bytes: u64,
    /// Events of one device that are set aside.
    pub parked_per_device: usize,
    /// Events of all devices that are set aside.
    pub parked: u64,
    /// How long an event is tried in vain.
    pub event_max_age_ms: i64,
    /// Replays in progress.
    pub replays: usize,
    /// When to try again.
    pub schedule: Schedule,
}

/// What backlog policies allow; the tightest of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes that may wait.
    pub bytes: Option<u64>,
    /// How long an event may wait.
    pub age_ms: Option<i64>,
}

/// An event that the rule takes.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What goes out.
    pub outgoing: Outgoing,
    /// What orders it.
    pub device: OrderKey,
    /// When the platform took it in.
    pub received: Timestamp,
}

impl Taken {
    /// What it counts.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.outgoing.body.len()).unwrap_or(u64::MAX)
    }
}

/// An event that goes out now.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Which.
    pub id: ItemId,
    /// Its position.
    pub position: Position,
    /// Its device.
    pub device: OrderKey,
    /// What goes out; none for what was set aside, which is to be read again.
    pub outgoing: Option<Outgoing>,
}

/// What an action's state shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is paused.
    pub paused: bool,
    /// How its target fares.
    pub target: TargetState,
    /// Since when.
    pub since: Timestamp,
    /// What the target said last when it failed.
    pub last_error: Option<String>,
    /// What came of the events so far.
    pub counters: Counters,
    /// Taken and not settled, the parked included.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Set aside.
    pub parked: u64,
    /// Judged up to here.
    pub scanned: Position,
    /// Settled up to here.
    pub settled: Position,
}
