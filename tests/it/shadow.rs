//! Devices' shadows (management-api.md §6.1, routing.md §4) and their status (routing.md §1).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Gate, Reply, report};

const SECRET: &str = "s3cret-of-the-device";

const MODEL: &str = r#"[{"service_id":"S","service_type":"S","properties":[
    {"property_name":"a","data_type":"decimal","method":"RW"},
    {"property_name":"b","data_type":"decimal","method":"RW","default_value":7.50},
    {"property_name":"o","data_type":"jsonObject","method":"RW"}]},
    {"service_id":"T","service_type":"T","properties":[{"property_name":"c","data_type":"string","method":"R","default_value":"x"}]},
    {"service_id":"U","service_type":"U","properties":[{"property_name":"d","data_type":"int","method":"R"}]}]"#;

fn shadow(gate: &Gate, device: &str) -> Reply {
    let reply = gate.api("GET", &format!("/devices/{device}/shadow"), "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// The `shadow` member of an answer, as text: versions and all, but for the times.
fn services(reply: &Reply) -> String {
    let text = String::from_utf8(reply.body.clone()).unwrap();
    let list = text.split_once(r#""shadow":"#).unwrap().1;
    let mut shown = String::new();
    for (index, part) in list.split(r#","event_time":""#).enumerate() {
        shown.push_str(if index == 0 { part } else { &part[17..] });
    }
    shown.trim_end_matches('}').to_owned() + "}"
}

fn desire(gate: &Gate, device: &str, shadow: &str) -> Reply {
    let body = format!(r#"{{"shadow":{shadow}}}"#);
    gate.api("PUT", &format!("/devices/{device}/shadow"), &body)
}

fn version(reply: &Reply, service: &str) -> i64 {
    let shown = reply.json();
    let list = shown["shadow"].as_array().unwrap();
    let found = list.iter().find(|entry| entry["service_id"] == service);
    found.map_or(0, |entry| entry["version"].as_i64().unwrap())
}

#[test]
fn a_report_is_in_the_shadow_at_once_in_the_devices_own_text() {
    let gate = Gate::start();
    gate.device("meter", SECRET, None);
    let token = gate.token("meter", SECRET);
    assert_eq!(
        shadow(&gate, "meter").json(),
        json!({"device_id": "meter", "shadow": []})
    );
    for n in 0..20 {
        let body = report("Meter", &format!(r#"{{"temperature":{n}.50}}"#));
        assert_eq!(gate.report("meter", &token, &body).status, 200);
        let shown = shadow(&gate, "meter");
        let expected = format!(
            r#"[{{"service_id":"Meter","reported":{{"properties":{{"temperature":{n}.50}}}},"version":{}}}]}}"#,
            n + 1
        );
        assert_eq!(services(&shown), expected);
    }
    let time = shadow(&gate, "meter").json()["shadow"][0]["reported"]["event_time"].clone();
    assert_eq!(time.as_str().unwrap().len(), 16, "{time}");
    // By key; an older value does not overwrite.
    let old = r#"{"services":[{"service_id":"Meter","properties":{"temperature":1,"humidity":40},"event_time":"20200101T000000Z"}]}"#;
    assert_eq!(gate.report("meter", &token, old).status, 200);
    let properties = shadow(&gate, "meter").json()["shadow"][0]["reported"]["properties"].clone();
    assert_eq!(properties, json!({"temperature": 19.5, "humidity": 40}));
    gate.api("GET", "/devices/nobody/shadow", "")
        .assert_refused(404, "IOTDA.014000", "device_id: nobody");
}

#[test]
fn desired_values_are_merged_taken_away_and_guarded_by_their_version() {
    let gate = Gate::start();
    assert_eq!(
        gate.product(
            "plain",
            &MODEL
                .replace(r#","default_value":7.50"#, "")
                .replace(r#","default_value":"x""#, ""),
            ""
        )
        .status,
        201
    );
    gate.device_of("plain", "d", SECRET, None);
    let set = |values: &str| {
        let reply = desire(
            &gate,
            "d",
            &format!(r#"[{{"service_id":"S","desired":{values}}}]"#),
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.body, shadow(&gate, "d").body);
        services(&reply)
    };
    assert_eq!(
        set(r#"{"a":21.50,"o":{"k":null}}"#),
        r#"[{"service_id":"S","desired":{"properties":{"a":21.50,"o":{"k":null}}},"version":1}]}"#
    );
    assert_eq!(
        set(r#"{"a":null,"b":1e3}"#),
        r#"[{"service_id":"S","desired":{"properties":{"b":1e3,"o":{"k":null}}},"version":2}]}"#
    );
    assert_eq!(set("{}"), r#"[{"service_id":"S","version":3}]}"#);
    let two = desire(
        &gate,
        "d",
        r#"[{"service_id":"S","desired":{"a":1},"version":3},{"service_id":"U","desired":{"d":2},"version":0}]"#,
    );
    assert_eq!(two.status, 200, "{}", two.text());
    assert_eq!((version(&two, "S"), version(&two, "U")), (4, 1));
    // One of two is off: neither is set.
    desire(&gate, "d", r#"[{"service_id":"U","desired":{"d":9},"version":1},{"service_id":"S","desired":{"a":9},"version":3}]"#)
        .assert_refused(403, "IOTDA.014102", "the shadow of service S has version 4");
    assert_eq!(shadow(&gate, "d").body, two.body);
    assert_eq!(gate.api("DELETE", "/devices/d/shadow", "").status, 204);
    assert_eq!(shadow(&gate, "d").json()["shadow"], json!([]));
    assert_eq!(
        version(
            &desire(
                &gate,
                "d",
                r#"[{"service_id":"S","desired":{"a":1},"version":0}]"#
            ),
            "S"
        ),
        1
    );
    let events = gate.events("d", "");
    assert_eq!(
        events.len(),
        1,
        "desired values are no events to show: {events:?}"
    );
    gate.api("DELETE", "/devices/nobody/shadow", "")
        .assert_refused(404, "IOTDA.014000", "device_id: nobody");
}

#[test]
fn a_shadows_fields_are_checked_one_by_one() {
    let gate = Gate::builder().with("SHADOW__SERVICE_BYTES", "100").start();
    assert_eq!(gate.product("p", MODEL, "").status, 201);
    gate.device_of("p", "d", SECRET, None);
    let before = shadow(&gate, "d").body;
    for (body, part) in [
        ("[]", "shadow: must name at least one service"),
        ("{}", "shadow: must be an array"),
        (r"[7]", "shadow[0]: must be an object"),
        (r#"[{"desired":{}}]"#, "shadow[0].service_id: is missing"),
        (r#"[{"service_id":"S"}]"#, "shadow[0].desired: is missing"),
        (
            r#"[{"service_id":"S","desired":7}]"#,
            "shadow[0].desired: must be an object",
        ),
        (
            r#"[{"service_id":"S","desired":{}},{"service_id":"X","desired":{}}]"#,
            "shadow[1].service_id: X is no service",
        ),
        (
            r#"[{"service_id":"S","desired":{"z":1}}]"#,
            "shadow[0].desired.z: is no property",
        ),
        (
            r#"[{"service_id":"S","desired":{"a.b":1}}]"#,
            "shadow[0].desired: the name",
        ),
        (
            r#"[{"service_id":"S","desired":{"$a":1}}]"#,
            "shadow[0].desired: the name",
        ),
        (r#"[{"service_id":"S","desired":{"a\u0000":1}}]"#, "desired"),
        (
            r#"[{"service_id":"S","desired":{},"version":-1}]"#,
            "shadow[0].version: must be a whole number",
        ),
        (
            r#"[{"service_id":"S","desired":{},"version":"1"}]"#,
            "shadow[0].version: must be a whole number",
        ),
    ] {
        let reply = desire(&gate, "d", body);
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(reply.error_msg().contains(part), "{body}: {}", reply.text());
    }
    let large = format!(
        r#"[{{"service_id":"S","desired":{{"o":{{"k":"{}"}}}}}}]"#,
        "x".repeat(100)
    );
    desire(&gate, "d", &large).assert_refused(400, "IOTDA.000006", "shadow: service S would be beyond");
    gate.api("PUT", "/devices/d/shadow", "")
        .assert_refused(400, "IOTDA.000006", "shadow: must name");
    gate.api("PUT", "/devices/d/shadow", "{")
        .assert_refused(400, "IOTDA.000008", "The body");
    assert_eq!(shadow(&gate, "d").body, before);
}

#[test]
fn a_new_device_desires_its_models_defaults_and_over_them_what_the_request_says() {
    let gate = Gate::start();
    assert_eq!(gate.product("p", MODEL, "").status, 201);
    gate.device_of("p", "plain", SECRET, None);
    let defaults = r#"[{"service_id":"S","desired":{"properties":{"b":7.50}},"version":1},{"service_id":"T","desired":{"properties":{"c":"x"}},"version":1}]}"#;
    assert_eq!(services(&shadow(&gate, "plain")), defaults);
    let body = r#"{"device_id":"d","node_id":"d","product_id":"p","auth_info":{"secret":"s3cret-of-the-device"},
        "shadow":[{"service_id":"S","desired":{"b":8.00,"a":1}},{"service_id":"U","desired":{"d":3}}]}"#;
    let made = gate.api("POST", "/devices", body);
    assert_eq!(made.status, 201, "{}", made.text());
    let expected = r#"[{"service_id":"S","desired":{"properties":{"a":1,"b":8.00}},"version":1},{"service_id":"T","desired":{"properties":{"c":"x"}},"version":1},{"service_id":"U","desired":{"properties":{"d":3}},"version":1}]}"#;
    assert_eq!(services(&shadow(&gate, "d")), expected);
    let token = gate.token("d", SECRET);
    assert_eq!(gate.report("d", &token, &report("S", r#"{"a":5}"#)).status, 200);
    // Gone and made anew: the old values are not the new device's.
    assert_eq!(gate.api("DELETE", "/devices/d", "").status, 204);
    gate.api("GET", "/devices/d/shadow", "")
        .assert_refused(404, "IOTDA.014000", "device_id: d");
    gate.device_of("p", "d", SECRET, None);
    assert_eq!(services(&shadow(&gate, "d")), defaults);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(
        services(&shadow(&gate, "d")),
        defaults,
        "after the follower came by"
    );
}

#[test]
fn what_was_desired_and_reported_survives_a_kill_right_after_the_200() {
    let mut gate = Gate::start();
    assert_eq!(gate.product("p", MODEL, "").status, 201);
    gate.device_of("p", "d", SECRET, None);
    let token = gate.token("d", SECRET);
    for round in 1..=4 {
        assert_eq!(
            gate.report("d", &token, &report("U", &format!(r#"{{"d":{round}}}"#)))
                .status,
            200
        );
        let set = desire(
            &gate,
            "d",
            &format!(r#"[{{"service_id":"S","desired":{{"a":{round}.50}}}}]"#),
        );
        assert_eq!(set.status, 200, "{}", set.text());
        gate.signal("KILL");
        gate = gate.started_again();
        assert_eq!(shadow(&gate, "d").body, set.body, "round {round}");
    }
    let shown = shadow(&gate, "d");
    assert_eq!((version(&shown, "S"), version(&shown, "U")), (5, 4));
}

/// The statuses told of a device, the oldest first, once there are so many.
fn statuses(gate: &Gate, device: &str, count: usize) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let events = gate.events(device, "&kind=status");
        if events.len() >= count || Instant::now() > end {
            let status = |event: &Value| {
                assert_eq!(
                    (event["resource"].as_str(), event["event"].as_str()),
                    (Some("device.status"), Some("update"))
                );
                assert_eq!(event["notify_data"]["header"]["device_id"], device);
                let body = &event["notify_data"]["body"];
                assert_eq!(body["status_update_time"].as_str().unwrap().len(), 16, "{body}");
                body["status"].as_str().unwrap().to_owned()
            };
            return events.iter().rev().map(status).collect();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_status_is_told_as_it_changes() {
    let gate = Gate::builder()
        .with("INGEST__DEVICE_OFFLINE_AFTER_SECONDS", "2")
        .start();
    gate.device("d", SECRET, None);
    gate.device("silent", SECRET, None);
    let shown = |what: &str| gate.api("GET", "/devices/d", "").json()[what].clone();
    assert_eq!(
        (shown("status"), shown("active_time")),
        (json!("INACTIVE"), Value::Null)
    );
    let token = gate.token("d", SECRET);
    assert_eq!(shown("status"), "ONLINE");
    assert_eq!(statuses(&gate, "d", 1), ["ONLINE"]);
    assert_eq!(shown("active_time").as_str().unwrap().len(), 24);
    let search = gate.api(
        "POST",
        "/search/query-devices",
        r#"{"sql":"select device_id from device where status = 'ONLINE'"}"#,
    );
    assert_eq!(search.json(), json!({"devices": [{"device_id": "d"}]}));
    assert_eq!(statuses(&gate, "d", 2), ["ONLINE", "OFFLINE"]);
    assert_eq!(shown("status"), "OFFLINE");
    let active = shown("active_time");
    assert_eq!(gate.message("d", &token, b"x").status, 200);
    assert_eq!(statuses(&gate, "d", 3), ["ONLINE", "OFFLINE", "ONLINE"]);
    assert_eq!(shown("active_time"), active, "when it was first heard");
    assert_eq!(gate.api("POST", "/devices/d/freeze", "").status, 204);
    assert_eq!(statuses(&gate, "d", 4).last().unwrap(), "FREEZED");
    assert_eq!(shown("status"), "FROZEN");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(
        statuses(&gate, "d", 4).len(),
        4,
        "a frozen device does not go offline"
    );
    assert_eq!(gate.api("POST", "/devices/d/unfreeze", "").status, 204);
    assert_eq!(statuses(&gate, "d", 5).last().unwrap(), "OFFLINE");
    assert_eq!(statuses(&gate, "silent", 0), [""; 0]);
    gate.api("GET", "/devices/d/events?kind=none", "").assert_refused(
        400,
        "IOTDA.000006",
        "kind: must be property, message, device or status",
    );
}

#[test]
fn a_registration_runs_out_unless_the_device_is_heard() {
    let gate = Gate::start();
    let register = |id: &str, timeout: &str| {
        let body = format!(
            r#"{{"device_id":"{id}","node_id":"{id}","product_id":"demo","auth_info":{{"secret":"{SECRET}","timeout":{timeout}}}}}"#
        );
        let made = gate.api("POST", "/devices", &body);
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["auth_info"]["timeout"].clone()
    };
    assert_eq!(register("silent", "2"), 2);
    register("spoken", "2");
    register("forever", "0");
    gate.token("spoken", SECRET);
    assert_eq!(
        gate.api("GET", "/devices/silent", "").json()["auth_info"].get("timeout"),
        None
    );
    let end = Instant::now() + Duration::from_secs(20);
    while gate.api("GET", "/devices/silent", "").status != 404 {
        assert!(Instant::now() < end, "it is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
    for id in ["spoken", "forever"] {
        assert_eq!(gate.api("GET", &format!("/devices/{id}"), "").status, 200, "{id}");
    }
    let audit = gate.api("GET", "/audit?actor=registration%20timeout", "").json();
    assert_eq!(audit["page"]["count"], 1, "{audit}");
    assert_eq!(audit["entries"][0]["resource"], "/devices/silent");
    assert_eq!(audit["entries"][0]["from"], "local");
}
