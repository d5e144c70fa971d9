//! A network that loses answers: what was committed is never said to be not stored, and silence holds nobody for long.

use std::time::{Duration, Instant};

use serde_json::json;

use super::address::{Address, Cut};
use super::server::Server;
use super::{SECRET, gate_on, ready, survives, wait_until_ready};
use crate::database::server;
use crate::harness::{Gate, GateBuilder, Reply};

/// The end of a report: the body and its commit are one statement.
const APPENDED: Cut = Cut {
    asked: b"lost on the way",
    answered: b"SELECT 1\0",
};

/// The end of a transaction in which a device is made.
const MADE: Cut = Cut {
    asked: b"made_unheard",
    answered: b"COMMIT\0",
};

fn assert_unknown(reply: &Reply) {
    reply.assert_refused(503, "IOTDA.000001", "this may still be stored");
    assert!(reply.header("retry-after").is_some());
}

#[test]
fn a_connection_cut_at_its_commit_is_not_answered_as_nothing_stored() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let address = Address::of(&server);
    let gate = gate_on(address.port);
    gate.device("cut", SECRET, None);
    let token = gate.token("cut", SECRET);
    assert_eq!(gate.message("cut", &token, b"\"before\"").status, 200);

    address.cut(APPENDED);
    assert_unknown(&gate.message("cut", &token, b"\"lost on the way\""));
    assert!(address.was_cut());
    assert_eq!(gate.message("cut", &token, b"\"after\"").status, 200);
    let stored = gate.events("cut", "&kind=message");
    let contents: Vec<_> = stored
        .iter()
        .map(|event| &event["notify_data"]["body"]["content"])
        .collect();
    assert_eq!(contents, ["after", "lost on the way", "before"]);

    address.cut(MADE);
    let device = json!({"device_id": "made_unheard", "node_id": "n", "product_id": "demo"});
    assert_unknown(&gate.api("POST", "/devices", &device.to_string()));
    assert!(address.was_cut());
    assert_eq!(gate.api("GET", "/devices/made_unheard", "").status, 200);
}

#[test]
fn a_silent_network_is_told_within_seconds_and_everything_goes_on_after_it() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let address = Address::of(&server);
    let gate = gate_on(address.port);
    survives(&gate, |told| {
        for _ in 0..2 {
            address.silence(true);
            let silent = Instant::now();
            wait_until_ready(&gate, 503);
            let noticed = silent.elapsed();
            std::thread::sleep(Duration::from_secs(4));
            let asked = Instant::now();
            assert_eq!(ready(&gate), 503);
            assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
            address.silence(false);
            let passes = Instant::now();
            wait_until_ready(&gate, 200);
            eprintln!(
                "red after {noticed:?}, green {:?} after it passes again",
                passes.elapsed()
            );
            assert!(noticed < Duration::from_secs(4));
            std::thread::sleep(Duration::from_secs(1));
        }
        let slowest = told.slowest_ms.load(std::sync::atomic::Ordering::Relaxed);
        assert!(slowest < 5000, "a report waited for {slowest} ms");
    });
}

/// With two connections in its pool and these bounds, and the device `far`.
fn gate_of_two(address: &Address, bounds: &[(&str, &str)]) -> Gate {
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", address.port);
    let gate = Gate::builder()
        .with("STORAGE__URL", &url)
        .with("STORAGE__POOL_CONNECTIONS", "2");
    let bounded = |gate: GateBuilder, (key, value): &(&str, &str)| gate.with(key, value);
    let gate = bounds.iter().fold(gate, bounded).unlimited().start();
    gate.device("far", SECRET, None);
    gate
}

#[test]
fn connections_that_never_answer_again_are_replaced() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let address = Address::of(&server);
    let gate = gate_of_two(
        address,
        &[
            ("STORAGE__CONNECT_TIMEOUT_SECONDS", "2"),
            ("STORAGE__STATEMENT_TIMEOUT_SECONDS", "2"),
            ("STORAGE__COMMIT_TIMEOUT_SECONDS", "2"),
        ],
    );
    let token = gate.token("far", SECRET);
    address.forget_connections();
    // The pool's: one that rested is tried before it is lent, one that was at work is given up after its time.
    let end = Instant::now() + Duration::from_secs(12);
    while gate.api("GET", "/devices/far", "").status != 200 {
        assert!(Instant::now() < end, "{}", gate.log());
    }
    // The writer's, after its commit's time.
    assert_unknown(&gate.message("far", &token, b"1"));
    assert_eq!(ready(&gate), 503);
    let end = Instant::now() + Duration::from_secs(10);
    while gate.message("far", &token, b"2").status != 200 {
        assert!(Instant::now() < end, "{}", gate.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(ready(&gate), 200);
    assert_eq!(gate.stored("far"), 1);
}

#[test]
fn work_that_meets_silence_gives_its_connection_up() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let address = Address::of(&server);
    let gate = gate_of_two(
        address,
        &[
            ("STORAGE__CONNECT_TIMEOUT_SECONDS", "1"),
            ("STORAGE__STATEMENT_TIMEOUT_SECONDS", "2"),
        ],
    );
    // What is asked while nothing is answered holds both connections, which then stay silent for good.
    std::thread::scope(|scope| {
        let locked = scope.spawn(|| {
            server.sql("BEGIN; LOCK TABLE devices IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT");
        });
        std::thread::sleep(Duration::from_millis(300));
        let asking: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| gate.api("GET", "/devices/far", "").status))
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        address.forget_connections();
        locked.join().unwrap();
        let statuses: Vec<_> = asking.into_iter().map(|asked| asked.join().unwrap()).collect();
        eprintln!("{statuses:?}");
    });
    let end = Instant::now() + Duration::from_secs(12);
    while gate.api("GET", "/devices/far", "").status != 200 {
        assert!(Instant::now() < end, "{}", gate.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}
