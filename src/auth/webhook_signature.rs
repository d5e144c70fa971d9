//! Signatures after the Standard Webhooks specification 1.0: HMAC-SHA256 over id, timestamp and body, with a secret that
//! is written `whsec_` and base64. Pure; the HTTP channel sends them.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::secret::Secret;
use crate::domain::clock::Timestamp;

const PREFIX: &str = "whsec_";

/// How long the secret before still signs after a change.
pub const OVERLAP_MS: i64 = 24 * 3600 * 1000;

/// A text is no signing secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not whsec_ and the base64 of 24 to 64 bytes")]
pub struct NoSigningSecret;

/// One secret.
#[derive(Clone)]
pub struct SigningSecret {
    text: Secret,
    key: Key,
}

impl SigningSecret {
    /// Of 32 random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        let text = Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(bytes)));
        Self {
            key: Key::new(HMAC_SHA256, &bytes),
            text: Secret::new(text.to_string()),
        }
    }

    /// Reads `whsec_…`.
    pub fn parse(text: &str) -> Result<Self, NoSigningSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NoSigningSecret)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| NoSigningSecret)?);
        if !(24..=64).contains(&bytes.len()) {
            return Err(NoSigningSecret);
        }
        Ok(Self {
            key: Key::new(HMAC_SHA256, &bytes),
            text: Secret::new(text.to_owned()),
        })
    }

    /// As it is shown once, and stored sealed.
    pub const fn text(&self) -> &Secret {
        &self.text
    }

    fn signature(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{seconds}.").into_bytes();
        signed.extend_from_slice(body);
        format!("v1,{}", STANDARD.encode(sign(&self.key, &signed)))
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

/// An action's secrets: the one in use, and for a while after a change the one before.
#[derive(Clone, Debug)]
pub struct SigningSecrets {
    current: SigningSecret,
    previous: Option<(SigningSecret, Timestamp)>,
}

impl SigningSecrets {
    /// With one secret.
    pub const fn new(current: SigningSecret) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// With the one before, which signs until `until`.
    #[must_use]
    pub fn with_previous(mut self, previous: SigningSecret, until: Timestamp) -> Self {
        self.previous = Some((previous, until));
        self
    }

    /// The value of `webhook-signature`: one for each secret in force, the current one's first.
    pub fn signatures(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let seconds = seconds(now);
        let mut found = self.current.signature(id, seconds, body);
        if let Some((previous, until)) = &self.previous
            && now < *until
        {
            found.push(' ');
            found.push_str(&previous.signature(id, seconds, body));
        }
        found
    }

    /// Each secret without its prefix, to be kept out of what is shown.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let previous = self.previous.as_ref().map(|(secret, _)| secret);
        [Some(&self.current), previous]
            .into_iter()
            .flatten()
            .filter_map(|secret| secret.text.expose().strip_prefix(PREFIX))
    }
}

/// The value of `webhook-timestamp`: seconds since the Unix epoch.
pub const fn seconds(now: Timestamp) -> i64 {
    now.0.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the specification's own examples.
    const PUBLISHED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_example_comes_out() {
        let secrets = SigningSecrets::new(SigningSecret::parse(PUBLISHED).unwrap());
        let now = Timestamp(1_614_265_330_999);
        let signed = secrets.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", now, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_secret_before_signs_until_its_end() {
        let (one, other) = (
            SigningSecret::from_random([1; 32]),
            SigningSecret::from_random([2; 32]),
        );
        let alone = SigningSecrets::new(other.clone()).signatures("7", Timestamp(0), b"x");
        let old = SigningSecrets::new(one.clone()).signatures("7", Timestamp(0), b"x");
        let both = SigningSecrets::new(other).with_previous(one, Timestamp(1000));
        assert_eq!(
            both.signatures("7", Timestamp(999), b"x"),
            format!("{alone} {old}")
        );
        assert!(!both.signatures("7", Timestamp(1000), b"x").contains(' '));
    }

    #[test]
    fn secrets_read_back_and_do_not_print() {
        let made = SigningSecret::from_random([7; 32]);
        let read = SigningSecret::parse(made.text().expose()).unwrap();
        assert_eq!(read.text(), made.text());
        assert_eq!(format!("{read:?}"), "\"******\"");
        for wrong in [
            "",
            "whsec_",
            "whsec_AAAA",
            "whsec_!!!!",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert_eq!(
                SigningSecret::parse(wrong).unwrap_err(),
                NoSigningSecret,
                "{wrong}"
            );
        }
    }
}
