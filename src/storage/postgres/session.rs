//! Statements on a connection, and a step of retention.

use async_trait::async_trait;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use crate::domain::ids::DeviceKey;
use crate::storage::sql::{Session, Statement, Value, columns, query, unavailable};
use crate::storage::{PurgeRequest, Result};

columns!(PgRow);

#[async_trait]
impl Session for PgConnection {
    type Row = PgRow;

    async fn rows(&mut self, statement: Statement) -> Result<Vec<PgRow>> {
        let statement = without_nul(statement);
        query!(statement).fetch_all(self).await.map_err(unavailable)
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64> {
        let statement = without_nul(statement);
        let done = query!(statement).execute(self).await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn last_position(&mut self) -> Result<i64> {
        let locked = sqlx::query("SELECT lock_log()").execute(&mut *self);
        locked.await.map_err(unavailable)?;
        let query = sqlx::query_as("SELECT last_value FROM event_positions");
        let (last,): (i64,) = query.fetch_one(self).await.map_err(unavailable)?;
        Ok(last)
    }

    async fn was_heard(&mut self, device: DeviceKey) -> Result<bool> {
        let query = sqlx::query("SELECT 1 FROM device_activity WHERE device_key = $1").bind(device.0);
        let found = query.fetch_optional(&mut *self).await.map_err(unavailable)?;
        Ok(found.is_some())
    }

    async fn purge(&mut self, request: PurgeRequest) -> Result<u64> {
        purge(self, request).await.map_err(unavailable)
    }
}

/// Whole partitions alone, whatever the step: dropping one costs the same however much it holds.
pub(super) async fn purge(
    connection: &mut PgConnection,
    request: PurgeRequest,
) -> std::result::Result<u64, sqlx::Error> {
    let max_bytes = request
        .max_bytes
        .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let purge = sqlx::query_as("SELECT purge_events($1, $2)")
        .bind(request.before.map(|before| before.0))
        .bind(max_bytes);
    let (removed,): (i64,) = purge.fetch_one(connection).await?;
    Ok(u64::try_from(removed).unwrap_or(0))
}

/// PostgreSQL's text knows no NUL, and would fail the whole group for one. What is stored has none, so that a search for one
/// finds nothing either way.
pub(super) fn without_nul(statement: Statement) -> Statement {
    let (text, values) = statement.into_parts();
    values.into_iter().fold(Statement::new(text), |statement, value| {
        statement.bind(match value {
            Value::Text(Some(text)) if text.contains('\0') => Value::Text(Some(replaced(&text))),
            other => other,
        })
    })
}

/// A text that PostgreSQL takes.
pub(super) fn replaced(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
