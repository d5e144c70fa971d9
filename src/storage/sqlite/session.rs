//! Statements on a connection, and a step of retention.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::unavailable;
use crate::domain::ids::DeviceKey;
use crate::storage::sql::{Session, Statement, columns, query};
use crate::storage::{PurgeRequest, Result};

columns!(SqliteRow);

#[async_trait]
impl Session for SqliteConnection {
    type Row = SqliteRow;

    async fn rows(&mut self, statement: Statement) -> Result<Vec<SqliteRow>> {
        query!(statement).fetch_all(self).await.map_err(unavailable)
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64> {
        let done = query!(statement).execute(self).await.map_err(unavailable)?;
        Ok(done.rows_affected())
    }

    async fn last_position(&mut self) -> Result<i64> {
        let query = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)";
        let row = sqlx::query(query).fetch_one(self).await;
        row.and_then(|row| row.try_get(0)).map_err(unavailable)
    }

    /// The oldest rows of one step that are too old, or all of the step while the file holds too much.
    /// Activity is in the other file, which one program has to itself: it asked there before.
    async fn was_heard(&mut self, _: DeviceKey) -> Result<bool> {
        Ok(false)
    }

    async fn purge(&mut self, request: PurgeRequest) -> Result<u64> {
        let before = match request.max_bytes {
            Some(max) if used_bytes(self).await? > max => i64::MAX,
            _ => match request.before {
                Some(before) => before.0,
                None => return Ok(0),
            },
        };
        let row = sqlx::query(
            "SELECT max(position) FROM (SELECT position, received_ms FROM events ORDER BY position LIMIT ?)
             WHERE received_ms < ?",
        )
        .bind(request.step_rows)
        .bind(before)
        .fetch_one(&mut *self)
        .await
        .map_err(unavailable)?;
        let up_to: Option<i64> = row.try_get(0).map_err(unavailable)?;
        let Some(up_to) = up_to else { return Ok(0) };
        let delete = sqlx::query("DELETE FROM events WHERE position <= ?").bind(up_to);
        Ok(delete
            .execute(&mut *self)
            .await
            .map_err(unavailable)?
            .rows_affected())
    }
}

async fn used_bytes(connection: &mut SqliteConnection) -> Result<u64> {
    let row = sqlx::query(
        "SELECT (c.page_count - f.freelist_count) * s.page_size
         FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s",
    )
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    let bytes: i64 = row.try_get(0).map_err(unavailable)?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
