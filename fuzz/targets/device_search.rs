//! Search statements: no text makes the parser panic, faults stand inside the text, and what prints reads back.

#![no_main]

use fieldgate::domain::device_search::{DeviceSearch, MOST_CHARACTERS, MOST_OFFSET, MOST_ROWS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match DeviceSearch::parse(text) {
        Err(fault) => {
            assert!(
                (1..=text.chars().count() + 1).contains(&fault.position),
                "{fault}"
            );
            assert!(fault.position <= MOST_CHARACTERS + 1, "{fault}");
        }
        Ok(search) => {
            assert!(search.offset <= MOST_OFFSET && (1..=MOST_ROWS).contains(&search.limit));
            let printed = search.to_string();
            if printed.chars().count() <= MOST_CHARACTERS {
                assert_eq!(DeviceSearch::parse(&printed), Ok(search), "printed as {printed}");
            }
        }
    }
});
