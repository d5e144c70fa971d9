//! What is saved of an action, and an action as it was saved.

use super::{Dispatcher, ItemId, LETTERS, LIVE, Limits};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionKey, Position};
use crate::routing::dispatcher::lane::Lane;
use crate::storage::{ActionSave, ParkedRow, SavedAction};

impl Dispatcher {
    /// An action as it was saved. What was on its way then goes out again.
    pub fn restore(action: ActionKey, saved: SavedAction, limits: Limits, now: Timestamp) -> Self {
        let mut restored = Self::new(action, Position::START, limits, now);
        for lane in saved.lanes {
            restored.lanes.insert(lane.lane, Lane::restore(lane));
        }
        restored.counters = saved.counters;
        restored.next_lane = saved.next_lane.max(1);
        restored.changed = false;
        for row in saved.parked {
            let id = ItemId {
                lane: row.lane,
                place: row.position.0,
            };
            let mut item = restored.item(id, row.position, row.received, None);
            item.bytes = row.bytes;
            item.tries = row.tries;
            item.failed = row.failed;
            restored.queues.push_parked(row.device, item);
        }
        restored
    }

    /// The log ends before the action's place in it: it was put back to an earlier state. The action goes on from its end.
    pub fn fall_back(&mut self, last: Position) {
        let unloaded = self.live().map_or(0, |lane| lane.unloaded().0);
        self.counters.dropped_by_retention += unloaded;
        self.lanes.insert(LIVE, Lane::new(LIVE, last, None, None));
        self.changed = true;
    }

    /// What is to be saved since the last time this was asked; none when nothing changed.
    pub fn take_unsaved(&mut self) -> Option<ActionSave> {
        let done: Vec<_> = self
            .lanes
            .iter()
            .filter(|(number, lane)| **number != LIVE && lane.is_done())
            .map(|(number, _)| *number)
            .collect();
        for number in done {
            self.lanes.remove(&number);
            self.changed = true;
        }
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut save = std::mem::take(&mut self.unsaved);
        self.letters_in_save.append(&mut self.letters_settled);
        self.delivered_in_save += std::mem::take(&mut self.delivered_since);
        save.lanes = self.lanes.values().map(Lane::save).collect();
        save.counters = self.counters;
        save.next_lane = self.next_lane;
        Some(save)
    }

    /// What was taken to be saved is saved; whether deliveries waited for that.
    pub fn was_saved(&mut self) -> bool {
        for letter in self.letters_in_save.drain(..) {
            self.letters.remove(&letter);
        }
        let waited = self.may_start() == 0;
        self.delivered_in_save = 0;
        waited
    }

    /// Whether so much is not saved that deliveries may soon have to wait.
    pub const fn should_be_saved(&self) -> bool {
        self.delivered_since > self.limits.window / 2
    }

    pub(super) fn note_parked(&mut self, row: ParkedRow) {
        let same = |other: &ParkedRow| other.lane == row.lane && other.position == row.position;
        self.unsaved.parked.retain(|other| !same(other));
        self.unsaved.parked.push(row);
        self.changed = true;
    }

    pub(super) fn note_unparked(&mut self, id: ItemId) {
        debug_assert_ne!(id.lane, LETTERS);
        let place = Position(id.place);
        self.unsaved
            .parked
            .retain(|row| row.lane != id.lane || row.position != place);
        self.unsaved.unparked.push((id.lane, place));
        self.changed = true;
    }
}

impl ActionSave {
    /// What a save that failed held, followed by what came after it.
    #[must_use]
    pub fn followed_by(mut self, mut newer: Self) -> Self {
        self.parked
            .retain(|row| !newer.unparked.contains(&(row.lane, row.position)));
        newer.unparked.splice(0..0, self.unparked);
        newer.parked.splice(0..0, self.parked);
        newer.letters.splice(0..0, self.letters);
        newer.letter_steps.splice(0..0, self.letter_steps);
        newer.attempts.splice(0..0, self.attempts);
        newer
    }
}
