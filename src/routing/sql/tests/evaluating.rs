//! What holds and what goes out, over one event.

use std::fmt::Write;

use crate::routing::sql::{Select, Where};

/// A property report; `body` has more than a report has, so that all types are there.
const EVENT: &str = concat!(
    r#"{"resource":"device.property","event":"report","event_time":"20261123T081530Z","sequence":"7","#,
    r#""notify_data":{"header":{"app_id":"a","device_id":"p_n7","node_id":"n7","product_id":"p","#,
    r#""tags":[{"tag_key":"site","tag_value":"3"},{"tag_key":"empty","tag_value":""},{"tag_key":"none"}]},"#,
    r#""body":{"services":["#,
    r#"{"service_id":"Battery","properties":{"level":21.50,"on":true,"name":"é","gone":null,"list":[1]},"event_time":"x"},"#,
    r#"{"service_id":"BatteryPlus","properties":{"level":99}},{"service_id":"Ba\u0074tery","properties":{"level":1}}],"#,
    r#""t":21.50,"neg":-3,"zero":0,"big":9007199254740993,"tiny":1e-1000,"huge":1E1000,"#,
    r#""long":12345678901234567890123456789012345678,"one":1.0,"s":"Abc","u":"温度计","e":"","n5":"5","#,
    r#""esc":"a\u0062\"\\\n","yes":true,"no":false,"nil":null,"empty":[],"blank":[ ],"list":[{"a":1}],"obj":{"a":1},"#,
    r#""msg-type":"x","a.b":"dot","Case":1}}}"#,
);

/// What is put in place of `$` in the tables.
const BODY: &str = "notify_data.body.";

const TRUE: &[&str] = &[
    "",
    "resource = 'device.property' and event = 'report'",
    "$t = 21.5",
    "$t = 21.50 and $t >= 21.5 and $t <= 21.5",
    "$t > 21.49999999999999999999999999999999",
    "$t <> 21.4",
    "$neg < 0 and $neg = -3 and -$neg = 3",
    "$big = 9007199254740993 and $big <> 9007199254740992 and $big > 9007199254740992",
    "$long > 12345678901234567890123456789012340000 and $long < 12345678901234567890123456789012350000",
    "$long = $long and $long > $long - 1e30",
    "$huge > 1e999 and $tiny < 1e-999 and $tiny > 0 and $huge > $tiny",
    "$one = 1 and $zero = 0 and $zero = -0",
    "$t + 0.1 = 21.6 and $t - 0.1 = 21.4 and $t * 2 = 43 and $t / 5 = 4.3",
    "0.1 + 0.2 = 0.3",
    "1 / 3 = 0.3333333333333333333333333333333333",
    "2 + 3 * 4 = 14 and (2 + 3) * 4 = 20 and 10 - 3 - 2 = 5 and 24 / 2 / 3 = 4",
    "$neg * $neg = 9",
    "$s = 'Abc' and $s <> 'abc' and $s > 'ABC' and $s < 'abc'",
    "$u = '温度计' and $u > 'z'",
    "$e = '' and $e <> 'x'",
    "$esc = 'ab\"\\\n'",
    "$yes and $yes = true and $yes <> false and $no = false",
    "$no or $yes",
    "true",
    "$nil is null and $missing is null and $empty is null and $blank is null and $list.a is null",
    "$t.x is null and missing.a.b is null and $t is not null and $e is not null and $no is not null",
    "$list is not null and $obj is not null and $obj.a = 1",
    "$\"msg-type\" = 'x' and \"notify_data.body.msg-type\" = 'x' and $\"a.b\" = 'dot'",
    "$Case = 1 and $case is null",
    "$t / 0 is null and $missing + 1 is null and -$missing is null and $s + 1 is null and $s * $t is null",
    "$t in (1, 'x', 21.5)",
    "$t not in (1, 2)",
    "$s in ('x', 'Abc') and $s not in ('abc', 'ABC')",
    "$t in ($missing, 21.5) and $yes in (true)",
    "$s like 'A%' and $s like '_bc' and $s like '%b%' and $s like 'Abc' and $s not like 'a%'",
    "$u like '温_计' and $u like '___' and $e like '%' and $e like '' and $e not like '_'",
    "$s || '-' || $t || '-' || $yes = 'Abc-21.50-true'",
    "$s || $e = $s and '' || '' = ''",
    "$s || $missing is null and $s || $obj is null and $s || $empty is null",
    "$t + 1 || '' = '22.5'",
    "GET_TAG('site') = '3' and GET_TAG('empty') = '' and GET_TAG('none') is null and GET_TAG('Site') is null",
    "CONTAINS_TAG('site') and CONTAINS_TAG('none') and CONTAINS_TAG('x') = false",
    "CONTAINS_TAG($s) = false and CONTAINS_TAG($missing) = false and GET_TAG($t) is null",
    "GET_SERVICE('Battery') is not null and GET_SERVICE('Batt') is null and GET_SERVICE('Batt', false) is null",
    "GET_SERVICE('Batt', true) is not null and GET_SERVICE('', true) is not null and GET_SERVICE('') is null",
    "GET_SERVICES('Battery') is not null and GET_SERVICES('x') is null and GET_SERVICES('Plus', true) is not null",
    "CONTAINS_SERVICES('BatteryPlus') and CONTAINS_SERVICES('Plus', true) and CONTAINS_SERVICES('Plus') = false",
    "CONTAINS_SERVICES($missing, true) = false and CONTAINS_SERVICES($t, true) = false",
    "GET_SERVICE_PROPERTIES('Battery') is not null and GET_SERVICE_PROPERTIES('x') is null",
    "GET_SERVICE_PROPERTY('Battery', 'level') = 21.5 and GET_SERVICE_PROPERTY('Battery', 'on')",
    "GET_SERVICE_PROPERTY('Battery', 'gone') is null and GET_SERVICE_PROPERTY('Battery', 'x') is null",
    "GET_SERVICE_PROPERTY('x', 'level') is null and GET_SERVICE_PROPERTY('Battery', $missing) is null",
    "GET_SERVICE_PROPERTY('Battery' || 'Plus', LOWER('LEVEL')) > 98",
    "STARTS_WITH($s, 'Ab') and STARTS_WITH($s, '') and STARTS_WITH($e, '') and STARTS_WITH($u, '温')",
    "STARTS_WITH(notify_data.header.device_id, notify_data.header.product_id)",
    "STARTS_WITH($s, 'ab') = false and STARTS_WITH($t, '2') = false and STARTS_WITH($missing, '') = false",
    "ENDS_WITH($s, 'bc') and ENDS_WITH($u, '计') and ENDS_WITH($s, $missing) = false and ENDS_WITH($nil, $nil) = false",
    "CONCAT($s, 'x') = 'Abcx' and CONCAT($t, 1.50) = '21.501.5' and CONCAT($e, $e) = ''",
    "CONCAT($s, $missing) is null and CONCAT($obj, 'x') is null and CONCAT($yes, false) = 'truefalse'",
    "REPLACE($s, 'b', 'xx') = 'Axxc' and REPLACE($s, 'q', 'x') = $s and REPLACE($s, '', 'x') = $s",
    "REPLACE('aaaa', 'aa', 'b') = 'bb' and REPLACE($u, '度', '') = '温计' and REPLACE($e, 'a', 'b') = ''",
    "REPLACE($s, $missing, 'x') is null and REPLACE($t, '1', 'x') is null and REPLACE($s, 'b', $nil) is null",
    "SUBSTRING($s, 0) = 'Abc' and SUBSTRING($s, 1) = 'bc' and SUBSTRING($s, 1, 2) = 'b' and SUBSTRING($s, 1, 1) = ''",
    "SUBSTRING($u, 1, 2) = '度' and SUBSTRING($u, 2) = '计'",
    "SUBSTRING($s, 3) = '' and SUBSTRING($s, 99) = '' and SUBSTRING($s, 0, 99) = 'Abc' and SUBSTRING($e, 0) = ''",
    "SUBSTRING($s, -1) is null and SUBSTRING($s, 2, 1) is null and SUBSTRING($s, 0, -1) is null",
    "SUBSTRING($s, $t) is null and SUBSTRING($s, $missing) is null and SUBSTRING($s, 0, $nil) is null",
    "SUBSTRING($s, $one) = 'bc' and SUBSTRING($s, $huge) is null and SUBSTRING($t, 0) is null",
    "SUBSTRING($s, 9223372036854775807) = ''",
    "LOWER($s) = 'abc' and UPPER($s) = 'ABC' and UPPER('ß') = 'SS' and LOWER($u) = $u and UPPER($e) = ''",
    "LOWER($t) is null and UPPER($missing) is null and LOWER($list) is null and UPPER($yes) is null",
    "UPPER(REPLACE(SUBSTRING(CONCAT($s, 'def'), 1, 5), 'd', '')) = 'BCE'",
    "$t > 100 or $t < 22 and $yes",
    "sequence = '7'",
];

const FALSE: &[&str] = &[
    "NULL = NULL",
    "NULL <> NULL",
    "$nil = $nil",
    "$missing = NULL",
    "$missing <> 1",
    "$missing = 0 or $missing < 1 or $missing > 1 or $missing <= 1 or $missing >= 1",
    "$missing like '%' or $missing not like 'x'",
    "$missing in (1) or $missing not in (1)",
    "$t in (NULL) or $t not in (NULL)",
    "$t not in (1, $missing)",
    "$t not in (1, 'x')",
    "$t in ('21.50')",
    "$n5 = 5 or $n5 <> 5 or $n5 > 1",
    "$t = '21.50' or $t <> 'x'",
    "$t like '21%' or $t not like 'x'",
    "$yes = 'true' or $yes <> 'x' or $yes = 1",
    "$yes > $no or $yes >= $yes or $no < $yes",
    "$obj = $obj or $obj <> $obj",
    "$list = $list or $list <> 1",
    "$empty = $empty or $empty <> 1",
    "$no",
    "$nil",
    "$missing",
    "$s",
    "$one",
    "$obj",
    "false",
    "GET_SERVICE_PROPERTY('Battery', 'level')",
    "$t is null or $yes is null or $obj is null",
    "$t is not null and $missing is not null",
    "GET_SERVICE('Battery') = 'x' or GET_SERVICES('Battery') <> 'x'",
    "Resource = 'device.property'",
    "$s = 'abc'",
    "1 / 0 = 1 / 0 or 1 / 0 <> 1",
    "$t > 100 or $t < 22 and $no",
    "$list.a = 1",
    "$services.service_id = 'Battery'",
];

fn with_body(clause: &str) -> String {
    clause.replace('$', BODY)
}

#[test]
fn what_holds_holds() {
    for clause in TRUE {
        let condition = Where::parse(&with_body(clause)).unwrap_or_else(|fault| panic!("{clause}: {fault}"));
        assert!(condition.holds(EVENT), "{clause}");
        // Each part alone, so that one does not hide another.
        for part in clause.split(" and ").filter(|_| !clause.contains(" or ")) {
            let condition = Where::parse(&with_body(part)).unwrap_or_else(|fault| panic!("{part}: {fault}"));
            assert!(condition.holds(EVENT), "{part}");
        }
    }
}

#[test]
fn what_does_not_hold_does_not() {
    for clause in FALSE {
        let condition = Where::parse(&with_body(clause)).unwrap_or_else(|fault| panic!("{clause}: {fault}"));
        assert!(!condition.holds(EVENT), "{clause}");
    }
}

/// A SELECT clause, and what goes out.
const SELECTED: &[(&str, &str)] = &[
    (
        "$t, $s AS s, $esc",
        r#"{"notify_data.body.t":21.50,"s":"Abc","notify_data.body.esc":"a\u0062\"\\\n"}"#,
    ),
    (
        "$huge AS a, $long AS b, $tiny AS c, $neg AS d",
        r#"{"a":1E1000,"b":12345678901234567890123456789012345678,"c":1e-1000,"d":-3}"#,
    ),
    (
        "$missing AS a, $nil AS b, $empty AS c, $blank AS d, $list AS e, $obj AS f, $list.a AS g",
        r#"{"a":null,"b":null,"c":[],"d":[ ],"e":[{"a":1}],"f":{"a":1},"g":null}"#,
    ),
    (
        r#""notify_data.body.msg-type", notify_data.body."a.b""#,
        r#"{"notify_data.body.msg-type":"x","notify_data.body.a.b":"dot"}"#,
    ),
    (
        "'it''s \"\\' AS a, '' AS b, 5 AS c, -6 AS d, '温' AS e",
        r#"{"a":"it's \"\\","b":"","c":5,"d":-6,"e":"温"}"#,
    ),
    (
        "GET_TAG('site') AS a, CONTAINS_TAG('x') AS b, GET_TAG('x') AS c, CONTAINS_SERVICES('Battery') AS d",
        r#"{"a":"3","b":false,"c":null,"d":true}"#,
    ),
    (
        "GET_SERVICE('BatteryPlus') AS a, GET_SERVICES('Plus', true) AS b, GET_SERVICES('x') AS c",
        concat!(
            r#"{"a":{"service_id":"BatteryPlus","properties":{"level":99}},"#,
            r#""b":[{"service_id":"BatteryPlus","properties":{"level":99}}],"c":[]}"#
        ),
    ),
    (
        "GET_SERVICE_PROPERTIES('BatteryPlus') AS a, GET_SERVICE_PROPERTY('Battery', 'level') AS b, GET_SERVICE('x') AS c",
        r#"{"a":{"level":99},"b":21.50,"c":null}"#,
    ),
    (
        "GET_SERVICE_PROPERTY('Battery', 'name') AS a, GET_SERVICE_PROPERTY('Battery', 'list') AS b",
        r#"{"a":"é","b":[1]}"#,
    ),
    (
        "CONCAT($t, '度') AS a, CONCAT(1 + 0.50, '') AS b, SUBSTRING($s, -1) AS c, LOWER($esc) AS d",
        r#"{"a":"21.50度","b":"1.5","c":null,"d":"ab\"\\\u000a"}"#,
    ),
    (
        "notify_data.header.tags AS a",
        r#"{"a":[{"tag_key":"site","tag_value":"3"},{"tag_key":"empty","tag_value":""},{"tag_key":"none"}]}"#,
    ),
    (
        "event, resource",
        r#"{"event":"report","resource":"device.property"}"#,
    ),
];

#[test]
fn what_goes_out_keeps_the_devices_own_text() {
    for (clause, out) in SELECTED {
        let select = Select::parse(&with_body(clause)).unwrap_or_else(|fault| panic!("{clause}: {fault}"));
        assert_eq!(select.of(EVENT), *out, "{clause}");
    }
}

#[test]
fn a_star_is_the_whole_event_but_for_what_stands_in_its_place() {
    let out = |clause: &str, event: &str| Select::parse(clause).unwrap().of(event).into_owned();
    assert_eq!(out("*", EVENT), EVENT);
    assert_eq!(out("", EVENT), EVENT);
    let event = r#"{"event":"report","sequence":"7", "n" : {"a":1}}"#;
    assert_eq!(
        out("*, n.a AS x", event),
        r#"{"event":"report","sequence":"7","n":{"a":1},"x":1}"#
    );
    assert_eq!(
        out("n.a AS x, *", event),
        r#"{"x":1,"event":"report","sequence":"7","n":{"a":1}}"#
    );
    assert_eq!(
        out("*, 'x' AS event", event),
        r#"{"sequence":"7","n":{"a":1},"event":"x"}"#
    );
    assert_eq!(
        out("*, n", event),
        r#"{"event":"report","sequence":"7","n":{"a":1}}"#
    );
    assert_eq!(out("*, n", "{}"), r#"{"n":null}"#);
}

#[test]
fn functions_of_reports_and_tags_are_null_on_other_events() {
    let event = r#"{"notify_data":{"header":{},"body":{"content":"x","services":{"service_id":"a"}}}}"#;
    for clause in [
        "GET_TAG('a') is null",
        "CONTAINS_TAG('a') = false",
        "GET_SERVICE('a', true) is null",
        "GET_SERVICES('a') is null",
        "CONTAINS_SERVICES('', true) = false",
        "GET_SERVICE_PROPERTIES('a') is null",
        "GET_SERVICE_PROPERTY('a', 'b') is null",
    ] {
        assert!(Where::parse(clause).unwrap().holds(event), "{clause}");
        assert!(Where::parse(clause).unwrap().holds("{}"), "{clause}");
    }
}

#[test]
fn a_text_that_would_grow_without_bound_is_null() {
    let mut event = String::from("{\"a\":\"");
    event.push_str(&"x".repeat(600_000));
    let _ = write!(event, "\",\"b\":\"{}\"}}", "y".repeat(600_000));
    for clause in [
        "REPLACE(a, 'x', b) is null",
        "CONCAT(a, b) is null",
        "a || b is null",
        "REPLACE(a, 'x', 'yy') is null",
        "REPLACE(a, 'x', 'y') is not null",
        "CONCAT(a, '') = a",
    ] {
        assert!(Where::parse(clause).unwrap().holds(&event), "{clause}");
    }
}
