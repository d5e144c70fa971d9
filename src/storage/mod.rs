//! The storage roles as traits, and the records they speak of. Backends live in folders of their own (`sqlite`);
//! callers hold `Arc<dyn …>` and never learn which one. What a trait promises is checked by one contract suite.
//!
//! Writes of the registry and of the log go through one group-commit writer, so that a change and its event are
//! one transaction and positions rise in commit order.

mod action_store;
mod audit;
mod event_log;
mod follower_store;
mod registry;
mod routing;
mod settings;
mod shadow_store;
pub mod sqlite;
pub mod writer;

use std::sync::Arc;

pub use action_store::*;
pub use audit::*;
pub use event_log::*;
pub use follower_store::*;
pub use registry::*;
pub use routing::*;
pub use settings::*;
pub use shadow_store::*;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The write queue is full in rows or bytes; nothing was written, trying again in a moment may serve.
    #[error("the write queue is full")]
    Busy,
    /// The database cannot take or give anything now (full disk, lost connection, shutting down).
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database did not answer in time; what was asked for may still be done.
    #[error("the database did not answer in time")]
    OutcomeUnknown,
    /// What was read makes no sense, or a secret does not open.
    #[error("stored data is not as expected: {0}")]
    Corrupt(String),
}

/// What storage calls answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Which page of a list: newest first, records below `before`, after skipping `offset`.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// Records with a key below this one.
    pub before: i64,
    /// How many of them to skip.
    pub offset: u32,
    /// How many to give.
    pub limit: u32,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The records, newest first.
    pub items: Vec<T>,
    /// How many match in all, whatever the page.
    pub total: i64,
}

/// A backend's roles, as the composition root hands them out.
#[derive(Clone)]
pub struct Stores {
    /// Products and devices.
    pub registry: Arc<dyn Registry>,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// What followers keep.
    pub followers: Arc<dyn FollowerStore>,
    /// Devices' shadows.
    pub shadows: Arc<dyn ShadowStore>,
    /// Devices' status.
    pub statuses: Arc<dyn StatusStore>,
    /// Rules, actions, policies and certificates.
    pub routing: Arc<dyn RoutingStore>,
    /// What actions keep.
    pub actions: Arc<dyn ActionStore>,
    /// Settings and keys.
    pub settings: Arc<dyn Settings>,
    /// Who changed what.
    pub audit: Arc<dyn AuditLog>,
}
