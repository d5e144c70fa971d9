//! What becomes of an event by its target's answer: delivered, tried again, set aside, given up.

use std::time::Duration;

use super::OrderKey;
use super::lane::Lane;
use super::{Dispatcher, ItemId, LETTERS, TargetState, Ticket};
use crate::domain::clock::Timestamp;
use crate::routing::channel::{Outcome, Outgoing, Report};
use crate::storage::{AttemptRow, LetterStep, NewLetter, ParkedRow};

/// Failures after which an event is set aside, if its target takes others.
const TRIES_BEFORE_PARKING: u32 = 3;

/// Refusals after which an event is given up.
const REFUSALS: u32 = 3;

/// The longest wait of an event that was never tried, while others fail.
const UNTRIED_MS: i64 = 10_000;

impl Dispatcher {
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
                    self.delivered_since += 1;
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
        self.make_room(now);
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
        retry_after: Option<Duration>,
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
        retry_after: Option<Duration>,
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
        let fails = !parked && self.target.fails_for(key, waiting);
        if down || fails {
            self.target.failures = self.target.failures.saturating_add(1);
            let delay = schedule.delay_ms(self.target.failures, retry_after, jitter);
            // One device that fails while no other has anything to send tells little: the next one's event finds out.
            let untried = if self.target.fails_for_many() {
                delay.min(UNTRIED_MS)
            } else {
                0
            };
            self.target
                .goes_down(TargetState::Retrying, &report.detail, now, (delay, untried));
        } else {
            self.target.last_error = Some(report.detail.clone());
        }
    }

    /// Where failing devices fill the window and nothing else can go out, they are set aside at once: others wait behind them.
    pub(super) fn make_room(&mut self, now: Timestamp) {
        let idle = self.target.is_healthy() && self.queues.in_flight == 0 && !self.queues.has_ready();
        while let Some(key) = self
            .live()
            .filter(|_| idle)
            .and_then(|live| self.stands_in_the_way(live))
        {
            self.park(key, now);
        }
    }

    /// The device of the first event of a full window, if that event failed while the target took others.
    fn stands_in_the_way(&self, live: &Lane) -> Option<OrderKey> {
        if live.entries.len() < self.limits.window {
            return None;
        }
        let (position, first) = live.entries.iter().find(|(_, entry)| !entry.settled)?;
        let queue = self.queues.get(first.device).filter(|queue| !queue.parked)?;
        let head = queue.items.front()?;
        let failed = head.refusals > 0 || head.failed.is_some() && self.target.successes > head.beaten_from;
        (failed && head.position.0 <= *position).then_some(first.device)
    }

    /// Sets a device's events aside, so that the lane goes on without them; the oldest of too many are given up.
    pub(super) fn park(&mut self, key: OrderKey, now: Timestamp) {
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
}
