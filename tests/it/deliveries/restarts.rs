//! What was asked of an action, and what it gave up, over `kill -9`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::CHILDREN;
use super::{FORGOTTEN, Fleet, Target, WINDOW, devices, killed_and_started, until_taken, whole_log};
use crate::harness::{ACTIONS, Gate, Push, Reaction, read};

fn ask(gate: &Gate, action_id: &str, method: &str, path: &str, body: &Value) -> Value {
    read(&gate.api(
        method,
        &format!("{ACTIONS}/{action_id}/{path}"),
        &body.to_string(),
    ))
}

fn open() -> (Gate, Fleet, Target) {
    let gate = Gate::builder().unlimited().forwarding().start();
    let fleet = Fleet::register(&gate, 1);
    (gate, fleet, Target::start())
}

#[test]
fn a_pause_lasts_over_a_kill() {
    let (gate, fleet, target) = open();
    let action_id = gate.forward(&json!({}), &target.url());
    fleet.report(&gate, 10, Duration::ZERO);
    let before = whole_log(&gate, &fleet);
    until_taken("before the pause", &target, before.iter());
    ask(&gate, &action_id, "POST", "pause", &json!({}));
    fleet.report(&gate, 60, Duration::ZERO);
    let gate = killed_and_started(gate, &[&target]);
    fleet.report(&gate, 10, Duration::ZERO);
    let waiting = 70 * CHILDREN;
    let state = gate.until_state(&action_id, |state| state["pending"].as_u64() >= Some(waiting));
    assert_eq!(state["state"], "paused");
    assert_eq!(target.taken().len(), before.len(), "nothing came after the pause");
    ask(&gate, &action_id, "POST", "resume", &json!({}));
    let log = whole_log(&gate, &fleet);
    until_taken("resumed", &target, log.iter());
    let state = gate.until_state(&action_id, |state| state["pending"] == 0);
    assert_eq!(state["delivered"], log.len());
    let repeated = target.assert_order(&devices(&log));
    assert!(
        repeated.iter().all(|repeated| *repeated <= WINDOW),
        "{repeated:?}"
    );
}

#[test]
fn a_replay_that_was_answered_is_finished_over_kills() {
    let (mut gate, fleet, target) = open();
    let action_id = gate.forward(&json!({}), &target.url());
    fleet.report(&gate, 80, Duration::ZERO);
    let log = whole_log(&gate, &fleet);
    until_taken("at first", &target, log.iter());
    gate.until_state(&action_id, |state| state["pending"] == 0);
    let replay = json!({"from_sequence": log[0].sequence.to_string()});
    let answer = ask(&gate, &action_id, "POST", "replay", &replay);
    assert_eq!(answer, json!({"replaying": log.len()}));
    for _ in 0..2 {
        let so_far = target.count();
        gate = killed_and_started(gate, &[&target]);
        // Somewhere in the middle.
        let end = Instant::now() + FORGOTTEN;
        while target.count() < so_far + 300 {
            assert!(Instant::now() < end, "the replay does not go on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let state = gate.until_state(&action_id, |state| state["pending"] == 0);
    let twice = 2 * log.len();
    assert_eq!(
        (&state["taken"], &state["delivered"]),
        (&json!(twice), &json!(twice)),
        "{state}"
    );
    let mut came: HashMap<u64, usize> = HashMap::new();
    for arrival in target.arrivals() {
        *came.entry(arrival.sequence).or_default() += 1;
    }
    let once: Vec<_> = log.iter().filter(|event| came[&event.sequence] < 2).collect();
    assert!(once.is_empty(), "not replayed: {once:?}");
    println!(
        "{} pushes of {} events and their replay, over 2 kills",
        target.count(),
        log.len()
    );
    assert!(target.count() - twice <= 2 * WINDOW, "{}", target.count());
}

#[test]
fn a_dead_letter_is_there_once_over_kills() {
    let (mut gate, fleet, target) = open();
    let told = Target::start();
    let elsewhere = gate.rule(&json!({}));
    let (other, _) = gate.action(&elsewhere, &json!({"url": told.url()}));
    let action_id = gate.forward(&json!({}), &target.url());
    let letters = json!({"dead_letter_action": other});
    read(&gate.api("PUT", &format!("{ACTIONS}/{action_id}"), &letters.to_string()));
    // One of each device, so that they are given up at about the same time.
    let refused = 10 * CHILDREN + 1..11 * CHILDREN + 1;
    let doomed = refused.clone();
    target.reacts(move |push: &Push| {
        let number = push.json()["notify_data"]["body"]["services"][0]["properties"]["number"].clone();
        let good = number.as_u64().is_some_and(|number| !doomed.contains(&number));
        Reaction::Answer(if good { 200 } else { 422 })
    });
    fleet.report(&gate, 20, Duration::ZERO);
    for dead in [3, 12] {
        // What was given up last may not be saved yet.
        gate.until_state(&action_id, |state| state["dead"].as_u64() >= Some(dead));
        gate = killed_and_started(gate, &[&target, &told]);
    }
    let log = whole_log(&gate, &fleet);
    let (refused, passes): (Vec<_>, Vec<_>) = log.iter().partition(|event| refused.contains(&event.number));
    until_taken("target", &target, passes.iter().copied());
    let state = gate.until_state(&action_id, |state| state["pending"] == 0);
    assert_eq!(
        (&state["dead"], &state["delivered"]),
        (&json!(refused.len()), &json!(passes.len())),
        "{state}"
    );
    until_taken("dead letters' action", &told, refused.iter().copied());
    gate.until_state(&other, |state| state["pending"] == 0);
    let listed = read(&gate.api("GET", &format!("{ACTIONS}/{action_id}/dead-letters?limit=50"), ""));
    let mut sequences: Vec<u64> = listed["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["sequence"].as_str().unwrap().parse().unwrap())
        .collect();
    sequences.sort_unstable();
    let expected: Vec<_> = refused.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, expected);
    println!("{} letters, told {} times", expected.len(), told.count());
}
