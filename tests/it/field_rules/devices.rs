//! Devices.

use super::*;

fn device_rules() -> Vec<Rule> {
    vec![
        rule(
            "/device_id",
            [long(128), json!("A-b_9")],
            [
                (long(129), "is longer than 128"),
                (json!("a.b"), ID),
                (json!(""), EMPTY),
            ],
        ),
        rule(
            "/node_id",
            [long(64), json!("a")],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(65), "is longer than 64"),
                (json!("a b"), ID),
                (json!(7), STRING),
            ],
        ),
        rule(
            "/product_id",
            [json!("demo")],
            [
                (json!(null), MISSING),
                (long(37), "is longer than 36"),
                (json!("a b"), ID),
            ],
        ),
        rule(
            "/gateway_id",
            [json!("demo_gateway1"), json!(null)],
            [(long(129), "is longer than 128"), (json!("a b"), ID)],
        ),
        rule(
            "/app_id",
            [json!(null)],
            [(long(37), "is longer than 36"), (json!("a b"), ID)],
        ),
        rule(
            "/auth_info",
            [json!(null), json!({})],
            [(json!([]), OBJECT), (json!("x"), OBJECT)],
        ),
        rule(
            "/auth_info/auth_type",
            [json!("SECRET"), json!("CERTIFICATES")],
            [(json!("secret"), OF)],
        ),
        rule(
            "/auth_info/secret",
            [long(8), long(32), json!("A-b_9999"), json!(null)],
            [
                (long(7), "must be 8 to 32"),
                (long(33), "must be 8 to 32"),
                (json!("with space"), "must be 8 to 32"),
                (json!(12_345_678), STRING),
            ],
        ),
        rule(
            "/auth_info/fingerprint",
            [json!("aF".repeat(20)), json!("09".repeat(32))],
            [
                (json!("ab".repeat(21)), "must be 40 or 64"),
                (json!("xy".repeat(20)), "must be 40 or 64"),
            ],
        ),
        rule(
            "/shadow",
            [json!(null), json!([])],
            [
                (json!({}), ARRAY),
                (many(501, |_| json!({})), "has more than 500"),
            ],
        ),
        rule(
            "/shadow/0/service_id",
            [json!("Meter")],
            [
                (json!(null), MISSING),
                (json!("x"), "x is no service"),
                (long(65), "is longer than 64"),
            ],
        ),
        rule(
            "/shadow/0/desired",
            [json!({}), json!({"temperature": null})],
            [
                (json!(null), MISSING),
                (json!([]), OBJECT),
                (json!({"a.b": 1}), "the name"),
            ],
        ),
        rule("/shadow/0/desired/temperature", [json!(1.5)], []),
    ]
}

/// Those that a creation and an update share.
fn shared_device_rules() -> Vec<Rule> {
    let filled = |bytes: usize| json!({"k": "x".repeat(bytes - 8)});
    vec![
        rule(
            "/device_name",
            [long(256), name(), json!(null)],
            [(long(257), "is longer than 256"), (json!("a b"), CHARACTER)],
        ),
        rule(
            "/description",
            [long(2048), name()],
            [(long(2049), "is longer than 2048"), (json!("a b"), CHARACTER)],
        ),
        rule(
            "/extension_info",
            [json!({}), json!({"k": null}), filled(1024)],
            [
                (json!([]), OBJECT),
                (json!("x"), OBJECT),
                (filled(1025), "is larger than 1 KB"),
            ],
        ),
        rule(
            "/auth_info/secure_access",
            [json!(true), json!(false)],
            [(json!("true"), FLAG)],
        ),
        rule(
            "/auth_info/timeout",
            [json!(0), json!(2_147_483_647)],
            [
                (json!(-1), NUMBER),
                (json!(2_147_483_648_i64), NUMBER),
                (json!("5"), NUMBER),
                (json!(1.5), NUMBER),
            ],
        ),
    ]
}

#[test]
fn every_rule_of_a_device_takes_and_refuses() {
    let gate = Gate::start();
    let next = std::cell::Cell::new(0);
    let base = json!({
        "device_id": "d", "node_id": "n", "product_id": "demo", "auth_info": {"secret": SECRET},
        "shadow": [{"service_id": "Meter", "desired": {"temperature": 1}}],
    });
    let unlike = |body: &mut Value| {
        next.set(next.get() + 1);
        body["device_id"] = json!(format!("d{}", next.get()));
    };
    let mut rules = device_rules();
    // A property is refused by its own name.
    rules.pop();
    rules.extend(shared_device_rules());
    try_all(&rules, &base, unlike, |body| gate.api("POST", "/devices", body));
    let unknown = with(&base, "/shadow/0/desired", &json!({"nothing": 1})).to_string();
    gate.api("POST", "/devices", &unknown).assert_refused(
        400,
        "IOTDA.000006",
        "shadow[0].desired.nothing: is no property",
    );
    let derived = json!({"node_id": "x".repeat(64), "product_id": "demo"}).to_string();
    assert_eq!(
        gate.api("POST", "/devices", &derived).json()["device_id"],
        format!("demo_{}", "x".repeat(64))
    );

    gate.device("updated", SECRET, None);
    let base = json!({"auth_info": {}});
    let mut rules = shared_device_rules();
    rules.push(rule("/auth_info", [json!(null), json!({})], [(json!(7), OBJECT)]));
    try_all(
        &rules,
        &base,
        |_| {},
        |body| gate.api("PUT", "/devices/updated", body),
    );

    let reset = [
        rule(
            "/secret",
            [long(8), long(32), json!(null)],
            [
                (long(7), "must be 8 to 32"),
                (long(33), "must be 8 to 32"),
                (json!("a b c d e"), "must be 8 to 32"),
            ],
        ),
        rule(
            "/secret_type",
            [json!("PRIMARY"), json!("SECONDARY")],
            [(json!("primary"), OF)],
        ),
        rule(
            "/force_disconnect",
            [json!(true), json!(false)],
            [(json!("no"), FLAG)],
        ),
    ];
    let path = "/devices/updated/action?action_id=resetSecret";
    try_all(&reset, &json!({}), |_| {}, |body| gate.api("POST", path, body));
    let reset = [
        rule(
            "/fingerprint",
            [json!("aF".repeat(20)), json!("09".repeat(32)), json!(null)],
            [
                (json!("ab"), "must be 40 or 64"),
                (json!("xy".repeat(32)), "must be 40 or 64"),
                (json!(""), "must be 40 or 64"),
            ],
        ),
        rule(
            "/fingerprint_type",
            [json!("PRIMARY"), json!("SECONDARY")],
            [(json!("THIRD"), OF)],
        ),
        rule("/force_disconnect", [json!(true)], [(json!(0), FLAG)]),
    ];
    let path = "/devices/updated/reset-fingerprint";
    try_all(&reset, &json!({}), |_| {}, |body| gate.api("POST", path, body));
}
