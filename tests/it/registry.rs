//! Changes of products and devices, tags, resource spaces, searches and the audit log (management-api.md §4, §5, §7, §8).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Gate, Reply, program_output, report};

const SECRET: &str = "s3cret-of-the-device";

fn model(max: &str) -> String {
    format!(
        r#"[{{"service_id":"S","service_type":"S","properties":[{{"property_name":"p","data_type":"int","min":0,"max":{max},"step":0.10,"method":"R"}}]}}]"#
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the answer of a call, where it is made"
)]
fn done(reply: Reply) -> Value {
    assert!([200, 201].contains(&reply.status), "{}", reply.text());
    reply.json()
}

#[test]
fn a_products_update_holds_for_the_next_report_and_keeps_its_devices() {
    let gate = Gate::start();
    let made = done(gate.product("p", &model("9"), r#","industry":"Water""#));
    let property = &made["service_capabilities"][0]["properties"][0];
    assert_eq!(
        (&property["min"], &property["max"]),
        (&json!("0"), &json!("9")),
        "strings, whatever was sent"
    );
    gate.device_of("p", "d", SECRET, None);
    let token = gate.token("d", SECRET);
    let send = |value: &str| gate.report("d", &token, &report("S", &format!(r#"{{"p":{value}}}"#)));
    send("50").assert_refused(400, "IOTDA.000006", "50 is over the maximum 9");
    let body = format!(
        r#"{{"name":"another","service_capabilities":{}}}"#,
        model("\"99\"")
    );
    let updated = done(gate.api("PUT", "/products/p", &body));
    let changed = Instant::now();
    assert_eq!(send("50").status, 200);
    send("100").assert_refused(400, "IOTDA.000006", "100 is over the maximum 99");
    assert!(changed.elapsed() < Duration::from_secs(1));
    assert_eq!(
        (&updated["name"], &updated["industry"]),
        (&json!("another"), &json!("Water"))
    );
    assert_eq!(updated["service_capabilities"][0]["properties"][0]["max"], "99");
    assert_eq!(gate.api("GET", "/products/p", "").json(), updated);
    assert_eq!(
        gate.api("GET", "/devices/d", "").json()["product_name"],
        "another"
    );
    // Each switch by itself.
    let put = |body: &str| gate.api("PUT", "/products/p", body);
    done(put(r#"{"validation_mode":"flag"}"#));
    assert_eq!(send("100").status, 200, "flagged and stored");
    done(put(r#"{"require_sign_type_1":true}"#));
    gate.authenticate("d", SECRET)
        .assert_refused(401, "IOTDA.000002", "");
    let cleared = done(put(r#"{"industry":"","protocol_type":"MQTT"}"#));
    assert_eq!(
        (cleared.get("industry"), &cleared["protocol_type"]),
        (None, &json!("MQTT"))
    );
    put(r#"{"protocol_type":"CoAP"}"#).assert_refused(
        400,
        "IOTDA.000006",
        "protocol_type: cannot be changed to CoAP",
    );
    put(r#"{"app_id":"nowhere"}"#).assert_refused(403, "IOTDA.001000", "app_id: nowhere");
    gate.api("PUT", "/products/none", "{}")
        .assert_refused(404, "IOTDA.013100", "product_id: none");
    assert_eq!(done(put("{}")), cleared, "nothing changes");
    assert_eq!(done(put("")), cleared);
}

#[test]
fn a_device_is_updated_and_its_fingerprints_are_reset() {
    let gate = Gate::start();
    gate.device("d", SECRET, None);
    let made = done(gate.api("GET", "/devices/d", ""));
    let put = |body: &str| gate.api("PUT", "/devices/d", body);
    let updated = done(put(
        r#"{"device_name":"name","description":"what","extension_info":{"k":null,"n":1.50},"auth_info":{"secure_access":false,"timeout":0}}"#,
    ));
    assert_eq!(
        (&updated["device_name"], &updated["description"]),
        (&json!("name"), &json!("what"))
    );
    assert_eq!(updated["auth_info"]["timeout"], 0, "where the request set it");
    assert_eq!(updated["auth_info"]["secure_access"], false);
    let shown = gate.api("GET", "/devices/d", "");
    assert!(
        shown.text().contains(r#""extension_info":{"k":null,"n":1.50}"#),
        "{}",
        shown.text()
    );
    assert!(shown.json()["auth_info"].get("timeout").is_none());
    for member in ["device_id", "product_id", "create_time", "gateway_id"] {
        assert_eq!(shown.json()[member], made[member]);
    }
    let cleared = done(put(r#"{"device_name":"","description":""}"#));
    assert_eq!(
        (cleared.get("device_name"), cleared.get("description")),
        (None, None)
    );
    assert!(cleared.get("extension_info").is_some());
    gate.api("PUT", "/devices/nobody", "{}")
        .assert_refused(404, "IOTDA.014000", "device_id: nobody");
    gate.token("d", SECRET);

    let reset = |body: &str| gate.api("POST", "/devices/d/reset-fingerprint", body);
    let (short, long) = ("ab".repeat(20), "CD".repeat(32));
    let first = done(reset(
        &json!({"fingerprint": short, "force_disconnect": true}).to_string(),
    ));
    assert_eq!(
        first,
        json!({"device_id": "d", "fingerprint": short, "fingerprint_type": "PRIMARY"})
    );
    done(reset(
        &json!({"fingerprint": long, "fingerprint_type": "SECONDARY"}).to_string(),
    ));
    let info = gate.api("GET", "/devices/d", "").json()["auth_info"].clone();
    assert_eq!(
        (&info["fingerprint"], &info["secondary_fingerprint"]),
        (&json!(short), &json!(long))
    );
    assert_eq!(
        done(reset("")),
        json!({"device_id": "d", "fingerprint_type": "PRIMARY"})
    );
    let info = gate.api("GET", "/devices/d", "").json()["auth_info"].clone();
    assert_eq!(
        (info.get("fingerprint"), &info["secondary_fingerprint"]),
        (None, &json!(long))
    );
    gate.api("POST", "/devices/nobody/reset-fingerprint", "")
        .assert_refused(404, "IOTDA.014000", "device_id: nobody");

    let body = json!({"device_id": "cert", "node_id": "cert", "product_id": "demo",
        "auth_info": {"auth_type": "CERTIFICATES", "secret": SECRET, "fingerprint": short}});
    let made = done(gate.api("POST", "/devices", &body.to_string()));
    assert_eq!(made["auth_info"]["fingerprint"], json!(short));
    assert!(made["auth_info"].get("secret").is_none());
    gate.authenticate("cert", SECRET)
        .assert_refused(401, "IOTDA.000002", "");
}

#[test]
fn a_child_reports_through_its_new_gateway_at_once() {
    let gate = Gate::start();
    for (id, gateway) in [
        ("one", None),
        ("two", None),
        ("kid", Some("one")),
        ("grandkid", Some("kid")),
        ("lone", Some("one")),
    ] {
        gate.device(id, SECRET, gateway);
    }
    let tokens = [gate.token("one", SECRET), gate.token("two", SECRET)];
    let batch = |gateway: usize, child: &str| {
        let body = format!(
            r#"{{"devices":[{{"device_id":"{child}","services":[{{"service_id":"Meter","properties":{{"temperature":1}}}}]}}]}}"#
        );
        gate.batch(["one", "two"][gateway], &tokens[gateway], &body)
    };
    assert_eq!(batch(0, "lone").status, 200);
    batch(1, "lone").assert_refused(400, "IOTDA.021104", "lone");
    let change = |id: &str, gateway: &str| {
        let body = json!({"gateway_id": gateway}).to_string();
        gate.api("POST", &format!("/devices/{id}/change-gateway"), &body)
    };
    assert_eq!(change("lone", "two").status, 204);
    assert_eq!(batch(1, "lone").status, 200);
    batch(0, "lone").assert_refused(400, "IOTDA.021104", "lone");
    assert_eq!(gate.api("GET", "/devices/lone", "").json()["gateway_id"], "two");
    let gateways: Vec<_> = gate
        .events("lone", "&kind=property")
        .iter()
        .map(|event| event["notify_data"]["header"]["gateway_id"].clone())
        .collect();
    assert_eq!(gateways, ["two", "one"], "as it was when each was taken in");
    for (id, gateway, status, code, part) in [
        ("nobody", "one", 404, "IOTDA.014000", "device_id: nobody"),
        ("lone", "nobody", 404, "IOTDA.014000", "gateway_id: nobody"),
        (
            "lone",
            "two",
            400,
            "IOTDA.000006",
            "gateway_id: is the device's gateway already",
        ),
        (
            "lone",
            "lone",
            400,
            "IOTDA.000006",
            "gateway_id: is the device's gateway already, or the device itself",
        ),
        ("lone", "a b", 400, "IOTDA.000006", "gateway_id: may hold only"),
        (
            "one",
            "two",
            403,
            "IOTDA.014103",
            "Only the gateway of a sub-device",
        ),
        ("kid", "two", 403, "IOTDA.014100", "Sub-devices exist"),
        ("lone", "grandkid", 403, "IOTDA.014101", "at most two levels"),
    ] {
        change(id, gateway).assert_refused(status, code, part);
    }
    gate.api("POST", "/devices/lone/change-gateway", "")
        .assert_refused(400, "IOTDA.000006", "gateway_id: is missing");
    let space = done(gate.api("POST", "/apps", r#"{"app_name":"elsewhere"}"#))["app_id"]
        .as_str()
        .unwrap()
        .to_owned();
    done(gate.product("q", "[]", &format!(r#","app_id":"{space}""#)));
    gate.device_of("q", "stranger", SECRET, None);
    change("lone", "stranger").assert_refused(403, "IOTDA.014104", "another application");
}

#[test]
fn tags_show_in_the_device_and_in_the_events_from_then_on() {
    let gate = Gate::start();
    gate.device("d", SECRET, None);
    gate.device("e", SECRET, None);
    let token = gate.token("d", SECRET);
    let call = |what: &str, body: Value| gate.api("POST", &format!("/tags/{what}"), &body.to_string());
    let bind = |id: &str, tags: Value| {
        call(
            "bind-resource",
            json!({"resource_type": "device", "resource_id": id, "tags": tags}),
        )
    };
    let unbind = |id: &str, keys: Value| {
        call(
            "unbind-resource",
            json!({"resource_type": "device", "resource_id": id, "tag_keys": keys}),
        )
    };
    assert_eq!(gate.message("d", &token, b"before").status, 200);
    let bound = bind(
        "d",
        json!([{"tag_key": "site", "tag_value": "3"}, {"tag_key": "位置_3.a-b"}]),
    );
    assert_eq!((bound.status, bound.body.len()), (200, 0), "{}", bound.text());
    assert_eq!(gate.message("d", &token, b"tagged").status, 200);
    assert_eq!(
        bind("d", json!([{"tag_key": "site", "tag_value": "4"}])).status,
        200
    );
    assert_eq!(gate.message("d", &token, b"again").status, 200);
    let shown = gate.api("GET", "/devices/d", "").json()["tags"].clone();
    assert_eq!(
        shown,
        json!([{"tag_key": "site", "tag_value": "4"}, {"tag_key": "位置_3.a-b"}])
    );
    let listed = gate.api("GET", "/devices?node_id=d", "").json()["devices"][0]["tags"].clone();
    assert_eq!(listed, shown);
    assert_eq!(unbind("d", json!(["site", "位置_3.a-b"])).status, 200);
    assert_eq!(gate.message("d", &token, b"after").status, 200);
    assert_eq!(gate.api("GET", "/devices/d", "").json()["tags"], json!([]));
    let tags: Vec<_> = gate
        .events("d", "&kind=message")
        .iter()
        .rev()
        .map(|event| event["notify_data"]["header"]["tags"][0]["tag_value"].clone())
        .collect();
    assert_eq!(tags, [Value::Null, json!("3"), json!("4"), Value::Null]);

    let many: Vec<_> = (0..10)
        .map(|n| json!({"tag_key": format!("k{n}"), "tag_value": "v"}))
        .collect();
    assert_eq!(bind("d", json!(many)).status, 200);
    bind("d", json!([{"tag_key": "one-more"}])).assert_refused(403, "IOTDA.004100", "upper limit (10)");
    assert_eq!(
        bind("d", json!([{"tag_key": "k3", "tag_value": "w"}])).status,
        200,
        "one that it has"
    );
    assert_eq!(
        bind("e", json!([{"tag_key": "k1", "tag_value": "w"}])).status,
        200
    );
    let query = |tags: Value, page: &str| {
        let body = json!({"resource_type": "device", "tags": tags}).to_string();
        gate.api("POST", &format!("/tags/query-resources{page}"), &body)
    };
    let found = |tags: Value, page: &str| {
        let found = done(query(tags, page));
        let ids: Vec<_> = found["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["resource_id"].as_str().unwrap())
            .collect();
        format!("{} of {}", ids.join(" "), found["page"]["count"])
    };
    assert_eq!(found(json!([{"tag_key": "k1"}]), ""), "e d of 2");
    assert_eq!(found(json!([{"tag_key": "k1", "tag_value": "v"}]), ""), "d of 1");
    assert_eq!(
        found(
            json!([{"tag_key": "k1", "tag_value": "w"}, {"tag_key": "k3", "tag_value": "w"}]),
            "?limit=1"
        ),
        "e of 2"
    );
    assert_eq!(found(json!([{"tag_key": "k1"}]), "?limit=1&offset=1"), "d of 2");
    assert_eq!(found(json!([{"tag_key": "none"}]), ""), " of 0");
    query(json!([{"tag_key": "k1"}]), "?limit=51").assert_refused(400, "IOTDA.000017", "limit");

    bind("nobody", json!([{"tag_key": "a"}])).assert_refused(404, "IOTDA.014000", "resource_id: nobody");
    unbind("nobody", json!(["a"])).assert_refused(404, "IOTDA.014000", "resource_id: nobody");
    unbind("d", json!(["k1", "none"])).assert_refused(
        400,
        "IOTDA.000006",
        "tag_keys: the device has no tag none",
    );
    assert_eq!(gate.api("DELETE", "/devices/d", "").status, 204);
    assert_eq!(found(json!([{"tag_key": "k1"}]), ""), "e of 1");
}

#[test]
fn resource_spaces_hold_products_of_their_own() {
    let gate = Gate::start();
    let made = gate.api("POST", "/apps", r#"{"app_name":"空间 one"}"#);
    made.assert_refused(400, "IOTDA.000006", "app_name: holds a character");
    let made = gate.api("POST", "/apps", r#"{"app_name":"空间-one"}"#);
    assert_eq!(made.status, 201);
    let space = done(made);
    let id = space["app_id"].as_str().unwrap();
    assert_eq!(
        (&space["app_name"], &space["default_app"]),
        (&json!("空间-one"), &json!(false))
    );
    assert_eq!(space["create_time"].as_str().unwrap().len(), 16);
    let path = format!("/apps/{id}");
    assert_eq!(done(gate.api("GET", &path, "")), space);
    let names = |query: &str| {
        let list = done(gate.api("GET", &format!("/apps{query}"), ""));
        assert!(list.get("page").is_none());
        let names: Vec<_> = list["applications"]
            .as_array()
            .unwrap()
            .iter()
            .map(|app| app["app_name"].as_str().unwrap())
            .collect();
        names.join(" ")
    };
    assert_eq!(names(""), "DefaultApp 空间-one");
    assert_eq!(names("?default_app=true"), "DefaultApp");
    assert_eq!(names("?default_app=false"), "空间-one");
    let renamed = done(gate.api("PUT", &path, r#"{"app_name":"second"}"#));
    assert_eq!(renamed["app_name"], "second");

    done(gate.product("p", "[]", &format!(r#","app_id":"{id}""#)));
    let default = done(gate.product("p", "[]", ""));
    assert_eq!(
        gate.api("GET", "/products/p", "").json()["app_name"],
        "DefaultApp"
    );
    let theirs = gate.api("GET", &format!("/products/p?app_id={id}"), "").json();
    assert_eq!(theirs["app_name"], "second");
    let body = format!(r#"{{"node_id":"n","product_id":"p","app_id":"{id}"}}"#);
    assert_eq!(done(gate.api("POST", "/devices", &body))["app_id"], id);
    let count = |path: &str| done(gate.api("GET", path, ""))["page"]["count"].clone();
    assert_eq!(count(&format!("/products?app_id={id}")), 1);
    assert_eq!(count(&format!("/devices?app_id={id}")), 1);
    let app = default["app_id"].as_str().unwrap();
    assert_eq!(count(&format!("/devices?app_id={app}")), 3);
    // Of one space alone.
    let body = format!(r#"{{"app_id":"{id}","name":"theirs"}}"#);
    assert_eq!(done(gate.api("PUT", "/products/p", &body))["app_name"], "second");
    assert_eq!(gate.api("GET", "/products/p", "").json()["name"], "p");

    gate.api("DELETE", &path, "")
        .assert_refused(403, "IOTDA.001100", "Products exist");
    gate.api("DELETE", &format!("/apps/{app}"), "").assert_refused(
        403,
        "IOTDA.001101",
        "default application",
    );
    assert_eq!(gate.api("DELETE", "/devices/p_n", "").status, 204);
    assert_eq!(
        gate.api("DELETE", &format!("/products/p?app_id={id}"), "").status,
        204
    );
    assert_eq!(gate.api("DELETE", &path, "").status, 204);
    assert_eq!(gate.api("GET", "/products/p", "").status, 200);
    for (method, path) in [
        ("GET", path.as_str()),
        ("PUT", path.as_str()),
        ("DELETE", path.as_str()),
        ("GET", "/apps/a%20b"),
        ("GET", "/products?app_id=nowhere"),
        ("GET", "/devices?app_id=nowhere"),
        ("GET", "/products/p?app_id=nowhere"),
        ("DELETE", "/products/p?app_id=nowhere"),
    ] {
        let body = if method == "PUT" {
            r#"{"app_name":"x"}"#
        } else {
            ""
        };
        gate.api(method, path, body)
            .assert_refused(403, "IOTDA.001000", "app_id: ");
    }
    let nowhere = r#"{"node_id":"n","product_id":"p","app_id":"nowhere"}"#;
    gate.api("POST", "/devices", nowhere)
        .assert_refused(403, "IOTDA.001000", "app_id: nowhere");
    for path in [
        "/products?app_id=a%20b",
        "/devices?app_id=a%20b",
        "/products/p?app_id=a%20b",
    ] {
        gate.api("GET", path, "")
            .assert_refused(400, "IOTDA.000006", "app_id: may hold only");
    }
    gate.api("GET", "/apps?default_app=yes", "").assert_refused(
        400,
        "IOTDA.000006",
        "default_app: must be true or false",
    );
}

#[test]
fn devices_are_searched_for() {
    let gate = Gate::start();
    let search = |sql: &str| gate.api("POST", "/search/query-devices", &json!({"sql": sql}).to_string());
    let found = done(search(
        "select * from device where product_id = 'demo' order by marker asc limit 1",
    ));
    assert!(found.get("count").is_none());
    let device = &found["devices"][0];
    assert_eq!(device["device_id"], "demo_meter1");
    for member in [
        "app_id",
        "node_id",
        "gateway_id",
        "status",
        "node_type",
        "tags",
        "groups",
        "modules",
    ] {
        assert!(device.get(member).is_some(), "{member} is missing in {device}");
    }
    assert_eq!(device["create_time"].as_str().unwrap().len(), 24);
    let marker = device["marker"].as_str().unwrap();
    assert_eq!(marker.len(), 24);
    let later = format!("SELECT device_id, marker FROM device WHERE marker > '{marker}' LIMIT 0, 1");
    let later = done(search(&later));
    let members: Vec<_> = later["devices"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["device_id", "marker"]);
    let count = done(search("select count(*) from device where node_type = 'GATEWAY'"));
    assert_eq!(count, json!({"devices": [], "count": 2}));
    assert_eq!(
        done(search("select count(1) from device where device_id = 'none'"))["count"],
        0
    );
    for (sql, part) in [
        ("", "sql: must not be empty"),
        ("delete from device", "sql: position 1"),
        (
            "select * from device where device_name = demo",
            "sql: position 42",
        ),
        ("select * from device limit 51", "sql: position"),
    ] {
        search(sql).assert_refused(400, "IOTDA.000006", part);
    }
    search(&format!(
        "select * from device where device_id = '{}'",
        "x".repeat(400)
    ))
    .assert_refused(400, "IOTDA.000006", "sql: is longer than 400 characters");
    gate.api("POST", "/search/query-devices", "{}")
        .assert_refused(400, "IOTDA.000006", "sql: is missing");
}

#[test]
fn the_audit_log_tells_who_did_what_and_what_came_of_it() {
    let gate = Gate::start();
    let admin = gate.admin.split(':').next().unwrap().to_owned();
    let (reader, project) = gate.key("reader");
    let reader_key = reader.split(':').next().unwrap().to_owned();
    done(gate.product("p", "[]", ""));
    gate.device_of("p", "d", SECRET, None);
    assert_eq!(gate.api("DELETE", "/products/p", "").status, 403);
    gate.product("p", "{}", "")
        .assert_refused(400, "IOTDA.000006", "service_capabilities");
    gate.api("PUT", "/devices/nobody", "{}")
        .assert_refused(404, "IOTDA.014000", "nobody");
    let path = format!("/v5/iot/{project}/devices/d");
    let refused = gate
        .management_wire()
        .call("DELETE", &path, &[("X-Auth-Token", &reader)], b"");
    refused.assert_refused(403, "IOTDA.000022", "reader");
    // What reads leaves nothing, and neither does who is not known.
    gate.api("GET", "/devices/nobody", "");
    gate.management_wire()
        .call("DELETE", &path, &[("X-Auth-Token", "no:body")], b"");
    let changed = gate.api("DELETE", "/devices/d", "");
    assert_eq!(changed.status, 204);
    let folder = gate.folder.to_str().unwrap();
    for command in ["disable", "delete"] {
        let output = program_output(&["keys", command, &reader_key, "--data-dir", folder], &[]);
        assert!(output.status.success(), "{output:?}");
    }

    let entries = |query: &str| {
        let list = done(gate.api("GET", &format!("/audit?limit=50{query}"), ""));
        let list = list["entries"].as_array().unwrap().clone();
        list.into_iter().rev().collect::<Vec<Value>>()
    };
    let told = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        format!(
            "{} {} {} {}",
            text("action"),
            text("resource"),
            text("from"),
            text("outcome")
        )
    };
    let by_admin = entries(&format!("&actor={admin}"));
    assert_eq!(
        by_admin.iter().map(told).collect::<Vec<_>>(),
        [
            "create_product /products/p 127.0.0.1 done",
            "add_device /devices/d 127.0.0.1 done",
            "delete_product /products/p 127.0.0.1 403 IOTDA.013102",
            "create_product /products 127.0.0.1 400 IOTDA.000006",
            "update_device /devices/nobody 127.0.0.1 404 IOTDA.014000",
            "delete_device /devices/d 127.0.0.1 done",
        ]
    );
    assert_eq!(by_admin[5]["request_id"].as_str(), changed.header("x-request-id"));
    assert_eq!(by_admin[0]["time"].as_str().unwrap().len(), 24);
    let by_reader: Vec<_> = entries(&format!("&actor={reader_key}"))
        .iter()
        .map(told)
        .collect();
    assert_eq!(by_reader, ["delete_device /devices/d 127.0.0.1 403 IOTDA.000022"]);
    let all: Vec<_> = entries("").iter().map(told).collect();
    for command in ["create_key", "disable_key", "delete_key"] {
        let keys = all
            .iter()
            .filter(|told| told.starts_with(command) && told.contains(&reader_key));
        assert_eq!(keys.count(), 1, "{command} in {all:#?}");
    }
    assert_eq!(
        entries("&start_time=20200101T000000Z&end_time=20210101T000000Z").len(),
        0
    );
    assert_eq!(entries("&actor=nobody").len(), 0);
    let first = done(gate.api("GET", &format!("/audit?limit=1&actor={admin}"), ""));
    let marker = first["page"]["marker"].as_str().unwrap();
    let next = done(gate.api(
        "GET",
        &format!("/audit?limit=1&actor={admin}&marker={marker}"),
        "",
    ));
    assert_eq!(
        (&first["page"]["count"], &next["entries"][0]["outcome"]),
        (&json!(6), &json!("404 IOTDA.014000"))
    );
}

#[test]
fn a_report_is_checked_as_a_device_would_be_answered_and_stored_nowhere() {
    let gate = Gate::start();
    gate.device("checked", "secret-secret", None);
    let token = gate.token("checked", "secret-secret");
    let broken = r#"{"services":[{"service_id":"Meter","properties":{"temperature":512.0,"humidity":40}}]}"#;
    for body in [
        broken,
        r#"{"services":[]}"#,
        "{",
        r#"{"services":[{"service_id":"None","properties":{}}]}"#,
    ] {
        let told = gate.report("checked", &token, body);
        let checked = gate.api("POST", "/products/demo/check-report", body);
        assert_eq!(checked.status, 200, "{}", checked.text());
        let (told, checked) = (told.json(), checked.json());
        assert_eq!(checked["status"], 400, "{checked}");
        assert_eq!(checked["error_code"], told["error_code"], "{checked}");
        assert_eq!(checked["error_msg"], told["error_msg"], "{checked}");
        assert!(checked.get("stored").is_none(), "{checked}");
    }
    let checked = gate.api("POST", "/products/demo/check-report", broken).json();
    let place = |name: &str| usize::try_from(checked["faults"][0][name].as_u64().unwrap()).unwrap();
    assert_eq!(&broken[place("from")..place("to")], "512.0");
    assert_eq!(checked["faults"][0]["kind"], "out_of_range");

    let fits = r#"{"services":[{"service_id":"Meter","properties":{"temperature":21.50}}]}"#;
    let checked = gate.api("POST", "/products/demo/check-report", fits);
    assert!(
        checked.text().contains(r#""properties":{"temperature":21.50}"#),
        "{}",
        checked.text()
    );
    assert_eq!(checked.json()["status"], 200);
    gate.api("PUT", "/products/demo", r#"{"validation_mode":"filter"}"#);
    let checked = gate.api("POST", "/products/demo/check-report", broken);
    assert_eq!(
        (&checked.json()["status"], &checked.json()["fault_count"]),
        (&200.into(), &1.into())
    );
    assert!(
        checked.text().contains(r#""properties":{"humidity":40}"#),
        "{}",
        checked.text()
    );
    let events = gate
        .api("GET", "/devices/checked/events?kind=property", "")
        .json();
    assert_eq!(events["page"]["count"], 0, "nothing was stored");
    assert_eq!(gate.api("POST", "/products/none/check-report", fits).status, 404);
}
