//! Tags, spaces and lists.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_rule_of_a_tag_and_of_a_space_takes_and_refuses() {
    let gate = Gate::start();
    gate.device("d", SECRET, None);
    let resource_type = || {
        rule(
            "/resource_type",
            [json!("device")],
            [(json!(null), MISSING), (json!("product"), OF)],
        )
    };
    let resource_id = || {
        rule(
            "/resource_id",
            [json!("d")],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(129), "is longer than 128"),
            ],
        )
    };
    let tags = || {
        vec![
            rule(
                "/tags/0/tag_key",
                [long(64), json!("位置_3.a-b")],
                [
                    (json!(null), MISSING),
                    (json!(""), EMPTY),
                    (long(65), "is longer than 64"),
                    (json!("a b"), CHARACTER),
                    (json!("a/b"), CHARACTER),
                ],
            ),
            rule(
                "/tags/0/tag_value",
                [long(128), json!("位置_3.a-b"), json!(null)],
                [
                    (long(129), "is longer than 128"),
                    (json!("a b"), CHARACTER),
                    (json!(3), STRING),
                ],
            ),
            rule(
                "/tags",
                [many(1, |_| json!({"tag_key": "a"}))],
                [
                    (json!(null), "must name at least one"),
                    (json!([]), "must name at least one"),
                    (json!({}), ARRAY),
                    (many(51, |n| json!({"tag_key": format!("k{n}")})), "has more than"),
                ],
            ),
        ]
    };
    let base = json!({"resource_type": "device", "resource_id": "d", "tags": [{"tag_key": "a"}]});
    let mut rules = tags();
    rules.extend([resource_type(), resource_id()]);
    rules.push(rule(
        "/tags/1/tag_key",
        [json!("b")],
        [(json!("a"), "stands twice")],
    ));
    let two =
        json!({"resource_type": "device", "resource_id": "d", "tags": [{"tag_key": "a"}, {"tag_key": "c"}]});
    let (last, rest) = rules.split_last().unwrap();
    let bind = |body: &str| gate.api("POST", "/tags/bind-resource", body);
    try_all(rest, &base, |_| {}, bind);
    try_all(std::slice::from_ref(last), &two, |_| {}, bind);
    let reserved = with(&base, "/tags/0/tag_key", &json!("iot_x")).to_string();
    let eleven = with(&base, "/tags", &many(11, |n| json!({"tag_key": format!("k{n}")}))).to_string();
    bind(&eleven).assert_refused(403, "IOTDA.004100", "upper limit (10)");
    bind(&reserved).assert_refused(400, "IOTDA.004002", "tags[0].tag_key: iot_x");

    let mut rules = tags();
    rules.push(resource_type());
    let base = json!({"resource_type": "device", "tags": [{"tag_key": "a"}]});
    try_all(
        &rules,
        &base,
        |_| {},
        |body| gate.api("POST", "/tags/query-resources", body),
    );

    let base = json!({"resource_type": "device", "resource_id": "d", "tag_keys": ["a"]});
    let again = || {
        let body = json!({"resource_type": "device", "resource_id": "d", "tags": [{"tag_key": "a"}]});
        assert_eq!(bind(&body.to_string()).status, 200);
    };
    let rules = [
        resource_type(),
        resource_id(),
        rule(
            "/tag_keys",
            [json!(["a"])],
            [
                (json!(null), "must name at least one"),
                (json!([]), "must name at least one"),
                (json!("a"), ARRAY),
                (json!(["none"]), "the device has no tag none"),
            ],
        ),
        rule("/tag_keys/0", [json!("a")], [(json!(7), STRING)]),
    ];
    try_all(
        &rules,
        &base,
        |_| again(),
        |body| gate.api("POST", "/tags/unbind-resource", body),
    );
    let twice = with(&base, "/tag_keys", &json!(["a", "a"])).to_string();
    gate.api("POST", "/tags/unbind-resource", &twice).assert_refused(
        400,
        "IOTDA.000006",
        "tag_keys[1]: stands twice",
    );

    let app_name = || {
        rule(
            "/app_name",
            [long(64), name()],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(65), "is longer than 64"),
                (json!("a b"), CHARACTER),
                (json!(5), STRING),
            ],
        )
    };
    try_all(
        &[app_name()],
        &json!({"app_name": "a"}),
        |_| {},
        |body| gate.api("POST", "/apps", body),
    );
    let made = gate.api("POST", "/apps", r#"{"app_name":"b"}"#).json();
    let path = format!("/apps/{}", made["app_id"].as_str().unwrap());
    try_all(
        &[app_name()],
        &json!({"app_name": "a"}),
        |_| {},
        |body| gate.api("PUT", &path, body),
    );
}

#[test]
fn every_list_checks_its_page_and_its_times() {
    let gate = Gate::start();
    for (path, times) in [
        ("/products", false),
        ("/devices", true),
        ("/devices/demo_meter1/events", true),
        ("/audit", true),
    ] {
        let get = |query: &str| gate.api("GET", &format!("{path}?{query}"), "");
        for query in [
            "limit=1",
            "limit=50",
            "offset=500",
            "marker=ffffffffffffffffffffffff",
            "marker=&limit=&offset=",
        ] {
            assert_eq!(get(query).status, 200, "{path} {query}");
        }
        for query in ["limit=0", "limit=51", "limit=x", "limit=-1"] {
            get(query).assert_refused(400, "IOTDA.000017", "limit: must be 1 to 50");
        }
        for query in [
            "marker=abc",
            "marker=gggggggggggggggggggggggg",
            "marker=fffffffffffffffffffffffff",
        ] {
            get(query).assert_refused(400, "IOTDA.000018", "marker: must be 24");
        }
        get("offset=501").assert_refused(400, "IOTDA.000006", "offset: must be 0 to 500");
        if !times {
            continue;
        }
        assert_eq!(
            get("start_time=20260101T000000Z&end_time=20260101T000000Z").status,
            200
        );
        get("start_time=2026-01-01T00:00:00Z").assert_refused(
            400,
            "IOTDA.000009",
            "start_time: must be like",
        );
        get("end_time=20261301T000000Z").assert_refused(400, "IOTDA.000009", "end_time: must be like");
        get("start_time=20260102T000000Z&end_time=20260101T000000Z").assert_refused(
            400,
            "IOTDA.000010",
            "earlier",
        );
    }
    gate.api("GET", "/devices?is_cascade_query=yes", "")
        .assert_refused(400, "IOTDA.000006", "is_cascade_query: must be true or false");
    assert_eq!(
        gate.api("GET", "/devices?is_cascade_query=true", "").json()["page"]["count"],
        3
    );
}
