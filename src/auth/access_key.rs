//! Access keys of the management API: their form, their roles, and `<access_key>:<secret_key>`.

use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::secret::{RandomError, Secret, random_bytes};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// What reads.
    Reader,
}

impl Role {
    /// Its stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Reader => "reader",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "admin" => Ok(Self::Admin),
            "reader" => Ok(Self::Reader),
            other => Err(format!("no such role: {other}")),
        }
    }
}

/// A new pair: an access key of 20 and a secret of 40 letters and digits.
pub fn generate() -> Result<(String, Secret), RandomError> {
    const UPPER: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    const ANY: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789Zz";
    let access_key = pick(UPPER, &random_bytes::<20>()?);
    let secret = pick(ANY, &random_bytes::<40>()?);
    Ok((access_key, Secret::new(secret)))
}

fn pick(alphabet: &[u8], random: &[u8]) -> String {
    random
        .iter()
        .filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len()))
        .map(|byte| char::from(*byte))
        .collect()
}

/// Splits `<access_key>:<secret_key>`.
pub fn split_token(header: &str) -> Option<(&str, &str)> {
    header
        .split_once(':')
        .filter(|(key, secret)| !key.is_empty() && !secret.is_empty())
}

/// Compares two secrets in a time that does not tell where they differ.
pub fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_pair_reads_back_from_its_header_form() {
        let (key, secret) = generate().unwrap();
        assert_eq!((key.len(), secret.expose().len()), (20, 40));
        let header = format!("{key}:{}", secret.expose());
        assert_eq!(split_token(&header), Some((key.as_str(), secret.expose())));
        assert_eq!(split_token("nocolon"), None);
        assert_eq!(split_token(":x"), None);
    }

    #[test]
    fn secrets_compare_by_content() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd"));
        assert!(!same("abc", "abcd"));
    }
}
