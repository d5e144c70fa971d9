//! What the SQL backends share: the registry, the settings and the audit log in statements that SQLite and PostgreSQL both
//! understand, and the registry's changes as they happen inside the writer's transaction. How a statement is run, how events
//! are inserted, and what followers keep, is each backend's own.

mod actions;
mod audit_log;
pub(super) mod changes;
pub(super) mod log;
pub(super) mod migrations;
pub(super) mod registry;
mod routing;
pub(super) mod rows;
pub(super) mod search;
pub(super) mod settings;
mod statement;
mod users;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{NewAuditEntry, PurgeRequest, RegistryChange, RegistryListener, Result, StoreError};
use crate::auth::secret_box::SecretBox;
use crate::domain::ids::DeviceKey;
pub(super) use audit_log::insert as audit_entry;
use changes::{Change, Outcome};
pub(super) use statement::{Columns, Statement, Value, columns, query, unavailable};

/// A connection, inside whatever transaction is open on it.
#[async_trait]
pub(super) trait Session: Send {
    /// Its rows.
    type Row: Columns;

    /// What a statement finds or returns.
    async fn rows(&mut self, statement: Statement) -> Result<Vec<Self::Row>>;
    /// How many rows a statement touched.
    async fn execute(&mut self, statement: Statement) -> Result<u64>;
    /// The last position that was given, which no other writer raises before this transaction ends.
    async fn last_position(&mut self) -> Result<i64>;
    /// Whether any node wrote down that it heard a device, as far as this transaction can see.
    async fn was_heard(&mut self, device: DeviceKey) -> Result<bool>;
    /// Removes one step of old events.
    async fn purge(&mut self, request: PurgeRequest) -> Result<u64>;
}

/// A database: with this it is a registry, keeps settings, and has an audit log.
#[async_trait]
pub(super) trait SqlStore: Send + Sync {
    /// Its rows.
    type Row: Columns;
    /// The table of devices' activity, as searches name it.
    const ACTIVITY: &'static str;

    /// What a statement finds, outside of any transaction.
    async fn rows(&self, statement: Statement) -> Result<Vec<Self::Row>>;
    /// Runs a statement and, where it changed something, writes the entry, in one transaction apart from the writer's.
    async fn change_noted(&self, statement: Statement, noted: &NewAuditEntry) -> Result<bool>;
    /// Writes what followers keep, in one transaction; how many rows the last statement touched.
    async fn keep(&self, statements: Vec<Statement>) -> Result<u64>;
    /// Makes a change through the writer; `bytes` is about what it holds in the queue.
    async fn submit(&self, change: Change, bytes: usize) -> Result<Outcome>;
    /// What seals secrets.
    fn secrets(&self) -> &SecretBox;
    /// Who hears of registry changes.
    fn listeners(&self) -> &Listeners;

    /// The first row that a statement finds.
    async fn row(&self, statement: Statement) -> Result<Option<Self::Row>> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// The number that a statement always finds.
    async fn number(&self, statement: Statement) -> Result<i64> {
        let row = self.row(statement).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("a number without a row".to_owned()))?;
        row.int_at(0)
    }

    /// [`SqlStore::submit`], for what its outcome is known to be.
    async fn change<T>(&self, change: Change, bytes: usize) -> Result<T>
    where
        T: TryFrom<Outcome, Error = StoreError>,
    {
        self.submit(change, bytes).await?.try_into()
    }
}

/// Who hears of registry changes; clones share it.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Vec<RegistryListener>>>);

impl Listeners {
    fn add(&self, listener: RegistryListener) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    pub(super) fn tell(&self, changes: &[RegistryChange]) {
        let listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            listeners.iter().for_each(|listener| listener(change));
        }
    }
}
