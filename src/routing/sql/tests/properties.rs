//! What holds whatever the text and the event.

use proptest::prelude::*;

use crate::routing::sql::{MOST_CHARACTERS, Select, Where};

/// Texts that are nearly clauses.
fn nearly() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "a",
        "a.b",
        "\"a-b\"",
        "notify_data.body.services",
        "'x'",
        "'it''s'",
        "''",
        "'",
        "\"",
        "1",
        "-1",
        "1.5e3",
        "34",
        "=",
        "<>",
        "<",
        ">",
        "<=",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "||",
        "(",
        ")",
        ",",
        "AND",
        "or",
        "NOT",
        "LIKE",
        "IN",
        "IS",
        "NULL",
        "TRUE",
        "false",
        "AS",
        "b",
        "GET_TAG(",
        "CONTAINS_TAG('k')",
        "GET_SERVICE('s', true)",
        "SUBSTRING(a, 1)",
        "CONCAT(a, 'x')",
        "LOWER(",
        "GET_SERVICE_PROPERTY('s', 'p')",
        "度",
        "select",
        "where",
        "'%_'",
        ".",
        "\u{0}",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

/// A value's text.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "a.b",
        "\"x-y\".z",
        "notify_data.body.t",
        "'x'",
        "''",
        "'度''s'",
        "1",
        "0",
        "-2.50",
        "1e40",
        "1e-40",
        "TRUE",
        "NULL",
        "CONTAINS_TAG('k')",
        "GET_SERVICES('s', TRUE)",
        "GET_SERVICE_PROPERTY('s', 'p')",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "||"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("UPPER(({a}) || '')")),
            inner.prop_map(|a| format!("SUBSTRING({a} || 'x', 0, 5)")),
        ]
    })
}

/// A condition's text.
fn condition() -> impl Strategy<Value = String> {
    let compare = prop::sample::select(vec!["=", "<>", "<", ">", "<=", ">="]);
    let leaf = prop_oneof![
        (value(), compare, value()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        value().prop_map(|a| format!("{a} NOT LIKE 'x%_'")),
        value().prop_map(|a| format!("{a} is not null")),
        (value(), value()).prop_map(|(a, b)| format!("{a} in ({b}, 'x')")),
        Just("a.flag".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

/// An event with what the clauses ask for, of any type.
fn event() -> impl Strategy<Value = String> {
    let json = prop::sample::select(vec![
        "1",
        "-2.50",
        "1e1000",
        "\"x\"",
        "\"\\u0061\\ud83d\\ude00\"",
        "\"\"",
        "true",
        "null",
        "[]",
        "[ 1 ]",
        "{}",
        "{\"b\":\"x\",\"flag\":true}",
        "[{\"service_id\":\"s\",\"properties\":{\"p\":5}}]",
        "[{\"tag_key\":\"k\"}]",
        "99999999999999999999999999999999999999999999.5",
        "\"\\x\"",
        "",
    ]);
    (json.clone(), json.clone(), json.clone(), json).prop_map(|(a, tags, services, t)| {
        format!(
            r#"{{"a":{a},"x-y":{{"z":{t}}},"notify_data":{{"header":{{"tags":{tags}}},"body":{{"services":{services},"t":{t}}}}}}}"#
        )
    })
}

fn places_are_inside(text: &str, position: usize) -> bool {
    (1..=text.chars().count().min(MOST_CHARACTERS) + 1).contains(&position)
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![nearly(), any::<String>()], event in event()) {
        match Where::parse(&text) {
            Ok(condition) => {
                condition.holds(&event);
                let printed = condition.to_string();
                prop_assert_eq!(Where::parse(&printed), Ok(condition), "{}", printed);
            }
            Err(fault) => prop_assert!(places_are_inside(&text, fault.position), "{}", fault),
        }
        match Select::parse(&text) {
            Ok(select) => {
                select.of(&event);
                let printed = select.to_string();
                prop_assert_eq!(Select::parse(&printed), Ok(select), "{}", printed);
            }
            Err(fault) => prop_assert!(places_are_inside(&text, fault.position), "{}", fault),
        }
    }

    #[test]
    fn conditions_print_and_read_back(text in condition(), event in event()) {
        let condition = Where::parse(&text).map_err(|fault| TestCaseError::fail(format!("{text}: {fault}")))?;
        let printed = condition.to_string();
        if printed.chars().count() <= MOST_CHARACTERS {
            let again = Where::parse(&printed).map_err(|fault| TestCaseError::fail(format!("{printed}: {fault}")))?;
            prop_assert_eq!(&again, &condition, "{}", printed);
            prop_assert_eq!(again.to_string(), printed);
            prop_assert_eq!(again.holds(&event), condition.holds(&event));
        }
    }

    #[test]
    fn what_goes_out_of_json_is_json(event in event(), text in any::<String>()) {
        let clause = "*, a, a.b AS a, UPPER(a) AS b, GET_SERVICES('s', true) AS c, GET_TAG('k') AS d, 'x' AS e, 5 AS f";
        let clause = clause.replace("*, a, a.b AS a", "a, a.b AS g, \"x-y\".z");
        for clause in [clause.as_str(), "*, a.b AS b", "notify_data.body, \"x-y\" AS x"] {
            let select = Select::parse(clause).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
            select.of(&text);
            if crate::domain::json_scan::scan(event.as_bytes()).is_ok() {
                let out = select.of(&event);
                prop_assert!(crate::domain::json_scan::scan(out.as_bytes()).is_ok(), "{}", out);
            }
        }
    }

    #[test]
    fn no_event_makes_it_panic(text in r#"[\[\]{}",:\\atgsn0-9 .e-]{0,60}"#) {
        let clause = "a.t = 1 or GET_TAG(a) = 'x' or GET_SERVICE_PROPERTY(a, a.t) > 1 or SUBSTRING(a, 1) = ''";
        let condition = Where::parse(clause).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        condition.holds(&text);
        condition.holds(&format!("{{\"a\":{text}}}"));
        let services = format!(r#"{{"notify_data":{{"header":{{"tags":{text}}},"body":{{"services":{text}}}}}}}"#);
        condition.holds(&services);
    }
}
