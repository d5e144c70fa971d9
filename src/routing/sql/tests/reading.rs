//! What is read, how it prints, and what is said of what is refused.

use crate::routing::sql::{MOST_CHARACTERS, Select, Where};

/// A SELECT clause, and how it prints.
const SELECTS: &[(&str, &str)] = &[
    ("", "*"),
    ("  ", "*"),
    ("*", "*"),
    ("select *", "*"),
    ("SELECT", "*"),
    ("notify_data", "notify_data"),
    (
        "Select notify_data.header.device_id",
        "notify_data.header.device_id",
    ),
    (
        "notify_data.header.device_id as device_id,notify_data.body.content",
        "notify_data.header.device_id AS device_id, notify_data.body.content",
    ),
    ("a AS b-c", "a AS b-c"),
    ("a AS -", "a AS -"),
    ("a AS as", "a AS as"),
    ("a as select,b", "a AS select, b"),
    ("a.\"b-c\".d", "a.\"b-c\".d"),
    ("\"a.b-c.d\"", "a.\"b-c\".d"),
    ("\"a\".\"b.c\"", "a.\"b.c\""),
    ("a.\"b\"\"c\"", "a.\"b\"\"c\""),
    ("\"and\".or", "\"and\".or"),
    ("and.or", "\"and\".or"),
    ("a.1.2b", "a.1.2b"),
    ("\"1\".a", "\"1\".a"),
    ("温度.\"温 度\"", "温度.\"温 度\""),
    (
        "'x' AS a, '' AS b, 'it''s' AS c",
        "'x' AS a, '' AS b, 'it''s' AS c",
    ),
    (
        "2147483647 AS a, -2147483648 AS b, - 0 as c, 007 as d",
        "2147483647 AS a, -2147483648 AS b, 0 AS c, 7 AS d",
    ),
    (
        "get_tag('k') as t, Upper( lower(a) ) as u",
        "GET_TAG('k') AS t, UPPER(LOWER(a)) AS u",
    ),
    ("SUBSTRING(a, 1 + 1, -b) AS s", "SUBSTRING(a, 1 + 1, -b) AS s"),
    (
        "*, 'x' AS a, GET_SERVICE('s', true) AS b",
        "*, 'x' AS a, GET_SERVICE('s', TRUE) AS b",
    ),
    (
        "'1234567890123456789012345678901234567890123456789度' AS a",
        "'1234567890123456789012345678901234567890123456789度' AS a",
    ),
    (
        "a AS abcdefghijklmnopqrstuvwxyzABCDEF",
        "a AS abcdefghijklmnopqrstuvwxyzABCDEF",
    ),
    ("a AS b, b AS a", "a AS b, b AS a"),
    ("GET_TAG", "GET_TAG"),
];

/// A WHERE clause, and how it prints.
const WHERES: &[(&str, &str)] = &[
    ("", ""),
    ("where", ""),
    ("WHERE a=1", "a = 1"),
    ("a<>1 or a>1 OR a<1", "a <> 1 OR a > 1 OR a < 1"),
    ("a>=1 and a<=1 AND b", "a >= 1 AND a <= 1 AND b"),
    ("a=1 or b=2 and c=3", "a = 1 OR b = 2 AND c = 3"),
    ("(a=1 or b=2) and c=3", "(a = 1 OR b = 2) AND c = 3"),
    ("((a=1) or (b=2 or c=3))", "a = 1 OR b = 2 OR c = 3"),
    ("(a=1 and (b=2 and c=3)) and d", "a = 1 AND b = 2 AND c = 3 AND d"),
    ("a+b*c-d/e>0", "a + b * c - d / e > 0"),
    ("(a+b)*c>-(d-e)", "(a + b) * c > -(d - e)"),
    ("a-(b-c)-(d+e)=a*(b/c)", "a - (b - c) - (d + e) = a * (b / c)"),
    ("(a-b)-c=(a*b)/c", "a - b - c = a * b / c"),
    ("--a=- -1", "--a = 1"),
    ("-a*b=-(a*b)", "-a * b = -(a * b)"),
    ("a||'x'||b = (c||d)||(e||f)", "a || 'x' || b = c || d || e || f"),
    ("a||b+1=(a||b)+1", "a || b + 1 = (a || b) + 1"),
    ("a = 1.50", "a = 1.5"),
    ("a = 1e3 or a=1E-3", "a = 1000 OR a = 0.001"),
    ("a=-0", "a = 0"),
    (
        "a=1234567890123456789012345678901234",
        "a = 1234567890123456789012345678901234",
    ),
    (
        "a like 'x%' or a NOT like '_''%'",
        "a LIKE 'x%' OR a NOT LIKE '_''%'",
    ),
    (
        "a in(1) or a not in ('x',b, c+1,true)",
        "a IN (1) OR a NOT IN ('x', b, c + 1, TRUE)",
    ),
    ("a is null and b Is Not Null", "a IS NULL AND b IS NOT NULL"),
    ("null = NULL", "NULL = NULL"),
    ("true or False", "TRUE OR FALSE"),
    ("contains_tag('k')", "CONTAINS_TAG('k')"),
    (
        "CONTAINS_SERVICES('s',FALSE) = true",
        "CONTAINS_SERVICES('s', FALSE) = TRUE",
    ),
    ("\"msg-type\"='x'", "\"msg-type\" = 'x'"),
    ("a -b = 1", "a - b = 1"),
    ("a.b-c = 1", "a.b - c = 1"),
    ("concat(1, a)='1x'", "CONCAT(1, a) = '1x'"),
    (
        "GET_SERVICE_PROPERTY('Battery','level')>20",
        "GET_SERVICE_PROPERTY('Battery', 'level') > 20",
    ),
    ("GET_SERVICE_PROPERTY('a', 'b')", "GET_SERVICE_PROPERTY('a', 'b')"),
    ("('a') = ((b))", "'a' = b"),
    ("a='select' and b='--'", "a = 'select' AND b = '--'"),
    ("(a||b) like 'x'", "a || b LIKE 'x'"),
    ("a\n=\t1", "a = 1"),
];

/// What is no SELECT clause, and what is said of it.
const REFUSED_SELECTS: &[(&str, &str)] = &[
    (
        ",",
        "position 1: expected '*', a path, a text, a whole number or a function",
    ),
    (
        "a,",
        "position 3: expected '*', a path, a text, a whole number or a function",
    ),
    ("a b", "position 3: expected ',', 'AS' or the end"),
    ("* AS a", "position 3: expected ',' or the end"),
    ("*, a, *", "position 7: '*' stands twice"),
    ("a, b, a", "position 7: 'a' stands twice"),
    ("a, b AS a", "position 4: 'a' stands twice"),
    (
        "'x'",
        "position 4: expected 'AS' and a name, which a constant and a function need",
    ),
    (
        "1",
        "position 2: expected 'AS' and a name, which a constant and a function need",
    ),
    (
        "LOWER(a), b",
        "position 9: expected 'AS' and a name, which a constant and a function need",
    ),
    ("a AS", "position 5: expected a name"),
    ("a AS 'b'", "position 6: expected a name"),
    ("a AS \"b\"", "position 6: expected a name"),
    (
        "a AS b1",
        "position 7: a name behind 'AS' holds letters from 'a' to 'z' and 'A' to 'Z', '_' and '-' alone",
    ),
    (
        "a AS 度",
        "position 6: a name behind 'AS' holds letters from 'a' to 'z' and 'A' to 'Z', '_' and '-' alone",
    ),
    (
        "a AS abcdefghijklmnopqrstuvwxyzABCDEFG",
        "position 6: a name behind 'AS' is at most 32 characters long",
    ),
    (
        "a AS a,b AS b,c AS c,d AS d,e AS e,f AS f,g AS g,h AS h,i AS i,j AS j,k AS k",
        "position 73: 'AS' stands more than 10 times",
    ),
    (
        "'1234567890123456789012345678901234567890123456789度x' AS a",
        "position 1: a text here is at most 50 characters long",
    ),
    (
        "2147483648 AS a",
        "position 1: expected a whole number from -2147483648 to 2147483647",
    ),
    (
        "- 2147483649 AS a",
        "position 1: expected a whole number from -2147483648 to 2147483647",
    ),
    (
        "1.5 AS a",
        "position 1: expected a whole number from -2147483648 to 2147483647",
    ),
    (
        "1e2 AS a",
        "position 1: expected a whole number from -2147483648 to 2147483647",
    ),
    ("-a AS b", "position 2: expected a whole number"),
    ("a + 1 AS b", "position 3: expected ',', 'AS' or the end"),
    (
        "LOWER(a) || 'x' AS b",
        "position 10: expected 'AS' and a name, which a constant and a function need",
    ),
    ("'it AS a", "position 1: a quote that nothing closes"),
    ("a.\"b AS a", "position 1: a quote that nothing closes"),
    (
        "true AS a",
        "position 1: expected a path (a keyword needs double quotes)",
    ),
    ("a[0]", "position 2: expected ',', 'AS' or the end"),
    ("a.", "position 2: expected ',', 'AS' or the end"),
    ("a. b", "position 2: expected ',', 'AS' or the end"),
    ("a.\"\"", "position 1: a name in a path must not be empty"),
    ("\"a..b\"", "position 1: a name in a path must not be empty"),
    ("FIRST(a) AS b", "position 1: no function is called 'FIRST'"),
    ("温度(a) AS b", "position 1: no function is called '温度'"),
    ("SELECT a FROM b", "position 10: expected ',', 'AS' or the end"),
    ("a;", "position 2: expected ',', 'AS' or the end"),
];

/// What is no WHERE clause, and what is said of it.
const REFUSED_WHERES: &[(&str, &str)] = &[
    (
        "a +",
        "position 4: expected a path, a text, a number, a function or '('",
    ),
    ("a + 1", "position 6: expected a comparison"),
    ("'a'", "position 4: expected a comparison"),
    ("1 and a", "position 3: expected a comparison"),
    ("a = 1 and 'x'", "position 14: expected a comparison"),
    ("lower(a)", "position 9: expected a comparison"),
    ("null", "position 5: expected a comparison"),
    ("a b", "position 3: expected an operator or the end"),
    ("a = 1 b", "position 7: expected an operator or the end"),
    ("a = 1)", "position 6: expected an operator or the end"),
    ("(a = 1", "position 7: expected an operator or ')'"),
    ("(a = 1 b", "position 8: expected an operator or ')'"),
    ("a = 1 = 2", "position 7: expected an operator or the end"),
    ("(a = 1) + 2", "position 9: expected an operator or the end"),
    ("a = (b = 1)", "position 5: expected a value, not a condition"),
    ("a + (b = 1) = 2", "position 5: expected a value, not a condition"),
    (
        "a == 1",
        "position 4: expected a path, a text, a number, a function or '('",
    ),
    ("a != 1", "position 3: expected an operator or the end"),
    (
        "a =",
        "position 4: expected a path, a text, a number, a function or '('",
    ),
    (
        "= 1",
        "position 1: expected a path, a text, a number, a function or '('",
    ),
    (
        "not a",
        "position 1: expected a path (a keyword needs double quotes)",
    ),
    ("a not = 1", "position 7: expected 'LIKE' or 'IN'"),
    ("a like b", "position 8: expected a text in single quotes"),
    ("a like 5", "position 8: expected a text in single quotes"),
    ("a in 1", "position 6: expected '('"),
    (
        "a in ()",
        "position 7: expected a path, a text, a number, a function or '('",
    ),
    ("a in (1", "position 8: expected ',' or ')'"),
    (
        "a in (1,)",
        "position 9: expected a path, a text, a number, a function or '('",
    ),
    ("a in (b = 1)", "position 9: expected ',' or ')'"),
    ("a is", "position 5: expected 'NULL' or 'NOT NULL'"),
    ("a is not 1", "position 10: expected 'NULL'"),
    ("a is true", "position 6: expected 'NULL' or 'NOT NULL'"),
    ("a between 1 and 2", "position 3: expected an operator or the end"),
    (
        "GET_TAG() = 'x'",
        "position 9: expected a path, a text, a number, a function or '('",
    ),
    ("GET_TAG('a', 'b') = 'x'", "position 12: expected ')'"),
    ("GET_TAG(1) = 'x'", "position 9: expected a text"),
    ("GET_TAG(null) = 'x'", "position 9: expected a text"),
    (
        "GET_SERVICE('a', b) IS NULL",
        "position 18: expected TRUE or FALSE",
    ),
    ("GET_SERVICE('a' 'b') IS NULL", "position 17: expected ',' or ')'"),
    ("GET_SERVICE('a', true, 1) IS NULL", "position 22: expected ')'"),
    ("STARTS_WITH('a')", "position 16: expected ','"),
    (
        "SUBSTRING('a', 'b') = 'x'",
        "position 16: expected a whole number",
    ),
    (
        "SUBSTRING('a', 1.5) = 'x'",
        "position 16: expected a whole number",
    ),
    (
        "CONCAT(a, null) = 'x'",
        "position 11: expected a text, a number or a boolean",
    ),
    ("CONCAT(a, b = 1) = 'x'", "position 13: expected ')'"),
    ("NOW() > 1", "position 1: no function is called 'NOW'"),
    (
        "LOWER (a) = 'x' and X.Y(a)",
        "position 21: no function is called 'X.Y'",
    ),
    ("a = 'x", "position 5: a quote that nothing closes"),
    ("a = 'it's'", "position 9: expected an operator or the end"),
    (
        "a = 12345678901234567890123456789012345",
        "position 5: a number of more than 34 digits",
    ),
    (
        "a = 1e7000",
        "position 5: a number that is too large or too small",
    ),
    ("a = 1.", "position 6: expected an operator or the end"),
    (
        "a = .5",
        "position 5: expected a path, a text, a number, a function or '('",
    ),
    (
        "a = \u{1f600}",
        "position 5: expected a path, a text, a number, a function or '('",
    ),
    ("'温度' = b c", "position 10: expected an operator or the end"),
    ("a | b = 1", "position 3: expected an operator or the end"),
];

#[test]
fn what_is_read_prints_in_one_form_that_reads_back() {
    for (text, printed) in SELECTS {
        let select = Select::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(select.to_string(), *printed, "{text}");
        assert_eq!(Select::parse(printed).as_ref(), Ok(&select), "{text}");
    }
    for (text, printed) in WHERES {
        let condition = Where::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(condition.to_string(), *printed, "{text}");
        assert_eq!(Where::parse(printed).as_ref(), Ok(&condition), "{text}");
    }
}

#[test]
fn what_is_refused_has_its_place_and_reason() {
    for (text, told) in REFUSED_SELECTS {
        let fault = Select::parse(text).expect_err(text);
        assert_eq!(fault.to_string(), *told, "{text}");
    }
    for (text, told) in REFUSED_WHERES {
        let fault = Where::parse(text).expect_err(text);
        assert_eq!(fault.to_string(), *told, "{text}");
    }
}

#[test]
fn bounds_hold_at_their_edges() {
    let padded = |length: usize| format!("{:length$}", "温=1");
    assert!(Where::parse(&padded(MOST_CHARACTERS)).is_ok());
    let fault = Where::parse(&padded(MOST_CHARACTERS + 1)).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "position 2501: a clause is at most 2500 characters long"
    );
    let nested = |depth: usize| format!("{}a{} = 1", "(".repeat(depth), ")".repeat(depth));
    assert!(Where::parse(&nested(32)).is_ok());
    let fault = Where::parse(&nested(33)).unwrap_err();
    assert_eq!(fault.to_string(), "position 33: nesting of more than 32 levels");
    for deep in ["-".repeat(33) + "a=1", "LOWER(".repeat(33) + "a"] {
        let fault = Where::parse(&deep).unwrap_err();
        assert!(fault.message.contains("nesting"), "{fault}");
    }
    let path = |names: usize| vec!["a"; names].join(".");
    assert!(Select::parse(&path(40)).is_ok());
    let fault = Select::parse(&path(41)).unwrap_err();
    assert_eq!(fault.to_string(), "position 1: a path of more than 40 names");
    // Long chains are flat: they neither nest nor overflow.
    for chain in ["a+", "a*", "a||", "a and ", "a or "] {
        let text = chain.repeat(MOST_CHARACTERS / chain.len() - 2);
        let text = if chain.len() > 3 { text + "a" } else { text + "a=1" };
        let condition = Where::parse(&text).unwrap_or_else(|fault| panic!("{fault}"));
        assert!(!condition.holds("{}"));
        assert!(!condition.to_string().is_empty());
    }
}
