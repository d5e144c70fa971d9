//! What one action decides, as a state machine without I/O (routing.md §3): what it loads and counts, what goes out next, what
//! becomes of an answer, and what is saved. It never reads a clock, the log or a random number: the driver gives it all
//! three, and carries out what it says.
//!
//! Conservation holds between any two calls: taken = delivered + pending + dead + dropped.

mod answers;
mod lane;
mod loading;
mod queues;
mod saving;
mod schedule;
mod sending;
mod target;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionKey, Position};
use crate::storage::{ActionSave, Counters};
use lane::Lane;
use queues::{Item, Queues};
use target::Target;

pub use lane::Gap;
pub use schedule::Schedule;
pub use target::TargetState;
pub use terms::*;

/// The lane of the log as it grows.
pub const LIVE: i64 = 0;

/// The lane of dead letters that are delivered again; their place is their id.
pub const LETTERS: i64 = -1;

/// One action's state.
#[derive(Debug)]
pub struct Dispatcher {
    action: ActionKey,
    limits: Limits,
    backlog: Backlog,
    paused: bool,
    paused_since: Timestamp,
    lanes: BTreeMap<i64, Lane>,
    next_lane: i64,
    letters_after: i64,
    letters_wait: bool,
    /// Those that are loaded, or settled and not saved: they are not loaded again.
    letters: BTreeSet<i64>,
    letters_settled: Vec<i64>,
    letters_in_save: Vec<i64>,
    /// Deliveries that no save knows of yet, and those that the save in progress tells of.
    delivered_since: usize,
    delivered_in_save: usize,
    queues: Queues,
    target: Target,
    counters: Counters,
    arrivals: u64,
    unsaved: ActionSave,
    changed: bool,
}

impl Dispatcher {
    /// An action that follows the log from `after`.
    pub fn new(action: ActionKey, after: Position, limits: Limits, now: Timestamp) -> Self {
        Self {
            action,
            limits,
            backlog: Backlog::default(),
            paused: false,
            paused_since: now,
            lanes: BTreeMap::from([(LIVE, Lane::new(LIVE, after, None, None))]),
            next_lane: 1,
            letters_after: 0,
            letters_wait: true,
            letters: BTreeSet::new(),
            letters_settled: Vec::new(),
            letters_in_save: Vec::new(),
            delivered_since: 0,
            delivered_in_save: 0,
            queues: Queues::default(),
            target: Target::new(now),
            counters: Counters::default(),
            arrivals: 0,
            unsaved: ActionSave::default(),
            changed: true,
        }
    }

    /// What backlog policies allow from now on.
    pub const fn set_backlog(&mut self, backlog: Backlog) {
        self.backlog = backlog;
    }

    /// Stops delivering, or goes on.
    pub fn set_paused(&mut self, paused: bool, now: Timestamp) {
        if self.paused != paused {
            self.paused = paused;
            self.paused_since = now;
        }
    }

    /// The target is another one now: what is known of the old one does not count.
    pub fn renew_target(&mut self, now: Timestamp) {
        let probe = self.target.probe;
        self.target = Target::new(now);
        self.target.probe = probe;
    }

    /// What the action's state shows.
    pub fn standing(&self) -> Standing {
        let unloaded = self.lanes.values().map(Lane::unloaded);
        let (count, bytes) = unloaded.fold((0, 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1));
        let live = self.live();
        Standing {
            paused: self.paused,
            target: self.target.state,
            since: if self.paused {
                self.paused_since
            } else {
                self.target.since
            },
            last_error: self.target.last_error.clone(),
            counters: self.counters,
            pending: self.queues.count + count,
            pending_bytes: self.queues.bytes + bytes,
            parked: self.queues.parked,
            scanned: live.map_or(Position::START, |lane| Position(lane.scanned.position)),
            settled: live.map_or(Position::START, |lane| Position(lane.settled().position)),
        }
    }

    fn live(&self) -> Option<&Lane> {
        self.lanes.get(&LIVE)
    }

    /// The lanes with their numbers, the live one first.
    pub fn lanes(&self) -> Vec<i64> {
        self.lanes.keys().copied().collect()
    }

    /// Which action it is.
    pub const fn action(&self) -> ActionKey {
        self.action
    }

    /// How its target fares.
    pub const fn standing_of_target(&self) -> TargetState {
        self.target.state
    }

    /// Whether there is more in a lane that was counted than is loaded.
    pub fn is_behind(&self) -> bool {
        self.lanes
            .values()
            .any(|lane| lane.number != LIVE || lane.fill.position < lane.scanned.position)
    }

    /// Whether the live lane has come past this position with loading.
    pub fn is_loaded(&self, position: Position) -> bool {
        self.live().is_some_and(|live| live.fill.position >= position.0)
    }

    /// When the platform took in the oldest event that is loaded and not settled.
    pub fn oldest_pending(&self) -> Option<Timestamp> {
        self.queues.oldest()
    }

    /// What becomes of an event that is loaded or set aside: how often it failed, and whether it is set aside.
    pub fn pending_event(&self, position: Position) -> Option<(u32, bool)> {
        self.queues.find(position)
    }

    /// An event is settled: its lane and what was set aside hear of it.
    fn close(&mut self, item: &Item) {
        if item.outgoing.is_none() && item.id.lane != LETTERS {
            self.note_unparked(item.id);
        }
        self.settle(item.id);
    }

    fn settle(&mut self, id: ItemId) {
        self.changed = true;
        if id.lane == LETTERS {
            self.letters_settled.push(id.place);
        }
        let Some(lane) = self.lanes.get_mut(&id.lane) else {
            return;
        };
        lane.settle(Position(id.place));
        if lane.is_done() {
            self.lanes.remove(&id.lane);
        }
    }
}
