//! The event log.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::postgres::PgRow;
use tokio::sync::watch;

use super::Postgres;
use super::session::purge;
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{Position, VersionKey};
use crate::storage::sql::{Columns, rows};
use crate::storage::{Chunk, EventFilter, EventLog, IndexEntry, LogBounds, PurgeRequest, ReadLimit, Result};

/// The columns of an event, in the order that [`rows::event`] reads.
const EVENT: &str =
    "position, kind::BIGINT, device_key, version_key, reported_by, received_ms, request_id, payload, faults";

/// The first position held, and the last that was committed. One that a batch has taken and not yet committed is none that
/// was given.
pub(super) const BOUNDS: &str = "SELECT (SELECT min(position) FROM events),
    greatest((SELECT max(position) FROM events), (SELECT purged_up_to FROM log_state))";

/// What `lock_timeout` gives.
const LOCK_NOT_AVAILABLE: &str = "55P03";

fn events(found: &[PgRow]) -> Result<Vec<StoredEvent>> {
    found.iter().map(rows::event).collect()
}

pub(super) fn positions(found: &[PgRow]) -> Result<Vec<Position>> {
    found.iter().map(|row| row.int_at(0).map(Position)).collect()
}

#[async_trait]
impl EventLog for Postgres {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Position> {
        self.writer.append(events).await
    }

    fn appended(&self) -> watch::Receiver<Position> {
        self.appended.receiver()
    }

    async fn read(&self, after: Position, limit: ReadLimit) -> Result<Chunk> {
        let end = Position(i64::MAX);
        let events = self.read_where("TRUE", after, end, limit).await?;
        let up_to = events.last().map_or(after, |event| event.position);
        Ok(Chunk { events, up_to })
    }

    async fn read_kinds(
        &self,
        kinds: &[EventKind],
        after: Position,
        up_to: Position,
        limit: ReadLimit,
    ) -> Result<Chunk> {
        let condition = format!("kind IN ({})", rows::codes(kinds));
        let events = self.read_where(&condition, after, up_to, limit).await?;
        let last = events.last().filter(|_| limit.was_reached(&events));
        let up_to = last.map_or(up_to, |event| event.position);
        Ok(Chunk { events, up_to })
    }

    async fn index_entries(
        &self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<(Position, Option<IndexEntry>)>> {
        let query = sqlx::query(
            "SELECT position, device_key, kind::BIGINT, received_ms FROM events WHERE position > $1
             ORDER BY position LIMIT $2",
        )
        .bind(after.0)
        .bind(i64::from(limit));
        let found = self.found(query).await?;
        found.iter().map(rows::index_entry).collect()
    }

    async fn events(&self, positions: &[Position]) -> Result<Vec<StoredEvent>> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {EVENT} FROM events WHERE position = ANY($1) ORDER BY position DESC");
        let list: Vec<_> = positions.iter().map(|position| position.0).collect();
        let query = sqlx::query(AssertSqlSafe(sql)).bind(list);
        events(&self.found(query).await?)
    }

    async fn scan_back(
        &self,
        filter: &EventFilter,
        after: Position,
        before: Position,
        limit: u32,
    ) -> Result<Vec<Position>> {
        let device = filter
            .device
            .map_or(String::new(), |device| format!("AND device_key = {}", device.0));
        let kinds = rows::kinds_condition(filter);
        let sql = format!(
            "SELECT position FROM events WHERE position > $1 AND position < $2 AND received_ms BETWEEN $3 AND $4 {device} {kinds}
             ORDER BY position DESC LIMIT $5"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(after.0)
            .bind(before.0)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(filter.to.map_or(i64::MAX, |to| to.0))
            .bind(i64::from(limit));
        positions(&self.found(query).await?)
    }

    async fn bounds(&self) -> Result<LogBounds> {
        let query = sqlx::query_as(BOUNDS);
        let (first, last): (Option<i64>, i64) = self.one(query).await?;
        Ok(LogBounds {
            first: Position(first.unwrap_or(last + 1)),
            last: Position(last),
        })
    }

    /// Waits for no one who reads an old partition for long, since everyone would wait behind it: then nothing goes yet.
    async fn purge(&self, request: PurgeRequest) -> Result<u64> {
        if request.before.is_none() && request.max_bytes.is_none() {
            return Ok(0);
        }
        self.outage.check()?;
        let ahead = "SELECT make_room(last_value + $1, $1) FROM event_positions";
        let ahead = sqlx::query(ahead).bind(self.partition_rows);
        self.touched(ahead).await?;
        let purging = async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            sqlx::query("SET LOCAL lock_timeout = '200ms'")
                .execute(&mut *transaction)
                .await?;
            let removed = purge(&mut transaction, request).await?;
            transaction.commit().await?;
            Ok(removed)
        };
        self.timed(async {
            match Box::pin(purging).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                    tracing::info!("retention waits for those who read old events");
                    Ok(0)
                }
                other => other,
            }
        })
        .await
    }

    async fn describe(&self, versions: &[VersionKey]) -> Result<HashMap<VersionKey, DeviceDescription>> {
        if versions.is_empty() {
            return Ok(HashMap::new());
        }
        let list: Vec<_> = versions.iter().map(|version| version.0).collect();
        let query = sqlx::query("SELECT * FROM device_versions WHERE version_key = ANY($1)").bind(list);
        let found = self.found(query).await?;
        found
            .iter()
            .map(|row| Ok((VersionKey(row.int("version_key")?), rows::description(row)?)))
            .collect()
    }

    async fn size_bytes(&self) -> Result<u64> {
        let query = sqlx::query_as("SELECT pg_database_size(current_database())");
        let (size,): (i64,) = self.one(query).await?;
        Ok(u64::try_from(size).unwrap_or(0))
    }

    fn takes_writes(&self) -> Result<()> {
        self.writer.takes_writes()
    }

    async fn close(&self) {
        self.writer.close().await;
    }
}

impl Postgres {
    /// Whole events that meet the condition. Where to stop is found first, from the sizes alone (`octet_length` of a payload that is
    /// kept apart and uncompressed does not read it), so that no payload beyond the limit is read.
    async fn read_where(
        &self,
        condition: &str,
        after: Position,
        up_to: Position,
        limit: ReadLimit,
    ) -> Result<Vec<StoredEvent>> {
        let sql = format!(
            "SELECT {EVENT} FROM events WHERE position > $1 AND {condition} AND position <= (
                SELECT max(position) FROM (
                    SELECT position, sum(size) OVER (ORDER BY position) - size AS before FROM (
                        SELECT position, octet_length(payload)::BIGINT AS size FROM events
                        WHERE position > $1 AND position <= $2 AND {condition} ORDER BY position LIMIT $3) AS sizes) AS sums
                WHERE before < $4)
             ORDER BY position"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(after.0)
            .bind(up_to.0)
            .bind(i64::from(limit.rows))
            .bind(i64::try_from(limit.bytes.max(1)).unwrap_or(i64::MAX));
        events(&self.found(query).await?)
    }
}
