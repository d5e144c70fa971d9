//! Access tokens: no text makes the reader panic, what it takes is what this key issued, and an issued token changed in
//! any place of its statement is refused.

#![no_main]

use std::sync::LazyLock;

use fieldgate::auth::access_token::{TokenClaims, TokenKey};
use fieldgate::auth::secret_box::MasterKey;
use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::ids::DeviceKey;
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<TokenKey> =
    LazyLock::new(|| TokenKey::new(&MasterKey::parse(&"5a".repeat(32)).expect("64 digits")));

fuzz_target!(|input: (&str, [i64; 4], u8, u8)| {
    let (text, [device, epoch, issued, expires], place, byte) = input;
    if let Ok(claims) = KEY.read(text) {
        assert_eq!(statement(&KEY.issue(&claims)), statement(text));
    }
    let claims = TokenClaims {
        device: DeviceKey(device),
        epoch,
        issued: Timestamp(issued),
        expires: Timestamp(expires),
    };
    let token = KEY.issue(&claims);
    assert_eq!(KEY.read(&token), Ok(claims));

    let mut changed = token.clone().into_bytes();
    if let Some(there) = changed.get_mut(usize::from(place)) {
        *there = byte;
    }
    let Ok(changed) = String::from_utf8(changed) else {
        return;
    };
    if statement(&changed) != statement(&token) {
        assert!(KEY.read(&changed).is_err(), "{changed} was taken");
    }
});

/// All but the signature, whose last character has bits that mean nothing.
fn statement(token: &str) -> Option<&str> {
    token.rsplit_once('.').map(|(statement, _)| statement)
}
