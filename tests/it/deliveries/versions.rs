//! Rules that change under load: each event is judged by the version that was in force at its position.
//!
//! A change takes a position of the log that the event stream leaves out. A device reports before and after each change, so
//! that the one position which is missing between its two events is the change's, and what is right for every event is known
//! from its position and its class.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};

use super::fleet::CLASSES;
use super::record::{events, sequence};
use super::{Fleet, SECRET, Stored, Target, devices, killed_and_started, until_taken, whole_log};
use crate::harness::{Gate, RULES};

/// What a rule says from a change on.
#[derive(Clone, Debug)]
struct Version {
    number: u64,
    active: bool,
    classes: Range<u64>,
}

impl Version {
    fn takes(&self, event: &Stored) -> bool {
        self.active && self.classes.contains(&(event.number % CLASSES))
    }

    fn sql(&self) -> Value {
        let Range { start, end } = self.classes;
        let class = "GET_SERVICE_PROPERTY('Counter', 'class')";
        json!({
            "select": format!("{} AS version", self.number),
            "where": format!("{class} >= {start} AND {class} < {end}"),
        })
    }
}

/// A change of what is set, between two events of the pivot.
struct Bracket {
    before: u64,
    after: u64,
}

impl Bracket {
    /// The position of the change: the first that is missing. A kill may leave out more of them behind it.
    fn position(&self, log: &[Stored], seen: &BTreeSet<u64>) -> u64 {
        let of = |number| {
            log.iter()
                .find(|stored| stored.number == number)
                .unwrap()
                .sequence
        };
        let mut between = of(self.before)..of(self.after);
        between.find(|position| !seen.contains(position)).unwrap()
    }
}

/// A device whose reports are put around changes, while others report beside it.
struct Pivot<'a> {
    fleet: &'a Fleet,
    token: String,
}

impl<'a> Pivot<'a> {
    fn register(gate: &Gate, fleet: &'a Fleet) -> Self {
        gate.device_of("counter", "pivot", SECRET, None);
        let token = gate.token("pivot", SECRET);
        Self { fleet, token }
    }

    fn reports(&self, gate: &Gate) -> u64 {
        self.fleet.report_one(gate, "pivot", &self.token)
    }

    fn around<T>(&self, gate: &Gate, change: impl FnOnce() -> T) -> (Bracket, T) {
        let before = self.reports(gate);
        let done = change();
        let after = self.reports(gate);
        (Bracket { before, after }, done)
    }
}

/// The versions that a rule goes through: edited while it is active and while it is not, rested and woken.
fn versions() -> Vec<Version> {
    let steps = [
        (true, 0..2),
        (true, 2..4),
        (false, 2..4),
        (false, 1..3),
        (true, 1..3),
        (true, 0..4),
        (true, 3..4),
        (false, 3..4),
        (true, 3..4),
    ];
    let numbered = steps.into_iter().zip(1..);
    let version = |((active, classes), number)| Version {
        number,
        active,
        classes,
    };
    numbered.map(version).collect()
}

/// The step in which the program is killed as soon as the change is answered.
const KILLED: usize = 4;

/// A rule of which every change was made between two events.
struct Changed<'a> {
    gate: Gate,
    pivot: Pivot<'a>,
    rule_id: String,
    targets: [&'a Target; 3],
    brackets: Vec<(Bracket, Version)>,
}

impl Changed<'_> {
    /// Changes the rule while others report.
    fn becomes(mut self, version: &Version) -> Self {
        let mut body = version.sql();
        body["active"] = json!(version.active);
        let is_killed = self.brackets.len() == KILLED;
        let (gate, pivot) = (&self.gate, &self.pivot);
        let (before, mut after) = std::thread::scope(|scope| {
            let _load = pivot.fleet.works(scope, gate, PAUSE);
            std::thread::sleep(STRETCH);
            let before = pivot.reports(gate);
            gate.update_rule(&self.rule_id, &body);
            if is_killed {
                gate.signal("KILL");
                return (before, None);
            }
            let after = pivot.reports(gate);
            std::thread::sleep(STRETCH);
            (before, Some(after))
        });
        if is_killed {
            self.gate = killed_and_started(self.gate, &self.targets);
            after = Some(self.pivot.reports(&self.gate));
        }
        let after = after.unwrap();
        self.brackets.push((Bracket { before, after }, version.clone()));
        self
    }

    /// Which version takes each event of the log that any version takes, and from which position on the last one holds.
    fn right_answers(&self, log: &[Stored]) -> (HashMap<u64, u64>, u64) {
        let seen = seen(&self.gate);
        let placed: Vec<_> = self
            .brackets
            .iter()
            .map(|(bracket, version)| (bracket.position(log, &seen), version))
            .collect();
        assert!(placed.is_sorted_by(|(one, _), (other, _)| one < other));
        let answer = |event: &Stored| {
            let (_, version) = placed.iter().rfind(|(position, _)| *position < event.sequence)?;
            let takes = version.takes(event);
            takes.then_some((event.sequence, version.number))
        };
        (log.iter().filter_map(answer).collect(), placed.last().unwrap().0)
    }
}

fn seen(gate: &Gate) -> BTreeSet<u64> {
    events(gate, "").iter().map(sequence).collect()
}

/// Every push is of an event that the rule takes, and was made by the version that takes it.
#[track_caller]
fn assert_right(target: &Target, right: &HashMap<u64, u64>) {
    for arrival in target.arrivals() {
        let body: Value = serde_json::from_slice(&arrival.body).unwrap();
        let version = right.get(&arrival.sequence);
        assert_eq!(body, json!({ "version": version }), "{}", arrival.sequence);
    }
}

#[test]
fn each_event_is_judged_by_the_version_at_its_position() {
    let gate = Gate::builder().unlimited().forwarding().start();
    let fleet = Fleet::register(&gate, 2);
    let [edited, control, late] = [Target::start(), Target::start(), Target::start()];
    let everything = gate.rule(&json!({}));
    gate.action(&everything, &json!({"url": control.url()}));
    gate.activate(&everything, true);
    let rule_id = gate.rule(&json!({}));
    gate.action(&rule_id, &json!({"url": edited.url()}));
    let pivot = Pivot::register(&gate, &fleet);
    let mut changed = Changed {
        gate,
        pivot,
        rule_id,
        targets: [&edited, &control, &late],
        brackets: Vec::new(),
    };
    let versions = versions();
    let (last, versions) = versions.split_last().unwrap();
    for version in versions {
        changed = changed.becomes(version);
    }
    // A rule that was deactivated finishes what it took.
    let log = whole_log(&changed.gate, &fleet);
    let (right, _) = changed.right_answers(&log);
    assert!(right.len() > 1000, "there was load: {}", right.len());
    let taken = log.iter().filter(|event| right.contains_key(&event.sequence));
    until_taken("edited", &edited, taken);
    assert_right(&edited, &right);

    // An action begins, and then a rule ends with its actions, at their own positions.
    changed = changed.becomes(last);
    let Changed { gate, pivot, .. } = &changed;
    let (begun, ended) = std::thread::scope(|scope| {
        let _load = fleet.works(scope, gate, PAUSE);
        std::thread::sleep(STRETCH);
        let (begun, _) = pivot.around(gate, || gate.action(&everything, &json!({"url": late.url()})));
        std::thread::sleep(STRETCH);
        let delete = || gate.api("DELETE", &format!("{RULES}/{}", changed.rule_id), "");
        let (ended, deleted) = pivot.around(gate, delete);
        assert_eq!(deleted.status, 204);
        std::thread::sleep(STRETCH);
        (begun, ended)
    });
    let (log, seen) = (whole_log(gate, &fleet), seen(gate));
    let (begun, ended) = (begun.position(&log, &seen), ended.position(&log, &seen));
    until_taken("control", &control, log.iter());
    let since = log.iter().filter(|event| event.sequence > begun);
    until_taken("late", &late, since.clone());
    assert_eq!(
        late.taken().len(),
        since.count(),
        "an action takes nothing from before it was"
    );

    let (mut right, last_from) = changed.right_answers(&log);
    right.retain(|position, _| *position < ended);
    assert_right(&edited, &right);
    // What a deleted rule took may stay behind, of each device what is newest.
    let taken = edited.taken();
    let mut behind: BTreeSet<&str> = BTreeSet::new();
    for event in log.iter().filter(|event| right.contains_key(&event.sequence)) {
        if taken.contains(&event.sequence) {
            assert!(!behind.contains(event.device.as_str()), "{event:?}");
        } else {
            assert!(event.sequence > last_from, "{event:?}");
            behind.insert(&event.device);
        }
    }
    println!(
        "{} events, {} of them taken by {} versions, {} devices left behind by the end of the rule",
        log.len(),
        right.len(),
        changed.brackets.len(),
        behind.len()
    );
    for target in changed.targets {
        target.assert_order(&devices(&log));
    }
}

const PAUSE: Duration = Duration::from_millis(15);

/// Load before and after each change.
const STRETCH: Duration = Duration::from_millis(150);
