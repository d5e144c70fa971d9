//! The follower that indexes events by device.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{CURSOR, History};
use crate::domain::event::EventKind;
use crate::domain::ids::Position;
use crate::lifecycle::pause;
use crate::storage::Result;

/// How many events one step indexes.
const STEP: u32 = 2000;

/// Follows the log and writes the index about once every interval.
pub struct Indexer {
    history: History,
    interval: Duration,
}

impl Indexer {
    /// Indexes for `history`, looking at the log every `interval`.
    pub const fn new(history: History, interval: Duration) -> Self {
        Self { history, interval }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while pause(&stop, self.interval).await {
            if let Err(error) = self.catch_up(&stop).await {
                tracing::warn!(%error, "the history index did not move on, it will be tried again");
            }
        }
    }

    async fn catch_up(&self, stop: &CancellationToken) -> Result<()> {
        let mut cursor = self.history.followers.cursor(CURSOR).await?;
        let last = self.history.log.bounds().await?.last;
        if cursor > last {
            tracing::warn!(
                cursor = cursor.0,
                last = last.0,
                "the history index is ahead of the log, it is made anew"
            );
            self.history.followers.reset_index().await?;
            cursor = Position::START;
        }
        while !stop.is_cancelled() {
            let Some(next) = self.step(cursor).await? else {
                return Ok(());
            };
            cursor = next;
        }
        Ok(())
    }

    async fn step(&self, cursor: Position) -> Result<Option<Position>> {
        let events = self.history.log.index_entries(cursor, STEP).await?;
        let Some((up_to, _)) = events.last().copied() else {
            return Ok(None);
        };
        let entries: Vec<_> = events.into_iter().filter_map(|(_, entry)| entry).collect();
        let gone: Vec<_> = entries
            .iter()
            .filter(|entry| entry.kind == EventKind::DeviceDeleted)
            .map(|entry| entry.device)
            .collect();
        if !gone.is_empty() {
            self.history.followers.forget_devices(&gone).await?;
        }
        self.history.followers.index(&entries, up_to).await?;
        Ok(Some(up_to))
    }
}
