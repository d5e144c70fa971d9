//! The handle that the API holds: the state of actions, pauses, replays, dead letters, and what became of an event.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::channel::{Outgoing, Report};
use super::dispatcher::{Limits, Schedule, Standing, TargetState};
use super::flow::FlowControl;
use super::gate::Gate;
use super::runner::{Common, Runner};
use super::saver::Saver;
use super::supervisor::{Runners, Supervisor};
use super::tail::Tail;
use super::ways::WaysOut;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::{ActionId, DeviceKey, Position, RuleId};
use crate::lifecycle::Lifecycle;
use crate::observability::{ActionFigures, Metrics};
use crate::storage::{
    AttemptRow, Letter, Page, PageRequest, ReadLimit, RegistryChange, Result, RoutingStore, Stores,
};

/// How long a caller waits for a save.
const LONGEST_SAVE: Duration = Duration::from_secs(5);

/// What the configuration says of routing.
#[derive(Clone, Copy, Debug)]
pub struct RoutingSettings {
    /// Events of an action that are loaded and not settled, and deliveries that a crash may repeat.
    pub window: usize,
    /// Bytes of them in memory.
    pub window_bytes: u64,
    /// Events of one device that an action sets aside.
    pub parked_per_device: usize,
    /// Events of all devices that an action sets aside.
    pub parked: u64,
    /// How long an event is tried in vain.
    pub event_max_age_seconds: i64,
    /// Calls of an action at once.
    pub calls: usize,
    /// Bytes of the newest events, shared by all actions.
    pub tail_bytes: usize,
    /// Tries that are kept of an action.
    pub attempts: u32,
    /// Replays of an action at once.
    pub replays: usize,
    /// How often all actions are saved.
    pub save_interval: Duration,
}

/// What an action's state shows (routing.md §6).
#[derive(Clone, Debug)]
pub struct ActionState {
    /// What the dispatcher tells.
    pub standing: Standing,
    /// When the platform took in the oldest event that waits.
    pub oldest_pending: Option<Timestamp>,
    /// How long it has waited.
    pub lag_seconds: i64,
}

impl ActionState {
    /// All of it of one instant.
    fn of(runner: &Runner, now: Timestamp) -> Self {
        let dispatcher = runner.dispatcher();
        let oldest_pending = dispatcher.oldest_pending();
        let lag = oldest_pending.map_or(0, |oldest| now.0.saturating_sub(oldest.0) / 1000);
        Self {
            standing: dispatcher.standing(),
            oldest_pending,
            lag_seconds: lag.max(0),
        }
    }

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self.standing.target {
            _ if self.standing.paused => "paused",
            TargetState::Healthy => "healthy",
            TargetState::Retrying => "retrying",
            TargetState::Refused => "refused",
        }
    }
}

/// What is delivered again: `from` and `up_to` included.
#[derive(Clone, Copy, Debug)]
pub struct ReplayRange {
    /// The first position, or an instant.
    pub from: std::result::Result<Position, Timestamp>,
    /// The last position, or an instant; none is the log's end.
    pub up_to: Option<std::result::Result<Position, Timestamp>>,
    /// Of this device alone.
    pub device: Option<DeviceKey>,
}

/// Why nothing is replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayRefusal {
    /// There is no such action.
    #[error("the action does not exist")]
    NoAction,
    /// As many replays as may be are in progress.
    #[error("as many replays of the action as may be are in progress")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::storage::StoreError),
}

/// Where an event is on its way to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not judged yet.
    Waiting,
    /// The rule does not take it.
    NotTaken,
    /// Taken, and not delivered yet.
    Pending,
    /// Set aside, since it failed or waits behind one that did.
    Parked,
    /// Settled: delivered, given up or dropped.
    Settled,
}

/// What became of an event at one action.
#[derive(Clone, Debug)]
pub struct EventDelivery {
    /// The rule.
    pub rule_id: RuleId,
    /// The action.
    pub action_id: ActionId,
    /// Where it is.
    pub state: DeliveryState,
    /// The tries that are still known.
    pub attempts: Vec<AttemptRow>,
}

/// What a test call came to.
#[derive(Clone, Debug)]
pub struct Trial(pub Report);

/// Rules at work. Clones share it.
#[derive(Clone)]
pub struct Routing {
    rules: Arc<dyn RoutingStore>,
    settings: RoutingSettings,
    common: Arc<Common>,
    runners: Arc<Runners>,
}

impl Routing {
    /// Over these stores; nothing runs yet.
    pub fn new(
        stores: &Stores,
        settings: RoutingSettings,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let common = Common {
            log: stores.log.clone(),
            actions: stores.actions.clone(),
            tail: Arc::new(Tail::new(
                stores.log.clone(),
                settings.tail_bytes,
                metrics.clone(),
            )),
            flow: FlowControl::default(),
            clock,
            metrics,
            calls: settings.calls,
            changed: Arc::default(),
            gate: Gate::default(),
            save_soon: Notify::new(),
            saves: watch::Sender::new(0),
        };
        let heard = common.changed.clone();
        stores.registry.subscribe(Box::new(move |change| {
            if matches!(change, RegistryChange::Routing | RegistryChange::Everything) {
                heard.notify_one();
            }
        }));
        Self {
            rules: stores.rules.clone(),
            settings,
            common: Arc::new(common),
            runners: Arc::default(),
        }
    }

    /// Starts all actions; each runs until it is deleted or `lifecycle` stops. They may be started again after that.
    pub fn start(&self, ways: Arc<dyn WaysOut>, lifecycle: &Lifecycle) {
        let supervisor = Supervisor {
            routing: self.rules.clone(),
            common: self.common.clone(),
            runners: self.runners.clone(),
            ways,
            limits: limits(self.settings),
            lifecycle: lifecycle.clone(),
            known: HashMap::new(),
            kept: None,
        };
        // Before anyone adds a runner: it forgets those of an earlier term.
        self.runners.begin();
        lifecycle.spawn("routing", supervisor.run(lifecycle.token()));
        let saver = Saver {
            common: self.common.clone(),
            runners: self.runners.clone(),
            interval: self.settings.save_interval,
            keep_attempts: self.settings.attempts,
            failed: HashMap::new(),
            in_doubt: false,
        };
        lifecycle.spawn("routing saves", saver.run(lifecycle.token()));
    }

    fn runner(&self, action: &ActionId) -> Option<Arc<Runner>> {
        self.runners.of(action).filter(|_| self.common.gate.is_open())
    }

    /// An action's state; none while it does not run (yet).
    pub fn state(&self, action: &ActionId) -> Option<ActionState> {
        let runner = self.runner(action)?;
        Some(ActionState::of(&runner, self.common.clock.now()))
    }

    /// What metrics tell of every action that runs, the oldest first.
    pub fn figures(&self) -> Vec<ActionFigures> {
        let mut runners = self.runners.all();
        runners.sort_by_key(|runner| runner.setting().action.key);
        let now = self.common.clock.now();
        let figures =
            |runner: &Arc<Runner>| figures(&runner.setting().action.action_id, &ActionState::of(runner, now));
        runners.iter().map(figures).collect()
    }

    /// Stops an action's deliveries at once, or lets them go on. That it is so for good is the store's to keep
    /// (`ActionPatch::paused`). False: there is none.
    pub fn set_paused(&self, action: &ActionId, paused: bool) -> bool {
        let Some(runner) = self.runner(action) else {
            return false;
        };
        runner.dispatcher().set_paused(paused, self.common.clock.now());
        runner.wake.notify_one();
        true
    }

    /// Delivers a range again; answers how many events the rule, as it is now, takes of it. What was answered is done also
    /// over a crash.
    pub async fn replay(
        &self,
        action: &ActionId,
        range: ReplayRange,
    ) -> std::result::Result<u64, ReplayRefusal> {
        let runner = self.runner(action).ok_or(ReplayRefusal::NoAction)?;
        let bounds = self.common.log.bounds().await?;
        let first = match range.from {
            Ok(position) => position,
            Err(time) => self.position_at(time).await?,
        };
        let last = match range.up_to {
            None => bounds.last,
            Some(Ok(position)) => position.min(bounds.last),
            Some(Err(time)) => Position(self.position_at(time.plus_millis(1)).await?.0 - 1),
        };
        let from = Position(first.0.max(bounds.first.0) - 1);
        if from >= last {
            return Ok(0);
        }
        let judge = &runner.setting().judge;
        let (mut count, mut at) = (0, from);
        while at < last {
            let stretch = self.common.tail.read(at).await?;
            let Some(up_to) = stretch.up_to else { break };
            let taken = stretch.events.iter().filter(|event| {
                event.stored.position <= last
                    && judge
                        .take(event, 1)
                        .is_some_and(|taken| range.device.is_none() || taken.device == range.device)
            });
            count += u64::try_from(taken.count()).unwrap_or(0);
            at = up_to;
        }
        let lane = runner.dispatcher().replay(from, last, range.device);
        lane.ok_or(ReplayRefusal::TooMany)?;
        runner.wake.notify_one();
        self.until_saved().await?;
        Ok(count)
    }

    /// Waits until what actions have come to by now would survive a crash.
    async fn until_saved(&self) -> Result<()> {
        let mut saves = self.common.saves.subscribe();
        // The round that ends next may have begun before.
        let enough = *saves.borrow() + 2;
        let longest = self.settings.save_interval * 2 + LONGEST_SAVE;
        let waited = timeout(longest, saves.wait_for(|rounds| *rounds >= enough)).await;
        waited
            .map(|_| ())
            .map_err(|_| crate::storage::StoreError::OutcomeUnknown)
    }

    /// The first position of an event that was taken in at `time` or later: positions rise with time, but for a few
    /// milliseconds.
    async fn position_at(&self, time: Timestamp) -> Result<Position> {
        let bounds = self.common.log.bounds().await?;
        let (mut low, mut high) = (bounds.first.0, bounds.last.0 + 1);
        let one = ReadLimit { rows: 1, bytes: 1 };
        while low < high {
            let middle = low + (high - low) / 2;
            let chunk = self.common.log.read(Position(middle - 1), one).await?;
            match chunk.events.first() {
                Some(found) if found.event.received < time => low = found.position.0 + 1,
                _ => high = middle,
            }
        }
        Ok(Position(low))
    }

    /// A page of an action's dead letters, without their bodies.
    pub async fn letters(&self, action: &ActionId, page: PageRequest) -> Result<Option<Page<Letter>>> {
        let Some(runner) = self.runner(action) else {
            return Ok(None);
        };
        let key = runner.setting().action.key;
        self.common.actions.letters(key, page).await.map(Some)
    }

    /// One of them, with its body.
    pub async fn letter(&self, action: &ActionId, letter: i64) -> Result<Option<Letter>> {
        let Some(runner) = self.runner(action) else {
            return Ok(None);
        };
        let key = runner.setting().action.key;
        self.common.actions.letter(key, letter).await
    }

    /// Delivers one letter again, or all; answers how many. None: there is no such action.
    pub async fn replay_letters(&self, action: &ActionId, letter: Option<i64>) -> Result<Option<u64>> {
        let Some(runner) = self.runner(action) else {
            return Ok(None);
        };
        let key = runner.setting().action.key;
        let count = self.common.actions.replay_letters(key, letter).await?;
        runner.dispatcher().look_for_letters();
        runner.wake.notify_one();
        Ok(Some(count))
    }

    /// Drops one letter, or all; answers how many. None: there is no such action.
    pub async fn drop_letters(&self, action: &ActionId, letter: Option<i64>) -> Result<Option<u64>> {
        let Some(runner) = self.runner(action) else {
            return Ok(None);
        };
        let key = runner.setting().action.key;
        self.common.actions.drop_letters(key, letter).await.map(Some)
    }

    /// Whether actions run here, and not on another node.
    pub fn is_at_work(&self) -> bool {
        self.runners.are_here() && self.common.gate.is_open()
    }

    /// Holds all actions where they are, since another node may run them now, or lets them go on.
    pub fn hold(&self, held: bool) {
        self.common.gate.close(held);
    }

    /// What became of an event, action by action. None: the log does not hold it.
    pub async fn deliveries(&self, position: Position) -> Result<Option<Vec<EventDelivery>>> {
        let found = self.common.tail.events(&[position]).await?;
        let Some(event) = found.first().filter(|event| !event.is_mark()) else {
            return Ok(None);
        };
        let attempts = self.common.actions.attempts(position).await?;
        let mut deliveries = Vec::new();
        for runner in self.runners.all() {
            let setting = runner.setting();
            let state = {
                let dispatcher = runner.dispatcher();
                match dispatcher.pending_event(position) {
                    Some((_, true)) => DeliveryState::Parked,
                    None if setting.action.after >= position => DeliveryState::NotTaken,
                    None if dispatcher.scans_after() < position => DeliveryState::Waiting,
                    None if setting.judge.take(event, 0).is_none() => DeliveryState::NotTaken,
                    None if dispatcher.is_loaded(position) => DeliveryState::Settled,
                    // Loaded, or counted and not loaded yet.
                    _ => DeliveryState::Pending,
                }
            };
            let of_action = attempts.iter().filter(|(key, _)| *key == setting.action.key);
            let attempts: Vec<_> = of_action.map(|(_, attempt)| attempt.clone()).collect();
            if state != DeliveryState::NotTaken || !attempts.is_empty() {
                deliveries.push(EventDelivery {
                    rule_id: setting.action.rule_id.clone(),
                    action_id: setting.action.action_id.clone(),
                    state,
                    attempts,
                });
            }
        }
        deliveries.sort_by(|one, other| one.action_id.cmp(&other.action_id));
        Ok(Some(deliveries))
    }

    /// Sends one sample event, which counts nowhere. None: there is no such action.
    pub async fn try_out(&self, action: &ActionId) -> Option<Trial> {
        let setting = self.runner(action)?.setting();
        let body = serde_json::json!({
            "resource": "device.property",
            "event": "report",
            "event_time": crate::domain::event_time::compact(self.common.clock.now()),
            "sequence": "0",
            "notify_data": {
                "header": {"device_id": "test", "node_id": "test", "product_id": "test", "gateway_id": "test"},
                "body": {"services": [{"service_id": "test", "properties": {"test": true}}]},
            },
        });
        let sample = Outgoing {
            position: Position::START,
            device_id: Some("test".to_owned()),
            product_id: Some("test".to_owned()),
            app_id: None,
            body: body.to_string().into(),
        };
        let reports = setting.channel.deliver(&[sample]).await;
        reports.into_iter().next().map(Trial)
    }
}

fn figures(action: &ActionId, state: &ActionState) -> ActionFigures {
    let standing = &state.standing;
    let counters = &standing.counters;
    ActionFigures {
        action: action.as_str().to_owned(),
        taken: counters.taken,
        delivered: counters.delivered,
        dead: counters.dead,
        dropped: vec![
            ("backlog_size", counters.dropped_by_size),
            ("backlog_time", counters.dropped_by_time),
            ("retention", counters.dropped_by_retention),
        ],
        pending: standing.pending,
        pending_bytes: standing.pending_bytes,
        parked: standing.parked,
        lag_seconds: u64::try_from(state.lag_seconds).unwrap_or(0),
        state: state.name(),
    }
}

const fn limits(settings: RoutingSettings) -> Limits {
    Limits {
        window: settings.window,
        window_bytes: settings.window_bytes,
        parked_per_device: settings.parked_per_device,
        parked: settings.parked,
        event_max_age_ms: settings.event_max_age_seconds.saturating_mul(1000),
        replays: settings.replays,
        schedule: Schedule::DEFAULT,
    }
}
