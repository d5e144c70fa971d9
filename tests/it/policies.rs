//! Backlog and flow-control policies, and the refusals of actions that are not there.

use serde_json::{Value, json};

use crate::harness::{Gate, Reply};

const BACKLOG: &str = "/routing-rule/backlog-policy";
const FLOW: &str = "/routing-rule/flowcontrol-policy";

#[track_caller]
fn told(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    reply.json()
}

fn call(gate: &Gate, method: &str, path: &str, body: &Value) -> Reply {
    gate.api(method, path, &body.to_string())
}

#[test]
fn a_backlog_policy_is_made_shown_changed_and_deleted() {
    let gate = Gate::start();
    let made = told(&gate.api("POST", BACKLOG, ""), 201);
    let first = made["policy_id"].as_str().unwrap().to_owned();
    assert_eq!(
        made,
        json!({"policy_id": first, "backlog_size": 1_073_741_823, "backlog_time": 86399})
    );
    let text =
        json!({"policy_name": "small", "description": "for tests", "backlog_size": 0, "backlog_time": 60});
    call(&gate, "POST", BACKLOG, &text).assert_refused(400, "IOTDA.000006", "description");
    let text = json!({"policy_name": "small", "description": "tests", "backlog_size": 0, "backlog_time": 60});
    let second = told(&call(&gate, "POST", BACKLOG, &text), 201);
    let at = format!("{BACKLOG}/{}", second["policy_id"].as_str().unwrap());

    let patch = json!({"backlog_size": 1000, "description": ""});
    let changed = told(&call(&gate, "PUT", &at, &patch), 200);
    let expected = json!({
        "policy_id": second["policy_id"], "policy_name": "small", "backlog_size": 1000, "backlog_time": 60,
    });
    assert_eq!(changed, expected);
    assert_eq!(told(&gate.api("GET", &at, ""), 200), expected);

    let all = told(&gate.api("GET", BACKLOG, ""), 200);
    assert_eq!(all["backlog_policies"], json!([expected, made]));
    assert_eq!(all["count"], 2);
    let page = told(&gate.api("GET", &format!("{BACKLOG}?limit=1"), ""), 200);
    assert_eq!(page["backlog_policies"], json!([expected]));
    let rest = format!("{BACKLOG}?marker={}", page["marker"].as_str().unwrap());
    let rest = told(&gate.api("GET", &rest, ""), 200);
    assert_eq!(
        (&rest["backlog_policies"], &rest["count"]),
        (&json!([made]), &json!(2))
    );
    let named = told(&gate.api("GET", &format!("{BACKLOG}?policy_name=small"), ""), 200);
    assert_eq!(
        (&named["backlog_policies"], &named["count"]),
        (&json!([expected]), &json!(1))
    );

    let deleted = gate.api("DELETE", &at, "");
    assert_eq!(
        (deleted.status, deleted.body.len()),
        (204, 0),
        "{}",
        deleted.text()
    );
    for method in ["GET", "PUT", "DELETE"] {
        gate.api(method, &at, "")
            .assert_refused(404, "IOTDA.010103", "policy_id");
    }
    for fault in [
        json!({"backlog_size": -1}),
        json!({"backlog_size": 1_073_741_824}),
        json!({"backlog_time": 86400}),
        json!({"backlog_time": "60"}),
        json!({"policy_name": "n".repeat(257)}),
    ] {
        let field = fault.as_object().unwrap().keys().next().unwrap();
        call(&gate, "POST", BACKLOG, &fault).assert_refused(400, "IOTDA.000006", field);
    }
}

#[test]
fn a_flow_control_policy_is_made_shown_changed_and_deleted() {
    let gate = Gate::start();
    let made = told(&gate.api("POST", FLOW, "{}"), 201);
    assert_eq!(
        made,
        json!({"policy_id": made["policy_id"], "scope": "USER", "limit": 1000})
    );
    let text =
        json!({"policy_name": "http", "scope": "CHANNEL", "scope_value": "HTTP_FORWARDING", "limit": 5});
    let second = told(&call(&gate, "POST", FLOW, &text), 201);
    let at = format!("{FLOW}/{}", second["policy_id"].as_str().unwrap());
    let changed = told(
        &call(&gate, "PUT", &at, &json!({"limit": 7, "scope": "USER"})),
        200,
    );
    let expected = json!({
        "policy_id": second["policy_id"], "policy_name": "http", "scope": "CHANNEL",
        "scope_value": "HTTP_FORWARDING", "limit": 7,
    });
    assert_eq!(changed, expected);
    assert_eq!(told(&gate.api("GET", &at, ""), 200), expected);
    let all = told(&gate.api("GET", FLOW, ""), 200);
    assert_eq!(
        (&all["flowcontrol_policies"], &all["count"]),
        (&json!([expected, made]), &json!(2))
    );
    let scoped = format!("{FLOW}?scope=CHANNEL&scope_value=HTTP_FORWARDING");
    let scoped = told(&gate.api("GET", &scoped, ""), 200);
    assert_eq!(scoped["flowcontrol_policies"], json!([expected]));
    assert_eq!(gate.api("DELETE", &at, "").status, 204);
    for method in ["GET", "PUT", "DELETE"] {
        gate.api(method, &at, "")
            .assert_refused(404, "IOTDA.010103", "policy_id");
    }
    for (fault, field) in [
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 1001}), "limit"),
        (json!({"scope": "PRODUCT"}), "scope"),
        (json!({"scope": "USER", "scope_value": "x"}), "scope_value"),
        (json!({"scope": "RULE"}), "scope_value"),
        (json!({"scope": "RULE", "scope_value": "none"}), "no such rule"),
        (json!({"scope": "ACTION", "scope_value": "a b"}), "no such action"),
        (
            json!({"scope": "CHANNEL", "scope_value": "HTTP"}),
            "no such channel",
        ),
    ] {
        call(&gate, "POST", FLOW, &fault).assert_refused(400, "IOTDA.000006", field);
    }
}

#[test]
fn what_is_asked_of_an_action_that_is_not_there_is_refused() {
    let gate = Gate::start();
    for (method, path) in [
        ("POST", "test"),
        ("GET", "state"),
        ("POST", "pause"),
        ("POST", "resume"),
        ("POST", "replay"),
        ("GET", "dead-letters"),
        ("DELETE", "dead-letters"),
        ("POST", "dead-letters/replay"),
        ("GET", "dead-letters/1"),
        ("DELETE", "dead-letters/1"),
        ("POST", "dead-letters/1/replay"),
    ] {
        for action in ["none", "a%20b"] {
            let reply = gate.api(method, &format!("/routing-rule/actions/{action}/{path}"), "");
            reply.assert_refused(404, "IOTDA.010101", "action_id");
        }
    }
    for sequence in ["9999", "x", "99999999999999999999"] {
        let reply = gate.api("GET", &format!("/events/{sequence}/deliveries"), "");
        reply.assert_refused(404, "IOTDA.010100", sequence);
    }
}

#[test]
fn an_event_that_no_rule_takes_has_no_deliveries() {
    let gate = Gate::start();
    gate.device("po1", "secret-secret", None);
    let token = gate.token("po1", "secret-secret");
    assert_eq!(gate.message("po1", &token, b"x").status, 200);
    let sequence = gate.events("po1", "")[0]["sequence"].clone();
    let path = format!("/events/{}/deliveries", sequence.as_str().unwrap());
    let expected = json!({"sequence": sequence, "deliveries": []});
    assert_eq!(told(&gate.api("GET", &path, ""), 200), expected);
}
