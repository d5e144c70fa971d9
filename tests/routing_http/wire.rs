//! What goes over the wire.

use std::sync::Arc;

use fieldgate::auth::webhook_signature::{SigningSecret, SigningSecrets};
use fieldgate::domain::clock::{Clock, SystemClock};
use fieldgate::routing::channel::{Channel, Outcome};
use http::{HeaderMap, Version};
use serde_json::json;
use standardwebhooks::Webhook;

use crate::receiver::{Receiver, Transport};
use crate::{Setup, deliver, event};

/// As it is, white space, number forms and escapes included.
const BODY: &[u8] = "{ \"a\" : 1.50, \"b\":\"\\u00e4 ä\" , \"a2\":1e2}\n".as_bytes();

#[tokio::test]
async fn a_push_arrives_byte_for_byte_under_its_headers() {
    let receiver = Receiver::start(Transport::Plain).await;
    let channel =
        Setup::default().channel(&json!({"url": format!("http://{}/hook/a?x=%20y", receiver.address)}));
    let reports = channel.deliver(&[event(41, BODY), event(42, b"{}")]).await;
    assert!(
        reports.iter().all(|report| report.outcome == Outcome::Delivered),
        "{reports:?}"
    );
    assert_eq!(reports[0].detail, "200 OK");
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].target.as_str()),
        ("POST", "/hook/a?x=%20y")
    );
    assert_eq!(seen[0].version, Version::HTTP_11);
    assert_eq!(seen[0].body, BODY);
    let mut names: Vec<_> = seen[0].headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "webhook-id",
            "webhook-signature",
            "webhook-timestamp"
        ]
    );
    let header = |name| seen[0].headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(header("content-type"), "application/json; charset=utf-8");
    assert_eq!(header("content-length"), BODY.len().to_string());
    assert_eq!(header("host"), receiver.address.to_string());
    assert_eq!(header("webhook-id"), "41");
    assert_eq!(header("webhook-timestamp"), "1700000000");
    assert!(header("user-agent").starts_with("Fieldgate/"));
    assert_eq!(seen[1].headers.get("webhook-id").unwrap(), "42");
}

#[tokio::test]
async fn the_documented_signature_can_be_checked_by_the_receiver() {
    let receiver = Receiver::start(Transport::Plain).await;
    let channel = Setup::default().channel(&json!({
        "url": format!("http://{}/", receiver.address), "signature_enable": true, "token": "Token123",
    }));
    deliver(&channel).await;
    deliver(&channel).await;
    let mut nonces = Vec::new();
    for seen in receiver.seen() {
        let header = |name| seen.headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("timestamp"), "1700000000250");
        let mut parts = ["Token123".to_owned(), header("timestamp"), header("nonce")];
        parts.sort();
        let joined = parts.concat();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, joined.as_bytes());
        assert_eq!(header("signature"), hex::encode(digest));
        assert!(!format!("{:?}", seen.headers).contains("Token123"));
        nonces.push(header("nonce"));
    }
    assert_ne!(nonces[0], nonces[1]);
}

/// By the verifier of the specification's authors, which compares the time with its own clock.
fn verified(secret: &SigningSecret, body: &[u8], headers: &HeaderMap) -> bool {
    let webhook = Webhook::new(secret.text().expose()).unwrap();
    webhook.verify(body, headers).is_ok()
}

#[tokio::test]
async fn a_standard_verifier_takes_the_signature_and_no_change() {
    let receiver = Receiver::start(Transport::Plain).await;
    let (one, other) = (
        SigningSecret::from_random([1; 32]),
        SigningSecret::from_random([2; 32]),
    );
    let until = SystemClock.now().plus_seconds(60);
    let setup = Setup {
        secrets: SigningSecrets::new(other.clone()).with_previous(one.clone(), until),
        clock: Arc::new(SystemClock),
        ..Setup::default()
    };
    let channel = setup.channel(&json!({"url": format!("http://{}/", receiver.address)}));
    channel.deliver(&[event(9, BODY)]).await;
    let seen = receiver.last();
    assert!(verified(&other, &seen.body, &seen.headers));
    assert!(
        verified(&one, &seen.body, &seen.headers),
        "the secret before, within the overlap"
    );
    assert!(!verified(
        &SigningSecret::from_random([3; 32]),
        &seen.body,
        &seen.headers
    ));
    let mut changed = seen.body.to_vec();
    changed[9] ^= 1;
    assert!(!verified(&other, &changed, &seen.headers));
    let mut headers = seen.headers.clone();
    headers.insert("webhook-id", "10".parse().unwrap());
    assert!(!verified(&other, &seen.body, &headers));
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::start(Transport::Plain).await;
    let channel = Setup::default().channel(&json!({"url": format!("http://{}/", receiver.address)}));
    for _ in 0..20 {
        assert_eq!(deliver(&channel).await.outcome, Outcome::Delivered);
    }
    assert_eq!((receiver.seen().len(), receiver.connections()), (20, 1));
}
