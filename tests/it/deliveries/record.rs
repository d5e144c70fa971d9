//! What the log holds, as the event stream tells it.

use serde_json::Value;

use crate::harness::Gate;

/// A property report of the log.
#[derive(Clone, Debug)]
pub struct Stored {
    pub sequence: u64,
    pub device: String,
    pub number: u64,
}

/// Every report of properties, oldest first.
pub fn stored(gate: &Gate) -> Vec<Stored> {
    let read = |event: &Value| Stored {
        sequence: sequence(event),
        device: event["notify_data"]["header"]["device_id"]
            .as_str()
            .unwrap()
            .to_owned(),
        number: event["notify_data"]["body"]["services"][0]["properties"]["number"]
            .as_u64()
            .unwrap(),
    };
    events(gate, "&kind=property").iter().map(read).collect()
}

pub fn sequence(event: &Value) -> u64 {
    event["sequence"].as_str().unwrap().parse().unwrap()
}

/// Every event that passes, page by page.
pub fn events(gate: &Gate, filter: &str) -> Vec<Value> {
    let (mut wire, mut found, mut after) = (gate.management_wire(), Vec::new(), "0".to_owned());
    let headers = [
        ("X-Auth-Token", gate.admin.as_str()),
        ("Accept", "application/json"),
    ];
    loop {
        let path = format!(
            "/v5/iot/{}/events/stream?limit=1000&after={after}{filter}",
            gate.project_id
        );
        let reply = wire.call("GET", &path, &headers, b"");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let page = reply.json();
        assert!(page.get("gap").is_none(), "{}", page["gap"]);
        found.extend(page["events"].as_array().unwrap().iter().cloned());
        if page["next"] == after {
            return found;
        }
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
}
