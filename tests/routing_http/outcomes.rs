//! What each answer means, and what an answer that does not come means.

use std::time::{Duration, Instant};

use fieldgate::routing::channel::Outcome;
use fieldgate::routing::channel::http::HttpChannel;
use serde_json::json;
use tokio::net::TcpListener;

use crate::receiver::{Reaction, Receiver, Transport};
use crate::{Setup, deliver};

const FAILED: Outcome = Outcome::Failed {
    retry_after: None,
    unreachable: false,
};
const UNREACHABLE: Outcome = Outcome::Failed {
    retry_after: None,
    unreachable: true,
};

async fn started() -> (Receiver, HttpChannel) {
    let receiver = Receiver::start(Transport::Plain).await;
    let channel = Setup::default().channel(&json!({
        "url": format!("http://{}/in/s3cret-path?key=s3cret-key", receiver.address),
        "signature_enable": true, "token": "s3cretToken",
    }));
    (receiver, channel)
}

#[tokio::test]
async fn every_status_class_has_its_outcome() {
    let (receiver, channel) = started().await;
    for (statuses, outcome) in [
        (&[200, 201, 202, 204][..], Outcome::Delivered),
        (&[400, 413, 415, 422], Outcome::EventRefused),
        (
            &[301, 302, 307, 308, 401, 403, 404, 405, 410],
            Outcome::TargetRefused,
        ),
        (&[408, 409, 429, 500, 502, 503, 504], FAILED),
    ] {
        for status in statuses {
            receiver.react(Reaction::status(*status));
            let report = deliver(&channel).await;
            assert_eq!(report.outcome, outcome, "{status}");
            assert!(
                report.detail.starts_with(&status.to_string()),
                "{}",
                report.detail
            );
        }
    }
    assert_eq!(receiver.connections(), 1, "a refusal costs no connection");
}

#[tokio::test]
async fn a_target_says_when_to_come_again() {
    let (receiver, channel) = started().await;
    for (text, seconds) in [("30", 30), ("Tue, 14 Nov 2023 22:13:31 GMT", 10)] {
        let headers = vec![("retry-after", text.to_owned())];
        receiver.react(Reaction::Answer(503, headers, b"busy\n".to_vec()));
        let report = deliver(&channel).await;
        let Outcome::Failed { retry_after, .. } = report.outcome else {
            panic!("{report:?}");
        };
        assert_eq!(retry_after.unwrap().as_secs(), seconds, "{text}");
        assert_eq!(report.detail, "503 Service Unavailable: busy");
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let (receiver, channel) = started().await;
    let elsewhere = Receiver::start(Transport::Plain).await;
    for status in [301, 302, 303, 307, 308] {
        let place = format!("http://{}/other?key=x", elsewhere.address);
        receiver.react(Reaction::Answer(status, vec![("location", place)], Vec::new()));
        let report = deliver(&channel).await;
        assert_eq!(report.outcome, Outcome::TargetRefused);
        assert!(
            report
                .detail
                .contains("not followed; it points to http://127.0.0.1"),
            "{}",
            report.detail
        );
    }
    assert_eq!((elsewhere.connections(), receiver.seen().len()), (0, 5));
}

#[tokio::test]
async fn no_answer_in_time_is_a_failure_at_the_timeout() {
    let (receiver, channel) = started().await;
    receiver.react(Reaction::Late(Duration::from_secs(30)));
    let begun = Instant::now();
    let report = deliver(&channel).await;
    assert_eq!(
        (report.outcome, report.detail.as_str()),
        (FAILED, "no answer within 2 s")
    );
    let took = begun.elapsed();
    assert!((1.9..4.0).contains(&took.as_secs_f32()), "{took:?}");
    assert!(report.took >= Duration::from_millis(1900));
}

#[tokio::test]
async fn a_status_counts_even_where_its_body_never_ends() {
    let (receiver, channel) = started().await;
    for (status, outcome) in [(200, Outcome::Delivered), (400, Outcome::EventRefused)] {
        receiver.react(Reaction::Dripping(status));
        let begun = Instant::now();
        assert_eq!(deliver(&channel).await.outcome, outcome);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_huge_body_is_cut() {
    let (receiver, channel) = started().await;
    receiver.react(Reaction::Huge(400, 1 << 40));
    let report = deliver(&channel).await;
    assert_eq!(report.outcome, Outcome::EventRefused);
    assert!(
        report.detail.starts_with("400 Bad Request: xxx"),
        "{}",
        report.detail
    );
    assert!(report.detail.chars().count() < 250, "{}", report.detail.len());
    assert!(
        receiver.taken() < 32 << 20,
        "{} bytes were taken",
        receiver.taken()
    );
    // Below the bound the connection goes on.
    receiver.react(Reaction::Huge(200, 60_000));
    deliver(&channel).await;
    deliver(&channel).await;
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_target_that_repeats_what_it_got_gives_no_secret_away() {
    let (receiver, channel) = started().await;
    let told = b"no route /in/s3cret-path?key=s3cret-key, value s3cret-key, token s3cretToken".to_vec();
    receiver.react(Reaction::Answer(404, Vec::new(), told));
    let detail = deliver(&channel).await.detail;
    assert!(detail.starts_with("404 Not Found: no route ******"), "{detail}");
    assert!(!detail.contains("s3cret"), "{detail}");
}

#[tokio::test]
async fn where_nobody_listens_the_target_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let channel = Setup::default().channel(&json!({"url": format!("http://{address}/s3cret")}));
    let report = deliver(&channel).await;
    assert_eq!(report.outcome, UNREACHABLE);
    assert!(report.detail.starts_with("no connection: "), "{}", report.detail);
    assert!(
        report.detail.contains("refused") && !report.detail.contains("s3cret"),
        "{}",
        report.detail
    );
}

#[tokio::test]
async fn a_handshake_that_hangs_is_unreachable_at_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let channel = Setup::default().channel(&json!({"url": url}));
    let report = deliver(&channel).await;
    assert_eq!(
        (report.outcome, report.detail.as_str()),
        (UNREACHABLE, "no connection within 1 s")
    );
}

#[tokio::test]
async fn a_connection_that_breaks_or_speaks_something_else_is_a_failure() {
    for answer in [
        &b""[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cret", listener.local_addr().unwrap());
        let channel = Setup::default().channel(&json!({"url": url}));
        let serving = async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await.unwrap();
            stream.write_all(answer).await.unwrap();
        };
        let (report, ()) = tokio::join!(deliver(&channel), serving);
        assert_eq!(report.outcome, FAILED, "{}", report.detail);
        assert!(report.detail.starts_with("no answer: "), "{}", report.detail);
        assert!(!report.detail.contains("s3cret"), "{}", report.detail);
    }
}
