//! The order of checks (path, method, token, the device's limit, the instance's limit, announced length, body, JSON, shape,
//! children, model): a request that fails two neighbours gets the answer of the first.

use std::time::{Duration, Instant};

use crate::harness::{Gate, report};

const SECRET: &str = "s3cret-of-the-device";
const OVER: &str = "1048577";

#[test]
fn each_check_comes_before_the_next() {
    let gate = Gate::start();
    gate.device("o1", SECRET, None);
    gate.device("o2", SECRET, Some("o1"));
    let token = gate.token("o1", SECRET);
    let path = "/v5/devices/o1/sys/properties/report";
    let batch = "/v5/devices/o1/sys/gateway/sub-devices/properties/report";
    let ask = |method: &str, path: &str, headers: &str| {
        let mut wire = gate.device_wire();
        wire.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n").as_bytes());
        wire.reply()
    };

    // Path before method.
    ask("GET", "/v5/nothing", "").assert_refused(404, "IOTDA.000006", "/v5/nothing");
    // Method before token.
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in [path, batch, "/v5/device-auth", "/v5/devices/o1/sys/messages/up"] {
            let reply = ask(method, path, "access_token: x\r\n");
            reply.assert_refused(405, "IOTDA.000006", "POST");
            assert_eq!(reply.header("allow"), Some("POST"));
        }
    }
    // Token before the announced length.
    let long = format!("Content-Length: {OVER}\r\n");
    ask("POST", path, &long).assert_refused(401, "IOTDA.000002", "access_token");
    ask("POST", path, &format!("access_token: x\r\n{long}")).assert_refused(403, "IOTDA.000004", "");
    // The announced length before the body, which never comes, and before its coding.
    let good = format!("access_token: {token}\r\n");
    ask("POST", path, &format!("{good}{long}Content-Encoding: gzip\r\n")).assert_refused(
        403,
        "IOTDA.021105",
        "1 MB",
    );
    // The coding before the body.
    ask(
        "POST",
        path,
        &format!("{good}Content-Length: 5\r\nContent-Encoding: gzip\r\n"),
    )
    .assert_refused(400, "IOTDA.000006", "Content-Encoding");
    // The body before JSON: over the size, and no JSON from the first byte on.
    let mut wire = gate.device_wire();
    let chunk = format!("100001\r\n{}", "x".repeat(0x10_0001));
    wire.send(
        format!("POST {path} HTTP/1.1\r\nHost: h\r\n{good}Transfer-Encoding: chunked\r\n\r\n{chunk}")
            .as_bytes(),
    );
    wire.reply().assert_refused(403, "IOTDA.021105", "1 MB");
    // JSON before shape.
    gate.report("o1", &token, r#"{"services":1,"services":2}"#)
        .assert_refused(400, "IOTDA.000006", "services");
    // Shape before model.
    gate.report(
        "o1",
        &token,
        r#"{"services":[{"service_id":"Nope","properties":1}]}"#,
    )
    .assert_refused(400, "IOTDA.000006", "services[0].properties");
    // In a batch: JSON, then the number, then every child's shape, then whether each belongs, then the models.
    let children = |entries: &[&str]| format!(r#"{{"devices":[{}]}}"#, entries.join(","));
    let twice = format!(r#"{{"devices":[],{}"#, &children(&["1"; 51])[1..]);
    gate.batch("o1", &token, &twice)
        .assert_refused(400, "IOTDA.000006", "devices");
    gate.batch("o1", &token, r#"{"devices":7}"#)
        .assert_refused(400, "IOTDA.000006", "devices");
    gate.batch("o1", &token, &children(&["1"; 51]))
        .assert_refused(403, "IOTDA.021103", "50");
    let foreign = r#"{"device_id":"nobody","services":[{"service_id":"Meter","properties":{}}]}"#;
    let shapeless = r#"{"device_id":"o2","services":[]}"#;
    gate.batch("o1", &token, &children(&[foreign, shapeless]))
        .assert_refused(400, "IOTDA.000006", "devices[1]");
    let unfit = r#"{"device_id":"o2","services":[{"service_id":"Nope","properties":{}}]}"#;
    gate.batch("o1", &token, &children(&[unfit, foreign]))
        .assert_refused(400, "IOTDA.021104", "devices[1]");
    assert_eq!(gate.stored("o1") + gate.stored("o2"), 0);
    assert_eq!(gate.report("o1", &token, &report("Meter", "{}")).status, 200);
}

#[test]
fn limits_come_after_the_token_and_before_the_length_the_devices_own_first() {
    let gate = Gate::builder()
        .with("LIMITS__DEVICE_REQUESTS_PER_SECOND", "1")
        .with("LIMITS__INSTANCE_REQUESTS_PER_SECOND", "4")
        .start();
    for device in ["o1", "o2", "o3"] {
        gate.device(device, SECRET, None);
    }
    let tokens = ["o1", "o2", "o3"].map(|device| gate.token(device, SECRET));
    let in_one_second = || {
        std::thread::sleep(Duration::from_millis(1500));
        let started = Instant::now();
        let mut wire = gate.device_wire();
        let mut ask = |device: &str, token: &str, length: &str| {
            let head = format!(
                "POST /v5/devices/{device}/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: {length}\r\n\r\n"
            );
            wire.send(head.as_bytes());
            let reply = wire.reply();
            if length == OVER {
                wire = gate.device_wire();
            }
            reply
        };
        let replies = [
            ask("o1", &tokens[0], "0"),
            // What the device's own limit refuses costs the instance nothing.
            ask("o1", &tokens[0], "0"),
            ask("o1", &tokens[0], "0"),
            ask("o1", &tokens[0], "0"),
            ask("o1", &tokens[0], "0"),
            // The token before the device's limit, the device's limit before the announced length.
            ask("o1", "bad", "0"),
            ask("o1", &tokens[0], OVER),
            ask("o2", &tokens[1], "0"),
            // Two more, and the instance takes no more.
            gate.authenticate("nobody", SECRET),
            gate.authenticate("nobody", SECRET),
            gate.authenticate("nobody", SECRET),
            // For o2 both are reached: its own comes first. For o3 the instance's, before the announced length.
            ask("o2", &tokens[1], "0"),
            ask("o3", &tokens[2], OVER),
        ];
        // Each limit gives a place back after a part of a second: on a machine that is busy this shows nothing.
        (started.elapsed() < Duration::from_millis(200)).then_some(replies)
    };
    let replies = (0..20).find_map(|_| in_one_second()).unwrap();
    let codes: Vec<String> = replies
        .iter()
        .map(|reply| match reply.status {
            200 => String::new(),
            _ => reply.error_code(),
        })
        .collect();
    let (token, device, instance) = ("IOTDA.000004", "IOTDA.021101", "IOTDA.021102");
    let expected = [
        "",
        device,
        device,
        device,
        device,
        token,
        device,
        "",
        "IOTDA.000002",
        "IOTDA.000002",
        instance,
        device,
        instance,
    ];
    assert_eq!(codes, expected);
}
