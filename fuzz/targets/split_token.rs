//! `<access_key>:<secret_key>`: the parts make up the header again, and neither is empty.

#![no_main]

use fieldgate::auth::access_key::split_token;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    match split_token(header) {
        Some((key, secret)) => {
            assert_eq!(format!("{key}:{secret}"), header);
            assert!(!key.is_empty() && !key.contains(':') && !secret.is_empty());
        }
        None => {
            let first = header.find(':');
            assert!(
                first.is_none_or(|at| at == 0 || at + 1 == header.len()),
                "{header}"
            );
        }
    }
});
