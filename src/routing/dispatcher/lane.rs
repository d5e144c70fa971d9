//! A lane: one way along the log. It judges and counts ahead (`scanned`), loads what it took into the window (`fill`), and
//! remembers what of the window is settled, so that a crash repeats little. Lane 0 follows the log as it grows; the others
//! are replays of a range.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};
use crate::storage::{Mark, SavedLane};

/// Positions between two marks, at least.
const MARK_EVERY: i64 = 1000;

/// The most marks; beyond, every second one goes.
const MARKS: usize = 256;

/// A taken event of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) bytes: u64,
    pub(super) device: Option<DeviceKey>,
    pub(super) received: Timestamp,
    pub(super) settled: bool,
}

/// One way along the log.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) number: i64,
    pub(super) up_to: Option<Position>,
    pub(super) device: Option<DeviceKey>,
    /// Everything up to here was loaded.
    pub(super) fill: Mark,
    /// Everything up to here was judged and counted; never behind `fill`.
    pub(super) scanned: Mark,
    /// Taken and loaded, from the first that is not settled.
    pub(super) entries: BTreeMap<i64, Entry>,
    entries_bytes: u64,
    /// Behind `fill`: settled before the last restart.
    known: BTreeMap<i64, u64>,
    marks: VecDeque<Mark>,
}

/// A stretch to count again, because retention took what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The lane.
    pub lane: i64,
    /// Everything up to here is gone.
    pub gone: Position,
    /// Count what is taken after [`Self::gone`] up to here.
    pub mark: Mark,
}

impl Lane {
    pub(super) fn new(
        number: i64,
        from: Position,
        up_to: Option<Position>,
        device: Option<DeviceKey>,
    ) -> Self {
        let start = Mark {
            position: from.0,
            ..Mark::default()
        };
        Self {
            number,
            up_to,
            device,
            fill: start,
            scanned: start,
            entries: BTreeMap::new(),
            entries_bytes: 0,
            known: BTreeMap::new(),
            marks: VecDeque::new(),
        }
    }

    pub(super) fn restore(saved: SavedLane) -> Self {
        Self {
            fill: saved.settled,
            scanned: saved.scanned,
            known: saved
                .outcomes
                .into_iter()
                .map(|(position, bytes)| (position.0, bytes))
                .collect(),
            marks: saved.marks.into(),
            ..Self::new(
                saved.lane,
                Position(saved.settled.position),
                saved.up_to,
                saved.device,
            )
        }
    }

    pub(super) fn save(&self) -> SavedLane {
        let settled = self.entries.iter().filter(|(_, entry)| entry.settled);
        let loaded = settled.map(|(position, entry)| (Position(*position), entry.bytes));
        let known = self
            .known
            .iter()
            .map(|(position, bytes)| (Position(*position), *bytes));
        SavedLane {
            lane: self.number,
            settled: self.settled(),
            scanned: self.scanned,
            up_to: self.up_to,
            device: self.device,
            outcomes: loaded.chain(known).collect(),
            marks: self.marks.iter().copied().collect(),
        }
    }

    /// Everything up to here is settled.
    pub(super) fn settled(&self) -> Mark {
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        Mark {
            position: self
                .entries
                .first_key_value()
                .map_or(self.fill.position, |(position, _)| position - 1),
            taken: self.fill.taken - count,
            bytes: self.fill.bytes - self.entries_bytes,
        }
    }

    /// Taken, not loaded and not known to be settled: how many, and their bytes.
    pub(super) fn unloaded(&self) -> (u64, u64) {
        let known = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
        let known_bytes: u64 = self.known.values().sum();
        let count = self.scanned.taken.saturating_sub(self.fill.taken);
        let bytes = self.scanned.bytes.saturating_sub(self.fill.bytes);
        (count.saturating_sub(known), bytes.saturating_sub(known_bytes))
    }

    /// Whether the range of a replay was gone through and all of it is settled.
    pub(super) fn is_done(&self) -> bool {
        self.entries.is_empty() && self.up_to.is_some_and(|up_to| self.fill.position >= up_to.0)
    }

    /// Judged ahead of what is loaded; `taken` gives the bytes of an event that the rule takes.
    pub(super) fn scan(&mut self, position: Position, taken: Option<u64>) {
        self.scanned.position = position.0;
        if let Some(bytes) = taken {
            self.scanned.taken += 1;
            self.scanned.bytes += bytes;
        }
        let last = self.marks.back().map_or(self.fill.position, |mark| mark.position);
        if position.0 - last >= MARK_EVERY {
            self.marks.push_back(self.scanned);
            if self.marks.len() > MARKS {
                let mut keep = false;
                self.marks.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
        }
    }

    /// An event that the rule takes is loaded. True: it is to be delivered; false: it is known to be settled.
    pub(super) fn load(&mut self, position: Position, entry: Entry) -> bool {
        self.pass(position.0 - 1);
        let known = self.known.remove(&position.0).is_some();
        self.fill = Mark {
            position: position.0,
            taken: self.fill.taken + 1,
            bytes: self.fill.bytes + entry.bytes,
        };
        let settled = entry.settled || known;
        self.entries.insert(position.0, Entry { settled, ..entry });
        self.entries_bytes += entry.bytes;
        self.trim();
        !known
    }

    /// Nothing more is to be loaded up to here.
    pub(super) fn pass(&mut self, position: i64) {
        while let Some((known, bytes)) = self.known.first_key_value().map(|(k, v)| (*k, *v)) {
            if known > position {
                break;
            }
            self.known.remove(&known);
            self.fill.taken += 1;
            self.fill.bytes += bytes;
        }
        self.fill.position = self.fill.position.max(position);
        while self
            .marks
            .front()
            .is_some_and(|mark| mark.position <= self.fill.position)
        {
            self.marks.pop_front();
        }
    }

    pub(super) fn settle(&mut self, position: Position) {
        if let Some(entry) = self.entries.get_mut(&position.0) {
            entry.settled = true;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while let Some(first) = self.entries.first_entry() {
            if !first.get().settled {
                break;
            }
            self.entries_bytes -= first.remove().bytes;
        }
    }

    /// What to count again when `first` is the oldest event that the log still holds.
    pub(super) fn gap(&self, first: Position) -> Option<Gap> {
        let gone = first.0 - 1;
        if gone <= self.fill.position {
            return None;
        }
        let mark = self.marks.iter().find(|mark| mark.position >= gone);
        let mark = mark.copied().unwrap_or(self.scanned);
        Some(Gap {
            lane: self.number,
            gone: Position(gone),
            mark,
        })
    }

    /// The gap was counted: so many events, of so many bytes, are left of it. Answers how many are lost.
    pub(super) fn close_gap(&mut self, gap: Gap, left: u64, left_bytes: u64) -> u64 {
        self.pass(gap.gone.0);
        let taken = gap.mark.taken.saturating_sub(left).max(self.fill.taken);
        let lost = taken - self.fill.taken;
        self.fill.taken = taken;
        self.fill.bytes = gap.mark.bytes.saturating_sub(left_bytes).max(self.fill.bytes);
        if self.scanned.position < gap.gone.0 {
            self.scanned = self.fill;
        }
        lost
    }
}
