//! The headers of a push: what its body is, and two proofs of where it comes from. Pure.

use aws_lc_rs::digest::{SHA256, digest};
use http::header::{CONTENT_TYPE, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::secret::Secret;
use crate::auth::webhook_signature::{SigningSecrets, seconds};
use crate::domain::clock::Timestamp;
use crate::routing::channel::Outgoing;

/// One event, one instant, one nonce: the same headers.
pub(super) fn headers(
    event: &Outgoing,
    token: Option<&Secret>,
    secrets: &SigningSecrets,
    now: Timestamp,
    nonce: [u8; 16],
) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    if let Some(token) = token {
        let (timestamp, nonce) = (now.0.to_string(), hex::encode(nonce));
        let signature = token_signature(token, &timestamp, &nonce);
        headers.insert(HeaderName::from_static("timestamp"), timestamp.try_into()?);
        headers.insert(HeaderName::from_static("nonce"), nonce.try_into()?);
        headers.insert(HeaderName::from_static("signature"), signature.try_into()?);
    }
    let id = event.position.0.to_string();
    let signatures = secrets.signatures(&id, now, &event.body);
    headers.insert(HeaderName::from_static("webhook-id"), id.try_into()?);
    headers.insert(HeaderName::from_static("webhook-timestamp"), seconds(now).into());
    headers.insert(
        HeaderName::from_static("webhook-signature"),
        signatures.try_into()?,
    );
    Ok(headers)
}

/// The documented platform's: the SHA-256, in hexadecimal digits, of the three texts sorted and joined (routing.md §3).
fn token_signature(token: &Secret, timestamp: &str, nonce: &str) -> String {
    let mut parts = [token.expose(), timestamp, nonce];
    parts.sort_unstable();
    hex::encode(digest(&SHA256, parts.concat().as_bytes()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::auth::webhook_signature::SigningSecret;
    use crate::domain::ids::Position;

    fn event() -> Outgoing {
        Outgoing {
            position: Position(42),
            device_id: None,
            product_id: None,
            app_id: None,
            body: Bytes::from_static(b"{\"a\":1}"),
        }
    }

    fn shown(token: Option<&str>) -> String {
        let secrets = SigningSecrets::new(SigningSecret::from_random([9; 32]));
        let token = token.map(|token| Secret::new(token.to_owned()));
        let now = Timestamp(1_700_000_000_123);
        let headers = headers(&event(), token.as_ref(), &secrets, now, [0xab; 16]).unwrap();
        let line =
            |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        headers.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
    }

    #[test]
    fn without_a_token_there_are_only_the_webhook_headers() {
        let expected = "content-type: application/json; charset=utf-8\n\
                        webhook-id: 42\n\
                        webhook-timestamp: 1700000000\n\
                        webhook-signature: v1,m1ppJXitZXFhvkY2f8JQoBCtuwKyqa4yvMHfqG6l/is=\n";
        assert_eq!(shown(None), expected);
    }

    #[test]
    fn a_token_adds_the_documented_three() {
        // printf %s 1700000000123 abababababababababababababababab token7 | sha256sum
        let with = shown(Some("token7"));
        assert!(with.contains("timestamp: 1700000000123\n"), "{with}");
        assert!(with.contains(&format!("nonce: {}\n", "ab".repeat(16))), "{with}");
        let expected = "00dcf0e8b1b75a5da84d520c2e4e94b5b96a5eeb5926ec369a0a0df06d876587";
        assert!(with.contains(&format!("\nsignature: {expected}\n")), "{with}");
    }

    #[test]
    fn the_three_are_sorted_before_they_are_joined() {
        let token = |text: &str| Secret::new(text.to_owned());
        let joined = hex::encode(digest(&SHA256, b"012abc"));
        assert_eq!(
            token_signature(&token("abc"), "2", "01"),
            hex::encode(digest(&SHA256, b"012abc"))
        );
        assert_eq!(token_signature(&token("01"), "2", "abc"), joined);
    }
}
