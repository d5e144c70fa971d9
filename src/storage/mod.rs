//! The storage roles as traits, and the records they speak of. Backends live in folders of their own (`sqlite`, `postgres`), what they
//! share in `sql`;
//! callers hold `Arc<dyn …>` and never learn which one. What a trait promises is checked by one contract suite.
//!
//! Writes of the registry and of the log go through one group-commit writer, so that a change and its event are
//! one transaction and positions rise in commit order.

mod action_store;
mod audit;
mod copy;
mod event_log;
mod follower_store;
mod leadership;
pub mod postgres;
mod registry;
mod routing;
mod settings;
mod shadow_store;
mod sql;
pub mod sqlite;
mod users;
pub mod writer;

use std::sync::Arc;

pub use action_store::*;
pub use audit::*;
pub use copy::Digest;
pub use event_log::*;
pub use follower_store::*;
pub use leadership::*;
pub use registry::*;
pub use routing::*;
pub use settings::*;
pub use shadow_store::*;
pub use users::*;

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
    pub rules: Arc<dyn RoutingStore>,
    /// What actions keep.
    pub actions: Arc<dyn ActionStore>,
    /// Settings and keys.
    pub settings: Arc<dyn Settings>,
    /// Who changed what.
    pub audit: Arc<dyn AuditLog>,
    /// Who signs in to the console.
    pub users: Arc<dyn Users>,
    /// Which node follows the log.
    pub leadership: Arc<dyn Leadership>,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyFailure {
    /// The source does not open.
    #[error(transparent)]
    Source(#[from] sqlite::OpenError),
    /// The target does not open, or is not empty.
    #[error(transparent)]
    Target(#[from] postgres::OpenError),
    /// On the way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies everything of a SQLite database into an empty PostgreSQL one, all or nothing, and compares; `progress` hears of rows
/// done, of how many, and where it is.
pub async fn copy_to_postgres(
    from: &str,
    to: &str,
    options: &postgres::PostgresOptions,
    secrets: &crate::auth::secret_box::SecretBox,
    mut progress: impl FnMut(u64, u64, &str),
) -> std::result::Result<Vec<Digest>, CopyFailure> {
    let mut source = sqlite::copy_source::open(from, secrets).await?;
    let total = copy::total(&mut source).await?;
    let mut target = postgres::copy_target::open(to, options).await?;
    let last = sqlite::copy_source::last_given(&mut source, "events").await?;
    let first = copy::first_position(&mut source).await?.unwrap_or(last + 1);
    postgres::copy_target::make_room(&mut target, (first, last), options.partition_rows).await?;
    let more = postgres::copy_target::MORE;
    let digests = copy::copy(&mut source, &mut target, more, |done, place| {
        progress(done, total, place);
    })
    .await?;
    let mut given = Vec::new();
    for (table, _) in copy::SEQUENCES {
        given.push(sqlite::copy_source::last_given(&mut source, table).await?);
    }
    postgres::copy_target::finish(target, &given).await?;
    Ok(digests)
}
