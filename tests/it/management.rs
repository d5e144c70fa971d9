//! The management API: products, devices, who may do what, and health.

use serde_json::json;

use crate::harness::{Gate, Reply};

const MODEL: &str = r#"[{"service_id":"S","service_type":"S","properties":[{"property_name":"p","data_type":"int","min":"0","max":"9","method":"R"}]}]"#;

#[test]
fn products_are_made_listed_shown_and_deleted() {
    let gate = Gate::start();
    let made = gate.product(
        "p1",
        MODEL,
        r#","manufacturer_name":"Maker","description":"a b; c","validation_mode":"flag""#,
    );
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("content-type"), Some("application/json"));
    let product = made.json();
    assert_eq!(product["product_id"], "p1");
    assert_eq!(product["app_name"], "DefaultApp");
    assert_eq!(product["validation_mode"], "flag");
    assert_eq!(product["service_capabilities"][0]["properties"][0]["max"], "9");
    assert_eq!(product["create_time"].as_str().unwrap().len(), 16);
    assert_eq!(gate.api("GET", "/products/p1", "").json(), product);
    gate.product("p1", MODEL, "")
        .assert_refused(400, "IOTDA.013101", "already exists");

    let generated = gate.api("POST", "/products", r#"{"name":"n","device_type":"t","protocol_type":"MQTT","data_format":"json","service_capabilities":[]}"#);
    assert_eq!(generated.json()["product_id"].as_str().unwrap().len(), 24);
    let list = gate.api("GET", "/products", "").json();
    assert_eq!(list["page"]["count"], 3);
    assert_eq!(list["products"].as_array().unwrap().len(), 3);
    assert_eq!(list["products"][1]["product_id"], "p1", "newest first");
    assert!(list["products"][1].get("service_capabilities").is_none());
    let page = gate.api("GET", "/products?limit=1", "").json();
    let marker = page["page"]["marker"].as_str().unwrap();
    assert_eq!(marker.len(), 24);
    let next = gate
        .api("GET", &format!("/products?limit=1&marker={marker}"), "")
        .json();
    assert_eq!(next["products"][0]["product_id"], "p1");
    assert_eq!(next["page"]["count"], 3);
    let named = gate.api("GET", "/products?product_name=p1", "").json();
    assert_eq!(named["page"]["count"], 1);
    let sdk = gate.api(
        "GET",
        "/products?limit=50&offset=0&marker=ffffffffffffffffffffffff",
        "",
    );
    assert_eq!(sdk.json()["products"].as_array().unwrap().len(), 3);

    gate.device_of("p1", "in-use", "secret-secret", None);
    gate.api("DELETE", "/products/p1", "")
        .assert_refused(403, "IOTDA.013102", "Devices exist");
    assert_eq!(gate.api("DELETE", "/devices/in-use", "").status, 204);
    assert_eq!(gate.api("DELETE", "/products/p1", "").status, 204);
    gate.api("GET", "/products/p1", "")
        .assert_refused(404, "IOTDA.013100", "p1");
}

#[test]
fn a_products_fields_are_checked_one_by_one() {
    let gate = Gate::start();
    let base = json!({"name":"n","device_type":"t","protocol_type":"HTTPS","data_format":"json","service_capabilities":[]});
    let with = |key: &str, value: serde_json::Value| {
        let mut body = base.clone();
        body[key] = value;
        gate.api("POST", "/products", &body.to_string())
    };
    for (key, value, part) in [
        ("name", json!(null), "name: is missing"),
        ("name", json!(""), "name: must not be empty"),
        ("name", json!("x".repeat(65)), "name: is longer than 64"),
        ("name", json!("a<b"), "name: holds a character"),
        ("device_type", json!(5), "device_type: must be a string"),
        (
            "protocol_type",
            json!("FTP"),
            "protocol_type: must be one of MQTT",
        ),
        ("data_format", json!("xml"), "data_format: must be one of"),
        ("product_id", json!("a b"), "product_id:"),
        ("product_id", json!("x".repeat(37)), "product_id:"),
        (
            "validation_mode",
            json!("strict"),
            "validation_mode: must be one of reject, filter, flag",
        ),
        (
            "require_sign_type_1",
            json!("true"),
            "require_sign_type_1: must be true or false",
        ),
        ("service_capabilities", json!({}), "service_capabilities"),
        (
            "service_capabilities",
            json!([{"service_id":"S"}]),
            "service_capabilities[0].service_type",
        ),
        (
            "service_capabilities",
            json!([{"service_id":"S","service_type":"S","properties":[{"property_name":"p","data_type":"text","method":"R"}]}]),
            "data_type",
        ),
        (
            "description",
            json!("x".repeat(129)),
            "description: is longer than 128",
        ),
    ] {
        with(key, value).assert_refused(400, "IOTDA.000006", part);
    }
    with("app_id", json!("nospace")).assert_refused(403, "IOTDA.001000", "nospace");
    assert_eq!(
        with(
            "name",
            json!("温度 sensor").to_string().replace(['"', ' '], "").into()
        )
        .status,
        201
    );
    gate.api("POST", "/products", "{")
        .assert_refused(400, "IOTDA.000008", "The body");
    gate.api("POST", "/products", "[]")
        .assert_refused(400, "IOTDA.000008", "must be a JSON object");
}

#[test]
fn devices_are_made_listed_shown_and_deleted() {
    let gate = Gate::start();
    let made = gate.api("POST", "/devices", r#"{"node_id":"n1","product_id":"demo","device_name":"name","description":"what","extension_info":{"k":null,"n":1.50},"auth_info":{"auth_type":"SECRET","secure_access":true}}"#);
    assert_eq!(made.status, 201, "{}", made.text());
    let device = made.json();
    assert_eq!(device["device_id"], "demo_n1");
    assert_eq!(device["gateway_id"], "demo_n1");
    assert_eq!(device["node_type"], "GATEWAY");
    assert_eq!(device["status"], "INACTIVE");
    assert_eq!(device["auth_info"]["secret"].as_str().unwrap().len(), 32);
    assert!(made.text().contains(r#""extension_info":{"k":null,"n":1.50}"#));
    assert_eq!(gate.api("GET", "/devices/demo_n1", "").json(), device);
    let told = gate.events("demo_n1", "&kind=device")[0]["notify_data"]["body"].clone();
    assert_eq!(
        told["auth_info"],
        json!({"auth_type": "SECRET", "secure_access": true})
    );
    gate.token("demo_n1", device["auth_info"]["secret"].as_str().unwrap());
    let online = gate.api("GET", "/devices/demo_n1", "").json();
    assert_eq!(online["status"], "ONLINE");
    assert_eq!(online["active_time"].as_str().map(str::len), Some(24), "{online}");
    assert_eq!(online["connection_status_update_time"], online["active_time"]);
    gate.api("POST", "/devices", r#"{"node_id":"n1","product_id":"demo"}"#)
        .assert_refused(400, "IOTDA.014031", "already exists");

    gate.device("kid", "secret-secret", Some("demo_n1"));
    gate.device("grandkid", "secret-secret", Some("kid"));
    let shown = gate.api("GET", "/devices/grandkid", "").json();
    assert_eq!(
        (shown["gateway_id"].as_str(), shown["node_type"].as_str()),
        (Some("kid"), Some("ENDPOINT"))
    );
    gate.api(
        "POST",
        "/devices",
        r#"{"node_id":"n9","product_id":"demo","gateway_id":"grandkid"}"#,
    )
    .assert_refused(403, "IOTDA.014101", "at most two levels");
    gate.api(
        "POST",
        "/devices",
        r#"{"node_id":"n9","product_id":"demo","gateway_id":"nobody"}"#,
    )
    .assert_refused(404, "IOTDA.014000", "gateway_id: nobody");

    let count =
        |query: &str| gate.api("GET", &format!("/devices?{query}"), "").json()["page"]["count"].clone();
    assert_eq!(count(""), 6);
    assert_eq!(count("gateway_id=demo_n1"), 1);
    assert_eq!(count("gateway_id=demo_n1&is_cascade_query=true"), 2);
    assert_eq!(count("node_id=n1"), 1);
    assert_eq!(count("device_name=name"), 1);
    assert_eq!(count("product_id=demo"), 6);
    assert_eq!(count("product_id=none"), 0);
    assert_eq!(count("start_time=20200101T000000Z&end_time=20210101T000000Z"), 0);
    let list = gate.api("GET", "/devices?node_id=n1", "").json();
    assert!(
        list["devices"][0].get("auth_info").is_none(),
        "lists show no secret"
    );

    gate.api("DELETE", "/devices/kid", "")
        .assert_refused(403, "IOTDA.014100", "Sub-devices exist");
    assert_eq!(gate.api("DELETE", "/devices/grandkid", "").status, 204);
    assert_eq!(gate.api("DELETE", "/devices/kid", "").status, 204);
    gate.api("GET", "/devices/kid", "")
        .assert_refused(404, "IOTDA.014000", "kid");
}

#[test]
fn a_devices_fields_are_checked_one_by_one() {
    let gate = Gate::start();
    for (body, status, code, part) in [
        (r"{}", 400, "IOTDA.000006", "node_id: is missing"),
        (
            r#"{"node_id":"n"}"#,
            400,
            "IOTDA.000006",
            "product_id: is missing",
        ),
        (
            r#"{"node_id":"n","product_id":"none"}"#,
            404,
            "IOTDA.013100",
            "none",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","app_id":"none"}"#,
            403,
            "IOTDA.001000",
            "app_id: none",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","device_name":"a b"}"#,
            400,
            "IOTDA.000006",
            "device_name: holds a character that is not allowed: ' '",
        ),
        (
            r#"{"node_id":"meter1","product_id":"demo"}"#,
            400,
            "IOTDA.014031",
            "device_id: demo_meter1",
        ),
        (
            r#"{"node_id":"n.","product_id":"demo"}"#,
            400,
            "IOTDA.000006",
            "node_id",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","device_id":"a b"}"#,
            400,
            "IOTDA.000006",
            "device_id",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","auth_info":{"secret":"short"}}"#,
            400,
            "IOTDA.000006",
            "auth_info.secret: must be 8 to 32",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","auth_info":7}"#,
            400,
            "IOTDA.000006",
            "auth_info: must be an object",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","auth_info":{"auth_type":"NONE"}}"#,
            400,
            "IOTDA.000006",
            "auth_info.auth_type",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","auth_info":{"timeout":-5}}"#,
            400,
            "IOTDA.000006",
            "auth_info.timeout",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","extension_info":[]}"#,
            400,
            "IOTDA.000006",
            "extension_info: must be an object",
        ),
        (
            r#"{"node_id":"n","product_id":"demo","shadow":[{"service_id":"Meter","desired":{"nothing":1}}]}"#,
            400,
            "IOTDA.000006",
            "shadow[0].desired.nothing: is no property of the service",
        ),
    ] {
        gate.api("POST", "/devices", body)
            .assert_refused(status, code, part);
    }
}

#[test]
fn freezing_and_resetting_follow_their_rules() {
    let gate = Gate::start();
    let act = |device: &str, what: &str| gate.api("POST", &format!("/devices/{device}/{what}"), "");
    act("demo_sensor1", "freeze").assert_refused(403, "IOTDA.014038", "sub-devices");
    act("demo_meter1", "unfreeze").assert_refused(403, "IOTDA.014040", "not frozen");
    assert_eq!(act("demo_meter1", "freeze").status, 204);
    act("demo_meter1", "freeze").assert_refused(403, "IOTDA.014039", "already frozen");
    assert_eq!(
        gate.api("GET", "/devices/demo_meter1", "").json()["status"],
        "FROZEN"
    );
    assert_eq!(act("demo_meter1", "unfreeze").status, 204);
    assert_eq!(
        gate.api("GET", "/devices/demo_meter1", "").json()["status"],
        "INACTIVE"
    );
    act("nobody", "freeze").assert_refused(404, "IOTDA.014000", "nobody");

    act("demo_meter1", "action").assert_refused(400, "IOTDA.000006", "action_id: must be resetSecret");
    let reset = act("demo_meter1", "action?action_id=resetSecret");
    assert_eq!(reset.status, 200, "{}", reset.text());
    let answer = reset.json();
    assert_eq!(answer["secret_type"], "PRIMARY");
    gate.token("demo_meter1", answer["secret"].as_str().unwrap());
    let bad = gate.api(
        "POST",
        "/devices/demo_meter1/action?action_id=resetSecret",
        r#"{"secret":"sp ace sp"}"#,
    );
    bad.assert_refused(400, "IOTDA.000006", "secret: must be 8 to 32");
    let kinds: Vec<_> = gate
        .events("demo_meter1", "&kind=device")
        .iter()
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["update", "update", "update", "create"]);
    let raw = gate.api("GET", "/devices/demo_meter1/events", "").text();
    assert!(!raw.contains("secret"), "an event never holds a secret: {raw}");
}

#[test]
fn callers_are_known_and_readers_only_read() {
    let gate = Gate::start();
    let (reader, project) = gate.key("reader");
    let call = |token: &str, method: &str, path: &str| -> Reply {
        let headers = [("X-Auth-Token", token)];
        let headers = if token.is_empty() {
            &headers[..0]
        } else {
            &headers[..]
        };
        gate.management_wire().call(method, path, headers, b"")
    };
    let at = |path: &str| format!("/v5/iot/{project}{path}");
    call("", "GET", &at("/products")).assert_refused(401, "IOTDA.000002", "X-Auth-Token");
    for bad in ["x", "a:b", "AAAAAAAAAAAAAAAAAAAA:b", &format!("{}x", gate.admin)] {
        call(bad, "GET", &at("/products")).assert_refused(403, "IOTDA.000004", "");
    }
    assert_eq!(call(&reader, "GET", &at("/products")).status, 200);
    assert_eq!(
        call(&reader, "GET", &at("/devices/demo_meter1/events")).status,
        200
    );
    for (method, path) in [
        ("POST", "/products"),
        ("DELETE", "/products/demo"),
        ("POST", "/devices"),
        ("DELETE", "/devices/demo_meter1"),
        ("POST", "/devices/demo_meter1/freeze"),
        ("POST", "/devices/demo_meter1/unfreeze"),
        ("POST", "/devices/demo_meter1/action?action_id=resetSecret"),
    ] {
        call(&reader, method, &at(path)).assert_refused(403, "IOTDA.000022", "");
    }
    call(&gate.admin, "GET", "/v5/iot/another/products").assert_refused(403, "IOTDA.000021", "");
    call(&gate.admin, "GET", &at("/nothing")).assert_refused(404, "IOTDA.000029", "/nothing");
    let wrong = call(&gate.admin, "PUT", &at("/devices/demo_meter1/freeze"));
    assert_eq!(
        (wrong.status, wrong.header("allow")),
        (405, Some("POST")),
        "{}",
        wrong.text()
    );
    for health in ["/healthz", "/readyz"] {
        assert_eq!(call("", "GET", health).status, 200);
    }
}

#[test]
fn paging_and_times_are_checked() {
    let gate = Gate::start();
    for (query, code, part) in [
        ("limit=0", "IOTDA.000017", "limit: must be 1 to 50"),
        ("limit=51", "IOTDA.000017", "limit"),
        ("limit=x", "IOTDA.000017", "limit"),
        ("marker=12", "IOTDA.000018", "marker"),
        ("offset=501", "IOTDA.000006", "offset: must be 0 to 500"),
        ("start_time=2026", "IOTDA.000009", "start_time"),
        (
            "start_time=20260102T000000Z&end_time=20260101T000000Z",
            "IOTDA.000010",
            "",
        ),
        ("is_cascade_query=yes", "IOTDA.000006", "is_cascade_query"),
    ] {
        gate.api("GET", &format!("/devices?{query}"), "")
            .assert_refused(400, code, part);
    }
    gate.api("GET", "/devices/demo_meter1/events?kind=nothing", "")
        .assert_refused(400, "IOTDA.000006", "kind");
}

#[test]
fn a_devices_events_are_paged_newest_first_across_index_and_tail() {
    let gate = Gate::builder()
        .with("STORAGE__FOLLOWER_INTERVAL_MS", "50")
        .start();
    gate.device("pages", "secret-secret", None);
    let token = gate.token("pages", "secret-secret");
    for number in 0..7 {
        let body = format!("message {number}");
        assert_eq!(gate.message("pages", &token, body.as_bytes()).status, 200);
        // Some are indexed by now, the last are not.
        if number == 3 {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    }
    let mut seen = Vec::new();
    let mut marker = "f".repeat(24);
    loop {
        let path = format!("/devices/pages/events?kind=message&limit=3&marker={marker}");
        let page = gate.api("GET", &path, "").json();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            break;
        }
        seen.extend(events.iter().map(|event| {
            event["notify_data"]["body"]["content"]
                .as_str()
                .unwrap()
                .to_owned()
        }));
        marker = page["page"]["marker"].as_str().unwrap().to_owned();
    }
    let expected: Vec<String> = (0..7).rev().map(|number| format!("message {number}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn metrics_count_what_happened() {
    let gate = Gate::start();
    gate.device("m1", "secret-secret", None);
    let token = gate.token("m1", "secret-secret");
    assert_eq!(gate.message("m1", &token, b"x").status, 200);
    let unfit = r#"{"services":[{"service_id":"Meter","properties":{"humidity":101}}]}"#;
    assert_eq!(gate.report("m1", &token, unfit).status, 400);
    let reply = gate.management_wire().call("GET", "/metrics", &[], b"");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4"));
    let text = reply.text();
    for line in [
        r#"fieldgate_requests_total{code="",path="messages",status="200"} 1"#,
        r#"fieldgate_requests_total{code="IOTDA.000006",path="properties",status="400"} 1"#,
        r#"fieldgate_validation_faults_total{kind="out_of_range"} 1"#,
        r#"fieldgate_request_seconds_count{path="device-auth"} 1"#,
        "fieldgate_writer_queue_rows 0",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    for name in [
        "fieldgate_handshakes_total{kind=\"resumed\"}",
        "fieldgate_connections 1",
        "fieldgate_store_bytes ",
        "fieldgate_commit_seconds_count ",
        "fieldgate_certificate_end_timestamp_seconds 1",
    ] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

/// The trace of a device, once it has this many entries.
fn trace_of(gate: &Gate, device: &str, entries: usize) -> Vec<serde_json::Value> {
    for _ in 0..100 {
        let page = gate.api("GET", &format!("/devices/{device}/trace"), "").json();
        let found = page["entries"].as_array().unwrap().clone();
        if found.len() >= entries {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{device} has no {entries} entries");
}

#[test]
fn a_devices_trace_says_why_it_was_refused_and_folds_what_is_equal() {
    let gate = Gate::start();
    gate.device("tr1", "secret-secret", None);
    assert_eq!(gate.authenticate("tr1", "wrong-secret").status, 401);
    let token = gate.token("tr1", "secret-secret");
    let unfit = r#"{"services":[{"service_id":"Meter","properties":{"humidity":101}}]}"#;
    for _ in 0..3 {
        assert_eq!(gate.report("tr1", &token, unfit).status, 400);
    }
    gate.message("tr1", "bad-token", b"x")
        .assert_refused(403, "IOTDA.000004", "");
    let late =
        r#"{"services":[{"service_id":"Meter","properties":{"humidity":1},"event_time":"yesterday"}]}"#;
    assert_eq!(gate.report("tr1", &token, late).status, 200);
    let entries = trace_of(&gate, "tr1", 4);
    let find = |part: &str| {
        entries
            .iter()
            .find(|entry| entry["error_msg"].as_str().unwrap().contains(part))
            .unwrap_or_else(|| panic!("{part:?} is not in {entries:?}"))
    };
    assert_eq!(find("wrong password")["status"], 401);
    assert_eq!(find("wrong password")["path"], "/v5/device-auth");
    assert_eq!(find("humidity: 101 is over the maximum 100")["count"], 3);
    assert_eq!(find("humidity")["error_code"], "IOTDA.000006");
    assert_eq!(find("event_time")["status"], 200);
    assert_eq!(entries.iter().filter(|entry| entry["status"] == 403).count(), 1);
    let raw = gate.api("GET", "/devices/tr1/trace", "").text();
    assert!(
        !raw.contains("secret-secret") && !raw.contains("bad-token") && !raw.contains(&token),
        "{raw}"
    );

    assert_eq!(gate.api("DELETE", "/devices/tr1", "").status, 204);
    gate.device("tr1", "secret-secret", None);
    let anew = gate.api("GET", "/devices/tr1/trace", "").json();
    assert_eq!(anew["entries"].as_array().unwrap().len(), 0);
}
