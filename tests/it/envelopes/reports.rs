//! Reports of properties and messages.

use serde_json::json;

use super::Bed;
use super::bed::request_of;
use crate::harness::Push;

#[test]
fn a_report_of_properties_in_the_devices_own_text() {
    let bed = Bed::start();
    let pushes = bed.pushes("device.property", "report");
    let token = bed.device("m1", None).unwrap();
    let body = r#"{"services":[{"service_id":"Meter","properties":{"temperature":21.50,"total":1e3},"event_time":"2025-01-02T03:04:05.678Z"},{"service_id":"Door","properties":{ "state" : "a  b" }}]}"#;
    let request = request_of(&bed.gate.report("m1", &token, body));
    let push = pushes.next();
    bed.assert_golden("device.property.report", &push, Some(&request));
    bed.assert_in_history("m1", &push);

    bed.tag(
        "m1",
        &json!([{"tag_key": "site", "tag_value": "3"}, {"tag_key": "hall"}]),
    );
    let body = r#"{"services":[{"service_id":"Meter","properties":{"temperature":-0.0},"event_time":"20250102T030405Z"}]}"#;
    let request = request_of(&bed.gate.report("m1", &token, body));
    let push = pushes.next();
    bed.assert_golden("device.property.report.tagged", &push, Some(&request));
    bed.assert_in_history("m1", &push);
}

#[test]
fn the_children_of_one_batch_share_its_request_id() {
    let bed = Bed::start();
    let pushes = bed.pushes("device.property", "report");
    let token = bed.device("g1", None).unwrap();
    bed.device("c1", Some("g1"));
    bed.device("c2", Some("g1"));
    bed.tag("c2", &json!([{"tag_key": "site", "tag_value": "3"}]));
    let services = r#""services":[{"service_id":"Meter","properties":{"total":1E+2}}]"#;
    let body = format!(r#"{{"devices":[{{"device_id":"c1",{services}}},{{"device_id":"c2",{services}}}]}}"#);
    let request = request_of(&bed.gate.batch("g1", &token, &body));
    let mut both = [pushes.next(), pushes.next()];
    both.sort_by_key(Push::sequence);
    for (child, push) in ["c1", "c2"].into_iter().zip(&both) {
        let name = format!("device.property.report.child-{child}");
        bed.assert_golden(&name, push, Some(&request));
        bed.assert_in_history(child, push);
    }
    assert_eq!(both[1].sequence(), both[0].sequence() + 1);
}

#[test]
fn a_report_that_breaks_its_model_carries_its_faults_where_they_are_flagged() {
    let bed = Bed::start();
    let pushes = bed.pushes("device.property", "report");
    let flagged = bed
        .gate
        .api("PUT", "/products/meter", r#"{"validation_mode":"flag"}"#);
    assert_eq!(flagged.status, 200, "{}", flagged.text());
    let token = bed.device("m1", None).unwrap();
    let body = r#"{"services":[{"service_id":"Meter","properties":{"temperature":512}}]}"#;
    let request = request_of(&bed.gate.report("m1", &token, body));
    let push = pushes.next();
    bed.assert_golden("device.property.report.flagged", &push, Some(&request));
    bed.assert_in_history("m1", &push);
}

#[test]
fn a_message_is_json_or_text_or_base64() {
    let bed = Bed::start();
    let pushes = bed.pushes("device.message", "report");
    let token = bed.device("m1", None).unwrap();
    let cases: [(&str, &[u8]); 4] = [
        (
            "json",
            b" {\"level\" : 21.50,\n\"total\":1e3, \"a b\":\"\\u6e29\"} ",
        ),
        ("text", "水表 says \"21.50\"\n".as_bytes()),
        // Two members of one name are no JSON that has one meaning.
        ("ambiguous", br#"{"a":1,"a":2}"#),
        ("bytes", b"\xff\x00\x10{}"),
    ];
    for (kind, body) in cases {
        let request = request_of(&bed.gate.message("m1", &token, body));
        let push = pushes.next();
        bed.assert_golden(&format!("device.message.report.{kind}"), &push, Some(&request));
        bed.assert_in_history("m1", &push);
    }
}

#[test]
fn a_retry_tells_the_device_as_it_was_also_after_its_deletion_and_a_restart() {
    let bed = Bed::start();
    let pushes = bed.pushes("device.property", "report");
    pushes.answers(500);
    let token = bed.device("m1", None).unwrap();
    bed.tag("m1", &json!([{"tag_key": "site", "tag_value": "3"}]));
    let body = r#"{"services":[{"service_id":"Meter","properties":{"temperature":21.50}}]}"#;
    let request = request_of(&bed.gate.report("m1", &token, body));
    let first = pushes.next();
    bed.tag("m1", &json!([{"tag_key": "site", "tag_value": "4"}]));
    assert_eq!(bed.gate.api("DELETE", "/devices/m1", "").status, 204);
    let bed = bed.restart();
    pushes.taken();
    pushes.answers(200);
    let retried = pushes.next();
    assert_eq!(retried.sequence(), first.sequence());
    assert_eq!(retried.body, first.body);
    bed.assert_golden("device.property.report.retried", &retried, Some(&request));
}
