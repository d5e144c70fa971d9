//! Streams across the end of the server: nothing is missed and nothing comes twice.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::SECRET;
use crate::harness::{Gate, Sse};

const ROUNDS: u64 = 6;
const DEVICES: usize = 4;

/// Reads until the stream breaks, or until `enough` says so; each event must be new.
fn follow(
    gate: &Gate,
    last_id: &mut Option<i64>,
    seen: &mut BTreeSet<u64>,
    enough: impl Fn(&BTreeSet<u64>) -> bool,
) {
    let mut stream = Sse::open(gate, &gate.admin, "?kind=message", *last_id);
    while !enough(seen) {
        let Ok(event) = stream.next() else { return };
        assert!(
            last_id.is_none_or(|last| event.id > last),
            "{} came after {last_id:?}",
            event.id
        );
        *last_id = Some(event.id);
        let number = event.content().as_u64().unwrap();
        assert!(seen.insert(number), "{number} came twice");
    }
}

#[test]
fn a_stream_resumes_over_kills_without_a_gap_or_a_duplicate() {
    let devices: Vec<String> = (0..DEVICES).map(|number| format!("live{number}")).collect();
    let mut gate = Gate::builder().unlimited().start();
    for device in &devices {
        gate.device(device, SECRET, None);
    }
    let (next, acknowledged) = (AtomicU64::new(1), Mutex::new(BTreeSet::new()));
    let (mut last_id, mut seen) = (Some(0), BTreeSet::new());
    for round in 0..ROUNDS {
        let tokens: Vec<String> = devices.iter().map(|device| gate.token(device, SECRET)).collect();
        std::thread::scope(|scope| {
            for (device, token) in devices.iter().zip(&tokens) {
                scope.spawn(|| gate.load_until_gone(device, token, &next, &acknowledged));
            }
            scope.spawn(|| follow(&gate, &mut last_id, &mut seen, |_| false));
            std::thread::sleep(Duration::from_millis(300 + round * 70));
            gate.signal("KILL");
        });
        gate = gate.started_again();
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    follow(&gate, &mut last_id, &mut seen, |seen| {
        seen.is_superset(&acknowledged)
    });
    println!(
        "{ROUNDS} kills: {} acknowledged, {} streamed",
        acknowledged.len(),
        seen.len()
    );
    let missing: Vec<_> = acknowledged.difference(&seen).collect();
    assert!(missing.is_empty(), "acknowledged and not streamed: {missing:?}");
    assert!(acknowledged.len() > 300, "there was load: {}", acknowledged.len());
}
