//! The registry's changes, inside the writer's transaction: each looks, writes, places its event and its row of the
//! audit log.

mod apps;
mod devices;
mod products;
mod routing;
mod tags;

pub(super) use routing::{RoutingChange, RoutingOutcome};
use sqlx::sqlite::SqliteRow;

use super::commit::{Group, SqliteCommit};
use super::{audit_log, unavailable};
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{DeviceKey, RequestId, VersionKey};
use crate::storage::{Change as Told, DONE, Deed, NewAuditEntry, Result};

impl SqliteCommit {
    /// Writes a row of the audit log.
    pub(super) async fn note(&mut self, entry: &NewAuditEntry) -> Result<bool> {
        audit_log::insert(self.connection(), entry)
            .await
            .map_err(unavailable)?;
        Ok(true)
    }

    pub(super) async fn purge_audit(&mut self, before: Timestamp, step_rows: u32) -> Result<u64> {
        let deleted = sqlx::query(
            "DELETE FROM audit WHERE audit_key IN (SELECT audit_key FROM audit WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
        )
        .bind(before.0)
        .bind(step_rows)
        .execute(self.connection())
        .await
        .map_err(unavailable)?;
        Ok(deleted.rows_affected())
    }

    /// A change that has no event.
    async fn done(&mut self, at: Timestamp, request_id: RequestId, deed: Deed) -> Result<()> {
        let outcome = DONE.to_owned();
        self.note(&NewAuditEntry {
            at,
            request_id,
            deed,
            outcome,
        })
        .await?;
        Ok(())
    }

    /// A change's event, told of `record`, and its row of the audit log.
    async fn tell<T>(
        &mut self,
        group: &mut Group,
        kind: EventKind,
        device: Option<(DeviceKey, VersionKey)>,
        record: &T,
        told: Told<T>,
    ) -> Result<()> {
        let event = NewEvent {
            kind,
            device,
            reported_by: None,
            received: told.at,
            request_id: told.request_id.clone(),
            payload: told.payload.render(record)?,
            faults: None,
        };
        self.place(group, event);
        self.done(told.at, told.request_id, told.deed).await
    }

    /// Whether the query finds a row for this number.
    async fn any(&mut self, sql: &'static str, key: i64) -> Result<bool> {
        let row = sqlx::query(sql).bind(key).fetch_optional(self.connection()).await;
        Ok(row.map_err(unavailable)?.is_some())
    }

    async fn row(
        &mut self,
        select: &'static str,
        condition: &'static str,
        key: i64,
    ) -> Result<Option<SqliteRow>> {
        let sql = format!("{select} WHERE {condition} = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(key);
        row.fetch_optional(self.connection()).await.map_err(unavailable)
    }
}
