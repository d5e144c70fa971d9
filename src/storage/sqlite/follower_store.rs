//! What followers keep, in the second file. It can be made again from the log, so `synchronous=NORMAL` would do; the
//! pool's `FULL` costs one sync a second.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Row, Sqlite as Database};

use super::{Sqlite, unavailable};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::storage::sql::rows;
use crate::storage::{
    DeviceActivity, EventFilter, FollowerStore, IndexEntry, NewTraceEntry, Page, PageRequest, StoreError,
    TraceEntry,
};

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
        "DELETE FROM trace",
        "DELETE FROM shadow",
        "DELETE FROM device_status",
        "DELETE FROM action_lanes",
        "DELETE FROM action_counters",
        "DELETE FROM action_parked",
        "DELETE FROM action_letters",
        "DELETE FROM action_attempts",
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
        let kinds = rows::kinds_condition(filter);
        let sql = format!(
            "SELECT position FROM history WHERE device_key = ? AND position < ? AND received_ms BETWEEN ? AND ? {kinds}
             ORDER BY position DESC LIMIT ?"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(device.0)
            .bind(before.0)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(filter.to.map_or(i64::MAX, |to| to.0))
            .bind(limit)
            .fetch_all(&self.followers)
            .await
            .map_err(unavailable)?;
        found
            .iter()
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
            came_online(chunk, &mut transaction).await.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn save_trace(&self, entries: &[NewTraceEntry], keep: u32) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for entry in entries {
            sqlx::query(
                "INSERT OR REPLACE INTO trace (device_key, at_ms, method, path, status, code, message, request_id, count)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 + coalesce((SELECT count FROM trace WHERE device_key = ?1
                 AND method = ?3 AND path = ?4 AND status = ?5 AND code = ?6 AND message = ?7), 0))",
            )
            .bind(entry.device.0)
            .bind(entry.at.0)
            .bind(&entry.method)
            .bind(&entry.path)
            .bind(i64::from(entry.status))
            .bind(&entry.code)
            .bind(&entry.message)
            .bind(&entry.request_id)
            .bind(entry.count)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        let mut devices: Vec<_> = entries.iter().map(|entry| entry.device.0).collect();
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            sqlx::query(
                "DELETE FROM trace WHERE device_key = ?1 AND id <=
                 (SELECT id FROM trace WHERE device_key = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )
            .bind(device)
            .bind(keep)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn trace(&self, device: DeviceKey, page: PageRequest) -> Result<Page<TraceEntry>> {
        let rows = sqlx::query(
            "SELECT id, at_ms, method, path, status, code, message, request_id, count FROM trace
             WHERE device_key = ? AND id < ? ORDER BY id DESC LIMIT ? OFFSET ?",
        )
        .bind(device.0)
        .bind(page.before)
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(&self.followers)
        .await
        .map_err(unavailable)?;
        let total = sqlx::query("SELECT count(*) FROM trace WHERE device_key = ?").bind(device.0);
        let total = total.fetch_one(&self.followers).await;
        let total = total.and_then(|row| row.try_get(0)).map_err(unavailable)?;
        let items = rows
            .iter()
            .map(|row| trace_entry(device, row).map_err(unavailable))
            .collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn forget_devices(&self, devices: &[DeviceKey]) -> Result<()> {
        let keys: Vec<_> = devices.iter().map(|device| device.0.to_string()).collect();
        for table in ["trace", "device_activity", "device_status"] {
            let sql = format!("DELETE FROM {table} WHERE device_key IN ({})", keys.join(","));
            sqlx::query(AssertSqlSafe(sql))
                .execute(&self.followers)
                .await
                .map_err(unavailable)?;
        }
        Ok(())
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

/// Devices heard for the first time, or again after they went offline, are online and to be announced.
async fn came_online(heard: &[DeviceActivity], connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Database>::new(
        "INSERT INTO device_status (device_key, online, changed_ms, active_ms, announced) ",
    );
    query.push_values(heard, |mut row, activity| {
        row.push_bind(activity.device.0).push_bind(true);
        row.push_bind(activity.last_seen.0)
            .push_bind(activity.last_seen.0);
        row.push_bind(false);
    });
    query.push(
        " ON CONFLICT (device_key) DO UPDATE SET online = 1, changed_ms = excluded.changed_ms, announced = 0
         WHERE online = 0",
    );
    query.build().execute(connection).await?;
    Ok(())
}

fn trace_entry(device: DeviceKey, row: &SqliteRow) -> Result<TraceEntry, sqlx::Error> {
    Ok(TraceEntry {
        id: row.try_get(0)?,
        told: NewTraceEntry {
            device,
            at: Timestamp(row.try_get(1)?),
            method: row.try_get(2)?,
            path: row.try_get(3)?,
            status: row.try_get(4)?,
            code: row.try_get(5)?,
            message: row.try_get(6)?,
            request_id: row.try_get(7)?,
            count: row.try_get(8)?,
        },
    })
}
