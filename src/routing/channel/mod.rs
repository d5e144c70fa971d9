//! Ways out. A channel is a folder with one skeleton: configuration, request, one call, retry decision, tests. It hands
//! events to one target and tells what became of each; when to try again, what to set aside and what to give up is the
//! dispatcher's to decide, from what it was told.

pub mod http;
pub mod target;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::domain::ids::Position;

/// An event on its way to a target.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its place in the log; the `sequence` that the target sees, the same on every try.
    pub position: Position,
    /// The device it tells of, which keys and orders it; none for product events.
    pub device_id: Option<String>,
    /// The device's product.
    pub product_id: Option<String>,
    /// The device's resource space.
    pub app_id: Option<String>,
    /// The JSON that goes out: the envelope, or what the rule's `select` makes of it.
    pub body: Bytes,
}

/// What became of an event at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Delivered, or what kept it from being.
    pub outcome: Outcome,
    /// What the target said, for people: at most a few hundred characters, never a secret.
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}

/// Whether an event was delivered, and whom a failure concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target has it.
    Delivered,
    /// The target refuses this event, whatever is tried (400, 413, 415, 422).
    EventRefused,
    /// The target refuses this action (401, 403, 404, 405, 410, an address that may not be called).
    TargetRefused,
    /// It may work later: no connection, a timeout, 5xx, 429; not before `retry_after`, where the target says so.
    Failed {
        /// What the target asks for.
        retry_after: Option<Duration>,
        /// Whether the target was not reached at all, so that no other event will fare better now.
        unreachable: bool,
    },
}

impl Outcome {
    /// Its class, as metrics name it.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::EventRefused => "event_refused",
            Self::TargetRefused => "target_refused",
            Self::Failed {
                unreachable: true, ..
            } => "unreachable",
            Self::Failed { .. } => "failed",
        }
    }
}

/// One way out, to one target.
#[async_trait]
pub trait Channel: Send + Sync {
    /// How many events one call may hand over; 1 where each is a request of its own.
    fn batch_size(&self) -> usize;
    /// Hands events over and waits for what became of each: as many reports, in the same order. Bounded in time by the
    /// channel itself. Dropping the future gives up on the answer, not on the event.
    async fn deliver(&self, events: &[Outgoing]) -> Vec<Report>;
}
