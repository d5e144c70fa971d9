//! A device's registration, its changes and its end.

use serde_json::{Value, json};

use super::bed::request_of;
use super::{Bed, SECRET};
use crate::harness::Push;

/// The device as the API shows it, without its secrets.
fn shown(bed: &Bed, device_id: &str) -> Value {
    let mut device = bed.gate.api("GET", &format!("/devices/{device_id}"), "").json();
    let info = device["auth_info"].as_object_mut().unwrap();
    assert!(info.remove("secret").is_some());
    info.remove("secondary_secret");
    device
}

fn body(push: &Push) -> Value {
    push.json()["notify_data"]["body"].clone()
}

#[test]
fn a_device_is_told_as_the_api_shows_it_without_its_secrets() {
    let bed = Bed::start();
    let [created, updated, deleted] = ["create", "update", "delete"].map(|event| bed.pushes("device", event));
    let device = format!(
        r#"{{"device_id":"m1","node_id":"n1","product_id":"meter","device_name":"水表_1","description":"in_the_hall","extension_info":{{"k":null,"n":[1.50]}},"auth_info":{{"secret":"{SECRET}","secure_access":true}}}}"#
    );
    let request = request_of(&bed.gate.api("POST", "/devices", &device));
    let push = created.next();
    bed.assert_golden("device.create", &push, Some(&request));
    bed.assert_in_history("m1", &push);
    assert_eq!(body(&push), shown(&bed, "m1"));

    let child = json!({"device_id": "c1", "node_id": "c1", "product_id": "meter", "gateway_id": "m1",
        "auth_info": {"secret": SECRET}});
    let request = request_of(&bed.gate.api("POST", "/devices", &child.to_string()));
    let push = created.next();
    bed.assert_golden("device.create.child", &push, Some(&request));
    assert_eq!(body(&push), shown(&bed, "c1"));
    let request = request_of(&bed.gate.api("DELETE", "/devices/c1", ""));
    bed.assert_golden("device.delete.child", &deleted.next(), Some(&request));

    let secondary = r#"{"secret":"another-secret","secret_type":"SECONDARY"}"#;
    let reset = bed
        .gate
        .api("POST", "/devices/m1/action?action_id=resetSecret", secondary);
    assert_eq!(body(&updated.next()), shown(&bed, "m1"));
    assert_eq!(reset.status, 200, "{}", reset.text());
    bed.tag("m1", &json!([{"tag_key": "site", "tag_value": "3"}]));
    assert_eq!(body(&updated.next()), shown(&bed, "m1"));
    let request = request_of(&bed.gate.api("PUT", "/devices/m1", r#"{"device_name":"other"}"#));
    let push = updated.next();
    bed.assert_golden("device.update", &push, Some(&request));
    bed.assert_in_history("m1", &push);
    assert_eq!(body(&push), shown(&bed, "m1"));

    let request = request_of(&bed.gate.api("DELETE", "/devices/m1", ""));
    bed.assert_golden("device.delete", &deleted.next(), Some(&request));
}
