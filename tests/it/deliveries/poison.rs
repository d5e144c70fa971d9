//! One event that its target never takes: its device waits behind it, no other does, and a kill repeats little.

use std::time::{Duration, Instant};

use serde_json::json;

use super::fleet::CHILDREN;
use super::{FORGOTTEN, Fleet, Target, WINDOW, devices, killed_and_started, until_taken, whole_log};
use crate::harness::{Gate, Push, Reaction};

/// Of the first child, in the fifth report.
const POISON: u64 = 4 * CHILDREN + 1;

/// Longer than it takes for an event that goes straight through on a busy machine, and shorter than a second try.
const AT_ONCE: Duration = Duration::from_millis(2500);

fn refuses_poison(push: &Push) -> Reaction {
    let number = push.json()["notify_data"]["body"]["services"][0]["properties"]["number"].clone();
    Reaction::Answer(if number == POISON { 500 } else { 200 })
}

/// Waits until the poison was tried in this run.
fn until_tried(target: &Target, poison: u64, run: u32) {
    let end = Instant::now() + FORGOTTEN;
    let tried = || {
        let arrivals = target.arrivals();
        arrivals
            .iter()
            .any(|one| (one.sequence, one.run) == (poison, run))
    };
    while !tried() {
        assert!(Instant::now() < end, "the poison was not tried in run {run}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_poisoned_event_holds_up_its_own_device_alone() {
    let gate = Gate::builder().unlimited().forwarding().start();
    let fleet = Fleet::register(&gate, 1);
    let target = Target::start();
    target.reacts(refuses_poison);
    let action_id = gate.forward(&json!({}), &target.url());
    gate.until_state(&action_id, |state| state["state"] == "healthy");

    // Slowly, until the poison is set aside and beyond; then as fast as can be, up to the kill.
    fleet.report(&gate, 40, Duration::from_millis(100));
    gate.until_state(&action_id, |state| state["parked"].as_u64() > Some(0));
    let slow = whole_log(&gate, &fleet);
    fleet.report(&gate, 120, Duration::ZERO);
    let log = whole_log(&gate, &fleet);
    let poison = log.iter().find(|stored| stored.number == POISON).unwrap();
    let waits = |number: u64, device: &str| device == poison.device && number >= POISON;
    let passes = log.iter().filter(|stored| !waits(stored.number, &stored.device));
    until_taken("before the kill", &target, passes.clone());
    let acknowledged = fleet.acknowledged();
    let arrivals = target.arrivals();
    let longest = slow
        .iter()
        .filter(|stored| !waits(stored.number, &stored.device))
        .map(|stored| {
            let arrival = arrivals
                .iter()
                .find(|one| one.sequence == stored.sequence)
                .unwrap();
            arrival.at.saturating_duration_since(acknowledged[&stored.number])
        });
    let longest = longest.max().unwrap();
    println!("beside a poisoned event, the latest of the others came {longest:?} after its 200");
    assert!(longest < AT_ONCE, "{longest:?}");

    let gate = killed_and_started(gate, &[&target]);
    until_tried(&target, poison.sequence, 1);
    fleet.report(&gate, 10, Duration::ZERO);
    let log = whole_log(&gate, &fleet);
    let passes = log.iter().filter(|stored| !waits(stored.number, &stored.device));
    until_taken("after the kill", &target, passes.clone());
    let set_aside = log.len() - passes.count();
    let state = gate.until_state(&action_id, |state| state["parked"] == set_aside);
    assert_eq!(state["pending"], set_aside, "{state}");
    assert!(!target.taken().contains(&poison.sequence));

    // Once the target takes it, what waits behind it comes in order; a start tries it at once.
    target.reacts(|_| Reaction::Answer(200));
    let gate = killed_and_started(gate, &[&target]);
    until_taken("without the poison", &target, log.iter());
    let state = gate.until_state(&action_id, |state| state["pending"] == 0);
    assert_eq!(
        (&state["delivered"], &state["dead"]),
        (&json!(log.len()), &json!(0))
    );
    let repeated = target.assert_order(&devices(&log));
    println!("of {} events, kills repeated {repeated:?} by run", log.len());
    assert!(repeated.iter().all(|repeated| *repeated <= WINDOW));
}
