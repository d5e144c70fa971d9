//! Rules' SQL: the first line is a SELECT clause, the second a WHERE clause, the rest an event. No text makes the parser or
//! the evaluation panic, faults stand inside the text, what prints reads back, and what goes out of JSON is JSON.

#![no_main]

use fieldgate::domain::json_scan::scan;
use fieldgate::routing::sql::{MOST_CHARACTERS, Select, SqlFault, Where};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (first, second) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let event = lines.next().unwrap_or("");
    match Select::parse(first) {
        Err(fault) => assert_inside(first, &fault),
        Ok(select) => {
            let printed = select.to_string();
            if printed.chars().count() <= MOST_CHARACTERS {
                assert_eq!(Select::parse(&printed), Ok(select.clone()), "printed as {printed}");
            }
            let out = select.of(event);
            // Members of other events' own making could go out twice, and nesting deepens by one.
            if printed != "*" && event.starts_with('{') && scan(event.as_bytes()).is_ok() {
                assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
            }
        }
    }
    match Where::parse(second) {
        Err(fault) => assert_inside(second, &fault),
        Ok(condition) => {
            let printed = condition.to_string();
            if printed.chars().count() <= MOST_CHARACTERS {
                let again = Where::parse(&printed);
                assert_eq!(again.as_ref(), Ok(&condition), "printed as {printed}");
            }
            condition.holds(event);
        }
    }
});

fn assert_inside(text: &str, fault: &SqlFault) {
    let last = text.chars().count().min(MOST_CHARACTERS) + 1;
    assert!((1..=last).contains(&fault.position), "{fault}");
}
