//! The instance on one screen, and the CA of a quickstart.

use serde_json::json;

use crate::harness::{Gate, Reaction, Receiver, read, report};

const SECRET: &str = "s3cret-of-the-device";

#[test]
fn one_screen_tells_what_is_there_and_what_fails() {
    let gate = Gate::builder().forwarding().start();
    gate.device("seen", SECRET, None);
    let token = gate.token("seen", SECRET);
    let target = Receiver::start();
    target.react(|_| Reaction::Answer(404));
    let action_id = gate.forward(&json!({}), &target.url());
    let body = report("Meter", r#"{"temperature":1}"#);
    assert_eq!(gate.report("seen", &token, &body).status, 200);
    gate.until_state(&action_id, |state| state["state"] == "refused");

    let status = read(&gate.api("GET", "/status", ""));
    assert_eq!(status["ready"], true);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        status["listeners"]["connections"].as_i64().unwrap() >= 1,
        "{status}"
    );
    let backend = if crate::harness::on_sqlite() {
        "sqlite"
    } else {
        "postgres"
    };
    assert_eq!(status["store"]["backend"], backend);
    assert!(status["store"]["bytes"].as_u64().unwrap() > 0);
    let newest = gate.events("seen", "")[0]["sequence"].clone();
    assert_eq!(status["store"]["last_sequence"], newest);
    assert_eq!(status["retention"]["days"], 7);
    assert!(status["retention"]["oldest_event_time"].is_string());
    assert!(status["certificate"]["days_left"].as_i64().unwrap() > 300);
    // Three of the demo beside it.
    assert_eq!(status["devices"]["total"], 4);
    let actions = &status["actions"];
    assert_eq!(
        (&actions["by_state"], &actions["pending"]),
        (&json!({"refused": 1}), &json!(1))
    );
    let failing = &status["actions"]["failing"][0];
    assert_eq!(
        (&failing["action_id"], &failing["state"]),
        (&json!(action_id), &json!("refused"))
    );
    assert_eq!(status["rates"]["interval_seconds"], 10);
}

#[test]
fn devices_are_counted_by_status() {
    let gate = Gate::start();
    for device in ["heard", "frozen", "silent"] {
        gate.device(device, SECRET, None);
    }
    gate.token("heard", SECRET);
    assert_eq!(gate.api("POST", "/devices/frozen/freeze", "").status, 204);
    // What is heard is written down within a second.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let devices = read(&gate.api("GET", "/status", ""))["devices"].clone();
    let counts = json!({"ONLINE": 1, "FROZEN": 1, "INACTIVE": 4});
    assert_eq!(devices, json!({"total": 6, "by_status": counts}));
}

#[test]
fn the_ca_of_a_quickstart_is_given_out() {
    let gate = Gate::start();
    let reply = gate.api("GET", "/device-ca", "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(
        reply
            .text()
            .contains(&std::fs::read_to_string(gate.ca()).unwrap())
    );
}
