//! Shadows and statuses, in the followers' file.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite as Database};

use super::{Sqlite, unavailable};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::storage::{DeviceStatus, Result, ShadowRow, ShadowStep, ShadowStore, StatusStore};

/// Rows of one statement: few columns each, far below SQLite's bound on variables.
const ROWS: usize = 256;

/// The follower's cursor.
const SHADOW: &str = "shadow";

fn keys(devices: impl IntoIterator<Item = DeviceKey>) -> String {
    let keys: Vec<_> = devices.into_iter().map(|device| device.0.to_string()).collect();
    keys.join(",")
}

#[async_trait]
impl ShadowStore for Sqlite {
    async fn shadows(&self, devices: &[DeviceKey]) -> Result<(Position, Vec<ShadowRow>)> {
        // One transaction: the rows are those that belong to the cursor.
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        let cursor = sqlx::query("SELECT position FROM cursors WHERE name = ?").bind(SHADOW);
        let cursor = cursor
            .fetch_optional(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let cursor = cursor.map_or(Ok(0), |row| row.try_get(0)).map_err(unavailable)?;
        let mut found = Vec::new();
        for chunk in devices.chunks(ROWS) {
            let sql = format!(
                "SELECT device_key, service_id, body FROM shadow WHERE device_key IN ({})",
                keys(chunk.iter().copied())
            );
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await;
            for row in rows.map_err(unavailable)? {
                found.push(ShadowRow {
                    device: DeviceKey(row.try_get(0).map_err(unavailable)?),
                    service_id: row.try_get(1).map_err(unavailable)?,
                    body: row.try_get(2).map_err(unavailable)?,
                });
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok((Position(cursor), found))
    }

    async fn save_shadows(&self, step: &ShadowStep, up_to: Position) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for chunk in step.cleared.chunks(ROWS) {
            let sql = format!(
                "DELETE FROM shadow WHERE device_key IN ({})",
                keys(chunk.iter().copied())
            );
            let delete = sqlx::query(AssertSqlSafe(sql));
            delete.execute(&mut *transaction).await.map_err(unavailable)?;
        }
        for chunk in step.rows.chunks(ROWS) {
            let mut query = QueryBuilder::<Database>::new(
                "INSERT OR REPLACE INTO shadow (device_key, service_id, body) ",
            );
            query.push_values(chunk, |mut row, entry| {
                row.push_bind(entry.device.0)
                    .push_bind(entry.service_id.clone())
                    .push_bind(entry.body.clone());
            });
            let insert = query.build().execute(&mut *transaction).await;
            insert.map_err(unavailable)?;
        }
        sqlx::query("INSERT OR REPLACE INTO cursors (name, position) VALUES (?, ?)")
            .bind(SHADOW)
            .bind(up_to.0)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn reset_shadows(&self) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for statement in ["DELETE FROM shadow", "DELETE FROM cursors WHERE name = 'shadow'"] {
            let delete = sqlx::query(statement).execute(&mut *transaction).await;
            delete.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }
}

/// What [`statuses`] reads.
const STATUS: &str =
    "SELECT s.device_key, s.online, s.changed_ms, s.active_ms, coalesce(a.last_seen_ms, s.changed_ms)
    FROM device_status s LEFT JOIN device_activity a ON a.device_key = s.device_key";

impl Sqlite {
    async fn statuses_where(&self, end: String) -> Result<Vec<DeviceStatus>> {
        let rows = sqlx::query(AssertSqlSafe(format!("{STATUS} {end}")))
            .fetch_all(&self.followers)
            .await
            .map_err(unavailable)?;
        let status = |row: &sqlx::sqlite::SqliteRow| -> std::result::Result<_, sqlx::Error> {
            Ok(DeviceStatus {
                device: DeviceKey(row.try_get(0)?),
                online: row.try_get(1)?,
                changed: Timestamp(row.try_get(2)?),
                active: Timestamp(row.try_get(3)?),
                last_seen: Timestamp(row.try_get(4)?),
            })
        };
        rows.iter()
            .map(status)
            .collect::<std::result::Result<_, _>>()
            .map_err(unavailable)
    }
}

#[async_trait]
impl StatusStore for Sqlite {
    async fn mark_offline(&self, from: Timestamp, before: Timestamp, now: Timestamp) -> Result<()> {
        sqlx::query(
            "UPDATE device_status SET online = 0, changed_ms = ?, announced = 0 WHERE online = 1 AND device_key IN
             (SELECT device_key FROM device_activity WHERE last_seen_ms >= ? AND last_seen_ms < ?)",
        )
        .bind(now.0)
        .bind(from.0)
        .bind(before.0)
        .execute(&self.followers)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn unannounced(&self, limit: u32) -> Result<Vec<DeviceStatus>> {
        self.statuses_where(format!(
            "WHERE s.announced = 0 ORDER BY s.device_key LIMIT {limit}"
        ))
        .await
    }

    async fn announced(&self, statuses: &[DeviceStatus]) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for status in statuses {
            sqlx::query(
                "UPDATE device_status SET announced = 1 WHERE device_key = ? AND changed_ms = ? AND online = ?",
            )
            .bind(status.device.0)
            .bind(status.changed.0)
            .bind(status.online)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn statuses(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceStatus>> {
        let found = self
            .statuses_where(format!(
                "WHERE s.device_key IN ({})",
                keys(devices.iter().copied())
            ))
            .await?;
        Ok(found.into_iter().map(|status| (status.device, status)).collect())
    }
}
