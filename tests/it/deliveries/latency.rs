//! How soon an event is at its target while there is little else to do.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Gate, Receiver, report};

use super::SECRET;

const REPORTS: usize = 300;

#[test]
fn an_event_is_at_its_target_soon_after_the_devices_200() {
    let gate = Gate::builder().unlimited().forwarding().start();
    let target = Receiver::start();
    gate.device("quick", SECRET, None);
    let token = gate.token("quick", SECRET);
    let action_id = gate.forward(&json!({}), &target.url());
    gate.until_state(&action_id, |state| state["state"] == "healthy");
    let mut wire = gate.device_wire();
    let body = report("Meter", r#"{"temperature":21.5}"#);
    let path = "/v5/devices/quick/sys/properties/report";
    let later = |_| {
        let reply = wire.call("POST", path, &[("access_token", &token)], body.as_bytes());
        let answered = std::time::Instant::now();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let later = target.next().at.saturating_duration_since(answered);
        std::thread::sleep(Duration::from_millis(20));
        later
    };
    let mut later: Vec<_> = (0..REPORTS).map(later).collect();
    later.sort();
    let (median, p99) = (later[REPORTS / 2], later[REPORTS * 99 / 100]);
    println!("from the device's 200 to the target's request: median {median:?}, p99 {p99:?}");
    assert!(median < Duration::from_millis(50), "{median:?}");
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
}
