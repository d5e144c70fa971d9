//! What followers keep, in the second file. It can be made again from the log, so `synchronous=NORMAL` would do; the
//! pool's `FULL` costs one sync a second.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Row, Sqlite as Database};

use super::{Sqlite, unavailable};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::storage::{DeviceActivity, EventFilter, FollowerStore, IndexEntry, StoreError};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The index's cursor.
const HISTORY: &str = "history";

/// Rows of one statement: 4 columns each, far below SQLite's bound on variables.
const ROWS: usize = 256;

/// Empties the file when it belongs to another database, which was put in this one's place or taken away.
pub(super) async fn adopt(connection: &mut SqliteConnection, project_id: &str) -> Result<(), sqlx::Error> {
    let origin: Option<(String,)> = sqlx::query_as("SELECT project_id FROM origin")
        .fetch_optional(&mut *connection)
        .await?;
    match origin {
        Some((origin,)) if origin == project_id => return Ok(()),
        Some(_) => tracing::warn!("the followers' file belongs to another database, it starts anew"),
        None => {}
    }
    let mut transaction = connection.begin().await?;
    for statement in [
        "DELETE FROM history",
        "DELETE FROM cursors",
        "DELETE FROM device_activity",
        "DELETE FROM origin",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    sqlx::query("INSERT INTO origin (project_id) VALUES (?)")
        .bind(project_id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

#[async_trait]
impl FollowerStore for Sqlite {
    async fn cursor(&self, name: &str) -> Result<Position> {
        let row = sqlx::query("SELECT position FROM cursors WHERE name = ?").bind(name);
        let row = row.fetch_optional(&self.followers).await.map_err(unavailable)?;
        let position = row.map(|row| row.try_get(0)).transpose().map_err(unavailable)?;
        Ok(Position(position.unwrap_or(0)))
    }

    async fn index(&self, entries: &[IndexEntry], up_to: Position) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for chunk in entries.chunks(ROWS) {
            let mut query = QueryBuilder::<Database>::new(
                "INSERT OR REPLACE INTO history (device_key, position, kind, received_ms) ",
            );
            query.push_values(chunk, |mut row, entry| {
                row.push_bind(entry.device.0).push_bind(entry.position.0);
                row.push_bind(entry.kind.code()).push_bind(entry.received.0);
            });
            query
                .build()
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        sqlx::query("INSERT OR REPLACE INTO cursors (name, position) VALUES (?, ?)")
            .bind(HISTORY)
            .bind(up_to.0)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn indexed(&self, filter: &EventFilter, before: Position, limit: u32) -> Result<Vec<Position>> {
        let Some(device) = filter.device else {
            return Ok(Vec::new());
        };
        let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.code().to_string()).collect();
        let kinds = if kinds.is_empty() {
            String::new()
        } else {
            format!("AND kind IN ({})", kinds.join(","))
        };
        let sql = format!(
            "SELECT position FROM history WHERE device_key = ? AND position < ? AND received_ms BETWEEN ? AND ? {kinds}
             ORDER BY position DESC LIMIT ?"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(device.0)
            .bind(before.0)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(filter.to.map_or(i64::MAX, |to| to.0))
            .bind(limit)
            .fetch_all(&self.followers)
            .await
            .map_err(unavailable)?;
        rows.iter()
            .map(|row| row.try_get(0).map(Position).map_err(unavailable))
            .collect()
    }

    async fn forget_below(&self, first: Position, step_rows: u32) -> Result<u64> {
        let deleted = sqlx::query(
            "DELETE FROM history WHERE position IN
             (SELECT position FROM history WHERE position < ? ORDER BY position LIMIT ?)",
        )
        .bind(first.0)
        .bind(step_rows)
        .execute(&self.followers)
        .await
        .map_err(unavailable)?;
        Ok(deleted.rows_affected())
    }

    async fn reset_index(&self) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for statement in [
            "DELETE FROM history",
            "DELETE FROM cursors WHERE name = 'history'",
        ] {
            sqlx::query(statement)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn save_activity(&self, rows: &[DeviceActivity]) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for chunk in rows.chunks(ROWS) {
            let mut query = QueryBuilder::<Database>::new(
                "INSERT OR REPLACE INTO device_activity (device_key, token_instants, last_seen_ms) ",
            );
            query.push_values(chunk, |mut row, activity| {
                row.push_bind(activity.device.0)
                    .push_bind(activity.token_instants.to_vec());
                row.push_bind(activity.last_seen.0);
            });
            query
                .build()
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn activity(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceActivity>> {
        if devices.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<_> = devices.iter().map(|device| device.0.to_string()).collect();
        let sql = format!(
            "SELECT device_key, token_instants, last_seen_ms FROM device_activity WHERE device_key IN ({})",
            keys.join(",")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&self.followers)
            .await
            .map_err(unavailable)?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let device = DeviceKey(row.try_get(0).map_err(unavailable)?);
            let instants: Vec<u8> = row.try_get(1).map_err(unavailable)?;
            let token_instants = instants
                .try_into()
                .map_err(|_| StoreError::Corrupt("token instants of another size".to_owned()))?;
            let last_seen = Timestamp(row.try_get(2).map_err(unavailable)?);
            found.insert(
                device,
                DeviceActivity {
                    device,
                    token_instants,
                    last_seen,
                },
            );
        }
        Ok(found)
    }
}
