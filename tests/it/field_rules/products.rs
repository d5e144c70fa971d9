//! Products and the models in them.

use super::*;

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
