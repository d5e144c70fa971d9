//! Events as they come: server-sent events and the long poll.

mod crowd;
mod reading;
mod restarts;

use crate::harness::{Gate, Reply};

pub const SECRET: &str = "s3cret-of-the-device";

/// One long poll.
fn poll(gate: &Gate, query: &str) -> Reply {
    let path = format!("/v5/iot/{}/events/stream{query}", gate.project_id);
    let headers = [
        ("X-Auth-Token", gate.admin.as_str()),
        ("Accept", "application/json"),
    ];
    gate.management_wire().call("GET", &path, &headers, b"")
}

/// Sends one message over a kept connection.
fn send(wire: &mut crate::harness::Wire, device: &str, token: &str, body: &[u8]) {
    let path = format!("/v5/devices/{device}/sys/messages/up");
    let reply = wire.call("POST", &path, &[("access_token", token)], body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The middle one, and the one that 99 of 100 stay below.
fn median_and_p99(mut times: Vec<std::time::Duration>) -> (std::time::Duration, std::time::Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}
