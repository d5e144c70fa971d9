//! The audit log.

use async_trait::async_trait;

use super::changes::Change;
use super::{Columns, SqlStore, Statement, rows};
use crate::domain::clock::Timestamp;
use crate::storage::{AuditEntry, AuditFilter, AuditLog, Deed, NewAuditEntry, Page, PageRequest, Result};

fn conditions(query: &mut Statement, filter: &AuditFilter) {
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

fn entry(row: &impl Columns) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.int("audit_key")?,
        told: NewAuditEntry {
            at: Timestamp(row.int("at_ms")?),
            request_id: rows::request_id(row.bytes("request_id")?)?,
            deed: Deed {
                actor: row.text("actor")?,
                action: row.text("action")?,
                resource: row.text("resource")?,
                from: row.text("origin")?,
            },
            outcome: row.text("outcome")?,
        },
    })
}

/// Writes an entry, as part of whatever transaction is open.
pub(in crate::storage) fn insert(entry: &NewAuditEntry) -> Statement {
    Statement::new(
        "INSERT INTO audit (at_ms, request_id, actor, action, resource, origin, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(entry.at.0)
    .bind(entry.request_id.as_bytes().as_slice())
    .bind(&entry.deed.actor)
    .bind(&entry.deed.action)
    .bind(&entry.deed.resource)
    .bind(&entry.deed.from)
    .bind(&entry.outcome)
}

#[async_trait]
impl<S: SqlStore> AuditLog for S {
    async fn note(&self, entry: NewAuditEntry) -> Result<()> {
        let _: bool = self.change(Change::Audit(Box::new(entry)), 256).await?;
        Ok(())
    }

    async fn entries(&self, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEntry>> {
        let mut query = Statement::new("SELECT * FROM audit WHERE audit_key < ");
        query.push_bind(page.before);
        conditions(&mut query, filter);
        query
            .push(" ORDER BY audit_key DESC LIMIT ")
            .push_bind(page.limit);
        query.push(" OFFSET ").push_bind(page.offset);
        let found = self.rows(query).await?;
        let mut count = Statement::new("SELECT count(*) FROM audit WHERE 1 = 1");
        conditions(&mut count, filter);
        Ok(Page {
            items: found.iter().map(entry).collect::<Result<_>>()?,
            total: self.number(count).await?,
        })
    }

    async fn forget_before(&self, before: Timestamp, step_rows: u32) -> Result<u64> {
        self.change(Change::PurgeAudit(before, step_rows), 0).await
    }
}
