//! Rules at work over a real store, to channels that are made up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fieldgate::auth::secret::Secret;
use fieldgate::domain::clock::SystemClock;
use fieldgate::domain::event::{EventKind, NewEvent};
use fieldgate::domain::ids::{ActionId, Position, RuleId};
use fieldgate::lifecycle::Lifecycle;
use fieldgate::observability::Metrics;
use fieldgate::routing::channel::{Channel, Outcome, Outgoing, Report};
use fieldgate::routing::dispatcher::TargetState;
use fieldgate::routing::{ActionState, DeliveryState, ReplayRange, Routing, RoutingSettings, WaysOut};
use fieldgate::storage::{
    Action, ActionPatch, CaCertificate, Device, NewAction, NewRule, PurgeRequest, RulePatch, RuleText,
};

use crate::bed::{Bed, PAGE, message_of, told};

/// What targets got and how they answer, by action.
#[derive(Default)]
struct Targets {
    got: Mutex<HashMap<String, Vec<(i64, String)>>>,
    answers: Mutex<HashMap<String, Outcome>>,
}

impl Targets {
    fn answer(&self, action: &str, outcome: Outcome) {
        self.answers.lock().unwrap().insert(action.to_owned(), outcome);
    }

    fn positions(&self, action: &str) -> Vec<i64> {
        let got = self.got.lock().unwrap();
        let of = got.get(action).into_iter().flatten();
        of.map(|(position, _)| *position).collect()
    }

    fn bodies(&self, action: &str) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.get(action)
            .into_iter()
            .flatten()
            .map(|(_, body)| body.clone())
            .collect()
    }
}

struct Target {
    action: String,
    targets: Arc<Targets>,
}

#[async_trait]
impl Channel for Target {
    fn batch_size(&self) -> usize {
        1
    }

    async fn deliver(&self, events: &[Outgoing]) -> Vec<Report> {
        let answers = self.targets.answers.lock().unwrap();
        let outcome = answers.get(&self.action).cloned().unwrap_or(Outcome::Delivered);
        let report = |event: &Outgoing| {
            if outcome == Outcome::Delivered {
                let body = String::from_utf8(event.body.to_vec()).unwrap();
                let mut got = self.targets.got.lock().unwrap();
                got.entry(self.action.clone())
                    .or_default()
                    .push((event.position.0, body));
            }
            Report {
                outcome: outcome.clone(),
                detail: "told".to_owned(),
                took: Duration::from_millis(1),
            }
        };
        events.iter().map(report).collect()
    }
}

struct Ways(Arc<Targets>);

impl WaysOut for Ways {
    fn certificate_id(&self, _: &Action) -> Option<String> {
        None
    }

    fn open(&self, action: &Action, _: Option<&CaCertificate>) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::new(Target {
            action: action.action_id.to_string(),
            targets: self.0.clone(),
        }))
    }
}

/// Rules at work over a bed.
struct Works {
    bed: Bed,
    targets: Arc<Targets>,
    routing: Routing,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
}

const UNREACHABLE: Outcome = Outcome::Failed {
    retry_after: None,
    unreachable: true,
};

impl Works {
    fn new(bed: Bed, targets: Arc<Targets>) -> Self {
        let lifecycle = Lifecycle::new();
        let settings = RoutingSettings {
            window: 10,
            window_bytes: 1 << 20,
            parked_per_device: 10,
            parked: 100,
            event_max_age_seconds: 86_400,
            calls: 4,
            tail_bytes: 20_000,
            attempts: 100,
            replays: 2,
            save_interval: Duration::from_millis(10),
        };
        let metrics = Arc::new(Metrics::new().unwrap());
        let routing = Routing::new(&bed.stores, settings, Arc::new(SystemClock), metrics.clone());
        routing.start(Arc::new(Ways(targets.clone())), &lifecycle);
        Self {
            bed,
            targets,
            routing,
            metrics,
            lifecycle,
        }
    }

    /// How often the log was read for actions so far.
    fn log_reads(&self, place: &str) -> u64 {
        let text = self.metrics.text(&[]).unwrap();
        let start = format!("fieldgate_action_log_reads_total{{place=\"{place}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |count| count.parse().unwrap())
    }

    async fn stop(self) -> (Bed, Arc<Targets>) {
        self.lifecycle.shutdown();
        assert!(self.lifecycle.drain(Duration::from_secs(10)).await);
        (self.bed, self.targets)
    }

    async fn restarted(self) -> Self {
        let (bed, targets) = self.stop().await;
        Self::new(bed.reopened().await, targets)
    }

    fn state(&self, action: &str) -> Option<ActionState> {
        let state = self.routing.state(&id(action))?;
        let (counters, pending) = (state.standing.counters, state.standing.pending);
        let settled = counters.delivered + counters.dead + counters.dropped();
        assert_eq!(counters.taken, settled + pending, "{state:?}");
        Some(state)
    }

    /// Waits until the action's state is as it should be.
    async fn until(&self, action: &str, so: impl Fn(&ActionState) -> bool) -> ActionState {
        for _ in 0..1000 {
            if let Some(state) = self.state(action).filter(|state| so(state)) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{action}: {:?}", self.state(action));
    }

    async fn settled(&self, action: &str) -> ActionState {
        let last = self.bed.stores.log.bounds().await.unwrap().last;
        self.until(action, |state| {
            state.standing.scanned == last && state.standing.pending == 0
        })
        .await
    }
}

fn id(text: &str) -> ActionId {
    ActionId::parse(text).unwrap()
}

async fn rule(bed: &Bed, name: &str, select: &str, condition: &str) {
    let rule_id = RuleId::parse(name).unwrap();
    let rule = NewRule {
        rule_id: rule_id.clone(),
        text: RuleText {
            name: None,
            description: None,
            resource: "device.message".to_owned(),
            event: "report".to_owned(),
            app_id: None,
            select: select.to_owned(),
            condition: condition.to_owned(),
        },
    };
    bed.rules().create_rule(rule, told("")).await.unwrap();
    let action = NewAction {
        action_id: id(&format!("to-{name}")),
        rule_id,
        channel: "HTTP_FORWARDING".to_owned(),
        detail: "{}".to_owned(),
        credentials: None,
        signing: Secret::new("s".to_owned()),
        dead_letter_action: None,
    };
    bed.rules().create_action(action, told("")).await.unwrap();
}

async fn set(bed: &Bed, name: &str, active: Option<bool>, sql: Option<(&str, &str)>) {
    let patch = RulePatch {
        active,
        sql: sql.map(|(select, condition)| (select.to_owned(), condition.to_owned())),
        ..RulePatch::default()
    };
    let rule_id = RuleId::parse(name).unwrap();
    bed.rules()
        .update_rule(&rule_id, patch, told(""))
        .await
        .unwrap()
        .unwrap();
}

async fn devices(bed: &Bed) -> Vec<Device> {
    let product = bed.product("p").await;
    let mut devices = Vec::new();
    for name in ["d1", "d2", "d3"] {
        devices.push(bed.device(name, product.key, None).await);
    }
    devices
}

/// Appends so many messages, by the devices in turn; answers their positions.
async fn append(bed: &Bed, devices: &[Device], count: usize) -> Vec<i64> {
    let of = |number: usize| message_of(&devices[number % devices.len()], format!(r#"{{"n":{number}}}"#));
    let events: Vec<NewEvent> = (0..count).map(of).collect();
    let last = bed.stores.log.append(events).await.unwrap();
    let first = last.0 - i64::try_from(count).unwrap() + 1;
    (first..=last.0).collect()
}

fn sorted(mut positions: Vec<i64>) -> Vec<i64> {
    positions.sort_unstable();
    positions
}

pub async fn an_event_reaches_every_active_action_once_also_over_a_restart(bed: Bed) {
    let devices = devices(&bed).await;
    rule(&bed, "all", "", "").await;
    rule(
        &bed,
        "odd",
        "notify_data.header.device_id",
        "notify_data.header.device_id = 'd2'",
    )
    .await;
    set(&bed, "all", Some(true), None).await;
    set(&bed, "odd", Some(true), None).await;
    let works = Works::new(bed, Arc::default());
    let mut sent = append(&works.bed, &devices, 60).await;
    works.settled("to-all").await;
    let works = works.restarted().await;
    sent.extend(append(&works.bed, &devices, 30).await);
    let state = works.settled("to-all").await;
    assert_eq!(
        (state.standing.counters.delivered, state.standing.target),
        (90, TargetState::Healthy)
    );
    assert_eq!(sorted(works.targets.positions("to-all")), sent);
    let odd = works.settled("to-odd").await;
    assert_eq!(odd.standing.counters.taken, 30);
    let bodies = works.targets.bodies("to-odd");
    assert_eq!(bodies.len(), 30);
    assert_eq!(bodies[0], r#"{"notify_data.header.device_id":"d2"}"#);
    works.stop().await;
}

pub async fn a_rule_judges_each_event_as_it_was_when_the_event_came(bed: Bed) {
    let devices = devices(&bed).await;
    rule(&bed, "r", "", "").await;
    // Nothing runs while the rule changes, so all of it is judged afterwards.
    append(&bed, &devices, 5).await;
    set(&bed, "r", Some(true), None).await;
    let first = append(&bed, &devices, 6).await;
    set(&bed, "r", None, Some(("", "notify_data.header.device_id = 'd1'"))).await;
    let second = append(&bed, &devices, 6).await;
    set(&bed, "r", Some(false), None).await;
    append(&bed, &devices, 6).await;
    let works = Works::new(bed, Arc::default());
    works.settled("to-r").await;
    let mut expected = first;
    expected.extend([second[0], second[3]]);
    assert_eq!(sorted(works.targets.positions("to-r")), expected);
    // The past comes by replay, judged by the rule as it is.
    let everything = ReplayRange {
        from: Ok(Position(1)),
        up_to: None,
        device: None,
    };
    let count = works.routing.replay(&id("to-r"), everything).await.unwrap();
    assert_eq!(count, 8, "d1 reported 2 + 2 + 2 + 2 times");
    let state = works
        .until("to-r", |state| state.standing.counters.delivered == 16)
        .await;
    assert_eq!(state.standing.counters.taken, 16);
    works.stop().await;
}

pub async fn a_target_that_is_away_delays_no_other_and_gets_everything_later(bed: Bed) {
    let devices = devices(&bed).await;
    for name in ["up", "down"] {
        rule(&bed, name, "", "").await;
        set(&bed, name, Some(true), None).await;
    }
    let targets = Arc::new(Targets::default());
    targets.answer("to-down", UNREACHABLE);
    let works = Works::new(bed, targets);
    let sent = append(&works.bed, &devices, 700).await;
    works.settled("to-up").await;
    let state = works
        .until("to-down", |state| state.standing.counters.taken == 700)
        .await;
    assert_eq!(
        (state.standing.pending, state.standing.target),
        (700, TargetState::Retrying)
    );
    assert_eq!(state.standing.last_error.as_deref(), Some("told"));
    let told = works
        .routing
        .deliveries(Position(sent[0]))
        .await
        .unwrap()
        .unwrap();
    let states: Vec<_> = told.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Pending, DeliveryState::Settled]);
    let works = works.restarted().await;
    assert_eq!(works.until("to-down", |_| true).await.standing.pending, 700);
    works.targets.answer("to-down", Outcome::Delivered);
    works.settled("to-down").await;
    assert_eq!(sorted(works.targets.positions("to-down")), sent);
    let in_order = works.targets.positions("to-down");
    for device in 0..3 {
        let of_device: Vec<_> = in_order
            .iter()
            .filter(|at| (**at - sent[0]) % 3 == device)
            .collect();
        assert!(of_device.is_sorted(), "{of_device:?}");
    }
    works.stop().await;
}

pub async fn what_retention_takes_undelivered_is_counted(bed: Bed) {
    let devices = devices(&bed).await;
    rule(&bed, "r", "", "").await;
    set(&bed, "r", Some(true), None).await;
    let targets = Arc::new(Targets::default());
    targets.answer("to-r", UNREACHABLE);
    let works = Works::new(bed, targets);
    let sent = append(&works.bed, &devices, 300).await;
    works
        .until("to-r", |state| state.standing.counters.taken == 300)
        .await;
    let oldest = PurgeRequest {
        before: Some(fieldgate::domain::clock::Timestamp(i64::MAX)),
        max_bytes: None,
        step_rows: u32::try_from(sent[0] - 1 + 100).unwrap(),
    };
    works.bed.stores.log.purge(oldest).await.unwrap();
    // PostgreSQL drops a whole partition, and so all.
    let first = works.bed.stores.log.bounds().await.unwrap().first;
    let gone = sent.iter().filter(|position| **position < first.0).count();
    assert!(gone >= 100, "{gone}");
    let dropped = |state: &ActionState| state.standing.counters.dropped_by_retention > 0;
    let state = works.until("to-r", dropped).await;
    // The first ten are in memory.
    assert_eq!(state.standing.counters.dropped_by_retention, gone as u64 - 10);
    let works = works.restarted().await;
    works
        .until("to-r", |state| {
            state.standing.counters.dropped_by_retention == gone as u64
        })
        .await;
    works.targets.answer("to-r", Outcome::Delivered);
    works.settled("to-r").await;
    assert_eq!(sorted(works.targets.positions("to-r")), sent[gone..]);
    works.stop().await;
}

pub async fn a_refused_event_is_a_dead_letter_that_can_be_sent_again(bed: Bed) {
    let devices = devices(&bed).await;
    for name in ["r", "dead"] {
        rule(&bed, name, "", "").await;
    }
    set(&bed, "r", Some(true), None).await;
    let patch = ActionPatch {
        dead_letter_action: Some(Some(id("to-dead"))),
        ..ActionPatch::default()
    };
    bed.rules()
        .update_action(&id("to-r"), patch, told(""))
        .await
        .unwrap();
    let targets = Arc::new(Targets::default());
    targets.answer("to-r", Outcome::EventRefused);
    let works = Works::new(bed, targets);
    let sent = append(&works.bed, &devices[..1], 1).await;
    works
        .until("to-r", |state| state.standing.counters.dead == 1)
        .await;
    works
        .until("to-dead", |state| state.standing.counters.delivered == 1)
        .await;
    let forwarded = works.targets.bodies("to-dead").pop().unwrap();
    let forwarded: serde_json::Value = serde_json::from_str(&forwarded).unwrap();
    assert_eq!(forwarded["action_id"], "to-r");
    assert!(forwarded["base64_original_payload"].is_string() && forwarded["request_id"].is_string());
    let letters = works.routing.letters(&id("to-r"), PAGE).await.unwrap().unwrap();
    assert_eq!((letters.total, letters.items[0].told.position.0), (1, sent[0]));
    assert_eq!(letters.items[0].told.attempts, 3);
    works.targets.answer("to-r", Outcome::Delivered);
    let again = works.routing.replay_letters(&id("to-r"), None).await.unwrap();
    assert_eq!(again, Some(1));
    works
        .until("to-r", |state| state.standing.counters.delivered == 1)
        .await;
    let works = works.restarted().await;
    let state = works.settled("to-r").await;
    assert_eq!(
        (state.standing.counters.taken, state.standing.counters.delivered),
        (2, 1)
    );
    assert_eq!(works.targets.positions("to-r"), sent);
    works.settled("to-dead").await;
    assert_eq!(
        works
            .routing
            .letters(&id("to-r"), PAGE)
            .await
            .unwrap()
            .unwrap()
            .total,
        0
    );
    assert_eq!(
        works
            .routing
            .letters(&id("to-dead"), PAGE)
            .await
            .unwrap()
            .unwrap()
            .total,
        0
    );
    works.stop().await;
}

pub async fn actions_are_paused_changed_and_deleted_while_they_run(bed: Bed) {
    let devices = devices(&bed).await;
    let works = Works::new(bed, Arc::default());
    rule(&works.bed, "r", "", "").await;
    set(&works.bed, "r", Some(true), None).await;
    append(&works.bed, &devices, 3).await;
    works.settled("to-r").await;
    let patch = |paused| ActionPatch {
        paused: Some(paused),
        ..ActionPatch::default()
    };
    let routing = works.bed.stores.rules.clone();
    let action = id("to-r");
    routing
        .update_action(&action, patch(true), told(""))
        .await
        .unwrap();
    works.until("to-r", |state| state.standing.paused).await;
    append(&works.bed, &devices, 3).await;
    works
        .until("to-r", |state| state.standing.counters.taken == 6)
        .await;
    assert_eq!(works.targets.positions("to-r").len(), 3);
    routing
        .update_action(&action, patch(false), told(""))
        .await
        .unwrap();
    works.settled("to-r").await;
    assert!(works.routing.try_out(&action).await.is_some());
    routing.delete_action(&action, told("")).await.unwrap();
    for _ in 0..1000 {
        if works.state("to-r").is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(works.state("to-r").is_none());
    let kinds = works.bed.kinds().await;
    assert!(kinds.contains(&EventKind::MessageReport));
    works.stop().await;
}

pub async fn an_action_that_is_behind_reads_the_log_once_for_many_events(bed: Bed) {
    let devices = devices(&bed).await;
    rule(&bed, "r", "", "").await;
    set(&bed, "r", Some(true), None).await;
    let targets = Arc::new(Targets::default());
    targets.answer("to-r", UNREACHABLE);
    let works = Works::new(bed, targets);
    for _ in 0..4 {
        append(&works.bed, &devices, 300).await;
    }
    works
        .until("to-r", |state| state.standing.counters.taken == 1200)
        .await;
    let before = works.log_reads("behind");
    works.targets.answer("to-r", Outcome::Delivered);
    works.settled("to-r").await;
    assert_eq!(works.targets.positions("to-r").len(), 1200);
    let reads = works.log_reads("behind") - before;
    assert!(
        (1..30).contains(&reads),
        "{reads} reads for 1,200 events, ten at a time"
    );
    works.stop().await;
}

pub async fn actions_at_rest_share_a_look_at_the_log_each_second(bed: Bed) {
    for number in 0..20 {
        let name = format!("r{number}");
        rule(&bed, &name, "", "").await;
        set(&bed, &name, Some(true), None).await;
    }
    let devices = devices(&bed).await;
    let works = Works::new(bed, Arc::new(Targets::default()));
    append(&works.bed, &devices, 1).await;
    for number in 0..20 {
        works.settled(&format!("to-r{number}")).await;
    }
    let before = works.log_reads("end");
    tokio::time::sleep(Duration::from_millis(3200)).await;
    let looks = works.log_reads("end") - before;
    assert!((2..=5).contains(&looks), "{looks} looks in 3 seconds");
    works.stop().await;
}
