//! Every rule of a field that the management API writes (management-api.md §4.1 to §4.4, §5.1, §5.3, §7, §8): what it takes,
//! what it refuses, and that a refusal names the field's path. The shadow's own fields stand in `shadow`.

use serde_json::{Value, json};

use crate::harness::{Gate, Reply};

const SECRET: &str = "s3cret-of-the-device";

/// A field by its JSON pointer, what it takes, and what it refuses with which reason.
struct Rule {
    at: &'static str,
    takes: Vec<Value>,
    refuses: Vec<(Value, &'static str)>,
}

fn rule<const T: usize, const R: usize>(
    at: &'static str,
    takes: [Value; T],
    refuses: [(Value, &'static str); R],
) -> Rule {
    Rule {
        at,
        takes: takes.into(),
        refuses: refuses.into(),
    }
}

/// `/tags/0/tag_key` as a refusal names it: `tags[0].tag_key`.
fn path_of(at: &str) -> String {
    let mut path = String::new();
    for step in at.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            path.extend(["[", step, "]"]);
        } else {
            path += if path.is_empty() { "" } else { "." };
            path += step;
        }
    }
    path
}

/// The body with another value at a place; null takes a member away.
fn with(body: &Value, at: &str, value: &Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = at.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{at}"));
    match parent {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value.clone(),
        Value::Object(members) if value.is_null() => {
            members.remove(name);
        }
        parent => parent[name] = value.clone(),
    }
    body
}

/// Tries every rule; `prepare` makes a body that is to be taken unlike those before.
fn try_all(rules: &[Rule], base: &Value, prepare: impl Fn(&mut Value), call: impl Fn(&str) -> Reply) {
    for Rule { at, takes, refuses } in rules {
        assert!(
            !takes.is_empty() && !refuses.is_empty(),
            "{at}: one of each, at least"
        );
        let path = path_of(at);
        for value in takes {
            let mut whole = base.clone();
            prepare(&mut whole);
            let reply = call(&with(&whole, at, value).to_string());
            let shown: String = value.to_string().chars().take(100).collect();
            assert!(reply.status < 300, "{path} {shown}: {}", reply.text());
        }
        for (value, reason) in refuses {
            let shown: String = value.to_string().chars().take(100).collect();
            let reply = call(&with(base, at, value).to_string());
            assert_eq!(reply.status, 400, "{path} {shown}: {}", reply.text());
            assert_eq!(
                reply.error_code(),
                "IOTDA.000006",
                "{path} {shown}: {}",
                reply.text()
            );
            let message = reply.error_msg();
            let expected = format!(" {path}: {reason}");
            assert!(
                message.contains(&expected),
                "{expected:?} for {shown} is not in {message}"
            );
        }
    }
}

fn long(length: usize) -> Value {
    json!("x".repeat(length))
}

fn many(count: usize, entry: impl Fn(usize) -> Value) -> Value {
    (0..count).map(entry).collect()
}

const MISSING: &str = "is missing";
const EMPTY: &str = "must not be empty";
const CHARACTER: &str = "holds a character that is not allowed";
const ID: &str = "may hold only letters, digits, '_' and '-'";
const STRING: &str = "must be a string";
const ARRAY: &str = "must be an array";
const OBJECT: &str = "must be an object";
const FLAG: &str = "must be true or false";
const NUMBER: &str = "must be a whole number from";
const OF: &str = "must be one of";

fn name() -> Value {
    json!("温度_?'#().,&%@!-")
}

fn description() -> Value {
    json!("a b;/，、：；。\n$".trim_end_matches('$'))
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn product_rules() -> Vec<Rule> {
    vec![
        rule(
            "/product_id",
            [long(36), json!("A-b_9"), json!(null)],
            [
                (long(37), "is longer than 36"),
                (json!("a b"), ID),
                (json!(""), EMPTY),
                (json!(7), STRING),
            ],
        ),
        rule(
            "/name",
            [long(64), name()],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(65), "is longer than 64"),
                (json!("a b"), CHARACTER),
                (json!("a$"), CHARACTER),
                (json!(["a"]), STRING),
            ],
        ),
        rule(
            "/device_type",
            [long(32), name()],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(33), "is longer than 32"),
                (json!("a/b"), CHARACTER),
            ],
        ),
        rule(
            "/protocol_type",
            [
                "MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP",
            ]
            .map(|text| json!(text)),
            [
                (json!(null), MISSING),
                (json!("mqtt"), OF),
                (json!(""), OF),
                (json!(1), STRING),
            ],
        ),
        rule(
            "/data_format",
            [json!("json"), json!("binary")],
            [(json!(null), MISSING), (json!("xml"), OF)],
        ),
        rule(
            "/manufacturer_name",
            [long(32), name(), json!(null)],
            [(long(33), "is longer than 32"), (json!("a b"), CHARACTER)],
        ),
        rule(
            "/industry",
            [long(64), name()],
            [(long(65), "is longer than 64"), (json!("a;b"), CHARACTER)],
        ),
        rule(
            "/description",
            [long(128), description()],
            [(long(129), "is longer than 128"), (json!("<b>"), CHARACTER)],
        ),
        rule(
            "/app_id",
            [json!(null)],
            [
                (json!("a b"), ID),
                (long(37), "is longer than 36"),
                (json!(""), EMPTY),
            ],
        ),
        rule(
            "/validation_mode",
            ["reject", "filter", "flag"].map(|text| json!(text)),
            [(json!("Reject"), OF)],
        ),
        rule(
            "/require_sign_type_1",
            [json!(true), json!(false)],
            [(json!("true"), FLAG), (json!(1), FLAG)],
        ),
        rule(
            "/service_capabilities",
            [
                json!([]),
                many(
                    500,
                    |n| json!({"service_id": format!("s{n}"), "service_type": "s"}),
                ),
            ],
            [
                (json!(null), MISSING),
                (json!({}), ARRAY),
                (
                    many(
                        501,
                        |n| json!({"service_id": format!("s{n}"), "service_type": "s"}),
                    ),
                    "has more than 500",
                ),
                (
                    json!([{"service_id": "s", "service_type": "s", "more": "x".repeat(500 * 1024)}]),
                    "is larger than 500 KB",
                ),
            ],
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn service_rules() -> Vec<Rule> {
    let named = |name: &'static str| move |n: usize| json!({name: format!("n{n}"), "data_type": "int", "method": "R"});
    vec![
        rule(
            "/service_capabilities/0/service_id",
            [long(64), json!("$oc"), name()],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(65), "is longer than 64"),
                (json!("a b"), CHARACTER),
            ],
        ),
        rule(
            "/service_capabilities/1/service_id",
            [json!("T2")],
            [(json!("S"), "S stands twice")],
        ),
        rule(
            "/service_capabilities/0/service_type",
            [long(64), json!("$oc")],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(65), "is longer than 64"),
                (json!("a b"), CHARACTER),
            ],
        ),
        rule(
            "/service_capabilities/0/description",
            [long(128), description()],
            [(long(129), "is longer than 128"), (json!("<"), CHARACTER)],
        ),
        rule(
            "/service_capabilities/0/option",
            ["Master", "Mandatory", "Optional"].map(|text| json!(text)),
            [(json!("master"), OF)],
        ),
        rule(
            "/service_capabilities/0/properties",
            [json!(null), json!([]), many(500, named("property_name"))],
            [
                (json!({}), ARRAY),
                (many(501, named("property_name")), "has more than 500"),
            ],
        ),
        rule(
            "/service_capabilities/0/commands",
            [json!(null), many(500, named("command_name"))],
            [
                (json!("x"), ARRAY),
                (many(501, named("command_name")), "has more than 500"),
            ],
        ),
        rule(
            "/service_capabilities/0/events",
            [json!(null), many(500, named("event_type"))],
            [
                (json!(7), ARRAY),
                (many(501, named("event_type")), "has more than 500"),
            ],
        ),
        rule(
            "/service_capabilities/0/commands/0/command_name",
            [long(64), name()],
            [
                (json!(null), MISSING),
                (long(65), "is longer than 64"),
                (json!("a b"), CHARACTER),
            ],
        ),
        rule(
            "/service_capabilities/0/commands/1/command_name",
            [json!("OFF")],
            [(json!("ON"), "ON stands twice")],
        ),
        rule(
            "/service_capabilities/0/commands/0/paras",
            [json!(null), json!([])],
            [(json!({}), ARRAY)],
        ),
        rule(
            "/service_capabilities/0/commands/0/responses",
            [json!(null), json!([])],
            [(json!({}), ARRAY)],
        ),
        rule(
            "/service_capabilities/0/commands/0/responses/0/response_name",
            [long(128), name()],
            [
                (json!(null), MISSING),
                (long(129), "is longer than 128"),
                (json!("a b"), CHARACTER),
            ],
        ),
        rule(
            "/service_capabilities/0/events/0/event_type",
            [long(32), name()],
            [
                (json!(null), MISSING),
                (long(33), "is longer than 32"),
                (json!("a b"), CHARACTER),
            ],
        ),
        rule(
            "/service_capabilities/0/events/1/event_type",
            [json!("F2")],
            [(json!("E"), "E stands twice")],
        ),
    ]
}

/// What properties and parameters share; the pointers of one of each place.
fn value_rules(at: [&'static str; 9]) -> Vec<Rule> {
    let [
        data_type,
        required,
        enum_list,
        min,
        max,
        max_length,
        step,
        unit,
        text,
    ] = at;
    vec![
        rule(
            data_type,
            [
                "int",
                "long",
                "decimal",
                "string",
                "DateTime",
                "jsonObject",
                "enum",
                "boolean",
                "string list",
            ]
            .map(|text| json!(text)),
            [
                (json!(null), MISSING),
                (json!("float"), OF),
                (json!("stringlist"), OF),
            ],
        ),
        rule(required, [json!(true), json!(null)], [(json!("true"), FLAG)]),
        rule(
            enum_list,
            [json!(["a", "b"]), json!([])],
            [
                (json!([1]), "must be an array of strings"),
                (json!("a"), "must be an array"),
            ],
        ),
        rule(
            min,
            [
                json!("0"),
                json!("-1.5"),
                json!(-3),
                json!(0.25),
                json!(""),
                json!("1e2"),
            ],
            [
                (json!("abc"), "must be a number"),
                (json!("12345678901234567"), "is longer than 16"),
                (json!(12_345_678_901_234_567_i64), "is longer than 16"),
                (json!("1000"), "is over max"),
                (json!(true), "must be a number"),
            ],
        ),
        rule(
            max,
            [json!("100"), json!(100), json!("1234567890123456")],
            [
                (json!("1 "), "must be a number"),
                (json!("0x10"), "must be a number"),
            ],
        ),
        rule(
            max_length,
            [json!(0), json!(2_147_483_647)],
            [
                (json!(-1), NUMBER),
                (json!(2_147_483_648_i64), NUMBER),
                (json!("5"), NUMBER),
                (json!(1.5), NUMBER),
            ],
        ),
        rule(
            step,
            [json!(0), json!(0.1), json!(5)],
            [
                (json!("1"), "must be a number"),
                (json!(-1), "must be above zero"),
            ],
        ),
        rule(
            unit,
            [long(16), json!("m³/h")],
            [(long(17), "is longer than 16"), (json!(5), STRING)],
        ),
        rule(
            text,
            [long(128), description()],
            [(long(129), "is longer than 128"), (json!("<"), CHARACTER)],
        ),
    ]
}

macro_rules! value_places {
    ($place:literal) => {
        [
            concat!($place, "/data_type"),
            concat!($place, "/required"),
            concat!($place, "/enum_list"),
            concat!($place, "/min"),
            concat!($place, "/max"),
            concat!($place, "/max_length"),
            concat!($place, "/step"),
            concat!($place, "/unit"),
            concat!($place, "/description"),
        ]
    };
}

fn property_rules() -> Vec<Rule> {
    vec![
        rule(
            "/service_capabilities/0/properties/0/property_name",
            [long(64), json!("温度_?'#(),&%@!-")],
            [
                (json!(null), MISSING),
                (json!(""), EMPTY),
                (long(65), "is longer than 64"),
                (json!("a.b"), CHARACTER),
                (json!("$a"), CHARACTER),
                (json!("a b"), CHARACTER),
            ],
        ),
        rule(
            "/service_capabilities/0/properties/1/property_name",
            [json!("q2")],
            [(json!("p"), "p stands twice")],
        ),
        rule(
            "/service_capabilities/0/properties/0/method",
            ["RWE", "RW", "RE", "WE", "E", "W", "R"].map(|text| json!(text)),
            [(json!(null), MISSING), (json!("WR"), OF)],
        ),
        rule(
            "/service_capabilities/0/properties/0",
            [
                json!({"property_name": "p", "data_type": "int", "method": "R", "default_value": {"any": [null]}}),
            ],
            [(json!(7), OBJECT)],
        ),
        rule(
            "/service_capabilities/0/commands/0/paras/0/para_name",
            [long(64), name()],
            [
                (json!(null), MISSING),
                (long(65), "is longer than 64"),
                (json!("a b"), CHARACTER),
            ],
        ),
    ]
}

#[test]
fn every_rule_of_a_product_takes_and_refuses() {
    let gate = Gate::start();
    let value =
        |name: &str, text: &str| json!({name: text, "data_type": "decimal", "max": "999", "method": "R"});
    let base = json!({
        "name": "n", "device_type": "t", "protocol_type": "HTTPS", "data_format": "json",
        "service_capabilities": [
            {
                "service_id": "S", "service_type": "S",
                "properties": [value("property_name", "p"), value("property_name", "q")],
                "commands": [
                    {"command_name": "ON", "paras": [value("para_name", "v")],
                     "responses": [{"response_name": "R", "paras": [value("para_name", "v")]}]},
                    {"command_name": "OFF"},
                ],
                "events": [{"event_type": "E", "paras": [value("para_name", "v")]}, {"event_type": "F"}],
            },
            {"service_id": "T", "service_type": "T"},
        ],
    });
    let mut rules = product_rules();
    rules.extend(service_rules());
    rules.extend(property_rules());
    rules.extend(value_rules(value_places!("/service_capabilities/0/properties/0")));
    rules.extend(value_rules(value_places!(
        "/service_capabilities/0/commands/0/paras/0"
    )));
    rules.extend(value_rules(value_places!(
        "/service_capabilities/0/commands/0/responses/0/paras/0"
    )));
    rules.extend(value_rules(value_places!(
        "/service_capabilities/0/events/0/paras/0"
    )));
    try_all(&rules, &base, |_| {}, |body| gate.api("POST", "/products", body));

    // An update has the same rules, but nothing must be there.
    assert_eq!(gate.product("p", "[]", "").status, 201);
    let mut rules = product_rules();
    rules.remove(0);
    for rule in &mut rules {
        rule.refuses.retain(|(value, _)| !value.is_null());
        // The protocol cannot become CoAP.
        rule.takes.retain(|value| *value != json!("CoAP"));
        rule.takes.push(json!(null));
    }
    rules.extend(service_rules());
    try_all(&rules, &base, |_| {}, |body| gate.api("PUT", "/products/p", body));
}

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
