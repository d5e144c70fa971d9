//! A device's password: HMAC-SHA256 with the timestamp as key and the secret as message (device-api.md, device-auth).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

/// The 32 bytes that a device with this secret sends in hexadecimal for this hour.
pub fn device_password(secret: &str, timestamp: &str) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, timestamp.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hmac::sign(&key, secret.as_bytes()).as_ref());
    bytes
}

/// Whether `password` (64 hexadecimal digits in either case) is the one; compared in constant time.
pub fn verify(secret: &str, timestamp: &str, password: &str) -> bool {
    let mut sent = [0; 32];
    let readable = hex::decode_to_slice(password, &mut sent).is_ok();
    verify_slices_are_equal(&device_password(secret, timestamp), &sent).is_ok() && readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_answers_come_out() {
        let known = [
            (
                "12345678",
                "2025041401",
                "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a",
            ),
            (
                "fdb2c8d9a1",
                "2026112308",
                "a936d12872608373a848b8525b670e26ff2634eca7f901235cd1eed6f9b12ae7",
            ),
        ];
        for (secret, timestamp, password) in known {
            assert_eq!(hex::encode(device_password(secret, timestamp)), password);
            assert!(verify(secret, timestamp, password));
            assert!(verify(secret, timestamp, &password.to_uppercase()));
            assert!(!verify(secret, "2025041402", password));
            assert!(!verify("12345679", timestamp, password));
        }
        assert!(!verify("12345678", "2025041401", "zz"));
    }
}
