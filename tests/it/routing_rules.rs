//! The routing API: a rule tried on an event before there is the rule.

use serde_json::{Value, json};

use crate::harness::{Gate, Reply, report};

const REPORTS: &str = r#"{"resource":"device.property","event":"report"}"#;

fn tried(gate: &Gate, subject: &str, members: &str) -> Reply {
    let body = format!(r#"{{"subject":{subject}{members}}}"#);
    gate.api("POST", "/routing-rule/test", &body)
}

/// The members that name a clause's event and SQL.
fn members(select: &str, condition: &str, event: &str) -> String {
    format!(
        r#","select":{},"where":{},{event}"#,
        json!(select),
        json!(condition)
    )
}

#[track_caller]
fn outcome(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

/// The answer as it came, digit for digit.
fn sent(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

/// The sequence of a device's newest event.
fn newest(gate: &Gate, device: &str) -> String {
    gate.events(device, "")[0]["sequence"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_rule_is_tried_on_an_event_of_the_log() {
    let gate = Gate::start();
    gate.device("rt1", "secret-secret", None);
    let token = gate.token("rt1", "secret-secret");
    let body = report("Meter", r#"{"temperature":21.50}"#);
    assert_eq!(gate.report("rt1", &token, &body).status, 200);
    let sequence = newest(&gate, "rt1");
    let named = format!(r#""sequence":"{sequence}""#);

    let select = "notify_data.header.device_id AS id, GET_SERVICE_PROPERTY('Meter', 'temperature') AS energy";
    let condition = "GET_SERVICE_PROPERTY('Meter', 'temperature') > 21.49";
    let reply = tried(&gate, REPORTS, &members(select, condition, &named));
    outcome(&reply);
    assert_eq!(
        sent(&reply),
        r#"{"taken":true,"result":{"id":"rt1","energy":21.50}}"#
    );

    let reply = tried(&gate, REPORTS, &members(select, "1 > 2", &named));
    assert_eq!(sent(&reply), r#"{"taken":false,"result":null}"#);
    let messages = r#"{"resource":"device.message","event":"report"}"#;
    let reply = tried(&gate, messages, &members(select, "", &named));
    assert_eq!(outcome(&reply), json!({"taken": false, "result": null}));

    // Without a clause everything is taken, and all of it goes out.
    for all in [
        format!(",{named}"),
        members("", "", &named),
        members("*", "", &format!(r#""sequence":{sequence}"#)),
    ] {
        let whole = outcome(&tried(&gate, REPORTS, &all));
        assert_eq!(whole["taken"], true);
        assert_eq!(whole["result"], gate.events("rt1", "")[0]);
        assert_eq!(whole["result"]["sequence"], sequence);
    }
}

#[test]
fn what_rules_do_not_see_is_not_there() {
    let gate = Gate::start();
    gate.device("rt2", "secret-secret", None);
    let made = newest(&gate, "rt2").parse::<i64>().unwrap();
    let desired = r#"{"shadow":[{"service_id":"Meter","desired":{"status":"on"}}]}"#;
    let reply = gate.api("PUT", "/devices/rt2/shadow", desired);
    assert_eq!(reply.status, 200, "{}", reply.text());
    // What was set for the shadow has the place between the device's making and its change.
    let reply = gate.api("PUT", "/devices/rt2", r#"{"device_name":"changed"}"#);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(newest(&gate, "rt2"), (made + 2).to_string());
    for sequence in [
        "0".to_owned(),
        (made + 1).to_string(),
        "9223372036854775807".to_owned(),
    ] {
        tried(&gate, REPORTS, &format!(r#","sequence":"{sequence}""#)).assert_refused(
            404,
            "IOTDA.010100",
            &sequence,
        );
    }
    let devices = r#"{"resource":"device","event":"create"}"#;
    let reply = tried(
        &gate,
        devices,
        &members(
            "notify_data.body.node_id AS node",
            "",
            &format!(r#""sequence":"{made}""#),
        ),
    );
    assert_eq!(outcome(&reply), json!({"taken": true, "result": {"node": "rt2"}}));
}

#[test]
fn a_rule_is_tried_on_an_event_made_up() {
    let gate = Gate::start();
    let event = r#""event":{"resource":"device.property","event":"report","a":{"b-c":1.00,"d":[]}}"#;
    let select = "a.\"b-c\", a.d AS d, 'x' AS x";
    let reply = tried(
        &gate,
        REPORTS,
        &members(select, "a.d IS NULL AND a.\"b-c\" = 1", event),
    );
    assert_eq!(
        sent(&reply),
        r#"{"taken":true,"result":{"a.b-c":1.00,"d":[],"x":"x"}}"#
    );
    // An event that does not say what it is counts as of the subject.
    let reply = tried(&gate, REPORTS, &members("*", "a = 1", r#""event":{"a":1}"#));
    assert_eq!(outcome(&reply), json!({"taken": true, "result": {"a": 1}}));
    let reply = tried(&gate, REPORTS, &members("*", "", r#""event":{"event":"update"}"#));
    assert_eq!(outcome(&reply)["taken"], false);
}

#[test]
fn a_faulty_clause_is_refused_with_its_place() {
    let gate = Gate::start();
    for (select, condition, clause, position, message) in [
        (
            "*",
            "a = 1 AND",
            "where",
            10,
            "expected a path, a text, a number, a function or '('",
        ),
        ("*", "温 = 'x' b", "where", 9, "expected an operator or the end"),
        ("a AS 1", "", "select", 6, "a name behind 'AS' holds letters"),
        (
            "*",
            &" ".repeat(2501),
            "where",
            2501,
            "a clause is at most 2500 characters long",
        ),
        (
            &"a,".repeat(1251),
            "",
            "select",
            2501,
            "a clause is at most 2500 characters long",
        ),
    ] {
        let reply = tried(&gate, REPORTS, &members(select, condition, r#""event":{}"#));
        reply.assert_refused(
            400,
            "IOTDA.000006",
            &format!("{clause}: position {position}: {message}"),
        );
        let body = reply.json();
        assert_eq!(body["clause"], clause);
        assert_eq!(body["position"], position);
        assert!(
            body["message"].as_str().unwrap().starts_with(message),
            "{}",
            reply.text()
        );
    }
}

#[test]
fn a_body_that_asks_for_nothing_is_refused_by_name() {
    let gate = Gate::start();
    for (subject, more, told) in [
        (REPORTS, "", "sequence: is missing, and so is event"),
        (
            REPORTS,
            r#","sequence":"1","event":{}"#,
            "sequence: stands beside event",
        ),
        (
            REPORTS,
            r#","sequence":"x""#,
            "sequence: must be a decimal number",
        ),
        (
            REPORTS,
            r#","sequence":"-1""#,
            "sequence: must be a decimal number",
        ),
        (
            REPORTS,
            r#","sequence":1.5"#,
            "sequence: must be a decimal number",
        ),
        (
            REPORTS,
            r#","sequence":"9223372036854775808""#,
            "sequence: must be a decimal number",
        ),
        (REPORTS, r#","event":[]"#, "event: must be an object"),
        (
            REPORTS,
            r#","event":{"resource":1}"#,
            "event.resource: must be a string",
        ),
        (REPORTS, r#","select":5,"event":{}"#, "select: must be a string"),
        ("{}", r#","event":{}"#, "subject.resource: is missing"),
        (
            r#"{"resource":"device"}"#,
            r#","event":{}"#,
            "subject.event: is missing",
        ),
        (
            r#"{"resource":"x","event":"report"}"#,
            r#","event":{}"#,
            "subject.resource: must be one of",
        ),
        (
            r#"{"resource":"device","event":"report"}"#,
            r#","event":{}"#,
            "subject: device has no event report",
        ),
        (
            r#"{"resource":"device.shadow","event":"update"}"#,
            r#","event":{}"#,
            "subject.resource: must be one of",
        ),
        ("null", r#","event":{}"#, "subject: is missing"),
    ] {
        tried(&gate, subject, more).assert_refused(400, "IOTDA.000006", told);
    }
}
