//! What actions keep of their way along the log: how far they came, what failed, what was given up. Written by all
//! actions together, about every 100 ms; a crash takes back what came after the last save, and no more.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Page, PageRequest, Result};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionKey, DeviceKey, Position};

/// A place in the log with the number and the bytes of the events that were taken up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The position.
    pub position: i64,
    /// How many were taken, this one included.
    pub taken: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How far an action has come along the log, or along a range that is delivered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedLane {
    /// 0 for the log as it grows, the replay's number otherwise.
    pub lane: i64,
    /// Everything up to here is settled.
    pub settled: Mark,
    /// Everything up to here is judged and counted.
    pub scanned: Mark,
    /// The end of a replay's range.
    pub up_to: Option<Position>,
    /// A replay of this device's events alone.
    pub device: Option<DeviceKey>,
    /// What is settled behind [`Self::settled`], with its bytes.
    pub outcomes: Vec<(Position, u64)>,
    /// Places between the two marks, to count by what retention takes.
    pub marks: Vec<Mark>,
}

/// What came of the taken events so far: taken = delivered + pending + dead + dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that the rule took; one that is delivered again counts again.
    pub taken: u64,
    /// Their bytes.
    pub taken_bytes: u64,
    /// Those that the target has.
    pub delivered: u64,
    /// Those that became dead letters.
    pub dead: u64,
    /// Those that a backlog policy's size dropped.
    pub dropped_by_size: u64,
    /// Those that a backlog policy's time dropped.
    pub dropped_by_time: u64,
    /// Those that retention took before they were delivered.
    pub dropped_by_retention: u64,
}

impl Counters {
    /// All that were dropped by a bound.
    pub const fn dropped(&self) -> u64 {
        self.dropped_by_size + self.dropped_by_time + self.dropped_by_retention
    }
}

/// An event that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRow {
    /// Its lane.
    pub lane: i64,
    /// Its position.
    pub position: Position,
    /// Its device.
    pub device: Option<DeviceKey>,
    /// Its bytes.
    pub bytes: u64,
    /// When the platform took it in.
    pub received: Timestamp,
    /// How often it failed.
    pub tries: u32,
    /// When it first failed.
    pub failed: Option<Timestamp>,
}

/// A dead letter to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLetter {
    /// The action whose letter it is.
    pub action: ActionKey,
    /// The event.
    pub position: Position,
    /// Its device.
    pub device: Option<DeviceKey>,
    /// The device's id.
    pub device_id: Option<String>,
    /// Its product.
    pub product_id: Option<String>,
    /// Its space.
    pub app_id: Option<String>,
    /// When the platform took the event in.
    pub received: Timestamp,
    /// What went out; none when the event was gone by then.
    pub body: Option<Bytes>,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// It came from another action, whose dead letters go to this one.
    pub forwarded: bool,
    /// It is to be delivered at once.
    pub replaying: bool,
}

/// A stored dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Rises with time; the record id of paging.
    pub id: i64,
    /// What it says; in lists without its body.
    pub told: NewLetter,
    /// It was counted as taken again.
    pub counted: bool,
}

/// What becomes of a letter that is delivered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterStep {
    /// It is counted as taken again.
    Counted,
    /// It is delivered, and goes.
    Delivered,
    /// It is a dead letter again.
    Dead {
        /// Why.
        reason: String,
        /// How often it was tried this time.
        attempts: u32,
        /// When.
        at: Timestamp,
    },
}

/// One try to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// The event.
    pub position: Position,
    /// When the target answered.
    pub at: Timestamp,
    /// `delivered`, `event_refused`, `target_refused` or `failed`.
    pub outcome: String,
    /// What the target said.
    pub detail: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// What one action writes in one save.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionSave {
    /// All its lanes; those that are not named are gone.
    pub lanes: Vec<SavedLane>,
    /// Its counters.
    pub counters: Counters,
    /// The number of the next replay.
    pub next_lane: i64,
    /// Events newly set aside, or tried again.
    pub parked: Vec<ParkedRow>,
    /// Events that are set aside no more, by lane and position.
    pub unparked: Vec<(i64, Position)>,
    /// Letters, for whichever action.
    pub letters: Vec<NewLetter>,
    /// What became of letters that are delivered again, in order.
    pub letter_steps: Vec<(i64, LetterStep)>,
    /// Tries.
    pub attempts: Vec<AttemptRow>,
}

/// An action as it was last saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedAction {
    /// Its lanes.
    pub lanes: Vec<SavedLane>,
    /// Its counters.
    pub counters: Counters,
    /// The number of the next replay.
    pub next_lane: i64,
    /// What is set aside, by lane and position.
    pub parked: Vec<ParkedRow>,
}

/// What actions keep.
#[async_trait]
pub trait ActionStore: Send + Sync {
    /// An action as it was last saved; none if it never was.
    async fn load_action(&self, action: ActionKey) -> Result<Option<SavedAction>>;
    /// Writes what actions have come to, all in one transaction; of each action the newest `keep_attempts` tries stay.
    async fn save_actions(&self, saves: &[(ActionKey, ActionSave)], keep_attempts: u32) -> Result<()>;
    /// Forgets everything of actions other than these.
    async fn keep_actions(&self, actions: &[ActionKey]) -> Result<()>;
    /// A page of an action's dead letters, without their bodies. Those that are being delivered again are left out.
    async fn letters(&self, action: ActionKey, page: PageRequest) -> Result<Page<Letter>>;
    /// One of them, with its body.
    async fn letter(&self, action: ActionKey, letter: i64) -> Result<Option<Letter>>;
    /// Marks one letter, or all, to be delivered again; answers how many.
    async fn replay_letters(&self, action: ActionKey, letter: Option<i64>) -> Result<u64>;
    /// Up to `limit` letters behind `after` that are to be delivered again, the oldest first, with their bodies.
    async fn letters_to_replay(&self, action: ActionKey, after: i64, limit: u32) -> Result<Vec<Letter>>;
    /// Drops one letter, or all; answers how many.
    async fn drop_letters(&self, action: ActionKey, letter: Option<i64>) -> Result<u64>;
    /// The tries that were kept of an event, by action, the oldest first.
    async fn attempts(&self, position: Position) -> Result<Vec<(ActionKey, AttemptRow)>>;
}
