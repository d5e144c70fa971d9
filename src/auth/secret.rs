//! A text that must not be shown, and randomness for making one.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::domain::ids::is_id_byte;

/// A secret text: no `Display`, a placeholder as `Debug`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text in.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text; every call is a place to look at in review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"******\"")
    }
}

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RandomError;

/// Bytes from the system's generator.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// True for 8 to 32 of `[A-Za-z0-9_-]` (device-api.md, token rules).
pub fn check_device_secret(text: &str) -> bool {
    (8..=32).contains(&text.len()) && text.bytes().all(is_id_byte)
}

/// A new device secret: 32 hexadecimal digits.
pub fn generate_device_secret() -> Result<Secret, RandomError> {
    Ok(Secret::new(hex::encode(random_bytes::<16>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter22".into())), "\"******\"");
    }

    #[test]
    fn device_secrets_have_8_to_32_id_characters() {
        assert!(check_device_secret("12345678"));
        assert!(!check_device_secret("1234567"));
        assert!(check_device_secret(&"a".repeat(32)));
        assert!(!check_device_secret(&"a".repeat(33)));
        assert!(!check_device_secret("1234 5678"));
        assert!(check_device_secret(generate_device_secret().unwrap().expose()));
    }
}
