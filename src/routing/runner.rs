//! One action's task: it reads the log through the shared tail, has events judged, gives them to the channel, and tells the
//! dispatcher what came of it. All decisions are the dispatcher's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::channel::{Channel, Outcome, Outgoing, Report};
use super::dispatcher::{Dispatcher, LIVE, Ticket};
use super::flow::FlowControl;
use super::gate::Gate;
use super::judge::Judge;
use super::tail::{Stretch, Tail};
use crate::auth::secret::random_bytes;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::Position;
use crate::observability::Metrics;
use crate::storage::{Action, ActionStore, EventLog, Result};

/// How long a stopping action waits for what is on its way.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// How often an action looks about although nothing was heard.
const IDLE: Duration = Duration::from_secs(1);

/// Letters that are read at once to be delivered again.
const LETTERS: u32 = 50;

/// What an action works with.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) action: Action,
    pub(super) judge: Arc<Judge>,
    pub(super) channel: Arc<dyn Channel>,
    /// All of it was read when the log had come this far, or later.
    pub(super) known: Position,
}

/// What the task, the saver and the API share of one action.
pub(super) struct Runner {
    dispatcher: Mutex<Dispatcher>,
    setting: Mutex<Arc<Setting>>,
    pub(super) wake: Notify,
    pub(super) stop: CancellationToken,
    pub(super) ended: CancellationToken,
}

/// What all actions share.
pub(super) struct Common {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) actions: Arc<dyn ActionStore>,
    pub(super) tail: Arc<Tail>,
    pub(super) flow: FlowControl,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) calls: usize,
    /// What is set should be read anew.
    pub(super) changed: Arc<Notify>,
    /// Closed while another node may run the actions.
    pub(super) gate: Gate,
    /// A save should not wait for its turn.
    pub(super) save_soon: Notify,
    /// How many rounds of saving came to a good end.
    pub(super) saves: watch::Sender<u64>,
}

impl Common {
    /// What the live lane may judge: up to the first change of rules that is not known yet, which is asked for.
    async fn known_stretch(&self, after: Position, setting: &Setting) -> Result<Stretch> {
        let mut stretch = self.tail.read(after).await?;
        if stretch.cut_behind(setting.known) {
            stretch.up_to = stretch.up_to.filter(|up_to| *up_to > after);
            self.changed.notify_one();
        }
        Ok(stretch)
    }
}

impl Runner {
    pub(super) fn new(dispatcher: Dispatcher, setting: Setting, stop: CancellationToken) -> Self {
        Self {
            dispatcher: Mutex::new(dispatcher),
            setting: Mutex::new(Arc::new(setting)),
            wake: Notify::new(),
            stop,
            ended: CancellationToken::new(),
        }
    }

    pub(super) fn dispatcher(&self) -> MutexGuard<'_, Dispatcher> {
        self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn setting(&self) -> Arc<Setting> {
        self.setting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set(&self, setting: Setting) {
        *self.setting.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(setting);
        self.wake.notify_one();
    }

    /// Runs until told to stop.
    pub(super) async fn run(self: Arc<Self>, common: Arc<Common>) {
        let _ended = self.ended.clone().drop_guard();
        let mut calls = Calls::default();
        let mut ahead = Ahead::default();
        let mut appended = common.log.appended();
        while !self.stop.is_cancelled() {
            common.gate.pass(&self.stop).await;
            appended.borrow_and_update();
            let moved = match self.step(&common, &mut calls, &mut ahead).await {
                Ok(moved) => moved,
                Err(error) => {
                    let action = &self.setting().action.action_id;
                    tracing::warn!(action_id = %action, %error, "an action did not move on, it will be tried again");
                    tokio::time::sleep(IDLE).await;
                    false
                }
            };
            if moved {
                calls.settle_ended(&self, &common);
                tokio::task::yield_now().await;
                continue;
            }
            let pause = self.pause(&common, &calls);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = calls.settle_next(&self, &common) => {}
                () = self.wake.notified() => {}
                Ok(()) = appended.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
            // Those that came together are one reason to look about.
            calls.settle_ended(&self, &common);
        }
        let last = async {
            while !calls.set.is_empty() {
                calls.settle_next(&self, &common).await;
            }
        };
        // What is cut off goes out again after the next start.
        let _ = tokio::time::timeout(LAST_ANSWERS, last).await;
    }

    fn pause(&self, common: &Common, calls: &Calls) -> Duration {
        let now = common.clock.now();
        let next = self.dispatcher().next_start(now);
        if calls.set.len() >= common.calls {
            return IDLE;
        }
        // Something is ready and flow control holds it back, or an instant is near.
        let wait = next.map_or(i64::MAX, |next| next.0.saturating_sub(now.0).max(5));
        Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX)).min(IDLE)
    }

    /// Reads, judges and sends what it can; whether there may be more to read at once.
    async fn step(&self, common: &Common, calls: &mut Calls, ahead: &mut Ahead) -> Result<bool> {
        let setting = self.setting();
        if ahead.is_time_for_gaps() {
            self.count_gaps(common, &setting).await?;
        }
        self.load_letters(common).await?;
        let mut moved = false;
        let lanes = self.dispatcher().lanes();
        ahead.left.retain(|lane, _| lanes.contains(lane));
        for lane in lanes {
            moved |= self.load(lane, common, &setting, ahead).await?;
        }
        moved |= self.scan(common, &setting).await?;
        self.send(common, &setting, calls);
        Ok(moved)
    }

    /// What retention took before it was loaded.
    async fn count_gaps(&self, common: &Common, setting: &Setting) -> Result<()> {
        if !self.dispatcher().is_behind() {
            return Ok(());
        }
        let first = common.log.bounds().await?.first;
        let gaps = self.dispatcher().gaps(first);
        for gap in gaps {
            let (mut left, mut bytes, mut at) = (0, 0, gap.gone);
            while at.0 < gap.mark.position {
                let stretch = common.tail.read(at).await?;
                let Some(up_to) = stretch.up_to else { break };
                for event in &stretch.events {
                    let counts = event.stored.position.0 <= gap.mark.position;
                    if let Some(taken) = setting.judge.take(event, gap.lane).filter(|_| counts) {
                        left += 1;
                        bytes += taken.bytes();
                    }
                }
                at = up_to;
            }
            let before = self.dispatcher().standing().counters.dropped_by_retention;
            self.dispatcher().close_gap(gap, left, bytes);
            let dropped = self.dispatcher().standing().counters.dropped_by_retention - before;
            if dropped > 0 {
                let action = &setting.action.action_id;
                tracing::warn!(action_id = %action, dropped, "retention took events before they were delivered");
            }
        }
        Ok(())
    }

    async fn load_letters(&self, common: &Common) -> Result<()> {
        let Some(after) = self.dispatcher().letters_to_read() else {
            return Ok(());
        };
        let letters = common
            .actions
            .letters_to_replay(self.setting().action.key, after, LETTERS)
            .await?;
        let now = common.clock.now();
        let mut dispatcher = self.dispatcher();
        dispatcher.letters_were_read(letters.len() >= LETTERS as usize);
        for letter in letters {
            dispatcher.load_letter(letter, now);
        }
        Ok(())
    }

    async fn load(&self, lane: i64, common: &Common, setting: &Setting, ahead: &mut Ahead) -> Result<bool> {
        let Some(after) = self.dispatcher().loads_after(lane) else {
            return Ok(false);
        };
        // Replays go by the rule as it is.
        let stretch = match (ahead.take(lane, after), lane) {
            (Some(left), _) => left,
            (None, LIVE) => common.known_stretch(after, setting).await?,
            (None, _) => common.tail.read(after).await?,
        };
        let now = common.clock.now();
        let mut dispatcher = self.dispatcher();
        let Some(end) = dispatcher.loads_up_to(lane) else {
            return Ok(false);
        };
        let Some(up_to) = stretch.up_to else {
            // The log ends here, and with it the range.
            if lane != LIVE && end.0 < i64::MAX {
                dispatcher.pass(lane, end);
            }
            return Ok(false);
        };
        let device = dispatcher.lane_device(lane);
        for (index, event) in stretch.events.iter().enumerate() {
            if event.stored.position > end {
                break;
            }
            if dispatcher.loads_after(lane).is_none() {
                ahead.keep(lane, stretch, index);
                return Ok(true);
            }
            let taken = setting.judge.take(event, lane);
            let taken = taken.filter(|taken| device.is_none() || taken.device == device);
            dispatcher.load(lane, event.stored.position, taken, now);
        }
        dispatcher.pass(lane, up_to.min(end));
        Ok(true)
    }

    /// Judges and counts ahead of what has room to be loaded.
    async fn scan(&self, common: &Common, setting: &Setting) -> Result<bool> {
        let after = {
            let dispatcher = self.dispatcher();
            if dispatcher.loads_after(LIVE).is_some() && !dispatcher.is_behind() {
                return Ok(false);
            }
            dispatcher.scans_after()
        };
        let stretch = common.known_stretch(after, setting).await?;
        let Some(up_to) = stretch.up_to else {
            return Ok(false);
        };
        let mut dispatcher = self.dispatcher();
        for event in &stretch.events {
            let bytes = setting.judge.take(event, LIVE).map(|taken| taken.bytes());
            dispatcher.scan(event.stored.position, bytes);
        }
        dispatcher.scan(up_to, None);
        Ok(true)
    }

    fn send(&self, common: &Common, setting: &Setting, calls: &mut Calls) {
        let now = common.clock.now();
        let batch = setting.channel.batch_size().max(1);
        let room = common.calls.saturating_sub(calls.set.len()) * batch;
        let mut dispatcher = self.dispatcher();
        dispatcher.enforce_backlog(now);
        if dispatcher.should_be_saved() {
            common.save_soon.notify_one();
        }
        if room == 0 || dispatcher.next_start(now).is_none_or(|next| next > now) {
            return;
        }
        let granted = common.flow.take(&setting.action, room, now);
        let tickets = dispatcher.start(now, granted);
        common.flow.give_back(&setting.action, granted - tickets.len());
        for batch in tickets.chunks(batch) {
            calls.spawn(batch.to_vec(), common, setting);
        }
    }
}

/// What was read and has no room yet, by lane: without it an action that is behind would read the log again for each event
/// that it settles. One read's worth for each lane, as the tail bounds it.
#[derive(Default)]
struct Ahead {
    left: HashMap<i64, Stretch>,
    gaps_looked: Option<Instant>,
}

impl Ahead {
    /// What is left of a lane after `after`, if it goes on there.
    fn take(&mut self, lane: i64, after: Position) -> Option<Stretch> {
        let mut left = self.left.remove(&lane)?;
        left.events.retain(|event| event.stored.position > after);
        (left.up_to.is_some_and(|up_to| up_to > after)).then_some(left)
    }

    /// Keeps a stretch without its first `done` events.
    fn keep(&mut self, lane: i64, mut stretch: Stretch, done: usize) {
        stretch.events.drain(..done);
        self.left.insert(lane, stretch);
    }

    /// Whether to look for what retention took, which it does at its own pace.
    fn is_time_for_gaps(&mut self) -> bool {
        let due = self.gaps_looked.is_none_or(|looked| looked.elapsed() >= IDLE);
        if due {
            self.gaps_looked = Some(Instant::now());
        }
        due
    }
}

/// What a call carried, and what became of each.
type Answers = (Vec<Ticket>, Vec<Option<Report>>);

/// Calls on their way, with what each carries.
#[derive(Default)]
struct Calls {
    set: JoinSet<Answers>,
    carried: HashMap<Id, Vec<Ticket>>,
}

impl Calls {
    fn spawn(&mut self, tickets: Vec<Ticket>, common: &Common, setting: &Setting) {
        let tail = common.tail.clone();
        let (judge, channel) = (setting.judge.clone(), setting.channel.clone());
        let carried = tickets.clone();
        let call = async move { deliver(tickets, &tail, &judge, channel.as_ref()).await };
        let id = self.set.spawn(call).id();
        self.carried.insert(id, carried);
    }

    /// Waits for the next answer, for ever while nothing is on its way.
    async fn settle_next(&mut self, runner: &Runner, common: &Common) {
        match self.set.join_next_with_id().await {
            Some(ended) => self.settle(ended, runner, common),
            None => std::future::pending().await,
        }
    }

    fn settle_ended(&mut self, runner: &Runner, common: &Common) {
        while let Some(ended) = self.set.try_join_next_with_id() {
            self.settle(ended, runner, common);
        }
    }

    fn settle(
        &mut self,
        ended: std::result::Result<(Id, Answers), JoinError>,
        runner: &Runner,
        common: &Common,
    ) {
        let now = common.clock.now();
        let mut dispatcher = runner.dispatcher();
        match ended {
            Ok((id, (tickets, reports))) => {
                self.carried.remove(&id);
                let action = &runner.setting().action.action_id;
                let mut reports = reports.into_iter();
                for ticket in tickets {
                    match reports.next() {
                        Some(Some(report)) => {
                            let class = report.outcome.class();
                            common
                                .metrics
                                .forwarding
                                .pushed(action.as_str(), class, report.took);
                            tell(&mut dispatcher, &ticket, &report, now);
                        }
                        Some(None) => dispatcher.lost(&ticket),
                        None => dispatcher.abandon(&ticket, now),
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "a channel failed in itself");
                let report = Report {
                    outcome: Outcome::Failed {
                        retry_after: None,
                        unreachable: false,
                    },
                    detail: "the channel failed in itself, see the log".to_owned(),
                    took: Duration::ZERO,
                };
                for ticket in self.carried.remove(&error.id()).unwrap_or_default() {
                    tell(&mut dispatcher, &ticket, &report, now);
                }
            }
        }
    }
}

fn tell(dispatcher: &mut Dispatcher, ticket: &Ticket, report: &Report, now: Timestamp) {
    let before = dispatcher.standing_of_target();
    dispatcher.report(ticket, report, now, jitter());
    let after = dispatcher.standing_of_target();
    if before != after {
        let action = dispatcher.action().0;
        tracing::info!(action_key = action, from = ?before, to = ?after, detail = report.detail, "a target's state changed");
    }
}

/// Between 0 and 1; the middle where there is no randomness.
fn jitter() -> f64 {
    random_bytes::<1>().map_or(0.5, |[byte]| f64::from(byte) / 255.0)
}

/// None stands for an event that is not in the log any more.
async fn deliver(mut tickets: Vec<Ticket>, tail: &Tail, judge: &Judge, channel: &dyn Channel) -> Answers {
    let absent: Vec<_> = tickets
        .iter()
        .filter(|ticket| ticket.outgoing.is_none())
        .map(|ticket| ticket.position)
        .collect();
    if !absent.is_empty() {
        let found = match tail.events(&absent).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "events that were set aside could not be read");
                return (tickets, Vec::new());
            }
        };
        for ticket in tickets.iter_mut().filter(|ticket| ticket.outgoing.is_none()) {
            let event = found
                .iter()
                .find(|event| event.stored.position == ticket.position);
            let taken = event.and_then(|event| judge.again(event, ticket.id.lane));
            ticket.outgoing = taken.map(|taken| taken.outgoing);
        }
    }
    let events: Vec<Outgoing> = tickets
        .iter()
        .filter_map(|ticket| ticket.outgoing.clone())
        .collect();
    let reports = if events.is_empty() {
        Vec::new()
    } else {
        channel.deliver(&events).await
    };
    let mut reports = reports.into_iter();
    let answers = tickets.iter().map(|ticket| {
        let went = ticket.outgoing.as_ref();
        went.map(|_| reports.next().unwrap_or_else(unanswered))
    });
    let answers = answers.collect();
    (tickets, answers)
}

fn unanswered() -> Report {
    Report {
        outcome: Outcome::Failed {
            retry_after: None,
            unreachable: false,
        },
        detail: "the channel told nothing of the event".to_owned(),
        took: Duration::ZERO,
    }
}
