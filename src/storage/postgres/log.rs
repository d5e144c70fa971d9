//! The event log.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use tokio::sync::watch;

use super::Postgres;
use super::session::purge;
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{Position, VersionKey};
use crate::storage::sql::{Columns, log, rows};
use crate::storage::{Chunk, EventFilter, EventLog, IndexEntry, LogBounds, PurgeRequest, ReadLimit, Result};

/// The first position held, and the last that was committed. One that a batch has taken and not yet committed is none that
/// was given.
pub(super) const BOUNDS: &str = "SELECT (SELECT min(position) FROM events),
    greatest((SELECT max(position) FROM events), (SELECT purged_up_to FROM log_state))";

/// What `lock_timeout` gives.
const LOCK_NOT_AVAILABLE: &str = "55P03";

#[async_trait]
impl EventLog for Postgres {
    async fn append(&self, events: Vec<NewEvent>) -> Result<Position> {
        self.writer.append(events).await
    }

    fn appended(&self) -> watch::Receiver<Position> {
        self.appended.receiver()
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
        let sql = format!(
            "SELECT {} FROM events WHERE position = ANY($1) ORDER BY position DESC",
            rows::EVENT_READ
        );
        let list: Vec<_> = positions.iter().map(|position| position.0).collect();
        let query = sqlx::query(AssertSqlSafe(sql)).bind(list);
        log::events(&self.found(query).await?)
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
