//! The secret of a signed-in browser: what its cookie holds, what the store keeps of it, and what its forms carry.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use super::secret::{RandomError, Secret, random_bytes};

/// Keeps a form's token apart from anything else that the session's token may sign.
const FORM_LABEL: &[u8] = b"fieldgate console form v1";

/// The SHA-256 of a token: the store knows a session by it, and cannot make the token from it.
pub type SessionFingerprint = [u8; 32];

/// 32 random bytes, as 64 hexadecimal digits.
#[derive(Clone, Debug)]
pub struct SessionToken(Secret);

impl SessionToken {
    /// A new one.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(Secret::new(hex::encode(random_bytes::<32>()?))))
    }

    /// What a cookie holds; none for any other form.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(Secret::new(text.to_owned())))
    }

    /// For the cookie.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// For the store.
    pub fn fingerprint(&self) -> SessionFingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.expose().as_bytes()).as_ref());
        bytes
    }

    /// What each form of this session carries, so that no other site can send one.
    pub fn form_token(&self) -> String {
        hex::encode(sign(&Key::new(HMAC_SHA256, self.expose().as_bytes()), FORM_LABEL))
    }

    /// Whether a form came from this session; in a time that does not tell where it differs.
    pub fn has_sent(&self, form_token: &str) -> bool {
        verify_slices_are_equal(self.form_token().as_bytes(), form_token.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_from_its_cookie() {
        let made = SessionToken::generate().unwrap();
        let read = SessionToken::parse(made.expose()).unwrap();
        assert_eq!(read.fingerprint(), made.fingerprint());
        assert_ne!(hex::encode(made.fingerprint()), made.expose());
        for wrong in ["", "ab", &"A".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
            assert!(SessionToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_form_belongs_to_one_session() {
        let (one, other) = (
            SessionToken::generate().unwrap(),
            SessionToken::generate().unwrap(),
        );
        assert!(one.has_sent(&one.form_token()));
        for wrong in [other.form_token().as_str(), one.expose(), ""] {
            assert!(!one.has_sent(wrong));
        }
    }

    #[test]
    fn a_forms_token_is_the_hmac_of_the_label() {
        // printf 'fieldgate console form v1' | openssl dgst -sha256 -hmac $(printf '0%.0s' $(seq 64))
        let token = SessionToken::parse(&"0".repeat(64)).unwrap();
        assert_eq!(
            token.form_token(),
            "7e2356205decf12cb31373522af3a4a4af5ffde0ad7bde0516a87d08fd0a822e"
        );
    }
}
