//! HTTP on the wire: versions, framing, the largest body, deadlines, the cap on connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Gate, Wire};

const SECRET: &str = "s3cret-of-the-device";
const LARGEST: usize = 1_048_576;

struct Device {
    gate: Gate,
    token: String,
}

impl Device {
    fn on(gate: Gate) -> Self {
        gate.device("w1", SECRET, None);
        let token = gate.token("w1", SECRET);
        Self { gate, token }
    }

    fn new() -> Self {
        Self::on(Gate::start())
    }

    /// The head of a message, its last line open.
    fn head(&self, version: &str, more: &str) -> String {
        let token = &self.token;
        format!("POST /v5/devices/w1/sys/messages/up {version}\r\naccess_token: {token}\r\n{more}\r\n")
    }

    fn wire(&self) -> Wire {
        self.gate.device_wire()
    }

    fn send(&self, bytes: &str) -> Wire {
        let mut wire = self.wire();
        wire.send(bytes.as_bytes());
        wire
    }
}

#[test]
fn http_1_0_is_served_without_host_and_kept_alive_on_request() {
    let device = Device::new();
    let mut wire = device.send(&(device.head("HTTP/1.0", "Content-Length: 2\r\n") + "hi"));
    assert_eq!(wire.reply().status, 200);
    assert!(wire.is_closed_by_server());
    let request = device.head("HTTP/1.0", "Content-Length: 2\r\nConnection: keep-alive\r\n") + "hi";
    let mut wire = device.send(&request);
    assert_eq!(wire.reply().status, 200);
    wire.send(request.as_bytes());
    assert_eq!(wire.reply().status, 200);
    assert_eq!(device.gate.stored("w1"), 3);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let device = Device::new();
    let one = |body: &str| {
        let length = body.len();
        device.head("HTTP/1.1", &format!("Host: h\r\nContent-Length: {length}\r\n")) + body
    };
    let unknown = "POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    let mut wire = device.send(&format!("{}{unknown}{}", one("first"), one("second")));
    let statuses: Vec<u16> = (0..3).map(|_| wire.reply().status).collect();
    assert_eq!(statuses, [200, 404, 200]);
    let events = device.gate.events("w1", "&kind=message");
    assert_eq!(events[0]["notify_data"]["body"]["content"], "second");
    assert_eq!(events[1]["notify_data"]["body"]["content"], "first");
}

#[test]
fn chunked_bodies_and_expect_continue_are_served() {
    let device = Device::new();
    let head = device.head("HTTP/1.1", "Host: h\r\nTransfer-Encoding: chunked\r\n");
    let mut wire = device.send(&(head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    assert_eq!(wire.reply().status, 200);
    let head = device.head(
        "HTTP/1.1",
        "Host: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n",
    );
    let mut wire = device.send(&head);
    assert_eq!(wire.reply().status, 100);
    wire.send(b"hi");
    assert_eq!(wire.reply().status, 200);
    // Without a good token nobody asks for the body.
    let mut wire = device.send(
        "POST /v5/devices/w1/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(wire.reply().status, 403);
    let contents: Vec<_> = device.gate.events("w1", "&kind=message");
    assert_eq!(contents[1]["notify_data"]["body"]["content"], "abcde");
}

#[test]
fn the_largest_body_is_taken_and_one_byte_more_refused_while_it_comes() {
    let device = Device::new();
    let largest = vec![b'x'; LARGEST];
    assert_eq!(device.gate.message("w1", &device.token, &largest).status, 200);
    // Announced: refused before any of it is sent.
    let head = device.head(
        "HTTP/1.1",
        &format!("Host: h\r\nContent-Length: {}\r\n", LARGEST + 1),
    );
    let mut wire = device.send(&head);
    wire.reply().assert_refused(
        403,
        "IOTDA.021105",
        "The content reported in a single request cannot exceed 1 MB.",
    );
    // Chunked: refused as soon as it is over, though the end never comes.
    let mut wire = device.send(&device.head("HTTP/1.1", "Host: h\r\nTransfer-Encoding: chunked\r\n"));
    wire.send(format!("{:x}\r\n", LARGEST + 10).as_bytes());
    wire.send(&largest);
    wire.send(b"x");
    wire.reply().assert_refused(403, "IOTDA.021105", "1 MB");
    // Chunked, and just within.
    let mut wire = device.send(&device.head("HTTP/1.1", "Host: h\r\nTransfer-Encoding: chunked\r\n"));
    wire.send(format!("{LARGEST:x}\r\n").as_bytes());
    wire.send(&largest);
    wire.send(b"\r\n0\r\n\r\n");
    assert_eq!(wire.reply().status, 200);
    assert_eq!(device.gate.stored("w1"), 2);
}

#[test]
fn the_largest_report_is_as_large_as_the_largest_message() {
    let device = Device::new();
    let padded = |length: usize| {
        let report = r#"{"services":[{"service_id":"Meter","properties":{"humidity":1}}]}"#;
        format!("{report}{}", " ".repeat(length - report.len()))
    };
    let reply = device.gate.report("w1", &device.token, &padded(LARGEST));
    assert_eq!(reply.status, 200, "{}", reply.text());
    device
        .gate
        .report("w1", &device.token, &padded(LARGEST + 1))
        .assert_refused(403, "IOTDA.021105", "1 MB");
    // device-auth takes what it has a use for.
    let body = padded(4097);
    let mut wire = device.wire();
    wire.call("POST", "/v5/device-auth", &[], body.as_bytes())
        .assert_refused(400, "IOTDA.000006", "4096 bytes");
    assert_eq!(device.gate.stored("w1"), 1);
}

#[test]
fn the_content_type_is_not_looked_at_and_codings_only_on_json_paths() {
    let device = Device::new();
    let token = device.token.as_str();
    let report = br#"{"services":[{"service_id":"Meter","properties":{"humidity":1}}]}"#;
    let path = "/v5/devices/w1/sys/properties/report";
    for kind in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let headers = [("access_token", token), ("Content-Type", kind)];
        assert_eq!(device.wire().call("POST", path, &headers, report).status, 200);
    }
    let headers = [("access_token", token), ("Content-Encoding", "identity")];
    assert_eq!(device.wire().call("POST", path, &headers, report).status, 200);
    let headers = [("access_token", token), ("Content-Encoding", "gzip")];
    device.wire().call("POST", path, &headers, report).assert_refused(
        400,
        "IOTDA.000006",
        "Content-Encoding: only identity",
    );
    let message = "/v5/devices/w1/sys/messages/up";
    assert_eq!(
        device.wire().call("POST", message, &headers, b"\x1f\x8b").status,
        200
    );
}

#[test]
fn a_slow_head_a_slow_body_and_a_long_rest_end_in_time() {
    let device = Device::on(
        Gate::builder()
            .with("SERVER__HEADER_TIMEOUT_SECONDS", "1")
            .with("SERVER__BODY_GRACE_SECONDS", "1")
            .with("SERVER__IDLE_TIMEOUT_SECONDS", "2")
            .start(),
    );
    let started = Instant::now();
    // A head that never ends, byte by byte.
    let mut wire = device.wire();
    let mut cut = false;
    for byte in
        "POST /v5/device-auth HTTP/1.1\r\nHost: hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh".bytes()
    {
        if wire
            .stream
            .write_all(&[byte])
            .and_then(|()| wire.stream.flush())
            .is_err()
        {
            cut = true;
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(cut || wire.is_closed_by_server(), "a slow head is cut");
    // A body that is announced and never comes.
    let mut wire = device.send(&device.head("HTTP/1.1", "Host: h\r\nContent-Length: 100\r\n"));
    let reply = wire.reply();
    reply.assert_refused(408, "IOTDA.000006", "slower than the minimum rate");
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(wire.is_closed_by_server());
    // A kept-alive connection that rests.
    let mut wire = device.send(&(device.head("HTTP/1.1", "Host: h\r\nContent-Length: 2\r\n") + "hi"));
    assert_eq!(wire.reply().status, 200);
    assert!(wire.is_closed_by_server(), "an idle connection is ended");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_body_over_a_slow_radio_link_passes() {
    let device = Device::on(
        Gate::builder()
            .with("SERVER__HEADER_TIMEOUT_SECONDS", "1")
            .with("SERVER__BODY_GRACE_SECONDS", "1")
            .with("SERVER__IDLE_TIMEOUT_SECONDS", "1")
            .start(),
    );
    // 4 kB/s, twice the minimum rate, for longer than every other deadline.
    let mut wire = device.send(&device.head("HTTP/1.1", "Host: h\r\nContent-Length: 16384\r\n"));
    for _ in 0..16 {
        wire.send(&[b'x'; 1024]);
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(wire.reply().status, 200);
}

#[test]
fn a_silent_handshake_is_cut_and_the_cap_on_connections_holds() {
    let gate = Gate::builder()
        .with("SERVER__HANDSHAKE_TIMEOUT_SECONDS", "1")
        .with("SERVER__MAX_CONNECTIONS", "3")
        .start();
    let mut silent = TcpStream::connect(gate.device).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0, "closed by the server");
    let kept: Vec<Wire> = (0..3).map(|_| gate.device_wire()).collect();
    let mut refused = TcpStream::connect(gate.device).unwrap();
    refused
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let read = refused.read(&mut [0; 1]);
    assert!(
        matches!(&read, Ok(0))
            || matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset),
        "{read:?}"
    );
    drop(kept);
    assert!(gate.log().contains("server.max_connections"));
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let device = Device::new();
    let long = format!(
        "Host: h\r\nX-Long: {}\r\nContent-Length: 0\r\n",
        "x".repeat(40_000)
    );
    let mut wire = device.wire();
    // The server may answer before it has read all of it.
    let _ = wire.stream.write_all(device.head("HTTP/1.1", &long).as_bytes());
    wire.reply()
        .assert_refused(431, "IOTDA.000006", "server.max_header_bytes");
}

#[test]
fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let device = Device::new();
    let body = vec![b'x'; LARGEST];
    for (token, code) in [("bad", "IOTDA.000004"), (device.token.as_str(), "IOTDA.021105")] {
        let head = format!(
            "POST /v5/devices/w1/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: {}\r\n\r\n",
            LARGEST + 1
        );
        let mut wire = device.send(&head);
        // Like many clients, it writes everything before it reads anything.
        std::thread::sleep(Duration::from_millis(100));
        let sent = wire.stream.write_all(&body).and_then(|()| wire.stream.flush());
        assert!(sent.is_ok(), "{sent:?}");
        wire.reply().assert_refused(403, code, "");
    }
}

#[test]
fn what_came_early_buys_a_body_no_long_rest() {
    let device = Device::on(Gate::builder().with("SERVER__BODY_GRACE_SECONDS", "1").start());
    let mut wire = device.send(&device.head("HTTP/1.1", "Host: h\r\nContent-Length: 500000\r\n"));
    wire.send(&vec![b'x'; 499_999]);
    let started = Instant::now();
    wire.reply().assert_refused(408, "IOTDA.000006", "slower");
    assert!(started.elapsed() < Duration::from_secs(10));
}
