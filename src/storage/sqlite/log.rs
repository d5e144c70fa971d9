//! The event log.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row};
use tokio::sync::watch;

use super::{Sqlite, unavailable};
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{Position, VersionKey};
use crate::storage::sql::changes::Change;
use crate::storage::sql::{Columns, SqlStore, log, rows};
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
        log::read(self, after, limit).await
    }

    async fn read_kinds(
        &self,
        kinds: &[EventKind],
        after: Position,
        up_to: Position,
        limit: ReadLimit,
    ) -> Result<Chunk> {
        log::read_kinds(self, kinds, (after, up_to), limit).await
    }

    async fn index_entries(
        &self,
        after: Position,
        limit: u32,
    ) -> Result<Vec<(Position, Option<IndexEntry>)>> {
        log::index_entries(self, after, limit).await
    }

    async fn events(&self, positions: &[Position]) -> Result<Vec<StoredEvent>> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let list: Vec<_> = positions.iter().map(|position| position.0.to_string()).collect();
        let sql = format!(
            "SELECT {} FROM events WHERE position IN ({}) ORDER BY position DESC",
            rows::EVENT_READ,
            list.join(",")
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        log::events(&found)
    }

    async fn scan_back(
        &self,
        filter: &EventFilter,
        after: Position,
        before: Position,
        limit: u32,
    ) -> Result<Vec<Position>> {
        log::scan_back(self, filter, (after, before), limit).await
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
