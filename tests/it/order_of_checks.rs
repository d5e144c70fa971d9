//! The order of checks (path, method, token, announced length, body, JSON, shape, children, model): a request that
//! fails two neighbours gets the answer of the first.

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
    // In a batch: the number, then every child's shape, then whether each belongs, then the models.
    let children = |entries: &[&str]| format!(r#"{{"devices":[{}]}}"#, entries.join(","));
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
