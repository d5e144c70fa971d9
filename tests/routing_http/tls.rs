//! Whom a target must prove to be, and how it is spoken to.

use fieldgate::routing::channel::http::HttpChannel;
use fieldgate::routing::channel::{Channel, Outcome};
use fieldgate::routing::egress::{CaFault, check_ca};
use http::Version;
use serde_json::{Value, json};

use crate::receiver::{Authority, Leaf, Receiver, Transport};
use crate::{Setup, deliver, event};

const BOTH: &[&str] = &["h2", "http/1.1"];

async fn receiver(protocols: &'static [&'static str], leaf: Leaf) -> Receiver {
    Receiver::start(Transport::Tls(protocols, leaf)).await
}

fn channel(receiver: &Receiver, host: &str, ca: Option<&Authority>, more: Value) -> HttpChannel {
    let mut forwarding = json!({"url": format!("https://{host}:{}/in", receiver.address.port())});
    if let (Value::Object(members), Value::Object(more)) = (&mut forwarding, more) {
        members.extend(more);
    }
    let setup = Setup {
        ca: ca.map(|authority| authority.pem.clone()),
        ..Setup::default()
    };
    setup.channel(&forwarding)
}

#[tokio::test]
async fn http2_is_taken_where_it_is_offered() {
    let authority = Authority::new();
    let receiver = receiver(BOTH, authority.leaf(&["push.example"])).await;
    let channel = channel(&receiver, "push.example", Some(&authority), json!({}));
    let events: Vec<_> = (1..=8).map(|position| event(position, b"{}")).collect();
    deliver(&channel).await;
    let calls = events
        .iter()
        .map(|event| channel.deliver(std::slice::from_ref(event)));
    for reports in join_all(calls).await {
        assert_eq!(reports[0].outcome, Outcome::Delivered, "{reports:?}");
    }
    let seen = receiver.seen();
    assert!(seen.iter().all(|seen| seen.version == Version::HTTP_2));
    assert_eq!((seen.len(), receiver.connections()), (9, 1));
    assert_eq!(
        seen[0].target,
        format!("https://push.example:{}/in", receiver.address.port())
    );
    assert_eq!(
        seen[0].headers.get("content-type").unwrap(),
        "application/json; charset=utf-8"
    );
    assert_eq!(receiver.names(), [Some("push.example".to_owned())]);
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn http1_is_spoken_where_nothing_else_is_offered() {
    let authority = Authority::new();
    for protocols in [&["http/1.1"][..], &[]] {
        let receiver = receiver(protocols, authority.leaf(&["push.example"])).await;
        let channel = channel(&receiver, "push.example", Some(&authority), json!({}));
        for _ in 0..3 {
            assert_eq!(deliver(&channel).await.outcome, Outcome::Delivered);
        }
        assert_eq!(receiver.last().version, Version::HTTP_11);
        assert_eq!(receiver.connections(), 1);
    }
}

#[tokio::test]
async fn certificates_are_verified_and_refusals_say_why() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (leaf, ca, words) in [
        (authority.leaf(&["push.example"]), None, "no CA that is trusted"),
        (authority.leaf(&["push.example"]), Some(&other), ""),
        (
            authority.leaf(&["another.example"]),
            Some(&authority),
            "not for this name",
        ),
        (
            authority.leaf_until(&["push.example"], 2020),
            Some(&authority),
            "expired",
        ),
    ] {
        let receiver = receiver(BOTH, leaf).await;
        let report = deliver(&channel(&receiver, "push.example", ca, json!({}))).await;
        let unreachable = matches!(
            report.outcome,
            Outcome::Failed {
                unreachable: true,
                ..
            }
        );
        assert!(unreachable, "{report:?}");
        assert!(
            report.detail.starts_with("the target's certificate is refused: "),
            "{}",
            report.detail
        );
        assert!(report.detail.contains(words), "{}", report.detail);
        assert!(receiver.seen().is_empty());
    }
}

#[tokio::test]
async fn plain_http_behind_https_is_told_as_a_failed_handshake() {
    let receiver = Receiver::start(Transport::Plain).await;
    let report = deliver(&channel(&receiver, "push.example", None, json!({}))).await;
    assert!(
        matches!(
            report.outcome,
            Outcome::Failed {
                unreachable: true,
                ..
            }
        ),
        "{report:?}"
    );
    assert!(
        report.detail.starts_with("the TLS handshake failed: "),
        "{}",
        report.detail
    );
}

#[tokio::test]
async fn an_address_is_verified_as_an_address() {
    let authority = Authority::new();
    let receiver = receiver(BOTH, authority.leaf(&["127.0.0.1"])).await;
    let report = deliver(&channel(&receiver, "127.0.0.1", Some(&authority), json!({}))).await;
    assert_eq!(report.outcome, Outcome::Delivered, "{}", report.detail);
    assert_eq!(receiver.names(), [None], "an address is no server name");
}

#[tokio::test]
async fn sni_enable_asks_for_the_other_name() {
    let authority = Authority::new();
    for host in ["push.example", "127.0.0.1"] {
        let receiver = receiver(BOTH, authority.leaf(&["inner.example"])).await;
        let without = deliver(&channel(
            &receiver,
            host,
            Some(&authority),
            json!({"cn_name": "inner.example"}),
        ))
        .await;
        assert!(without.detail.contains("not for this name"), "{}", without.detail);
        let named = json!({"sni_enable": true, "cn_name": "Inner.example"});
        let report = deliver(&channel(&receiver, host, Some(&authority), named)).await;
        assert_eq!(report.outcome, Outcome::Delivered, "{}", report.detail);
        assert_eq!(receiver.names(), [Some("inner.example".to_owned())]);
        let seen = receiver.last();
        assert_eq!(
            seen.headers.get("host").unwrap(),
            &format!("{host}:{}", receiver.address.port())
        );
        assert_eq!((seen.version, seen.target.as_str()), (Version::HTTP_11, "/in"));
    }
}

#[tokio::test]
async fn a_name_that_is_the_hosts_own_changes_nothing() {
    let authority = Authority::new();
    let receiver = receiver(BOTH, authority.leaf(&["push.example"])).await;
    let named = json!({"sni_enable": true, "cn_name": "push.example"});
    let report = deliver(&channel(&receiver, "push.example", Some(&authority), named)).await;
    assert_eq!(report.outcome, Outcome::Delivered, "{}", report.detail);
    assert_eq!(receiver.last().version, Version::HTTP_2);
}

#[test]
fn a_ca_must_be_one() {
    let authority = Authority::new();
    assert!(check_ca(authority.pem.as_bytes()).is_ok());
    let two = format!("a comment\n{}\n{}", authority.pem, Authority::new().pem);
    assert!(check_ca(two.as_bytes()).is_ok());
    assert!(matches!(check_ca(b""), Err(CaFault::Empty)));
    assert!(matches!(
        check_ca(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        Err(CaFault::Empty)
    ));
    assert!(matches!(
        check_ca(b"-----BEGIN CERTIFICATE-----\nAAAA\n"),
        Err(CaFault::Pem(_))
    ));
    let fault = check_ca(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(fault, Err(CaFault::Certificate(_))), "{fault:?}");
}
