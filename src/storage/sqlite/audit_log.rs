//! The audit log.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite as Database};

use super::commit::Change;
use super::{Sqlite, rows, unavailable};
use crate::domain::clock::Timestamp;
use crate::storage::{AuditEntry, AuditFilter, AuditLog, Deed, NewAuditEntry, Page, PageRequest, Result};

fn conditions(query: &mut QueryBuilder<Database>, filter: &AuditFilter) {
    if let Some(actor) = &filter.actor {
        query.push(" AND actor = ").push_bind(actor.clone());
    }
    if let Some(from) = filter.from {
        query.push(" AND at_ms >= ").push_bind(from.0);
    }
    if let Some(to) = filter.to {
        query.push(" AND at_ms <= ").push_bind(to.0);
    }
}

fn entry(row: &SqliteRow) -> Result<AuditEntry> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(unavailable);
    Ok(AuditEntry {
        id: row.try_get("audit_key").map_err(unavailable)?,
        told: NewAuditEntry {
            at: Timestamp(row.try_get("at_ms").map_err(unavailable)?),
            request_id: rows::request_id(row.try_get("request_id").map_err(unavailable)?)?,
            deed: Deed {
                actor: text("actor")?,
                action: text("action")?,
                resource: text("resource")?,
                from: text("origin")?,
            },
            outcome: text("outcome")?,
        },
    })
}

/// Writes an entry, as part of whatever transaction is open.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    entry: &NewAuditEntry,
) -> std::result::Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit (at_ms, request_id, actor, action, resource, origin, outcome)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(entry.at.0)
    .bind(entry.request_id.as_bytes().as_slice())
    .bind(&entry.deed.actor)
    .bind(&entry.deed.action)
    .bind(&entry.deed.resource)
    .bind(&entry.deed.from)
    .bind(&entry.outcome)
    .execute(connection)
    .await?;
    Ok(())
}

#[async_trait]
impl AuditLog for Sqlite {
    async fn note(&self, entry: NewAuditEntry) -> Result<()> {
        let _: bool = self.change(Change::Audit(Box::new(entry)), 256).await?;
        Ok(())
    }

    async fn entries(&self, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>> {
        let mut query = QueryBuilder::<Database>::new("SELECT * FROM audit WHERE audit_key < ");
        query.push_bind(page.before);
        conditions(&mut query, filter);
        query
            .push(" ORDER BY audit_key DESC LIMIT ")
            .push_bind(page.limit);
        query.push(" OFFSET ").push_bind(page.offset);
        let found = query.build().fetch_all(&self.pool).await.map_err(unavailable)?;
        let mut count = QueryBuilder::<Database>::new("SELECT count(*) FROM audit WHERE 1 = 1");
        conditions(&mut count, filter);
        let total = count.build().fetch_one(&self.pool).await;
        Ok(Page {
            items: found.iter().map(entry).collect::<Result<_>>()?,
            total: total.and_then(|row| row.try_get(0)).map_err(unavailable)?,
        })
    }

    async fn forget_before(&self, before: Timestamp, step_rows: u32) -> Result<u64> {
        self.change(Change::PurgeAudit(before, step_rows), 0).await
    }
}
