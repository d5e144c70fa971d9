//! The event log.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row};
use tokio::sync::watch;

use super::{Sqlite, unavailable};
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{Position, VersionKey};
use crate::storage::sql::changes::Change;
use crate::storage::sql::{Columns, SqlStore, rows};
use crate::storage::{Chunk, EventFilter, EventLog, IndexEntry, LogBounds, PurgeRequest, ReadLimit, Result};

#[async_trait]
impl EventLog for Sqlite {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Position> {
        self.writer.append(events).await
    }

    fn appended(&self) -> watch::Receiver<Position> {
        self.appended.subscribe()
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
        let found = sqlx::query(
            "SELECT position, device_key, kind, received_ms FROM events WHERE position > ? ORDER BY position LIMIT ?",
        )
        .bind(after.0)
        .bind(limit)
        .fetch_all(&self.pool);
        found
            .await
            .map_err(unavailable)?
            .iter()
            .map(rows::index_entry)
            .collect()
    }

    async fn events(&self, positions: &[Position]) -> Result<Vec<StoredEvent>> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let list: Vec<_> = positions.iter().map(|position| position.0.to_string()).collect();
        let sql = format!(
            "SELECT {} FROM events WHERE position IN ({}) ORDER BY position DESC",
            rows::EVENT,
            list.join(",")
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        found.iter().map(rows::event).collect()
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
            "SELECT position FROM events WHERE position > ? AND position < ? AND received_ms BETWEEN ? AND ? {device} {kinds}
             ORDER BY position DESC LIMIT ?"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(after.0)
            .bind(before.0)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(filter.to.map_or(i64::MAX, |to| to.0))
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        found
            .iter()
            .map(|row| row.try_get(0).map(Position).map_err(unavailable))
            .collect()
    }

    async fn bounds(&self) -> Result<LogBounds> {
        let row = sqlx::query(
            "SELECT (SELECT min(position) FROM events), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)?;
        let first: Option<i64> = row.try_get(0).map_err(unavailable)?;
        let last: i64 = row.try_get(1).map_err(unavailable)?;
        Ok(LogBounds {
            first: Position(first.unwrap_or(last + 1)),
            last: Position(last),
        })
    }

    async fn purge(&self, request: PurgeRequest) -> Result<u64> {
        self.change(Change::Purge(request), 0).await
    }

    async fn describe(&self, versions: &[VersionKey]) -> Result<HashMap<VersionKey, DeviceDescription>> {
        if versions.is_empty() {
            return Ok(HashMap::new());
        }
        let list: Vec<_> = versions.iter().map(|version| version.0.to_string()).collect();
        let sql = format!(
            "SELECT * FROM device_versions WHERE version_key IN ({})",
            list.join(",")
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        found
            .iter()
            .map(|row| Ok((VersionKey(row.int("version_key")?), rows::description(row)?)))
            .collect()
    }

    async fn size_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for pool in [&self.pool, &self.followers] {
            let sql = "SELECT c.page_count * s.page_size FROM pragma_page_count c, pragma_page_size s";
            let row = sqlx::query(sql).fetch_one(pool).await.map_err(unavailable)?;
            let size: i64 = row.try_get(0).map_err(unavailable)?;
            bytes += u64::try_from(size).unwrap_or(0);
        }
        Ok(bytes)
    }

    fn takes_writes(&self) -> Result<()> {
        self.writer.takes_writes()
    }

    async fn close(&self) {
        self.writer.close().await;
    }
}

impl Sqlite {
    /// Whole events that meet the condition. Where to stop is found first, from the sizes alone (SQLite knows a BLOB's without
    /// reading it), so that no payload beyond the limit is read: rows that are fetched one by one are read ahead.
    async fn read_where(
        &self,
        condition: &str,
        after: Position,
        up_to: Position,
        limit: ReadLimit,
    ) -> Result<Vec<StoredEvent>> {
        let event = rows::EVENT;
        let sql = format!(
            "SELECT {event} FROM events WHERE position > ?1 AND {condition} AND position <= (
                SELECT max(position) FROM (
                    SELECT position, sum(size) OVER (ORDER BY position) - size AS before FROM (
                        SELECT position, length(payload) AS size FROM events
                        WHERE position > ?1 AND position <= ?2 AND {condition} ORDER BY position LIMIT ?3))
                WHERE before < ?4)
             ORDER BY position"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(after.0)
            .bind(up_to.0)
            .bind(limit.rows)
            .bind(i64::try_from(limit.bytes.max(1)).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        found.iter().map(rows::event).collect()
    }
}
