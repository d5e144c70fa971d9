//! Reads of the event log that both databases understand as they are.

use super::{Columns, SqlStore, Statement, rows};
use crate::domain::event::{EventKind, StoredEvent};
use crate::domain::ids::Position;
use crate::storage::{Chunk, EventFilter, IndexEntry, ReadLimit, Result};

/// The first column of each row.
pub(in crate::storage) fn positions(found: &[impl Columns]) -> Result<Vec<Position>> {
    found.iter().map(|row| row.int_at(0).map(Position)).collect()
}

/// Whole events, in the order that they come.
pub(in crate::storage) fn events(found: &[impl Columns]) -> Result<Vec<StoredEvent>> {
    found.iter().map(rows::event).collect()
}

pub(in crate::storage) async fn read(
    store: &impl SqlStore,
    after: Position,
    limit: ReadLimit,
) -> Result<Chunk> {
    let events = read_where(store, "TRUE", after, Position(i64::MAX), limit).await?;
    let up_to = events.last().map_or(after, |event| event.position);
    Ok(Chunk { events, up_to })
}

pub(in crate::storage) async fn read_kinds(
    store: &impl SqlStore,
    kinds: &[EventKind],
    (after, up_to): (Position, Position),
    limit: ReadLimit,
) -> Result<Chunk> {
    let condition = format!("kind IN ({})", rows::codes(kinds));
    let events = read_where(store, &condition, after, up_to, limit).await?;
    let last = events.last().filter(|_| limit.was_reached(&events));
    let up_to = last.map_or(up_to, |event| event.position);
    Ok(Chunk { events, up_to })
}

pub(in crate::storage) async fn index_entries(
    store: &impl SqlStore,
    after: Position,
    limit: u32,
) -> Result<Vec<(Position, Option<IndexEntry>)>> {
    let entries = Statement::new(
        "SELECT position, device_key, CAST(kind AS BIGINT), received_ms FROM events WHERE position > $1
         ORDER BY position LIMIT $2",
    );
    let found = store.rows(entries.bind(after.0).bind(limit)).await?;
    found.iter().map(rows::index_entry).collect()
}

pub(in crate::storage) async fn scan_back(
    store: &impl SqlStore,
    filter: &EventFilter,
    (after, before): (Position, Position),
    limit: u32,
) -> Result<Vec<Position>> {
    let device = filter
        .device
        .map_or(String::new(), |device| format!("AND device_key = {}", device.0));
    let kinds = rows::kinds_condition(filter);
    let matching = Statement::new(format!(
        "SELECT position FROM events WHERE position > $1 AND position < $2 AND received_ms BETWEEN $3 AND $4 {device} {kinds}
         ORDER BY position DESC LIMIT $5"
    ))
    .bind(after.0)
    .bind(before.0)
    .bind(filter.from.map_or(i64::MIN, |from| from.0))
    .bind(filter.to.map_or(i64::MAX, |to| to.0))
    .bind(limit);
    positions(&store.rows(matching).await?)
}

/// Whole events that meet the condition. Where to stop is found first, from the sizes alone (neither database reads a payload for
/// its size), so that no payload beyond the limit is read: rows that are fetched one by one are read ahead.
async fn read_where(
    store: &impl SqlStore,
    condition: &str,
    after: Position,
    up_to: Position,
    limit: ReadLimit,
) -> Result<Vec<StoredEvent>> {
    let event = rows::EVENT_READ;
    let within = Statement::new(format!(
        "SELECT {event} FROM events WHERE position > $1 AND {condition} AND position <= (
            SELECT max(position) FROM (
                SELECT position, sum(size) OVER (ORDER BY position) - size AS before FROM (
                    SELECT position, CAST(octet_length(payload) AS BIGINT) AS size FROM events
                    WHERE position > $1 AND position <= $2 AND {condition} ORDER BY position LIMIT $3) AS sizes) AS sums
            WHERE before < $4)
         ORDER BY position"
    ))
    .bind(after.0)
    .bind(up_to.0)
    .bind(limit.rows)
    .bind(i64::try_from(limit.bytes.max(1)).unwrap_or(i64::MAX));
    events(&store.rows(within).await?)
}
