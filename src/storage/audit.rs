//! The audit log: who changed what, when, from where, and what came of it. Append-only; retention alone takes away.

use async_trait::async_trait;

use super::{Page, PageRequest, Result};
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;

/// Who does what to which resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The access key, or the part of the program that acts by itself.
    pub actor: String,
    /// The operation, like `create_product`.
    pub action: String,
    /// What it is done to, like `/products/p1`.
    pub resource: String,
    /// The address that it came from, or `local`.
    pub from: String,
}

/// What is written down of a deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// When.
    pub at: Timestamp,
    /// By which request.
    pub request_id: RequestId,
    /// What.
    pub deed: Deed,
    /// `done`, or the status and code of the refusal.
    pub outcome: String,
}

/// The outcome of what was done.
pub const DONE: &str = "done";

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Rises with time; the record id of paging.
    pub id: i64,
    /// What it tells.
    pub told: NewAuditEntry,
}

/// Which entries to list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this actor.
    pub actor: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// At or before.
    pub to: Option<Timestamp>,
}

/// The audit log. Entries of registry changes are written with them; the others come through [`AuditLog::note`].
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes an entry; on disk before this returns.
    async fn note(&self, entry: NewAuditEntry) -> Result<()>;
    /// A page of entries, newest first.
    async fn entries(&self, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>>;
    /// Removes up to `step_rows` entries from before `before`; answers how many.
    async fn forget_before(&self, before: Timestamp, step_rows: u32) -> Result<u64>;
}
