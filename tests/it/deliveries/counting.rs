//! Nothing is lost and little is repeated: every event of the log comes to every target, over ten kills under load.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Fleet, Target, WINDOW, devices, killed_and_started, until_taken, whole_log};
use crate::harness::{Gate, Push, Reaction};

const KILLS: usize = 10;
const GATEWAYS: usize = 4;

/// Of all pushes this part is answered 500.
const FAILING: u32 = 100;

/// Fails at random, the same way in each run of the test.
fn at_random() -> impl FnMut(&Push) -> Reaction + Send + 'static {
    let mut state = 0x2545_f491_u32;
    move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        Reaction::Answer(if state.is_multiple_of(FAILING) { 500 } else { 200 })
    }
}

/// Answers nothing, breaks connections, breaks some of them, comes back: another way in each round.
fn in_round(round: usize) -> impl FnMut(&Push) -> Reaction + Send + 'static {
    let mut pushes = 0;
    move |_| {
        pushes += 1;
        match round % 4 {
            0 => Reaction::Hang,
            1 => Reaction::Answer(200),
            2 => Reaction::Reset,
            _ if pushes % 50 == 0 => Reaction::Reset,
            _ => Reaction::Answer(200),
        }
    }
}

/// Three actions, of targets that take, fail and go away, while the program is killed ten times under load.
fn nothing_is_lost(events: usize) {
    let mut gate = Gate::builder().unlimited().forwarding().start();
    let fleet = Fleet::register(&gate, GATEWAYS);
    let [healthy, failing, going] = [Target::start(), Target::start(), Target::start()];
    failing.reacts(at_random());
    let targets = [("healthy", &healthy), ("failing", &failing), ("going", &going)];
    let actions = targets.map(|(_, target)| gate.forward(&json!({}), &target.url()));
    let begun = Instant::now();
    for round in 0..KILLS {
        going.reacts(in_round(round));
        std::thread::scope(|scope| {
            let _load = fleet.works(scope, &gate, Duration::from_millis(15));
            while fleet.acknowledged_count() < events * (round + 1) / KILLS {
                std::thread::sleep(Duration::from_millis(7));
            }
            gate.signal("KILL");
        });
        gate = killed_and_started(gate, &targets.map(|(_, target)| target));
    }
    going.reacts(|_| Reaction::Answer(200));
    let loaded = begun.elapsed();

    let log = whole_log(&gate, &fleet);
    for (name, target) in targets {
        until_taken(name, target, log.iter());
    }
    eprintln!(
        "{} acknowledged, {} in the log, {KILLS} kills in {loaded:?}, everything forwarded in {:?}",
        fleet.acknowledged_count(),
        log.len(),
        begun.elapsed()
    );
    let device_of = devices(&log);
    for ((name, target), action_id) in targets.into_iter().zip(&actions) {
        let state = gate.until_state(action_id, |state| state["pending"] == 0);
        assert_eq!(
            [&state["taken"], &state["delivered"]],
            [log.len(), log.len()],
            "{name}: each event counts once: {state}"
        );
        let repeated = target.assert_order(&device_of);
        eprintln!(
            "{name}: {} pushes, {} taken twice, by run {repeated:?}",
            target.count(),
            repeated.iter().sum::<usize>()
        );
        assert!(repeated.iter().all(|repeated| *repeated <= WINDOW), "{name}");
    }
}

#[test]
fn every_event_comes_to_every_target_over_ten_kills() {
    nothing_is_lost(10_000);
}

#[test]
#[ignore = "long: scripts/verify deliveries"]
fn fifty_thousand_events_come_to_every_target_over_ten_kills() {
    nothing_is_lost(50_000);
}
