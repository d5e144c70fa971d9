//! What one action decides, as a state machine without I/O (routing.md §3): what it loads and counts, what goes out next, what
//! becomes of an answer, and what is saved. It never reads a clock, the log or a random number: the driver gives it all
//! three, and carries out what it says.
//!
//! Conservation holds between any two calls: taken = delivered + pending + dead + dropped.

mod lane;
mod queues;
mod saving;
mod schedule;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionKey, DeviceKey, Position};
use crate::routing::channel::{Outcome, Outgoing, Report};
use crate::storage::{ActionSave, AttemptRow, Counters, Letter, LetterStep, NewLetter, ParkedRow};
use lane::{Entry, Lane};
use queues::{Item, Queues};
use target::Target;

pub use lane::Gap;
pub use schedule::Schedule;
pub use target::TargetState;

/// The lane of the log as it grows.
pub const LIVE: i64 = 0;

/// The lane of dead letters that are delivered again; their place is their id.
pub const LETTERS: i64 = -1;

/// Failures after which an event is set aside, if its target takes others.
const TRIES_BEFORE_PARKING: u32 = 3;

/// Refusals after which an event is given up.
const REFUSALS: u32 = 3;

/// The longest wait of an event that was never tried, while others fail.
const UNTRIED_MS: i64 = 10_000;

/// What orders events: their device; those of none are ordered among themselves.
pub type OrderKey = Option<DeviceKey>;

/// Names an event that is to be delivered: one place of the log may be in several lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId {
    /// The lane.
    pub lane: i64,
    /// The position, or the letter's id.
    pub place: i64,
}

/// Bounds of an action.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events of a lane that are loaded and not settled, or settled out of turn.
    pub window: usize,
    /// Bytes of bodies in memory.
    pub window_bytes: u64,
    /// Events of one device that are set aside.
    pub parked_per_device: usize,
    /// Events of all devices that are set aside.
    pub parked: u64,
    /// How long an event is tried in vain.
    pub event_max_age_ms: i64,
    /// Replays in progress.
    pub replays: usize,
    /// When to try again.
    pub schedule: Schedule,
}

/// What backlog policies allow; the tightest of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bytes that may wait.
    pub bytes: Option<u64>,
    /// How long an event may wait.
    pub age_ms: Option<i64>,
}

/// An event that the rule takes.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What goes out.
    pub outgoing: Outgoing,
    /// What orders it.
    pub device: OrderKey,
    /// When the platform took it in.
    pub received: Timestamp,
}

impl Taken {
    /// What it counts.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.outgoing.body.len()).unwrap_or(u64::MAX)
    }
}

/// An event that goes out now.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Which.
    pub id: ItemId,
    /// Its position.
    pub position: Position,
    /// Its device.
    pub device: OrderKey,
    /// What goes out; none for what was set aside, which is to be read again.
    pub outgoing: Option<Outgoing>,
}

/// What an action's state shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is paused.
    pub paused: bool,
    /// How its target fares.
    pub target: TargetState,
    /// Since when.
    pub since: Timestamp,
    /// What the target said last when it failed.
    pub last_error: Option<String>,
    /// What came of the events so far.
    pub counters: Counters,
    /// Taken and not settled, the parked included.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Set aside.
    pub parked: u64,
    /// Judged up to here.
    pub scanned: Position,
    /// Settled up to here.
    pub settled: Position,
}

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

    fn item(
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

    /// What backlog policies do not allow goes, the oldest first; never what is on its way or set aside.
    pub fn enforce_backlog(&mut self, now: Timestamp) {
        if self.backlog == Backlog::default() {
            return;
        }
        let Some(live) = self.live() else { return };
        let flowing = self.target.is_healthy() && !self.paused;
        let (_, mut waiting) = live.unloaded();
        let open = live.entries.iter().filter(|(_, entry)| !entry.settled);
        if !flowing {
            waiting += open.clone().map(|(_, entry)| entry.bytes).sum::<u64>();
        }
        let mut dropped = Vec::new();
        for (position, entry) in open {
            let over = self.backlog.bytes.is_some_and(|most| waiting > most);
            let oldest = self.backlog.age_ms.map(|age| now.plus_millis(-age));
            let late = oldest.is_some_and(|oldest| entry.received < oldest);
            if !over && !late {
                break;
            }
            waiting = waiting.saturating_sub(entry.bytes);
            dropped.push((*position, entry.device, late));
        }
        for (position, key, late) in dropped {
            let id = ItemId {
                lane: LIVE,
                place: position,
            };
            if self.queues.remove(key, id).is_none() {
                continue;
            }
            if late {
                self.counters.dropped_by_time += 1;
            } else {
                self.counters.dropped_by_size += 1;
            }
            self.settle(id);
        }
    }

    /// What goes out now: up to `most` events, none of which waits for another.
    pub fn start(&mut self, now: Timestamp, most: usize) -> Vec<Ticket> {
        if self.paused || most == 0 {
            return Vec::new();
        }
        let mut keys = Vec::new();
        if self.target.is_healthy() {
            while keys.len() < most {
                let Some(key) = self.queues.next_ready(now) else {
                    break;
                };
                keys.push(key);
            }
        } else if self.target.probe.is_none() {
            let untried = self.target.due > now;
            if !untried || self.target.due_for_untried <= now {
                keys.extend(self.queues.next_probe(untried));
            }
        }
        let tickets: Vec<_> = keys.into_iter().filter_map(|key| self.ticket(key)).collect();
        if !self.target.is_healthy() {
            self.target.probe = tickets.first().map(|ticket| ticket.id);
        }
        tickets
    }

    fn ticket(&mut self, key: OrderKey) -> Option<Ticket> {
        let head = self.queues.head_mut(key)?;
        Some(Ticket {
            id: head.id,
            position: head.position,
            device: key,
            outgoing: head.outgoing.clone(),
        })
    }

    /// How many events are on their way.
    pub const fn in_flight(&self) -> usize {
        self.queues.in_flight
    }

    /// When something may go out next, if nothing else happens.
    pub fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        if self.paused || self.queues.count == 0 {
            return None;
        }
        if self.target.is_healthy() {
            return if self.queues.has_ready() {
                Some(now)
            } else {
                self.queues.next_due()
            };
        }
        if self.target.probe.is_some() {
            return None;
        }
        let due = self.target.due;
        let untried = self.target.due_for_untried;
        Some(if untried < due && self.queues.has_untried() {
            untried
        } else {
            due
        })
    }

    /// Nothing came of it: the event goes out once more.
    pub fn abandon(&mut self, ticket: &Ticket, now: Timestamp) {
        self.forget_probe(ticket);
        self.queues.back(ticket.device, now);
    }

    /// What was set aside is not in the log any more.
    pub fn lost(&mut self, ticket: &Ticket) {
        self.forget_probe(ticket);
        if let Some(item) = self.queues.pop(ticket.device) {
            self.counters.dropped_by_retention += 1;
            self.close(&item);
        }
    }

    fn forget_probe(&mut self, ticket: &Ticket) {
        if self.target.probe == Some(ticket.id) {
            self.target.probe = None;
        }
    }

    /// The target's answer; `jitter` is between 0 and 1.
    pub fn report(&mut self, ticket: &Ticket, report: &Report, now: Timestamp, jitter: f64) {
        self.forget_probe(ticket);
        self.note_attempt(ticket, report, now);
        match &report.outcome {
            Outcome::Delivered => {
                self.target.successes += 1;
                self.target.answers(now);
                if let Some(item) = self.queues.pop(ticket.device) {
                    self.counters.delivered += 1;
                    if item.id.lane == LETTERS {
                        let step = (item.id.place, LetterStep::Delivered);
                        self.unsaved.letter_steps.push(step);
                    }
                    self.close(&item);
                }
            }
            Outcome::EventRefused => self.refused(ticket, report, now, jitter),
            Outcome::TargetRefused => {
                self.target_fails(TargetState::Refused, report, None, now, jitter);
                self.queues.back(ticket.device, now);
            }
            Outcome::Failed {
                retry_after,
                unreachable: true,
            } => {
                self.target_fails(TargetState::Retrying, report, *retry_after, now, jitter);
                self.queues.back(ticket.device, now);
            }
            Outcome::Failed { retry_after, .. } => self.failed(ticket, report, *retry_after, now, jitter),
        }
    }

    /// What the first attempt brought to its end is not told of: it would cost a row for each event.
    fn note_attempt(&mut self, ticket: &Ticket, report: &Report, now: Timestamp) {
        let first = self
            .queues
            .head_mut(ticket.device)
            .is_none_or(|item| item.tries + item.refusals == 0);
        let outcome = match report.outcome {
            Outcome::Delivered if first => return,
            Outcome::Delivered => "delivered",
            Outcome::EventRefused => "event_refused",
            Outcome::TargetRefused => "target_refused",
            Outcome::Failed { .. } => "failed",
        };
        self.unsaved.attempts.push(AttemptRow {
            position: ticket.position,
            at: now,
            outcome: outcome.to_owned(),
            detail: report.detail.clone(),
            took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        });
        self.changed = true;
    }

    fn refused(&mut self, ticket: &Ticket, report: &Report, now: Timestamp, jitter: f64) {
        self.target.answers(now);
        self.target.last_error = Some(report.detail.clone());
        let Some(item) = self.queues.head_mut(ticket.device) else {
            return;
        };
        item.refusals += 1;
        let refusals = item.refusals;
        if refusals >= REFUSALS {
            let reason = format!("refused: {}", report.detail);
            self.bury(ticket.device, None, &reason, ticket.outgoing.as_ref(), now);
        } else {
            let delay = self.limits.schedule.delay_ms(refusals, None, jitter);
            self.queues.back(ticket.device, now.plus_millis(delay));
        }
    }

    fn target_fails(
        &mut self,
        state: TargetState,
        report: &Report,
        retry_after: Option<std::time::Duration>,
        now: Timestamp,
        jitter: f64,
    ) {
        self.target.failures = self.target.failures.saturating_add(1);
        let delay = self
            .limits
            .schedule
            .delay_ms(self.target.failures, retry_after, jitter);
        self.target
            .goes_down(state, &report.detail, now, (delay, i64::MAX));
    }

    fn failed(
        &mut self,
        ticket: &Ticket,
        report: &Report,
        retry_after: Option<std::time::Duration>,
        now: Timestamp,
        jitter: f64,
    ) {
        let key = ticket.device;
        let successes = self.target.successes;
        let schedule = self.limits.schedule;
        let Some(item) = self.queues.head_mut(key) else {
            return;
        };
        item.tries = item.tries.saturating_add(1);
        if item.failed.is_none() {
            item.beaten_from = successes;
        }
        let failed = *item.failed.get_or_insert(now);
        let (tries, beaten) = (item.tries, successes > item.beaten_from);
        let parked = self.queues.get(key).is_some_and(|queue| queue.parked);
        let delay = schedule.delay_ms(tries, retry_after, jitter);
        if now.0.saturating_sub(failed.0) >= self.limits.event_max_age_ms {
            let reason = format!("gave up: {}", report.detail);
            self.bury(key, None, &reason, ticket.outgoing.as_ref(), now);
        } else {
            self.queues.back(key, now.plus_millis(delay));
            if tries >= TRIES_BEFORE_PARKING && beaten || parked {
                self.park(key, now);
            }
        }
        let down = !self.target.is_healthy();
        let waiting = self.queues.unparked();
        if down || !parked && self.target.fails_for(key, waiting) {
            self.target.failures = self.target.failures.saturating_add(1);
            let delay = schedule.delay_ms(self.target.failures, retry_after, jitter);
            let untried = delay.min(UNTRIED_MS);
            self.target
                .goes_down(TargetState::Retrying, &report.detail, now, (delay, untried));
        } else {
            self.target.last_error = Some(report.detail.clone());
        }
    }

    /// Sets a device's events aside, so that the lane goes on without them; the oldest of too many are given up.
    fn park(&mut self, key: OrderKey, now: Timestamp) {
        let mut rows = Vec::new();
        for item in self.queues.park(key) {
            rows.push(ParkedRow {
                lane: item.id.lane,
                position: item.position,
                device: key,
                bytes: item.bytes,
                received: item.received,
                tries: item.tries,
                failed: item.failed,
            });
        }
        for row in rows {
            let id = ItemId {
                lane: row.lane,
                place: row.position.0,
            };
            self.settle(id);
            self.note_parked(row);
        }
        loop {
            let length = self.queues.get(key).map_or(0, |queue| queue.items.len());
            let oldest = self.queues.oldest_standing(key);
            let too_many = length > self.limits.parked_per_device || self.queues.parked > self.limits.parked;
            let Some(oldest) = oldest.filter(|_| too_many) else {
                return;
            };
            let reason = "gave up: too many events of the device wait";
            self.bury(key, Some(oldest), reason, None, now);
        }
    }

    /// Gives up the event `id` of a device, or the one that is back.
    fn bury(
        &mut self,
        key: OrderKey,
        id: Option<ItemId>,
        reason: &str,
        outgoing: Option<&Outgoing>,
        now: Timestamp,
    ) {
        let item = match id {
            Some(id) => self.queues.remove(key, id),
            None => self.queues.pop(key),
        };
        let Some(item) = item else { return };
        self.counters.dead += 1;
        let attempts = item.tries + item.refusals;
        if item.id.lane == LETTERS {
            let step = LetterStep::Dead {
                reason: reason.to_owned(),
                attempts,
                at: now,
            };
            self.unsaved.letter_steps.push((item.id.place, step));
        } else {
            let outgoing = item.outgoing.as_ref().or(outgoing);
            self.unsaved.letters.push(NewLetter {
                action: self.action,
                position: item.position,
                device: key,
                device_id: outgoing.and_then(|outgoing| outgoing.device_id.clone()),
                product_id: outgoing.and_then(|outgoing| outgoing.product_id.clone()),
                app_id: outgoing.and_then(|outgoing| outgoing.app_id.clone()),
                received: item.received,
                body: outgoing.map(|outgoing| outgoing.body.clone()),
                reason: reason.to_owned(),
                attempts,
                at: now,
                forwarded: false,
                replaying: false,
            });
        }
        self.close(&item);
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
