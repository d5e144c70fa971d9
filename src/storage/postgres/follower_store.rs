//! What followers keep. Rows go in sorted by device, so that two nodes that write the same ones never wait for each other.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use sqlx::Connection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Postgres;
use super::session::replaced;
use crate::auth::access_token::TokenInstants;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::storage::sql::{Columns, log, rows};
use crate::storage::{
    DeviceActivity, EventFilter, FollowerStore, IndexEntry, NewTraceEntry, Page, PageRequest, Result,
    StoreError, TraceEntry,
};

/// The index's cursor.
const HISTORY: &str = "history";

pub(super) fn keys(devices: &[DeviceKey]) -> Vec<i64> {
    devices.iter().map(|device| device.0).collect()
}

/// Moves a follower's cursor.
pub(super) async fn move_cursor(
    connection: &mut PgConnection,
    name: &str,
    up_to: Position,
) -> std::result::Result<(), sqlx::Error> {
    let upsert = "INSERT INTO cursors (name, position) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET position = excluded.position";
    sqlx::query(upsert)
        .bind(name)
        .bind(up_to.0)
        .execute(connection)
        .await?;
    Ok(())
}

#[async_trait]
impl FollowerStore for Postgres {
    async fn cursor(&self, name: &str) -> Result<Position> {
        let query = sqlx::query_as("SELECT position FROM cursors WHERE name = $1").bind(name);
        let found: Option<(i64,)> = self
            .timed(async { query.fetch_optional(&mut *self.lend().await?).await })
            .await?;
        Ok(Position(found.map_or(0, |(position,)| position)))
    }

    async fn index(&self, entries: &[IndexEntry], up_to: Position) -> Result<()> {
        let column = |of: fn(&IndexEntry) -> i64| entries.iter().map(of).collect::<Vec<_>>();
        let insert = sqlx::query(
            "INSERT INTO history (position, device_key, kind, received_ms) SELECT * FROM unnest($1, $2, $3, $4)
             ON CONFLICT (position) DO UPDATE SET device_key = excluded.device_key, kind = excluded.kind,
                 received_ms = excluded.received_ms",
        )
        .bind(column(|entry| entry.position.0))
        .bind(column(|entry| entry.device.0))
        .bind(column(|entry| entry.kind.code()))
        .bind(column(|entry| entry.received.0));
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            insert.execute(&mut *transaction).await?;
            move_cursor(&mut transaction, HISTORY, up_to).await?;
            transaction.commit().await
        })
        .await
    }

    async fn indexed(&self, filter: &EventFilter, before: Position, limit: u32) -> Result<Vec<Position>> {
        let Some(device) = filter.device else {
            return Ok(Vec::new());
        };
        let kinds = rows::kinds_condition(filter);
        let sql = format!(
            "SELECT position FROM history WHERE device_key = $1 AND position < $2 AND received_ms BETWEEN $3 AND $4 {kinds}
             ORDER BY position DESC LIMIT $5"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(device.0)
            .bind(before.0)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(filter.to.map_or(i64::MAX, |to| to.0))
            .bind(i64::from(limit));
        log::positions(&self.found(query).await?)
    }

    async fn forget_below(&self, first: Position, step_rows: u32) -> Result<u64> {
        let delete = sqlx::query(
            "DELETE FROM history WHERE position IN
             (SELECT position FROM history WHERE position < $1 ORDER BY position LIMIT $2)",
        )
        .bind(first.0)
        .bind(i64::from(step_rows));
        self.touched(delete).await
    }

    async fn reset_index(&self) -> Result<()> {
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            for statement in [
                "DELETE FROM history",
                "DELETE FROM cursors WHERE name = 'history'",
            ] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        })
        .await
    }

    async fn save_activity(&self, rows: &[DeviceActivity]) -> Result<()> {
        let mut newest: BTreeMap<_, _> = rows.iter().map(|row| (row.device.0, *row)).collect();
        let devices: Vec<_> = newest.keys().copied().collect();
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            merge_stored(&mut transaction, &mut newest).await?;
            let instants: Vec<_> = newest.values().map(|row| row.token_instants.as_slice()).collect();
            let seen: Vec<_> = newest.values().map(|row| row.last_seen.0).collect();
            sqlx::query(
                "INSERT INTO device_activity (device_key, token_instants, last_seen_ms) SELECT * FROM unnest($1, $2, $3)
                 ON CONFLICT (device_key) DO UPDATE SET token_instants = excluded.token_instants,
                     last_seen_ms = greatest(device_activity.last_seen_ms, excluded.last_seen_ms)",
            )
            .bind(&devices)
            .bind(instants)
            .bind(&seen)
            .execute(&mut *transaction)
            .await?;
            // Heard for the first time, or again after they went offline.
            sqlx::query(
                "INSERT INTO device_status (device_key, online, changed_ms, active_ms, announced)
                 SELECT device, TRUE, seen, seen, FALSE FROM unnest($1, $2) AS heard (device, seen)
                 ON CONFLICT (device_key) DO UPDATE SET online = TRUE, changed_ms = excluded.changed_ms, announced = FALSE
                 WHERE NOT device_status.online",
            )
            .bind(&devices)
            .bind(&seen)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        })
        .await
    }

    async fn save_trace(&self, entries: &[NewTraceEntry], keep: u32) -> Result<()> {
        let mut folded: BTreeMap<_, NewTraceEntry> = BTreeMap::new();
        for entry in entries {
            let earlier = folded.insert((entry.device.0, telling(entry)), entry.clone());
            if let (Some(earlier), Some(now)) = (earlier, folded.get_mut(&(entry.device.0, telling(entry)))) {
                now.count += earlier.count;
            }
        }
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            insert_trace(&mut transaction, &folded).await?;
            let mut devices: Vec<_> = folded.keys().map(|(device, _)| *device).collect();
            devices.dedup();
            sqlx::query(
                "DELETE FROM trace USING unnest($1) AS heard (device) WHERE device_key = heard.device AND id <=
                 (SELECT t.id FROM trace t WHERE t.device_key = heard.device ORDER BY t.id DESC LIMIT 1 OFFSET $2)",
            )
            .bind(devices)
            .bind(i64::from(keep))
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        })
        .await
    }

    async fn trace(&self, device: DeviceKey, page: PageRequest) -> Result<Page<TraceEntry>> {
        let query = sqlx::query(
            "SELECT * FROM trace WHERE device_key = $1 AND id < $2 ORDER BY id DESC LIMIT $3 OFFSET $4",
        )
        .bind(device.0)
        .bind(page.before)
        .bind(i64::from(page.limit))
        .bind(i64::from(page.offset));
        let found = self.found(query).await?;
        let count = sqlx::query_as("SELECT count(*) FROM trace WHERE device_key = $1").bind(device.0);
        let (total,): (i64,) = self.one(count).await?;
        let items = found.iter().map(trace_entry).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn forget_devices(&self, devices: &[DeviceKey]) -> Result<()> {
        self.timed(async {
            let mut lent = self.lend().await?;
            for statement in [
                "DELETE FROM trace WHERE device_key = ANY($1)",
                "DELETE FROM device_activity WHERE device_key = ANY($1)",
                "DELETE FROM device_status WHERE device_key = ANY($1)",
            ] {
                let delete = sqlx::query(statement).bind(keys(devices));
                delete.execute(&mut *lent).await?;
            }
            Ok(())
        })
        .await
    }

    async fn activity(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceActivity>> {
        if devices.is_empty() {
            return Ok(HashMap::new());
        }
        let query = sqlx::query(
            "SELECT device_key, token_instants, last_seen_ms FROM device_activity WHERE device_key = ANY($1)",
        )
        .bind(keys(devices));
        let found = self.found(query).await?;
        let activity = |row: &PgRow| {
            let device = DeviceKey(row.int_at(0)?);
            let instants = row.bytes_at(1)?.try_into();
            let token_instants =
                instants.map_err(|_| StoreError::Corrupt("token instants of another size".to_owned()))?;
            let last_seen = Timestamp(row.int_at(2)?);
            Ok((
                device,
                DeviceActivity {
                    device,
                    token_instants,
                    last_seen,
                },
            ))
        };
        found.iter().map(activity).collect()
    }
}

/// Another node may have heard the device later, and given it newer tokens: the newest of both stay.
async fn merge_stored(
    connection: &mut PgConnection,
    rows: &mut BTreeMap<i64, DeviceActivity>,
) -> std::result::Result<(), sqlx::Error> {
    let stored = sqlx::query_as(
        "SELECT device_key, token_instants, last_seen_ms FROM device_activity WHERE device_key = ANY($1)
         ORDER BY device_key FOR UPDATE",
    );
    let devices: Vec<_> = rows.keys().copied().collect();
    let stored: Vec<(i64, Vec<u8>, i64)> = stored.bind(devices).fetch_all(connection).await?;
    for (device, instants, last_seen) in stored {
        let (Some(row), Ok(instants)) = (rows.get_mut(&device), <[u8; 32]>::try_from(instants)) else {
            continue;
        };
        let mut newest = TokenInstants::decode(&row.token_instants);
        newest.merge(TokenInstants::decode(&instants));
        row.token_instants = newest.encode();
        row.last_seen = row.last_seen.max(Timestamp(last_seen));
    }
    Ok(())
}

/// What two entries that tell the same have in common.
fn telling(entry: &NewTraceEntry) -> Vec<u8> {
    let texts = [&entry.method, &entry.path, &entry.code, &entry.message];
    digest(texts.map(String::as_str), entry.status)
}

pub(super) fn digest(texts: [&str; 4], status: u16) -> Vec<u8> {
    let mut digest = Context::new(&SHA256);
    for text in texts {
        digest.update(&(text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.update(&status.to_be_bytes());
    digest.finish().as_ref().to_vec()
}

/// An entry that tells the same as an older one takes its place, with an id of its own and both counts.
async fn insert_trace(
    connection: &mut PgConnection,
    entries: &BTreeMap<(i64, Vec<u8>), NewTraceEntry>,
) -> std::result::Result<(), sqlx::Error> {
    let number = |of: fn(&NewTraceEntry) -> i64| entries.values().map(of).collect::<Vec<_>>();
    let text = |of: fn(&NewTraceEntry) -> &str| {
        let texts = entries.values().map(of);
        texts.map(replaced).collect::<Vec<_>>()
    };
    let told: Vec<_> = entries.keys().map(|(_, told)| told.as_slice()).collect();
    sqlx::query(
        "INSERT INTO trace (device_key, at_ms, method, path, status, code, message, request_id, count, telling)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ORDER BY 2
         ON CONFLICT (device_key, telling) DO UPDATE SET id = excluded.id, at_ms = excluded.at_ms,
             request_id = excluded.request_id, count = trace.count + excluded.count",
    )
    .bind(number(|entry| entry.device.0))
    .bind(number(|entry| entry.at.0))
    .bind(text(|entry| &entry.method))
    .bind(text(|entry| &entry.path))
    .bind(number(|entry| entry.status.into()))
    .bind(text(|entry| &entry.code))
    .bind(text(|entry| &entry.message))
    .bind(text(|entry| &entry.request_id))
    .bind(number(|entry| entry.count))
    .bind(told)
    .execute(connection)
    .await?;
    Ok(())
}

fn trace_entry(row: &PgRow) -> Result<TraceEntry> {
    let status = u16::try_from(row.int("status")?);
    Ok(TraceEntry {
        id: row.int("id")?,
        told: NewTraceEntry {
            device: DeviceKey(row.int("device_key")?),
            at: Timestamp(row.int("at_ms")?),
            method: row.text("method")?,
            path: row.text("path")?,
            status: status.map_err(|error| StoreError::Corrupt(error.to_string()))?,
            code: row.text("code")?,
            message: row.text("message")?,
            request_id: row.text("request_id")?,
            count: row.int("count")?,
        },
    })
}
