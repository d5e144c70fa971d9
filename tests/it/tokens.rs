//! The token rules of device-api.md.

use std::time::Duration;

use crate::harness::{Gate, Reply, hour, password};

const SECRET: &str = "s3cret-of-the-device";

fn try_token(gate: &Gate, device: &str, token: &str) -> Reply {
    gate.message(device, token, b"x")
}

#[track_caller]
fn assert_dead(gate: &Gate, device: &str, token: &str) {
    try_token(gate, device, token).assert_refused(403, "IOTDA.000004", "Invalid access token.");
}

#[track_caller]
fn assert_lives(gate: &Gate, device: &str, token: &str) {
    let reply = try_token(gate, device, token);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn a_token_opens_its_own_devices_paths_alone() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);
    gate.device("t2", SECRET, None);
    let token = gate.token("t1", SECRET);
    assert_lives(&gate, "t1", &token);
    assert_dead(&gate, "t2", &token);
    assert_dead(&gate, "nobody", &token);
    try_token(&gate, "t1", "").assert_refused(401, "IOTDA.000002", "The access_token header is missing.");
    let mut wire = gate.device_wire();
    let path = "/v5/devices/t1/sys/messages/up";
    wire.call("POST", path, &[("access_token", "")], b"")
        .assert_refused(403, "IOTDA.000004", "");
    let forged = format!("{}x", &token[..token.len() - 1]);
    for bad in [
        "x",
        "a.b.c",
        &forged,
        &token[..token.len() - 2],
        &"t".repeat(5000),
    ] {
        assert_dead(&gate, "t1", bad);
    }
    let twice = [("access_token", token.as_str()), ("access_token", token.as_str())];
    gate.device_wire().call("POST", path, &twice, b"").assert_refused(
        403,
        "IOTDA.000004",
        "two access_token headers",
    );
}

#[test]
fn a_superseded_token_lives_30_seconds_and_at_most_four_live() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);
    let tokens: Vec<String> = (0..5).map(|_| gate.token("t1", SECRET)).collect();
    assert_dead(&gate, "t1", &tokens[0]);
    for token in &tokens[1..] {
        assert_lives(&gate, "t1", token);
    }
    std::thread::sleep(Duration::from_millis(30_500));
    for token in &tokens[..4] {
        assert_dead(&gate, "t1", token);
    }
    assert_lives(&gate, "t1", &tokens[4]);
}

#[test]
fn reset_freeze_and_deletion_kill_tokens_at_once() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);

    let token = gate.token("t1", SECRET);
    let reset = gate.api(
        "POST",
        "/devices/t1/action?action_id=resetSecret",
        r#"{"secret":"a-new-secret"}"#,
    );
    assert_eq!(reset.status, 200, "{}", reset.text());
    assert_dead(&gate, "t1", &token);
    assert_eq!(gate.authenticate("t1", SECRET).status, 401);

    let token = gate.token("t1", "a-new-secret");
    assert_eq!(gate.api("POST", "/devices/t1/freeze", "").status, 204);
    assert_dead(&gate, "t1", &token);
    assert_eq!(gate.authenticate("t1", "a-new-secret").status, 401);
    assert_eq!(gate.api("POST", "/devices/t1/unfreeze", "").status, 204);
    assert_dead(&gate, "t1", &token);

    let token = gate.token("t1", "a-new-secret");
    assert_lives(&gate, "t1", &token);
    assert_eq!(gate.api("DELETE", "/devices/t1", "").status, 204);
    assert_dead(&gate, "t1", &token);
    gate.device("t1", "a-new-secret", None);
    assert_dead(&gate, "t1", &token);
    assert_eq!(
        gate.stored("t1"),
        0,
        "a device made anew shows none of the old one's events"
    );
}

#[test]
fn the_secondary_secret_is_equally_good() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);
    let body = r#"{"secret":"the-second-one","secret_type":"SECONDARY"}"#;
    let reply = gate.api("POST", "/devices/t1/action?action_id=resetSecret", body);
    assert_eq!(reply.json()["secret_type"], "SECONDARY");
    gate.token("t1", SECRET);
    gate.token("t1", "the-second-one");
    assert_eq!(gate.authenticate("t1", "a-third-one").status, 401);
}

#[test]
fn tokens_live_through_a_restart_and_superseded_ones_stay_dead() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);
    let tokens: Vec<String> = (0..5).map(|_| gate.token("t1", SECRET)).collect();
    let gate = gate.restart();
    assert_lives(&gate, "t1", &tokens[4]);
    assert_dead(&gate, "t1", &tokens[0]);
}

#[test]
fn a_renewal_shortly_before_a_crash_is_honoured_after_it() {
    let mut gate = Gate::start();
    gate.device("t1", SECRET, None);
    let token = gate.token("t1", SECRET);
    gate.kill();
    let again = Gate::builder().on(&gate.folder).start();
    assert_lives(&again, "t1", &token);
}

#[test]
fn the_token_is_short_whatever_the_device_id() {
    let gate = Gate::start();
    let id = "x".repeat(128);
    // A node id has at most 64 characters, so the device id is given apart.
    let body = format!(
        r#"{{"device_id":"{id}","node_id":"n","product_id":"demo","auth_info":{{"secret":"{SECRET}"}}}}"#
    );
    assert_eq!(gate.api("POST", "/devices", &body).status, 201);
    let token = gate.token(&id, SECRET);
    assert!((32..=256).contains(&token.len()), "{}", token.len());
    assert_lives(&gate, &id, &token);
    assert_ne!(password(SECRET, &hour(0)), token);
}

#[test]
fn a_token_killed_while_its_body_comes_stores_nothing() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);
    let token = gate.token("t1", SECRET);
    let mut wire = gate.device_wire();
    let head = format!(
        "POST /v5/devices/t1/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: 4\r\n\r\nla"
    );
    wire.send(head.as_bytes());
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(gate.api("POST", "/devices/t1/freeze", "").status, 204);
    wire.send(b"st");
    wire.reply().assert_refused(403, "IOTDA.000004", "");
    assert_eq!(gate.stored("t1"), 0);
}

#[test]
fn a_token_ends_after_24_hours() {
    let mut gate = Gate::start();
    gate.device("t1", SECRET, None);
    let reply = gate.authenticate("t1", SECRET).json();
    assert_eq!(reply["expires_in"], 86399);
    let token = reply["access_token"].as_str().unwrap();
    gate.stop();
    for (hours, lives) in [(23, true), (25, false)] {
        let mut later = Gate::builder().on(&gate.folder).hours_ahead(hours).start();
        if lives {
            assert_lives(&later, "t1", token);
        } else {
            assert_dead(&later, "t1", token);
        }
        later.stop();
    }
}
