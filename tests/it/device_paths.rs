//! The four device paths: what they take, what they refuse, and that what they took is there.

use crate::harness::{Gate, authentication, hour, password, report};

const SECRET: &str = "s3cret-of-the-device";

/// A product with one property of every type, and a device of it.
fn gate_with_types(more: &str) -> Gate {
    let gate = Gate::start();
    let model = r#"[{"service_id":"All","service_type":"All","properties":[
        {"property_name":"i","data_type":"int","min":"-5","max":"10","step":5,"method":"R"},
        {"property_name":"l","data_type":"long","method":"R"},
        {"property_name":"d","data_type":"decimal","min":"0","max":"1","step":0.1,"method":"R"},
        {"property_name":"s","data_type":"string","max_length":3,"method":"R"},
        {"property_name":"e","data_type":"enum","enum_list":["on","off"],"method":"R"},
        {"property_name":"b","data_type":"boolean","method":"R"},
        {"property_name":"t","data_type":"DateTime","method":"R"},
        {"property_name":"j","data_type":"jsonObject","max_length":10,"method":"R"},
        {"property_name":"q","data_type":"string list","max_length":2,"method":"W"}]}]"#;
    let made = gate.product("types", model, more);
    assert_eq!(made.status, 201, "{}", made.text());
    gate.device_of("types", "d1", SECRET, None);
    gate
}

#[test]
fn device_auth_takes_the_published_password_and_gives_a_token() {
    let gate = Gate::start();
    // The answer that is published with the documentation.
    gate.device("published", "12345678", None);
    let body = r#"{"device_id":"published","sign_type":0,"timestamp":"2025041401","password":"C75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"}"#;
    let reply = gate.device_post("/v5/device-auth", "", body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let answer = reply.json();
    assert_eq!(answer["expires_in"], 86399);
    assert!((32..=256).contains(&answer["access_token"].as_str().unwrap().len()));
}

#[test]
fn device_auth_answers_the_same_for_every_wrong_caller() {
    let gate = Gate::start();
    for id in ["good", "frozen", "parent"] {
        gate.device(id, SECRET, None);
    }
    gate.device("kid", SECRET, Some("parent"));
    assert_eq!(gate.api("POST", "/devices/frozen/freeze", "").status, 204);
    let strict = gate.product("strict", "[]", r#","require_sign_type_1":true"#);
    assert_eq!(strict.status, 201, "{}", strict.text());
    gate.device_of("strict", "strict1", SECRET, None);
    let mut bodies = Vec::new();
    for (device_id, secret) in [
        ("nobody", SECRET),
        ("good", "another-secret"),
        ("frozen", SECRET),
        ("kid", SECRET),
        ("strict1", SECRET),
    ] {
        let reply = gate.authenticate(device_id, secret);
        reply.assert_refused(401, "IOTDA.000002", "Authentication failed.");
        bodies.push(reply.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one answer for all of them");
    let body = authentication("strict1", SECRET, 1, &hour(0));
    assert_eq!(
        gate.device_post("/v5/device-auth", "", body.as_bytes()).status,
        200
    );
}

#[test]
fn sign_type_1_compares_the_hour_and_says_the_platforms() {
    let gate = Gate::start();
    gate.device("clock", SECRET, None);
    let ask = |device: &str, sign_type, moved| {
        let body = authentication(device, SECRET, sign_type, &hour(moved));
        gate.device_post("/v5/device-auth", "", body.as_bytes())
    };
    assert_eq!(ask("clock", 1, 0).status, 200);
    assert_eq!(ask("clock", 0, -500).status, 200, "sign_type 0 compares nothing");
    for device in ["clock", "nobody"] {
        let platform = hour(0);
        ask(device, 1, 3).assert_refused(401, "IOTDA.000002", &platform);
    }
    // One hour either way is drift. The hour of here and of the platform may differ for a moment: then once more.
    let within = |moved| {
        let before = hour(0);
        let replies = [ask("clock", 1, moved), ask("clock", 1, moved * 2)];
        let statuses = replies.map(|reply| reply.status);
        (before == hour(0)).then_some(statuses)
    };
    for moved in [-1, 1] {
        let statuses = within(moved).or_else(|| within(moved)).unwrap();
        assert_eq!(statuses, [200, 401], "{moved}");
    }
}

#[test]
fn device_auth_names_the_field_that_is_wrong() {
    let gate = Gate::start();
    let good = password(SECRET, "2026112308");
    for (body, part) in [
        (String::new(), "line 1"),
        ("[]".to_owned(), "must be a JSON object"),
        (
            format!(r#"["a",0,"2026112308","{good}"]"#),
            "must be a JSON object",
        ),
        (
            format!(r#"{{"pad":"{}"}}"#, "x".repeat(5000)),
            "cannot exceed 4096 bytes",
        ),
        (r#"{"sign_type":0}"#.to_owned(), "device_id: is missing"),
        (r#"{"device_id":7}"#.to_owned(), "device_id: must be a string"),
        (r#"{"device_id":"a b"}"#.to_owned(), "device_id:"),
        (r#"{"device_id":""}"#.to_owned(), "device_id:"),
        (format!(r#"{{"device_id":"{}"}}"#, "a".repeat(129)), "device_id:"),
        (r#"{"device_id":"a"}"#.to_owned(), "sign_type: is missing"),
        (r#"{"device_id":"a","sign_type":1e999}"#.to_owned(), "sign_type"),
        (
            r#"{"device_id":"a","sign_type":2}"#.to_owned(),
            "sign_type: must be the integer 0 or 1",
        ),
        (
            r#"{"device_id":"a","sign_type":"0"}"#.to_owned(),
            "sign_type: must be the integer 0 or 1",
        ),
        (
            r#"{"device_id":"a","sign_type":0,"timestamp":2026112308}"#.to_owned(),
            "timestamp: must be a string",
        ),
        (
            r#"{"device_id":"a","sign_type":0,"timestamp":"2026113108"}"#.to_owned(),
            "timestamp: must be an hour",
        ),
        (
            r#"{"device_id":"a","sign_type":0,"timestamp":"202611230"}"#.to_owned(),
            "timestamp: must be an hour",
        ),
        (
            r#"{"device_id":"a","sign_type":0,"timestamp":"20261123080"}"#.to_owned(),
            "timestamp: must be an hour",
        ),
        (
            r#"{"device_id":"a","sign_type":0,"timestamp":"2026112308"}"#.to_owned(),
            "password: is missing",
        ),
        (
            r#"{"device_id":"a","sign_type":0,"timestamp":"2026112308","password":"12"}"#.to_owned(),
            "password: must be 64",
        ),
        (
            format!(
                r#"{{"device_id":"a","sign_type":0,"timestamp":"2026112308","password":"{}"}}"#,
                "g".repeat(64)
            ),
            "password: must be 64",
        ),
        (
            format!(
                r#"{{"device_id":"a","device_id":"b","sign_type":0,"timestamp":"2026112308","password":"{good}"}}"#
            ),
            "device_id",
        ),
    ] {
        let reply = gate.device_post("/v5/device-auth", "", body.as_bytes());
        if body.is_empty() {
            reply.assert_refused(400, "IOTDA.000006", "Invalid input data.");
        } else {
            reply.assert_refused(400, "IOTDA.000006", part);
        }
    }
}

#[test]
fn a_report_that_fits_is_stored_in_the_devices_own_text() {
    let gate = gate_with_types("");
    let token = gate.token("d1", SECRET);
    let body = r#"{"services":[{"service_id":"All","properties":{"i":1e1,"l":9223372036854775807,"d":0.30,"s":"\u6e29x","e":"on","b":1,"t":"20261123T081530Z","j":{"k": 1},"q":["a","bc"]},"event_time":"2026-11-23T08:15:30.250Z"}]}"#;
    let reply = gate.report("d1", &token, body);
    assert_eq!((reply.status, reply.body.len()), (200, 0), "{}", reply.text());
    let raw = gate.api("GET", "/devices/d1/events", "").text();
    for text in [
        r#""i":1e1"#,
        r#""l":9223372036854775807"#,
        r#""d":0.30"#,
        r#""j":{"k": 1}"#,
        r#""event_time_ms":"2026-11-23T08:15:30.250Z""#,
    ] {
        assert!(raw.contains(text), "{text} is not in {raw}");
    }
    let event = &gate.events("d1", "&kind=property")[0];
    assert_eq!(event["resource"], "device.property");
    assert_eq!(event["notify_data"]["header"]["gateway_id"], "d1");
    assert_eq!(event["request_id"], reply.header("x-request-id").unwrap());
}

#[test]
fn a_report_that_breaks_the_model_is_refused_with_every_fault() {
    let gate = gate_with_types("");
    let token = gate.token("d1", SECRET);
    let refuse = |properties: &str, parts: &[&str]| {
        let reply = gate.report("d1", &token, &report("All", properties));
        reply.assert_refused(400, "IOTDA.000006", "Invalid input data.");
        for part in parts {
            assert!(
                reply.error_msg().contains(part),
                "{part} is not in {}",
                reply.error_msg()
            );
        }
    };
    refuse(
        r#"{"i":11}"#,
        &["services[0].properties.i: 11 is over the maximum 10"],
    );
    refuse(r#"{"i":-6}"#, &["-6", "minimum -5"]);
    refuse(r#"{"i":1}"#, &["services[0].properties.i", "step"]);
    refuse(r#"{"i":1.5}"#, &["services[0].properties.i"]);
    refuse(r#"{"l":9223372036854775808}"#, &["services[0].properties.l"]);
    refuse(r#"{"d":0.35}"#, &["services[0].properties.d"]);
    refuse(r#"{"s":"four"}"#, &["services[0].properties.s"]);
    refuse(r#"{"e":"dim"}"#, &["services[0].properties.e"]);
    refuse(r#"{"b":2}"#, &["services[0].properties.b"]);
    refuse(r#"{"t":"2026-02-30T00:00:00Z"}"#, &["services[0].properties.t"]);
    refuse(r#"{"j":{"too":"long"}}"#, &["services[0].properties.j"]);
    refuse(r#"{"q":["abc"]}"#, &["services[0].properties.q"]);
    refuse(r#"{"nope":1}"#, &["services[0].properties.nope"]);
    let other = gate.report("d1", &token, &report("Nope", "{}"));
    other.assert_refused(400, "IOTDA.000006", "services[0].service_id");
    let many: Vec<String> = (0..12).map(|n| format!(r#""x{n:02}":1"#)).collect();
    refuse(&format!("{{{}}}", many.join(",")), &["x00", "x09", "and 2 more"]);
    assert_eq!(gate.stored("d1"), 0, "nothing of them is stored");
}

#[test]
fn each_type_takes_what_its_row_of_the_table_says() {
    let gate = gate_with_types("");
    let token = gate.token("d1", SECRET);
    for properties in [
        r#"{"i":-5}"#,
        r#"{"i":10.0}"#,
        r#"{"i":0.5e1}"#,
        r#"{"i":-0}"#,
        r#"{"l":-9223372036854775808}"#,
        r#"{"l":9007199254740993}"#,
        r#"{"d":0}"#,
        r#"{"d":1.0}"#,
        r#"{"d":0.3}"#,
        r#"{"s":""}"#,
        r#"{"s":"\u6e29\u5ea6x"}"#,
        r#"{"e":"off"}"#,
        r#"{"b":true}"#,
        r#"{"b":false}"#,
        r#"{"b":0}"#,
        r#"{"t":"2026-11-23T08:15:30Z"}"#,
        r#"{"t":"2026-11-23T08:15:30.250Z"}"#,
        r#"{"t":"20261123T081530Z"}"#,
        r#"{"j":[1,2]}"#,
        r#"{"j":{}}"#,
        r#"{"q":[]}"#,
        "{}",
    ] {
        let reply = gate.report("d1", &token, &report("All", properties));
        assert_eq!(reply.status, 200, "{properties}: {}", reply.text());
    }
    for properties in [
        r#"{"i":"5"}"#,
        r#"{"i":null}"#,
        r#"{"I":5}"#,
        r#"{"l":1.5}"#,
        r#"{"d":"0.3"}"#,
        r#"{"s":1}"#,
        r#"{"e":1}"#,
        r#"{"b":"true"}"#,
        r#"{"t":20261123081530}"#,
        r#"{"t":"2026-11-23 08:15:30"}"#,
        r#"{"j":"{}"}"#,
        r#"{"q":[1]}"#,
        r#"{"q":"a"}"#,
    ] {
        let place = format!("services[0].properties.{}", &properties[2..3]);
        let reply = gate.report("d1", &token, &report("All", properties));
        reply.assert_refused(400, "IOTDA.000006", &place);
    }
    // An int has 32 bits, whatever its product says of its size; double is decimal, in any case; no list is no limit.
    let model = r#"[{"service_id":"S","service_type":"S","properties":[
        {"property_name":"p","data_type":"INT","method":"R"},
        {"property_name":"q","data_type":"Double","method":"R"},
        {"property_name":"r","data_type":"enum","method":"R"},
        {"property_name":"s","data_type":"string","max_length":0,"method":"R"}]}]"#;
    assert_eq!(gate.product("wide", model, "").status, 201);
    gate.device_of("wide", "w1", SECRET, None);
    let token = gate.token("w1", SECRET);
    let good = r#"{"p":2147483647,"q":1.25e-3,"r":"anything","s":"as long as it likes"}"#;
    assert_eq!(gate.report("w1", &token, &report("S", good)).status, 200);
    gate.report("w1", &token, &report("S", r#"{"p":2147483648}"#))
        .assert_refused(400, "IOTDA.000006", "services[0].properties.p");
}

#[test]
fn the_devices_time_stands_where_it_can_and_the_platforms_elsewhere() {
    let gate = Gate::start();
    gate.device("t1", SECRET, None);
    let token = gate.token("t1", SECRET);
    let stamped = |time: &str| {
        let body = format!(
            r#"{{"ignored":1,"services":[{{"service_id":"Meter","properties":{{"humidity":1}},"more":[]{time}}}]}}"#
        );
        let reply = gate.report("t1", &token, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let event = gate.events("t1", "&kind=property").swap_remove(0);
        assert_eq!(event["request_id"], reply.header("x-request-id").unwrap());
        let service = event["notify_data"]["body"]["services"][0].clone();
        (
            service["event_time_ms"].as_str().unwrap().to_owned(),
            event["event_time_ms"].as_str().unwrap().to_owned(),
        )
    };
    let (own, _) = stamped(r#","event_time":"2026-11-23T08:15:30.250Z""#);
    assert_eq!(own, "2026-11-23T08:15:30.250Z");
    let (own, _) = stamped(r#","event_time":"20261123T081530Z""#);
    assert_eq!(own, "2026-11-23T08:15:30.000Z");
    for time in [
        "",
        r#","event_time":"2026-11-23 08:15:30""#,
        r#","event_time":"2026-02-30T08:15:30.250Z""#,
        r#","event_time":1795421730"#,
        r#","event_time":null"#,
        r#","event_time":"2126-11-23T08:15:30.250Z""#,
    ] {
        let (own, platforms) = stamped(time);
        assert_eq!(own, platforms, "{time}");
    }
}

#[test]
fn filter_stores_what_fits_and_flag_stores_all_with_its_faults() {
    let gate = gate_with_types(r#","validation_mode":"filter""#);
    let token = gate.token("d1", SECRET);
    assert_eq!(
        gate.report("d1", &token, &report("All", r#"{"i":5,"s":"long"}"#))
            .status,
        200
    );
    assert_eq!(
        gate.report("d1", &token, &report("All", r#"{"s":"long"}"#))
            .status,
        200
    );
    let events = gate.events("d1", "&kind=property");
    assert_eq!(events.len(), 1, "nothing fits, no event");
    let properties = &events[0]["notify_data"]["body"]["services"][0]["properties"];
    assert_eq!(properties.to_string(), r#"{"i":5}"#);

    let model = r#"[{"service_id":"S","service_type":"S","properties":[{"property_name":"p","data_type":"int","method":"R"}]}]"#;
    assert_eq!(
        gate.product("flagging", model, r#","validation_mode":"flag""#)
            .status,
        201
    );
    gate.device_of("flagging", "f1", SECRET, None);
    let token = gate.token("f1", SECRET);
    assert_eq!(
        gate.report("f1", &token, &report("S", r#"{"p":"x"}"#)).status,
        200
    );
    let event = &gate.events("f1", "&kind=property")[0];
    assert_eq!(
        event["notify_data"]["body"]["services"][0]["properties"]["p"],
        "x"
    );
    assert!(event.to_string().contains("services[0].properties.p"), "{event}");
    // In every mode the shape must hold.
    for (device, secret) in [("d1", SECRET), ("f1", SECRET)] {
        let token = gate.token(device, secret);
        gate.report(device, &token, r#"{"services":[]}"#)
            .assert_refused(400, "IOTDA.000006", "services");
    }
}

#[test]
fn json_that_readers_may_read_differently_is_refused() {
    let gate = gate_with_types("");
    let token = gate.token("d1", SECRET);
    let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
    for body in [
        String::new(),
        "{".to_owned(),
        "\u{feff}{}".to_owned(),
        r#"{"services":[]} x"#.to_owned(),
        report("All", r#"{"i":5,"i":5}"#),
        report("All", r#"{"i":5,"\u0069":5}"#),
        report("All", r#"{"s":"\ud800"}"#),
        report("All", &format!(r#"{{"j":{deep}}}"#)),
        report("All", &format!(r#"{{"d":0.{}1}}"#, "0".repeat(400))),
        report("All", r#"{"d":1e1001}"#),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        r#"{"services":null}"#.to_owned(),
        r#"{"services":{}}"#.to_owned(),
        r#"{"services":[1]}"#.to_owned(),
        r#"{"services":[{"properties":{}}]}"#.to_owned(),
        r#"{"services":[{"service_id":"All"}]}"#.to_owned(),
        r#"{"services":[{"service_id":"All","properties":[]}]}"#.to_owned(),
        r#"{"services":[{"service_id":1,"properties":{}}]}"#.to_owned(),
    ] {
        let reply = gate.report("d1", &token, &body);
        reply.assert_refused(400, "IOTDA.000006", "Invalid input data. ");
    }
    let bytes = [
        &b"{\"services\":[{\"service_id\":\"\xff\""[..],
        b",\"properties\":{}}]}",
    ]
    .concat();
    let path = "/v5/devices/d1/sys/properties/report";
    gate.device_post(path, &token, &bytes)
        .assert_refused(400, "IOTDA.000006", "UTF-8");
    assert_eq!(gate.stored("d1"), 0);
    // The largest that is taken: 32 levels, of which the report has four, and 400 characters.
    let model = r#"[{"service_id":"S","service_type":"S","properties":[
        {"property_name":"j","data_type":"jsonObject","method":"R"},{"property_name":"d","data_type":"decimal","method":"R"}]}]"#;
    assert_eq!(gate.product("deep", model, "").status, 201);
    gate.device_of("deep", "deep1", SECRET, None);
    let token = gate.token("deep1", SECRET);
    let nested = |levels| format!(r#"{{"j":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let long = |digits: usize| format!(r#"{{"d":0.{}1}}"#, "0".repeat(digits - 3));
    for (properties, status) in [
        (nested(28), 200),
        (nested(29), 400),
        (long(400), 200),
        (long(401), 400),
        (r#"{"d":1e1000}"#.to_owned(), 200),
        (r#"{"d":1e-1001}"#.to_owned(), 400),
    ] {
        let reply = gate.report("deep1", &token, &report("S", &properties));
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[test]
fn a_service_named_twice_is_two_entries_in_order() {
    let gate = Gate::start();
    gate.device("s1", SECRET, None);
    let token = gate.token("s1", SECRET);
    let one = |value| format!(r#"{{"service_id":"Meter","properties":{{"humidity":{value}}}}}"#);
    let body = format!(r#"{{"services":[{},{}]}}"#, one(1), one(2));
    assert_eq!(gate.report("s1", &token, &body).status, 200);
    let services = gate.events("s1", "&kind=property")[0]["notify_data"]["body"]["services"].clone();
    let values = [0, 1].map(|index: usize| services[index]["properties"]["humidity"].clone());
    assert_eq!(values, [1, 2]);
}

#[test]
fn a_message_is_any_bytes_and_stays_as_it_is() {
    let gate = Gate::start();
    gate.device("m1", SECRET, None);
    let token = gate.token("m1", SECRET);
    for body in [&b""[..], b"plain text", b"{\"a\": 1.50}", b"\x00\xff\xfe"] {
        assert_eq!(gate.message("m1", &token, body).status, 200);
    }
    let events = gate.events("m1", "&kind=message");
    let content = |index: usize| &events[index]["notify_data"]["body"];
    assert_eq!(content(0)["content"], "AP/+");
    assert_eq!(content(0)["content_encoding"], "base64");
    assert_eq!(content(2)["content"], "plain text");
    assert_eq!(content(3)["content"], "");
    let raw = gate.api("GET", "/devices/m1/events?kind=message", "").text();
    assert!(
        raw.contains(r#""content":{"a":1.50}"#) || raw.contains(r#""content":{"a": 1.50}"#),
        "{raw}"
    );
}

#[test]
fn a_gateway_reports_for_its_children_and_nobody_elses() {
    let gate = Gate::start();
    for id in ["gw", "other"] {
        gate.device(id, SECRET, None);
    }
    gate.device("kid1", SECRET, Some("gw"));
    gate.device("grandkid", SECRET, Some("kid1"));
    gate.device("stranger", SECRET, Some("other"));
    let token = gate.token("gw", SECRET);
    let child = |id: &str, value: &str| {
        format!(
            r#"{{"device_id":"{id}","services":[{{"service_id":"Meter","properties":{{"humidity":{value}}}}}]}}"#
        )
    };
    let batch = |children: &[String]| format!(r#"{{"devices":[{}]}}"#, children.join(","));

    let reply = gate.batch(
        "gw",
        &token,
        &batch(&[child("kid1", "1"), child("grandkid", "2"), child("kid1", "3")]),
    );
    assert_eq!((reply.status, reply.body.len()), (200, 0), "{}", reply.text());
    assert_eq!(gate.stored("kid1"), 2, "a child named twice makes two events");
    let values: Vec<_> = gate
        .events("kid1", "&kind=property")
        .iter()
        .map(|event| event["notify_data"]["body"]["services"][0]["properties"]["humidity"].clone())
        .collect();
    assert_eq!(values, [3, 1], "in order, the newest first here");
    let event = &gate.events("grandkid", "&kind=property")[0];
    assert_eq!(event["request_id"], reply.header("x-request-id").unwrap());

    for foreign in ["stranger", "nobody", "gw"] {
        let body = batch(&[child("kid1", "1"), child(foreign, "1")]);
        let refused = gate.batch("gw", &token, &body);
        refused.assert_refused(400, "IOTDA.021104", &format!("devices[1].device_id: {foreign}"));
    }
    gate.batch(
        "gw",
        &token,
        &batch(&[child("kid1", "1"), child("grandkid", "101")]),
    )
    .assert_refused(
        400,
        "IOTDA.000006",
        "devices[1] (grandkid): services[0].properties.humidity: 101 is over",
    );
    gate.batch("gw", &token, r#"{"devices":[]}"#)
        .assert_refused(400, "IOTDA.000006", "devices");
    assert_eq!(gate.stored("kid1"), 2, "a refused batch leaves nothing");

    // Each child in its own product's mode.
    let model = r#"[{"service_id":"Meter","service_type":"M","properties":[{"property_name":"humidity","data_type":"int","max":"5","method":"R"}]}]"#;
    let filtering = gate.product("filtering", model, r#","validation_mode":"filter""#);
    assert_eq!(filtering.status, 201);
    gate.device_of("filtering", "kid2", SECRET, Some("gw"));
    let mixed = batch(&[child("kid2", "6"), child("kid1", "5"), child("kid2", "4")]);
    assert_eq!(gate.batch("gw", &token, &mixed).status, 200);
    assert_eq!(
        [gate.stored("kid1"), gate.stored("kid2")],
        [3, 1],
        "what does not fit is left out"
    );

    let fifty: Vec<String> = (0..50).map(|_| child("kid1", "4")).collect();
    assert_eq!(gate.batch("gw", &token, &batch(&fifty)).status, 200);
    // One more is refused before its shape is looked at.
    let more: Vec<String> = (0..51).map(|_| "{}".to_owned()).collect();
    gate.batch("gw", &token, &batch(&more))
        .assert_refused(403, "IOTDA.021103", "upper limit (50)");
}
