//! The newest events, held once for all readers at the log's end: everything after one position up to another, bounded
//! in bytes. It only moves forward.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::{FeedFilter, Shown};
use crate::domain::ids::Position;

/// What an event takes beside its line, about.
const OVERHEAD: usize = 256;

/// A reader this far ahead starts the shared part anew, where it stands.
pub(super) const FAR: i64 = 2000;

pub(super) struct Recent {
    events: VecDeque<Arc<Shown>>,
    bytes: usize,
    max_bytes: usize,
    /// Everything after this and up to `up_to` is here, but for internal events.
    from: Position,
    up_to: Position,
    last_look: Instant,
}

/// What is here for a reader.
pub(super) enum Found {
    /// The next events that pass its filter, perhaps none, and where that leaves it.
    Looked(Vec<Arc<Shown>>, Position),
    /// It stands at the end.
    End,
    /// What comes next for it was here and is no more.
    Passed,
}

impl Recent {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            max_bytes,
            from: Position::START,
            up_to: Position::START,
            last_look: Instant::now(),
        }
    }

    /// The next events for a reader at `position`, no more once they take `bytes`.
    pub(super) fn after(&self, position: Position, filter: &FeedFilter, bytes: usize) -> Found {
        if position < self.from {
            return Found::Passed;
        }
        if position >= self.up_to {
            return Found::End;
        }
        let next = self.events.partition_point(|shown| shown.position <= position);
        let (mut passing, mut taken) = (Vec::new(), 0);
        for shown in self.events.range(next..).filter(|shown| filter.passes(shown)) {
            if taken >= bytes {
                let up_to = passing.last().map_or(position, |last: &Arc<Shown>| last.position);
                return Found::Looked(passing, up_to);
            }
            taken += shown.line.len();
            passing.push(shown.clone());
        }
        Found::Looked(passing, self.up_to)
    }

    /// Where to read on so that a reader at `position` finds what comes next; beyond it if that is here already.
    pub(super) fn reach(&mut self, position: Position) -> Position {
        if position.0.saturating_sub(self.up_to.0) > FAR {
            self.restart(position);
        }
        self.up_to
    }

    /// Adds what a read after `up_to` gave, internal events left out; `first` is the first that was there.
    pub(super) fn push(&mut self, first: Position, events: Vec<Arc<Shown>>, up_to: Position) {
        if first.0 > self.up_to.0.saturating_add(1) {
            // Retention has passed the end of what was here; readers there have to be told.
            self.restart(Position(first.0.saturating_sub(1)));
        }
        for shown in events {
            self.bytes += size(&shown);
            self.events.push_back(shown);
        }
        self.up_to = up_to;
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= size(&oldest);
            self.from = oldest.position;
        }
        self.looked();
    }

    /// The log was looked at now.
    pub(super) fn looked(&mut self) {
        self.last_look = Instant::now();
    }

    pub(super) const fn last_look(&self) -> Instant {
        self.last_look
    }

    fn restart(&mut self, at: Position) {
        self.events.clear();
        self.bytes = 0;
        self.from = at;
        self.up_to = at;
    }
}

fn size(shown: &Shown) -> usize {
    shown.line.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventKind;

    fn shown(position: i64) -> Arc<Shown> {
        Arc::new(Shown {
            position: Position(position),
            kind: EventKind::MessageReport,
            line: "x".repeat(100),
            device_id: Some(if position % 2 == 0 { "even" } else { "odd" }.to_owned()),
            product_id: None,
        })
    }

    fn pushed(recent: &mut Recent, range: std::ops::RangeInclusive<i64>) {
        let (first, last) = (Position(*range.start()), Position(*range.end()));
        recent.push(first, range.map(shown).collect(), last);
    }

    fn found(recent: &Recent, after: i64, filter: &FeedFilter, bytes: usize) -> String {
        match recent.after(Position(after), filter, bytes) {
            Found::End => "end".to_owned(),
            Found::Passed => "passed".to_owned(),
            Found::Looked(events, up_to) => {
                let events: Vec<_> = events.iter().map(|shown| shown.position.0).collect();
                format!("{events:?} up to {}", up_to.0)
            }
        }
    }

    #[test]
    fn readers_get_what_passes_in_steps() {
        let mut recent = Recent::new(1_000_000);
        assert_eq!(
            recent.reach(Position(5)),
            Position(0),
            "near: read on from the end"
        );
        pushed(&mut recent, 1..=7);
        let all = FeedFilter::default();
        assert_eq!(found(&recent, 4, &all, 1000), "[5, 6, 7] up to 7");
        assert_eq!(found(&recent, 0, &all, 250), "[1, 2, 3] up to 3");
        assert_eq!(found(&recent, 7, &all, 250), "end");
        let even = FeedFilter {
            device_id: crate::domain::ids::DeviceId::parse("even").ok(),
            ..FeedFilter::default()
        };
        assert_eq!(found(&recent, 0, &even, 1000), "[2, 4, 6] up to 7");
        assert_eq!(found(&recent, 6, &even, 1000), "[] up to 7");
        assert_eq!(found(&recent, 0, &even, 100), "[2] up to 2");
    }

    #[test]
    fn what_is_over_the_bound_is_passed_and_a_hole_too() {
        let mut recent = Recent::new(3 * 356);
        pushed(&mut recent, 1..=5);
        let all = FeedFilter::default();
        assert_eq!(found(&recent, 1, &all, 1000), "passed");
        assert_eq!(found(&recent, 2, &all, 1000), "[3, 4, 5] up to 5");
        pushed(&mut recent, 8..=9);
        assert_eq!(found(&recent, 5, &all, 1000), "passed");
        assert_eq!(found(&recent, 7, &all, 1000), "[8, 9] up to 9");
        assert_eq!(recent.reach(Position(9000)), Position(9000), "far: started anew");
        assert_eq!(found(&recent, 9, &all, 1000), "passed");
    }
}
