//! Shadows and statuses.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::postgres::PgRow;

use super::Postgres;
use super::follower_store::{keys, move_cursor};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::storage::sql::Columns;
use crate::storage::{DeviceStatus, Result, ShadowRow, ShadowStep, ShadowStore, StatusStore};

/// The follower's cursor.
const SHADOW: &str = "shadow";

fn shadow_row(row: &PgRow) -> Result<ShadowRow> {
    Ok(ShadowRow {
        device: DeviceKey(row.int("device_key")?),
        service_id: row.text("service_id")?,
        body: row.text("body")?,
    })
}

#[async_trait]
impl ShadowStore for Postgres {
    async fn shadows(&self, devices: &[DeviceKey]) -> Result<(Position, Vec<ShadowRow>)> {
        // One snapshot: the rows are those that belong to the cursor.
        let (cursor, found) = self
            .timed(async {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                let mut lent = self.lend().await?;
                let mut transaction = lent.begin_with(begin).await?;
                let cursor = sqlx::query_as("SELECT position FROM cursors WHERE name = $1").bind(SHADOW);
                let cursor: Option<(i64,)> = cursor.fetch_optional(&mut *transaction).await?;
                let query = "SELECT device_key, service_id, body FROM shadow WHERE device_key = ANY($1)
                    ORDER BY device_key, service_id";
                let found = sqlx::query(query)
                    .bind(keys(devices))
                    .fetch_all(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                Ok((cursor, found))
            })
            .await?;
        let position = Position(cursor.map_or(0, |(position,)| position));
        let found = found.iter().map(shadow_row).collect::<Result<_>>()?;
        Ok((position, found))
    }

    async fn save_shadows(&self, step: &ShadowStep, up_to: Position) -> Result<()> {
        let newest: BTreeMap<_, _> = step
            .rows
            .iter()
            .map(|row| ((row.device.0, &row.service_id), &row.body))
            .collect();
        let devices: Vec<_> = newest.keys().map(|(device, _)| *device).collect();
        let services: Vec<_> = newest.keys().map(|(_, service)| service.as_str()).collect();
        let bodies: Vec<_> = newest.values().map(|body| body.as_str()).collect();
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            sqlx::query("DELETE FROM shadow WHERE device_key = ANY($1)")
                .bind(keys(&step.cleared))
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO shadow (device_key, service_id, body) SELECT * FROM unnest($1, $2, $3)
                 ON CONFLICT (device_key, service_id) DO UPDATE SET body = excluded.body",
            )
            .bind(devices)
            .bind(services)
            .bind(bodies)
            .execute(&mut *transaction)
            .await?;
            move_cursor(&mut transaction, SHADOW, up_to).await?;
            transaction.commit().await
        })
        .await
    }

    async fn reset_shadows(&self) -> Result<()> {
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            for statement in ["DELETE FROM shadow", "DELETE FROM cursors WHERE name = 'shadow'"] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        })
        .await
    }
}

fn status(row: &PgRow) -> Result<DeviceStatus> {
    Ok(DeviceStatus {
        device: DeviceKey(row.int("device_key")?),
        online: row.flag("online")?,
        changed: Timestamp(row.int("changed_ms")?),
        active: Timestamp(row.int("active_ms")?),
        last_seen: Timestamp(row.int("last_seen_ms")?),
    })
}

#[async_trait]
impl StatusStore for Postgres {
    async fn mark_offline(&self, from: Timestamp, before: Timestamp, now: Timestamp) -> Result<()> {
        let update = sqlx::query(
            "UPDATE device_status SET online = FALSE, changed_ms = $1, announced = FALSE WHERE online AND device_key IN
             (SELECT device_key FROM device_activity WHERE last_seen_ms >= $2 AND last_seen_ms < $3)",
        )
        .bind(now.0)
        .bind(from.0)
        .bind(before.0);
        self.touched(update).await?;
        Ok(())
    }

    async fn unannounced(&self, limit: u32) -> Result<Vec<DeviceStatus>> {
        let query = sqlx::query(
            "SELECT s.*, coalesce(a.last_seen_ms, s.changed_ms) AS last_seen_ms FROM device_status s
             LEFT JOIN device_activity a USING (device_key) WHERE NOT s.announced ORDER BY s.device_key LIMIT $1",
        )
        .bind(i64::from(limit));
        let found = self.found(query).await?;
        found.iter().map(status).collect()
    }

    async fn announced(&self, statuses: &[DeviceStatus]) -> Result<()> {
        let devices: Vec<_> = statuses.iter().map(|status| status.device.0).collect();
        let changed: Vec<_> = statuses.iter().map(|status| status.changed.0).collect();
        let online: Vec<_> = statuses.iter().map(|status| status.online).collect();
        let update = sqlx::query(
            "UPDATE device_status SET announced = TRUE FROM unnest($1, $2, $3) AS told (device, changed, is_online)
             WHERE device_key = told.device AND changed_ms = told.changed AND online = told.is_online",
        )
        .bind(devices)
        .bind(changed)
        .bind(online);
        self.touched(update).await?;
        Ok(())
    }

    async fn statuses(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceStatus>> {
        let query = sqlx::query(
            "SELECT s.*, coalesce(a.last_seen_ms, s.changed_ms) AS last_seen_ms FROM device_status s
             LEFT JOIN device_activity a USING (device_key) WHERE s.device_key = ANY($1)",
        )
        .bind(keys(devices));
        let found = self.found(query).await?;
        found
            .iter()
            .map(|row| status(row).map(|status| (status.device, status)))
            .collect()
    }
}
