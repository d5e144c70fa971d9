//! A figure, not a check: `cargo test --test routing_http rate -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fieldgate::routing::channel::http::HttpChannel;
use fieldgate::routing::channel::{Channel, Outcome};
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::receiver::{Authority, Receiver, Transport};
use crate::{Setup, event};

const IN_FLIGHT: usize = 16;
const TIME: Duration = Duration::from_secs(4);
const BODY: &[u8] = &[b'1'; 512];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn rate() {
    for (label, protocols) in [
        ("plain HTTP/1.1", None),
        ("TLS HTTP/1.1", Some(&["http/1.1"][..])),
        ("TLS HTTP/2", Some(&["h2"])),
    ] {
        let authority = Authority::new();
        let (scheme, transport) = match protocols {
            None => ("http", Transport::Plain),
            Some(protocols) => (
                "https",
                Transport::Tls(protocols, authority.leaf(&["push.example"])),
            ),
        };
        let receiver = Receiver::start(transport).await;
        let setup = Setup {
            ca: Some(authority.pem),
            ..Setup::default()
        };
        let url = format!("{scheme}://push.example:{}/", receiver.address.port());
        let channel = setup.channel(&json!({"url": url, "signature_enable": true, "token": "token1"}));
        let count = measure(Arc::new(channel)).await;
        println!(
            "{label}: {:.0} requests a second, {IN_FLIGHT} in flight, {} bytes each, {} connections",
            f64::from(count) / TIME.as_secs_f64(),
            BODY.len(),
            receiver.connections(),
        );
    }
}

async fn measure(channel: Arc<HttpChannel>) -> u32 {
    let tasks = TaskTracker::new();
    let ends = Instant::now() + TIME;
    let workers: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let channel = channel.clone();
            tasks.spawn(async move {
                let mut count = 0;
                while Instant::now() < ends {
                    let reports = channel.deliver(&[event(1, BODY)]).await;
                    assert_eq!(reports[0].outcome, Outcome::Delivered, "{reports:?}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for worker in workers {
        count += worker.await.unwrap();
    }
    count
}
