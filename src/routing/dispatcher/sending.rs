//! What goes out next, and what no longer may.

use super::{Backlog, Dispatcher, ItemId, LIVE, OrderKey, Ticket};
use crate::domain::clock::Timestamp;

impl Dispatcher {
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

    /// A crash forgets deliveries that are not saved, so that they are made once more: no more than the window holds.
    pub(super) const fn may_start(&self) -> usize {
        let exposed = self.queues.in_flight + self.delivered_since + self.delivered_in_save;
        self.limits.window.saturating_sub(exposed)
    }

    /// What goes out now: up to `most` events, none of which waits for another.
    pub fn start(&mut self, now: Timestamp, most: usize) -> Vec<Ticket> {
        let most = most.min(self.may_start());
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
        if self.paused || self.queues.count == 0 || self.may_start() == 0 {
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

    pub(super) fn forget_probe(&mut self, ticket: &Ticket) {
        if self.target.probe == Some(ticket.id) {
            self.target.probe = None;
        }
    }
}
