//! `kill -9` under load: every report that was answered 200 is there exactly once after the restart.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::harness::Gate;

const ROUNDS: u32 = 20;
const DEVICES: usize = 8;
const SECRET: &str = "s3cret-of-the-device";

/// How often each number is stored for a device.
fn stored(gate: &Gate, device: &str, counts: &mut HashMap<u64, u32>) {
    for event in gate.all_events(device, "&kind=message") {
        let content = &event["notify_data"]["body"]["content"];
        *counts.entry(content.as_u64().unwrap()).or_default() += 1;
    }
}

#[test]
fn what_was_answered_200_survives_twenty_kills_exactly_once() {
    let devices: Vec<String> = (0..DEVICES).map(|number| format!("crash{number}")).collect();
    let first = Gate::builder().unlimited().start();
    for device in &devices {
        first.device(device, SECRET, None);
    }
    let next = AtomicU64::new(1);
    let acknowledged = Mutex::new(BTreeSet::new());
    let mut gate = first;
    for round in 0..ROUNDS {
        let tokens: Vec<String> = devices.iter().map(|device| gate.token(device, SECRET)).collect();
        std::thread::scope(|scope| {
            for (device, token) in devices.iter().zip(&tokens) {
                scope.spawn(|| gate.load_until_gone(device, token, &next, &acknowledged));
            }
            // Another moment in each round.
            std::thread::sleep(Duration::from_millis(150 + u64::from(round) * 13));
            gate.signal("KILL");
        });
        gate = gate.started_again();
    }

    let mut counts = HashMap::new();
    for device in &devices {
        stored(&gate, device, &mut counts);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    println!(
        "{ROUNDS} kills: {} acknowledged, {} stored",
        acknowledged.len(),
        counts.len()
    );
    let missing: Vec<_> = acknowledged
        .iter()
        .filter(|number| !counts.contains_key(number))
        .collect();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(
        acknowledged.len() > 1000,
        "there was load: {}",
        acknowledged.len()
    );
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
}
