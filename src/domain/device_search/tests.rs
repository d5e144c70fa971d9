use proptest::prelude::*;

use super::*;
use crate::domain::clock::Timestamp;

/// A statement, and how it prints.
const TAKEN: &[(&str, &str)] = &[
    ("select * from device", "select * from device"),
    ("  SELECT\t*\nFROM Device  ", "select * from device"),
    ("select*from device", "select * from device"),
    ("select count(*) from device", "select count(*) from device"),
    ("select COUNT ( 1 ) from device", "select count(*) from device"),
    ("select device_id from device", "select device_id from device"),
    (
        "select marker,device_id , marker from device",
        "select marker, device_id from device",
    ),
    (
        "select app_id,device_id,gateway_id,product_id,device_name,node_id,status,node_type,tag_key,tag_value,\
         sw_version,fw_version,group_id,create_time,marker from device",
        "select app_id, device_id, gateway_id, product_id, device_name, node_id, status, node_type, tag_key, \
         tag_value, sw_version, fw_version, group_id, create_time, marker from device",
    ),
    ("select * from device limit 10", "select * from device"),
    ("select * from device limit 0,10", "select * from device"),
    ("select * from device limit 1", "select * from device limit 1"),
    (
        "select * from device LIMIT 500 , 50",
        "select * from device limit 500, 50",
    ),
    ("select * from device limit 007", "select * from device limit 7"),
    (
        "select * from device order by marker desc",
        "select * from device",
    ),
    (
        "select * from device ORDER BY marker ASC limit 5,5",
        "select * from device order by marker asc limit 5, 5",
    ),
];

/// A condition, and how it prints.
const TAKEN_CONDITIONS: &[(&str, &str)] = &[
    ("device_id='a'", "device_id = 'a'"),
    ("app_id != 'it''s'", "app_id != 'it''s'"),
    ("gateway_id = ''", "gateway_id = ''"),
    ("gateway_id = ''''", "gateway_id = ''''"),
    ("device_name = '温度 计'", "device_name = '温度 计'"),
    ("device_name like '温度计一%'", "device_name like '温度计一%'"),
    ("node_id LIKE 'ab_''%'", "node_id like 'ab_''%'"),
    ("tag_key like 'abcd%'", "tag_key like 'abcd%'"),
    ("tag_value like 'abcd%'", "tag_value like 'abcd%'"),
    ("product_id in ('a')", "product_id in ('a')"),
    ("sw_version IN('a','b' , 'c')", "sw_version in ('a', 'b', 'c')"),
    ("fw_version Not In ('a', 'b')", "fw_version not in ('a', 'b')"),
    ("group_id = 'select'", "group_id = 'select'"),
    ("status = 'ONLINE'", "status = 'ONLINE'"),
    (
        "status in ('OFFLINE','ABNORMAL','INACTIVE','FROZEN')",
        "status in ('OFFLINE', 'ABNORMAL', 'INACTIVE', 'FROZEN')",
    ),
    ("node_type != 'GATEWAY'", "node_type != 'GATEWAY'"),
    (
        "node_type not in ('ENDPOINT','UNKNOWN')",
        "node_type not in ('ENDPOINT', 'UNKNOWN')",
    ),
    (
        "create_time>'2026-11-23T08:15:30.250Z'",
        "create_time > '2026-11-23T08:15:30.250Z'",
    ),
    (
        "create_time in ('0000-01-01T00:00:00.000Z')",
        "create_time in ('0000-01-01T00:00:00.000Z')",
    ),
    (
        "marker <= '00000000000000000000012C'",
        "marker <= '00000000000000000000012c'",
    ),
    (
        "marker >= 'ffffffffffffffffffffffff'",
        "marker >= '000000007fffffffffffffff'",
    ),
    (
        "marker < '000000000000000000000001'",
        "marker < '000000000000000000000001'",
    ),
    (
        "marker != '000000000000000000000001'",
        "marker != '000000000000000000000001'",
    ),
    ("(((device_id = 'a')))", "device_id = 'a'"),
    (
        "device_id='a'and device_id='b'or device_id='c'",
        "device_id = 'a' and device_id = 'b' or device_id = 'c'",
    ),
    (
        "device_id='a' AND (device_id='b' OR device_id='c')",
        "device_id = 'a' and (device_id = 'b' or device_id = 'c')",
    ),
    (
        "((device_id='a' or device_id='b') or (device_id='c' and (device_id='d' and device_id='e')))",
        "device_id = 'a' or device_id = 'b' or device_id = 'c' and device_id = 'd' and device_id = 'e'",
    ),
    // Tags: pairs gather where the earlier of the two stands, and keep apart in parentheses.
    (
        "tag_value='v' and tag_key='k'",
        "tag_key = 'k' and tag_value = 'v'",
    ),
    (
        "tag_key='a' and tag_value='1' and tag_key='b' and tag_value='2'",
        "(tag_key = 'a' and tag_value = '1') and (tag_key = 'b' and tag_value = '2')",
    ),
    (
        "tag_key='a' and status='ONLINE' and tag_value='1' and tag_key='b'",
        "(tag_key = 'a' and tag_value = '1') and status = 'ONLINE' and tag_key = 'b'",
    ),
    (
        "tag_key='a' and (tag_value='1' or tag_value='2')",
        "tag_key = 'a' and (tag_value = '1' or tag_value = '2')",
    ),
    (
        "tag_value='1' and (tag_key='a' and tag_value='2')",
        "tag_value = '1' and (tag_key = 'a' and tag_value = '2')",
    ),
    (
        "tag_key='a' and tag_value='1' or tag_key='b'",
        "tag_key = 'a' and tag_value = '1' or tag_key = 'b'",
    ),
    ("tag_key='a' or tag_value='1'", "tag_key = 'a' or tag_value = '1'"),
];

/// What is no statement, and what is said of it.
const REFUSED: &[(&str, &str)] = &[
    ("", "position 1: expected 'select'"),
    ("  update", "position 3: expected 'select'"),
    ("'select'", "position 1: expected 'select'"),
    (
        "select",
        "position 7: expected a field, '*', 'count(*)' or 'count(1)'",
    ),
    ("select from device", "position 8: no field is called 'from'"),
    (
        "select Device_id from device",
        "position 8: no field is called 'Device_id'",
    ),
    ("select 温度 from device", "position 8: no field is called '温度'"),
    (
        "select device_id, from device",
        "position 19: no field is called 'from'",
    ),
    (
        "select device_id status from device",
        "position 18: expected ',' or 'from'",
    ),
    ("select *, status from device", "position 9: expected 'from'"),
    ("select count from device", "position 14: expected '('"),
    ("select count(2) from device", "position 14: expected '*' or '1'"),
    ("select count(* from device", "position 16: expected ')'"),
    ("select * from devices", "position 15: expected 'device'"),
    ("select * from", "position 14: expected 'device'"),
    (
        "select * from device;",
        "position 21: expected 'where', 'order by', 'limit' or the end",
    ),
    (
        "select * from device limit 5 where",
        "position 30: expected the end",
    ),
    (
        "select * from device order by marker asc where",
        "position 42: expected 'limit' or the end",
    ),
    ("select * from device order marker", "position 28: expected 'by'"),
    (
        "select * from device order by device_id",
        "position 31: expected 'marker', the one field to order by",
    ),
    (
        "select * from device order by marker",
        "position 37: expected 'asc' or 'desc'",
    ),
    (
        "select * from device limit",
        "position 27: expected a whole number",
    ),
    (
        "select * from device limit -1",
        "position 28: expected a whole number",
    ),
    (
        "select * from device limit 0",
        "position 28: the limit is between 1 and 50",
    ),
    (
        "select * from device limit 51",
        "position 28: the limit is between 1 and 50",
    ),
    (
        "select * from device limit 99999999999",
        "position 28: the limit is between 1 and 50",
    ),
    (
        "select * from device limit 501,5",
        "position 28: the offset is at most 500",
    ),
    (
        "select * from device limit 5,51",
        "position 30: the limit is between 1 and 50",
    ),
    (
        "select * from device limit 5,",
        "position 30: expected a whole number",
    ),
    (
        "select * from device limit 5 offset 2",
        "position 30: expected the end",
    ),
    ("select * from device limit 1.5", "position 29: expected the end"),
];

/// What is no condition, and what is said of it; positions count from the condition's own beginning.
const REFUSED_CONDITIONS: &[(&str, usize, &str)] = &[
    ("", 1, "expected a field or '('"),
    ("and", 1, "no field is called 'and'"),
    ("description = 'a'", 1, "no field is called 'description'"),
    ("device_id", 10, "device_id takes =, !=, in or not in"),
    ("device_id > 'a'", 11, "device_id takes =, !=, in or not in"),
    (
        "device_id like 'abcd%'",
        11,
        "device_id takes =, !=, in or not in",
    ),
    ("status like 'ONLI%'", 8, "status takes =, !=, in or not in"),
    ("node_id <> 'a'", 9, "node_id takes =, !=, like, in or not in"),
    ("tag_key in ('a')", 9, "tag_key takes =, != or like"),
    ("tag_value not in ('a')", 11, "tag_value takes =, != or like"),
    (
        "marker like 'abcd%'",
        8,
        "marker takes =, !=, >, >=, <, <=, in or not in",
    ),
    (
        "create_time is null",
        13,
        "create_time takes =, !=, >, >=, <, <=, in or not in",
    ),
    ("device_id = a", 13, "expected a text in single quotes"),
    ("device_id = \"a\"", 13, "expected a text in single quotes"),
    ("device_id =", 12, "expected a text in single quotes"),
    ("device_id = 'a", 13, "expected a quote that closes the text"),
    ("device_id = 'a''", 13, "expected a quote that closes the text"),
    ("device_id in 'a'", 14, "expected '('"),
    ("device_id in ()", 15, "expected a text in single quotes"),
    ("device_id in ('a',)", 19, "expected a text in single quotes"),
    ("device_id in ('a' 'b')", 19, "expected ',' or ')'"),
    ("device_id not = 'a'", 15, "expected 'in'"),
    (
        "device_name like 'abc%'",
        18,
        "like needs at least 4 characters before the '%'",
    ),
    (
        "device_name like '温度计%'",
        18,
        "like needs at least 4 characters before the '%'",
    ),
    (
        "device_name like '%'",
        18,
        "like needs at least 4 characters before the '%'",
    ),
    (
        "device_name like 'abcde'",
        18,
        "like needs a '%' at the end of its text",
    ),
    (
        "device_name like '%abcd%'",
        18,
        "like takes one '%', at the end of its text",
    ),
    (
        "device_name like 'abcd%%'",
        18,
        "like takes one '%', at the end of its text",
    ),
    (
        "status = 'online'",
        10,
        "status is one of ONLINE, OFFLINE, ABNORMAL, INACTIVE, FROZEN",
    ),
    (
        "node_type = 'DEVICE'",
        13,
        "node_type is one of GATEWAY, ENDPOINT, UNKNOWN",
    ),
    (
        "create_time > '20261123T081530Z'",
        15,
        "create_time is an instant like 2026-11-23T08:15:30.250Z",
    ),
    (
        "create_time = '2026-02-30T00:00:00.000Z'",
        15,
        "create_time is an instant like 2026-11-23T08:15:30.250Z",
    ),
    ("marker > '12'", 10, "marker is 24 hexadecimal digits"),
    (
        "status in ('ONLINE', 'ON')",
        22,
        "status is one of ONLINE, OFFLINE, ABNORMAL, INACTIVE, FROZEN",
    ),
    (
        "device_id = 'a' status",
        17,
        "expected 'and', 'or', 'order by', 'limit' or the end",
    ),
    ("device_id = 'a' and", 20, "expected a field or '('"),
    ("(device_id = 'a' limit 5", 18, "expected 'and', 'or' or ')'"),
    (
        "device_id = 'a')",
        16,
        "expected 'and', 'or', 'order by', 'limit' or the end",
    ),
    ("not device_id = 'a'", 1, "no field is called 'not'"),
    ("marker in ('') and", 12, "marker is 24 hexadecimal digits"),
    ("((((((((('", 9, "parentheses nest over 8 levels"),
];

const WHERE: &str = "select * from device where ";

fn parse(text: &str) -> DeviceSearch {
    DeviceSearch::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn refusal(text: &str) -> String {
    DeviceSearch::parse(text).unwrap_err().to_string()
}

fn filter(condition: &str) -> Filter {
    parse(&format!("{WHERE}{condition}")).filter.unwrap()
}

#[test]
fn what_the_language_has_is_taken_and_printed() {
    for (text, printed) in TAKEN {
        assert_eq!(parse(text).to_string(), *printed, "{text}");
        assert_eq!(parse(printed), parse(text), "{text}");
    }
    for (condition, printed) in TAKEN_CONDITIONS {
        assert_eq!(filter(condition).to_string(), *printed, "{condition}");
        assert_eq!(filter(printed), filter(condition), "{condition}");
    }
}

#[test]
fn each_refusal_says_where_and_what_was_expected() {
    for (text, told) in REFUSED {
        assert_eq!(refusal(text), *told, "{text}");
    }
    for (condition, column, told) in REFUSED_CONDITIONS {
        let position = WHERE.len() + column;
        assert_eq!(
            refusal(&format!("{WHERE}{condition}")),
            format!("position {position}: {told}"),
            "{condition}"
        );
    }
}

#[test]
fn length_and_conditions_are_bounded() {
    let of_length = |length: usize| {
        let begin = format!("{WHERE}device_id = '");
        format!("{begin}{}'", "温".repeat(length - begin.len() - 1))
    };
    assert!(DeviceSearch::parse(&of_length(400)).is_ok());
    assert_eq!(
        refusal(&of_length(401)),
        "position 401: the statement is longer than 400 characters"
    );
    let conditions = |count: usize| format!("{WHERE}{}", vec!["node_id = 'n'"; count].join(" or "));
    assert!(DeviceSearch::parse(&conditions(5)).is_ok());
    assert_eq!(
        refusal(&conditions(6)),
        "position 113: a statement has at most 5 conditions"
    );
    let nested = format!("{WHERE}{}node_id = 'n'{}", "(".repeat(8), ")".repeat(8));
    assert!(DeviceSearch::parse(&nested).is_ok());
}

#[test]
fn what_is_left_out_has_its_default() {
    let search = parse("select * from device");
    let bare = DeviceSearch {
        select: Selection::All,
        filter: None,
        order: Direction::Descending,
        offset: 0,
        limit: 10,
    };
    assert_eq!(search, bare);
}

#[test]
fn values_are_read_into_their_types() {
    let cases = [
        (
            "device_name like 'abcd%'",
            Condition::Text {
                field: TextField::DeviceName,
                test: TextTest::StartsWith("abcd".to_owned()),
            },
        ),
        (
            "device_id = 'it''s'",
            Condition::Text {
                field: TextField::DeviceId,
                test: TextTest::Choice(Choice::Equal("it's".to_owned())),
            },
        ),
        (
            "status not in ('ONLINE')",
            Condition::Status(Choice::NotIn(vec![Status::Online])),
        ),
        (
            "create_time >= '2026-11-23T08:15:30.250Z'",
            Condition::Created(OrderedTest::Compare(
                Compare::GreaterOrEqual,
                Timestamp(1_795_421_730_250),
            )),
        ),
        (
            "marker < '00000000000000000000012c'",
            Condition::Marker(OrderedTest::Compare(Compare::Less, 300)),
        ),
    ];
    for (text, condition) in cases {
        assert_eq!(filter(text), Tree::Leaf(condition), "{text}");
    }
}

#[test]
fn a_key_and_a_value_under_one_and_speak_of_one_tag() {
    let equal = |text: &str| TextTest::Choice(Choice::Equal(text.to_owned()));
    let pair = |key: &str, value: &str| {
        Tree::Leaf(Condition::Tag {
            key: Tree::Leaf(equal(key)),
            value: Tree::Leaf(equal(value)),
        })
    };
    assert_eq!(filter("tag_key='a' and tag_value='1'"), pair("a", "1"));
    assert_eq!(
        filter("tag_key='a' and tag_key='b' and tag_value='1' and tag_value='2'"),
        Tree::And(vec![pair("a", "1"), pair("b", "2")])
    );
    assert_eq!(
        filter("tag_key='a' or tag_value='1'"),
        Tree::Or(vec![
            Tree::Leaf(Condition::TagKey(equal("a"))),
            Tree::Leaf(Condition::TagValue(equal("1")))
        ])
    );
    assert_eq!(
        filter("tag_key='a' and (tag_value='1' or tag_value='2')"),
        Tree::Leaf(Condition::Tag {
            key: Tree::Leaf(equal("a")),
            value: Tree::Or(vec![Tree::Leaf(equal("1")), Tree::Leaf(equal("2"))]),
        })
    );
}

#[test]
fn and_binds_tighter_than_or() {
    let Tree::Or(parts) = filter("device_id='a' or device_id='b' and device_id='c' or device_id='d'") else {
        panic!("no or at the top");
    };
    assert!(matches!(
        parts.as_slice(),
        [Tree::Leaf(_), Tree::And(both), Tree::Leaf(_)] if both.len() == 2
    ));
}

/// Conditions as a person may write them.
fn conditions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => "tag_key (=|!=) '[a-b]'",
        3 => "tag_value (=|!=) '[a-b]'",
        1 => "(device_name|tag_key|tag_value) like '[a-c温_]{4,5}%'",
        1 => "(app_id|node_id|group_id) (=|!=)('[a-c温%_]{0,3}'|'''x')",
        1 => "(gateway_id|sw_version) (not in|In)\\('a'(, 'b''s')?\\)",
        1 => "status (= 'ONLINE'|(not )?in ?\\('OFFLINE','FROZEN'\\))",
        1 => "node_type != '(GATEWAY|UNKNOWN)'",
        1 => "create_time(=|>|<=)'20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:00\\.[0-9]{3}Z'",
        1 => "marker (>=|<|!=)'[0-9a-f]{24}'",
    ];
    leaf.prop_recursive(4, 5, 3, |inner| {
        let joined = proptest::collection::vec((inner, "( and | or )"), 2..4);
        (joined, any::<bool>()).prop_map(|(parts, wrapped)| {
            let mut text = String::new();
            for (index, (part, join)) in parts.iter().enumerate() {
                if index > 0 {
                    text.push_str(join);
                }
                text.push_str(part);
            }
            if wrapped { format!("({text})") } else { text }
        })
    })
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(text in ".{0,120}") {
        let _ = DeviceSearch::parse(&text);
    }

    #[test]
    fn no_run_of_its_own_words_makes_it_panic(words in proptest::collection::vec(
        "select|from|device|where|and|or|not|in|like|order by marker|asc|limit|count|device_id|tag_key|tag_value|\
         marker|=|!=|<|>=|\\*|\\(|\\)|,|'|'abcd%'|'ONLINE'|7|温| ", 0..60)) {
        let _ = DeviceSearch::parse(&words.join(" "));
        let _ = DeviceSearch::parse(&format!("{WHERE}{}", words.concat()));
    }

    #[test]
    fn what_is_printed_reads_back(select in "\\*|count\\(1\\)|device_id,status", conditions in conditions(),
                                  tail in "( order by marker (asc|desc))?( limit ([0-9]{1,2}, ?)?[1-4]?[1-9])?") {
        let text = format!("select {select} from device where {conditions}{tail}");
        let search = match DeviceSearch::parse(&text) {
            Ok(search) => search,
            Err(fault) => {
                let bounded = fault.message.contains("at most 5 conditions") || fault.message.contains("longer than");
                prop_assert!(bounded, "{}: {}", text, fault);
                return Ok(());
            }
        };
        let printed = search.to_string();
        if printed.chars().count() <= MOST_CHARACTERS {
            prop_assert_eq!(DeviceSearch::parse(&printed), Ok(search), "{} printed as {}", text, printed);
        }
    }
}
