//! What comes in: events of the log and letters, judged, counted, and queued where they have room.

use super::lane::{Entry, Gap, Lane};
use super::queues::Item;
use super::{Dispatcher, ItemId, LETTERS, LIVE, OrderKey, Taken};
use crate::domain::clock::Timestamp;
use crate::domain::ids::Position;
use crate::routing::channel::Outgoing;
use crate::storage::{Letter, LetterStep};

impl Dispatcher {
    /// Where a lane goes on loading, if it has room; a replay does not overtake what the live lane has loaded.
    pub fn loads_after(&self, lane: i64) -> Option<Position> {
        let found = self.lanes.get(&lane)?;
        let room =
            found.entries.len() < self.limits.window && self.queues.held_bytes < self.limits.window_bytes;
        let end = self.loads_up_to(lane)?;
        (room && found.fill.position < end.0).then_some(Position(found.fill.position))
    }

    /// The last position that a lane may load now.
    pub fn loads_up_to(&self, lane: i64) -> Option<Position> {
        let found = self.lanes.get(&lane)?;
        let live = self.live()?.fill.position;
        Some(
            found
                .up_to
                .map_or(Position(i64::MAX), |up_to| Position(up_to.0.min(live))),
        )
    }

    /// A lane's device, where it replays one alone.
    pub fn lane_device(&self, lane: i64) -> OrderKey {
        self.lanes.get(&lane).and_then(|lane| lane.device)
    }

    /// Where the live lane goes on judging.
    pub fn scans_after(&self) -> Position {
        self.live()
            .map_or(Position::START, |lane| Position(lane.scanned.position))
    }

    /// The event at `position`, the next of the lane, was judged and is loaded where the rule takes it.
    pub fn load(&mut self, lane: i64, position: Position, taken: Option<Taken>, now: Timestamp) {
        let Some(found) = self.lanes.get_mut(&lane) else {
            return;
        };
        if position.0 <= found.fill.position {
            return;
        }
        self.changed = true;
        let counted = position.0 <= found.scanned.position;
        let Some(taken) = taken else {
            if !counted {
                found.scan(position, None);
            }
            self.pass(lane, position);
            return;
        };
        let bytes = taken.bytes();
        if !counted {
            found.scan(position, Some(bytes));
            self.counters.taken += 1;
            self.counters.taken_bytes += bytes;
        }
        let entry = Entry {
            bytes,
            device: taken.device,
            received: taken.received,
            settled: false,
        };
        if found.load(position, entry) {
            let id = ItemId {
                lane,
                place: position.0,
            };
            let item = self.item(id, position, taken.received, Some(taken.outgoing));
            self.enqueue(taken.device, item, now);
            self.make_room(now);
        }
        self.reconcile(lane);
    }

    /// Nothing of a lane is left to load up to `position`.
    pub fn pass(&mut self, lane: i64, position: Position) {
        if let Some(found) = self.lanes.get_mut(&lane) {
            found.pass(position.0);
            if found.scanned.position < position.0 {
                found.scanned.position = position.0;
            }
            self.changed = true;
            self.reconcile(lane);
        }
    }

    /// Counts an event of the live lane ahead of what is loaded; `bytes` when the rule takes it.
    pub fn scan(&mut self, position: Position, bytes: Option<u64>) {
        let Some(live) = self.lanes.get_mut(&LIVE) else {
            return;
        };
        if position.0 <= live.scanned.position {
            return;
        }
        self.changed = true;
        live.scan(position, bytes);
        if let Some(bytes) = bytes {
            self.counters.taken += 1;
            self.counters.taken_bytes += bytes;
        }
    }

    /// Where the judgement of a stretch came out otherwise than before (a replay goes by the rule as it is), or events of it
    /// went meanwhile, the counters follow what was found.
    fn reconcile(&mut self, lane: i64) {
        let Some(found) = self.lanes.get_mut(&lane) else {
            return;
        };
        if found.fill.position < found.scanned.position || found.fill == found.scanned {
            return;
        }
        let (loaded, counted) = (found.fill.taken, found.scanned.taken);
        self.counters.dropped_by_retention += counted.saturating_sub(loaded);
        self.counters.taken += loaded.saturating_sub(counted);
        self.counters.taken_bytes += found.fill.bytes.saturating_sub(found.scanned.bytes);
        found.scanned = found.fill;
    }

    /// What to count again now that `first` is the oldest event of the log.
    pub fn gaps(&self, first: Position) -> Vec<Gap> {
        self.lanes.values().filter_map(|lane| lane.gap(first)).collect()
    }

    /// A gap was counted; what is not left of it was dropped by retention.
    pub fn close_gap(&mut self, gap: Gap, left: u64, left_bytes: u64) {
        if let Some(lane) = self.lanes.get_mut(&gap.lane) {
            self.counters.dropped_by_retention += lane.close_gap(gap, left, left_bytes);
            self.changed = true;
            self.reconcile(gap.lane);
        }
    }

    /// Delivers `from < position <= up_to` again, of one device or all. None: as many replays as may be are in progress.
    pub fn replay(&mut self, from: Position, up_to: Position, device: OrderKey) -> Option<i64> {
        let replays = self.lanes.len() - 1;
        if replays >= self.limits.replays {
            return None;
        }
        let number = self.next_lane;
        self.next_lane += 1;
        self.lanes
            .insert(number, Lane::new(number, from, Some(up_to), device));
        self.changed = true;
        Some(number)
    }

    /// Behind which letter the next ones to deliver again are to be read; none while there are none or enough wait.
    pub fn letters_to_read(&self) -> Option<i64> {
        let room = self.queues.held_bytes < self.limits.window_bytes;
        (self.letters_wait && room).then_some(self.letters_after)
    }

    /// The letters behind that one were read; there may be more of them.
    pub const fn letters_were_read(&mut self, more: bool) {
        self.letters_wait = more;
    }

    /// A letter is delivered again.
    pub fn load_letter(&mut self, letter: Letter, now: Timestamp) {
        let known = self.letters.contains(&letter.id);
        self.letters_after = self.letters_after.max(letter.id);
        if known {
            return;
        }
        self.letters.insert(letter.id);
        self.changed = true;
        let told = letter.told;
        let body = told.body.unwrap_or_default();
        if !letter.counted {
            self.counters.taken += 1;
            self.counters.taken_bytes += u64::try_from(body.len()).unwrap_or(u64::MAX);
            self.unsaved.letter_steps.push((letter.id, LetterStep::Counted));
        }
        let outgoing = Outgoing {
            position: told.position,
            device_id: told.device_id,
            product_id: told.product_id,
            app_id: told.app_id,
            body,
        };
        let id = ItemId {
            lane: LETTERS,
            place: letter.id,
        };
        let item = self.item(id, told.position, told.received, Some(outgoing));
        self.enqueue(told.device, item, now);
    }

    /// Letters were asked to be delivered again; also ones that were passed over before.
    pub const fn look_for_letters(&mut self) {
        self.letters_after = 0;
        self.letters_wait = true;
    }

    pub(super) fn item(
        &mut self,
        id: ItemId,
        position: Position,
        received: Timestamp,
        outgoing: Option<Outgoing>,
    ) -> Item {
        self.arrivals += 1;
        let length = outgoing.as_ref().map_or(0, |outgoing| outgoing.body.len());
        Item {
            id,
            position,
            bytes: u64::try_from(length).unwrap_or(u64::MAX),
            received,
            outgoing,
            tries: 0,
            refusals: 0,
            failed: None,
            beaten_from: 0,
            arrival: self.arrivals,
        }
    }

    /// Behind a device's parked events a new one is parked too.
    fn enqueue(&mut self, key: OrderKey, item: Item, now: Timestamp) {
        self.queues.push(key, item);
        if self.queues.get(key).is_some_and(|queue| queue.parked) {
            self.park(key, now);
        }
    }
}
