//! What is never called.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fieldgate::routing::channel::Outcome;
use fieldgate::routing::channel::http::HttpForwarding;
use fieldgate::routing::egress::{AddressPolicy, Lookup, SystemLookup};
use serde_json::json;

use crate::receiver::{Receiver, Transport};
use crate::{Setup, deliver};

struct Answers<F>(F);

impl<F: Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync> Lookup for Answers<F> {
    fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        (self.0)(host)
    }
}

fn looking(answer: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Setup {
    Setup {
        policy: AddressPolicy::default(),
        lookup: Arc::new(Answers(answer)),
        ..Setup::default()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_name_of_this_machine_is_refused() {
    let receiver = Receiver::start(Transport::Plain).await;
    let port = receiver.address.port();
    for host in ["localhost", "LOCALHOST"] {
        let setup = Setup {
            policy: AddressPolicy::default(),
            lookup: Arc::new(SystemLookup),
            ..Setup::default()
        };
        let report = deliver(&setup.channel(&json!({"url": format!("http://{host}:{port}/")}))).await;
        assert_eq!(
            report.outcome,
            Outcome::TargetRefused,
            "{host}: {}",
            report.detail
        );
        assert!(report.detail.contains("loopback"), "{host}: {}", report.detail);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let receiver = Receiver::start(Transport::Plain).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    // Allowed the first time, this machine from then on: the first connection goes nowhere, and the second is not made.
    let setup = looking(move |_| {
        Ok(vec![match counter.fetch_add(1, Ordering::SeqCst) {
            0 => ip("127.0.0.2"),
            _ => ip("127.0.0.1"),
        }])
    });
    let setup = Setup {
        policy: AddressPolicy::new(false, vec!["127.0.0.2/32".parse().unwrap()]),
        ..setup
    };
    let channel =
        setup.channel(&json!({"url": format!("http://changes.example:{}/", receiver.address.port())}));
    let first = deliver(&channel).await;
    assert!(
        matches!(
            first.outcome,
            Outcome::Failed {
                unreachable: true,
                ..
            }
        ),
        "{first:?}"
    );
    let second = deliver(&channel).await;
    assert_eq!(second.outcome, Outcome::TargetRefused, "{}", second.detail);
    assert_eq!((asked.load(Ordering::SeqCst), receiver.connections()), (2, 0));
}

#[tokio::test]
async fn of_several_addresses_only_allowed_ones_are_called() {
    let receiver = Receiver::start(Transport::Plain).await;
    let url = json!({"url": format!("http://several.example:{}/", receiver.address.port())});
    let setup = looking(|_| Ok(vec![ip("127.0.0.2"), ip("::1"), ip("127.0.0.1")]));
    let setup = Setup {
        policy: AddressPolicy::new(false, vec!["127.0.0.1/32".parse().unwrap()]),
        ..setup
    };
    assert_eq!(deliver(&setup.channel(&url)).await.outcome, Outcome::Delivered);
    let report = deliver(&looking(|_| Ok(vec![ip("10.0.0.1"), ip("127.0.0.1")])).channel(&url)).await;
    assert_eq!(report.outcome, Outcome::TargetRefused);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_literal_is_checked_before_each_request_too() {
    let receiver = Receiver::start(Transport::Plain).await;
    let written = json!({"url": format!("http://{}/", receiver.address)});
    let lax = AddressPolicy::new(true, Vec::new());
    let refused = HttpForwarding::parse(&written, &AddressPolicy::default()).unwrap_err();
    assert_eq!(refused.field, "http_forwarding.url");
    // Written under a configuration that allowed it, and stored; then the configuration changed.
    let forwarding = HttpForwarding::parse(&written, &lax).unwrap();
    let setup = looking(|_| Err(io::Error::other("a literal is not looked up")));
    let report = deliver(&setup.channel_of(forwarding)).await;
    assert_eq!(report.outcome, Outcome::TargetRefused, "{}", report.detail);
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn lookups_fail_and_hang_without_harm() {
    let url = json!({"url": "https://nowhere.example/s3cret"});
    let report = deliver(&looking(|_| Err(io::Error::other("no such name"))).channel(&url)).await;
    assert_eq!(report.detail, "the name could not be resolved: no such name");
    assert!(matches!(
        report.outcome,
        Outcome::Failed {
            unreachable: true,
            ..
        }
    ));
    let report = deliver(&looking(|_| Ok(Vec::new())).channel(&url)).await;
    assert_eq!(report.detail, "the name has no address");
    let begun = Instant::now();
    let hanging = looking(|_| {
        std::thread::sleep(Duration::from_secs(2));
        Ok(Vec::new())
    });
    let report = deliver(&hanging.channel(&url)).await;
    assert_eq!(report.detail, "the name could not be resolved within 0.5 s");
    assert!(matches!(
        report.outcome,
        Outcome::Failed {
            unreachable: true,
            ..
        }
    ));
    assert!(
        begun.elapsed() < Duration::from_millis(1500),
        "{:?}",
        begun.elapsed()
    );
}
