//! The strict pass over JSON: no bytes make it panic, faults stand inside the text, and what it takes serde takes.

#![no_main]

use fieldgate::domain::json_scan::scan;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    match scan(bytes) {
        Err(fault) => assert!(fault.offset <= bytes.len(), "{fault}"),
        Ok(text) => {
            assert_eq!(text.as_bytes(), bytes);
            assert!(
                serde_json::from_str::<&RawValue>(text).is_ok(),
                "serde refuses {text}"
            );
        }
    }
});
