//! Where a subscription begins.

use super::{Feed, FeedFilter, SPAN, Subscription};
use crate::domain::clock::Timestamp;
use crate::domain::ids::Position;
use crate::storage::{EventFilter, LogBounds, PageRequest, Result};

/// How many payloads, of up to 1 MB each, are held while the last events of a product are looked for.
const BLOCK: u32 = 16;

/// How many events are looked at for the last ones of a product.
const MOST: u32 = 2000;

/// How many neighbours tell the time of an event that has none of its own.
const NEIGHBOURS: u32 = 64;

/// The first event that a subscription is to get.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// The next one to come.
    Now,
    /// The one after this position.
    After(Position),
    /// The first one taken in at this time or later, about: clocks may step back.
    Time(Timestamp),
    /// The last so many that pass the filter; without a device, of those that were taken in last.
    Last(u32),
}

/// The position to go on from is one that the log has not given yet.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the log's last sequence is {}", .0.0)]
pub struct AheadOfLog(pub Position);

impl Feed {
    /// A subscription from `start`.
    pub async fn subscribe(
        &self,
        filter: FeedFilter,
        start: Start,
    ) -> Result<std::result::Result<Subscription, AheadOfLog>> {
        let appended = self.0.log.appended();
        let bounds = self.0.log.bounds().await?;
        let position = match start {
            Start::Now => bounds.last,
            Start::After(position) if position > bounds.last => return Ok(Err(AheadOfLog(bounds.last))),
            Start::After(position) => position,
            Start::Time(time) => self.before_time(time, bounds).await?,
            Start::Last(count) => self.before_last(count, &filter, bounds).await?,
        };
        Ok(Ok(Subscription {
            feed: self.clone(),
            filter,
            position,
            begun: false,
            appended,
        }))
    }

    /// The position before the first event of that time, by halves.
    async fn before_time(&self, time: Timestamp, bounds: LogBounds) -> Result<Position> {
        let (mut low, mut high) = (bounds.first.0, bounds.last.0.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let after = Position(middle.saturating_sub(1));
            let near = self.0.log.index_entries(after, NEIGHBOURS).await?;
            let received = near.iter().find_map(|(_, entry)| Some(entry.as_ref()?.received));
            if received.is_some_and(|received| received < time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(Position(low.saturating_sub(1)))
    }

    /// The position before the last `count` events that pass.
    async fn before_last(&self, count: u32, filter: &FeedFilter, bounds: LogBounds) -> Result<Position> {
        if count == 0 {
            return Ok(bounds.last);
        }
        let mut narrowed = EventFilter {
            device: None,
            kinds: filter.kinds.clone(),
            from: None,
            to: None,
        };
        if let Some(device_id) = &filter.device_id {
            let Some(device) = self.0.registry.device(device_id).await? else {
                return Ok(bounds.last);
            };
            narrowed.device = Some(device.key);
            return self.before_last_of_device(count, &narrowed, bounds).await;
        }
        let floor = Position(bounds.last.0.saturating_sub(SPAN));
        let end = Position(bounds.last.0.saturating_add(1));
        if filter.product_id.is_none() {
            let found = self.0.log.scan_back(&narrowed, floor, end, count).await?;
            return Ok(before(found.last().copied(), bounds));
        }
        let (mut left, mut looked, mut start, mut before_this) = (count, 0, bounds.last, end);
        while left > 0 && looked < MOST {
            let block = self.0.log.scan_back(&narrowed, floor, before_this, BLOCK).await?;
            let Some(oldest) = block.last().copied() else {
                break;
            };
            let events = self.0.log.events(&block).await?;
            for shown in self.show(&events, filter).await?.iter().take(left as usize) {
                start = Position(shown.position.0.saturating_sub(1));
                left -= 1;
            }
            (looked, before_this) = (looked + BLOCK, oldest);
        }
        Ok(start)
    }

    async fn before_last_of_device(
        &self,
        count: u32,
        filter: &EventFilter,
        bounds: LogBounds,
    ) -> Result<Position> {
        let page = PageRequest {
            before: bounds.last.0.saturating_add(1),
            offset: 0,
            limit: count,
        };
        let found = self.0.history.positions(filter, page).await?;
        Ok(before(found.last().copied(), bounds))
    }
}

fn before(position: Option<Position>, bounds: LogBounds) -> Position {
    position.map_or(bounds.last, |oldest| Position(oldest.0.saturating_sub(1)))
}
