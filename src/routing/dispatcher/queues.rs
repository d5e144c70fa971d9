//! Events that wait for their target, in order per device: of each device one is on its way at a time, and the next only
//! when it is settled.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{ItemId, LETTERS, OrderKey};
use crate::domain::clock::Timestamp;
use crate::domain::ids::Position;
use crate::routing::channel::Outgoing;

/// An event that is not settled.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: ItemId,
    pub(super) position: Position,
    pub(super) bytes: u64,
    pub(super) received: Timestamp,
    /// None while it is parked: the log has it.
    pub(super) outgoing: Option<Outgoing>,
    /// How often it failed while its target was there.
    pub(super) tries: u32,
    /// How often it was refused for what it is.
    pub(super) refusals: u32,
    /// When it first failed.
    pub(super) failed: Option<Timestamp>,
    /// How many events the target had taken then.
    pub(super) beaten_from: u64,
    /// Rises with loading.
    pub(super) arrival: u64,
}

/// A device's events.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) items: VecDeque<Item>,
    pub(super) in_flight: bool,
    /// Set aside: the others go on without it.
    pub(super) parked: bool,
    due: Timestamp,
}

/// All devices' events.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_key: HashMap<OrderKey, Queue>,
    /// Whose first event may go, the earliest loaded first.
    ready: BTreeSet<(u64, OrderKey)>,
    /// Whose first event waits for an instant.
    waiting: BTreeSet<(Timestamp, u64, OrderKey)>,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) parked: u64,
    pub(super) in_flight: usize,
    /// Of bodies in memory.
    pub(super) held_bytes: u64,
}

fn held(item: &Item) -> u64 {
    item.outgoing.as_ref().map_or(0, |outgoing| {
        u64::try_from(outgoing.body.len()).unwrap_or(u64::MAX)
    })
}

impl Queues {
    pub(super) fn push(&mut self, key: OrderKey, item: Item) {
        self.count += 1;
        self.bytes += item.bytes;
        self.held_bytes += held(&item);
        let queue = self.by_key.entry(key).or_default();
        let arrival = item.arrival;
        queue.items.push_back(item);
        if queue.parked {
            self.parked += 1;
        }
        if queue.items.len() == 1 {
            self.ready.insert((arrival, key));
        }
    }

    pub(super) fn get(&self, key: OrderKey) -> Option<&Queue> {
        self.by_key.get(&key)
    }

    pub(super) fn head_mut(&mut self, key: OrderKey) -> Option<&mut Item> {
        self.by_key.get_mut(&key)?.items.front_mut()
    }

    /// The devices whose events are not set aside.
    pub(super) fn unparked(&self) -> impl Iterator<Item = OrderKey> {
        let unparked = self.by_key.iter().filter(|(_, queue)| !queue.parked);
        unparked.map(|(key, _)| *key)
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let items = self.by_key.values().flat_map(|queue| &queue.items);
        items.map(|item| item.received).min()
    }

    pub(super) fn find(&self, position: Position) -> Option<(u32, bool)> {
        self.by_key.values().find_map(|queue| {
            let item = queue.items.iter().find(|item| item.position == position)?;
            Some((item.tries + item.refusals, queue.parked))
        })
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(due, ..)| *due)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn wake(&mut self, now: Timestamp) {
        while let Some((due, arrival, key)) = self.waiting.first().copied() {
            if due > now {
                break;
            }
            self.waiting.pop_first();
            self.ready.insert((arrival, key));
        }
    }

    /// The next device whose first event may go; it counts as on its way from now on.
    pub(super) fn next_ready(&mut self, now: Timestamp) -> Option<OrderKey> {
        self.wake(now);
        let (_, key) = self.ready.pop_first()?;
        self.depart(key);
        Some(key)
    }

    /// The device whose first event is to find out whether the target is there: the one that failed least, then the
    /// oldest; with `untried` only one that never failed.
    pub(super) fn next_probe(&mut self, untried: bool) -> Option<OrderKey> {
        let standing = self.by_key.iter().filter(|(_, queue)| !queue.in_flight);
        let heads = standing.filter_map(|(key, queue)| Some((queue.items.front()?, *key)));
        let fitting = heads.filter(|(item, _)| !untried || item.tries == 0);
        let (_, _, key) = fitting.map(|(item, key)| (item.tries, item.arrival, key)).min()?;
        self.unlist(key);
        self.depart(key);
        Some(key)
    }

    /// Whether the first event of some device was never tried.
    pub(super) fn has_untried(&self) -> bool {
        let mut standing = self.by_key.values().filter(|queue| !queue.in_flight);
        standing.any(|queue| queue.items.front().is_some_and(|item| item.tries == 0))
    }

    fn depart(&mut self, key: OrderKey) {
        if let Some(queue) = self.by_key.get_mut(&key) {
            queue.in_flight = true;
            self.in_flight += 1;
        }
    }

    fn unlist(&mut self, key: OrderKey) {
        let Some(queue) = self.by_key.get(&key) else {
            return;
        };
        let Some(head) = queue.items.front() else { return };
        self.ready.remove(&(head.arrival, key));
        self.waiting.remove(&(queue.due, head.arrival, key));
    }

    /// The device's first event is back and stays; it may go again at `due`.
    pub(super) fn back(&mut self, key: OrderKey, due: Timestamp) {
        let Some(queue) = self.by_key.get_mut(&key) else {
            return;
        };
        if std::mem::take(&mut queue.in_flight) {
            self.in_flight -= 1;
        }
        queue.due = due;
        if let Some(head) = queue.items.front() {
            self.waiting.insert((due, head.arrival, key));
        }
    }

    /// The device's first event is back and settled.
    pub(super) fn pop(&mut self, key: OrderKey) -> Option<Item> {
        let queue = self.by_key.get_mut(&key)?;
        if std::mem::take(&mut queue.in_flight) {
            self.in_flight -= 1;
        }
        self.remove_at(key, 0)
    }

    /// Takes an event out that is not on its way.
    pub(super) fn remove(&mut self, key: OrderKey, id: ItemId) -> Option<Item> {
        let queue = self.by_key.get(&key)?;
        let index = queue.items.iter().position(|item| item.id == id)?;
        if index == 0 && queue.in_flight {
            return None;
        }
        self.remove_at(key, index)
    }

    /// The oldest event of a device that is not on its way.
    pub(super) fn oldest_standing(&self, key: OrderKey) -> Option<ItemId> {
        let queue = self.by_key.get(&key)?;
        let item = queue.items.get(usize::from(queue.in_flight))?;
        Some(item.id)
    }

    fn remove_at(&mut self, key: OrderKey, index: usize) -> Option<Item> {
        if index == 0 {
            self.unlist(key);
        }
        let queue = self.by_key.get_mut(&key)?;
        let item = queue.items.remove(index)?;
        self.count -= 1;
        self.bytes -= item.bytes;
        self.held_bytes -= held(&item);
        if queue.parked {
            self.parked -= 1;
        }
        match queue.items.front() {
            Some(head) if index == 0 => {
                self.ready.insert((head.arrival, key));
            }
            Some(_) => {}
            None => {
                self.by_key.remove(&key);
            }
        }
        Some(item)
    }

    /// Sets all of a device's events aside; their bodies go from memory. Answers those that changed with it, and the first.
    pub(super) fn park(&mut self, key: OrderKey) -> Vec<&Item> {
        let Some(queue) = self.by_key.get_mut(&key) else {
            return Vec::new();
        };
        if !queue.parked {
            queue.parked = true;
            self.parked += u64::try_from(queue.items.len()).unwrap_or(u64::MAX);
        }
        let mut changed = Vec::new();
        for (index, item) in queue.items.iter_mut().enumerate() {
            // A letter's body is not in the log.
            let goes = item.outgoing.is_some() && item.id.lane != LETTERS;
            if goes {
                self.held_bytes -= held(item);
                item.outgoing = None;
            }
            if (goes || index == 0) && item.id.lane != LETTERS {
                changed.push(&*item);
            }
        }
        changed
    }

    /// A queue that begins set aside, as it was saved.
    pub(super) fn push_parked(&mut self, key: OrderKey, item: Item) {
        self.by_key.entry(key).or_default().parked = true;
        self.push(key, item);
    }
}
