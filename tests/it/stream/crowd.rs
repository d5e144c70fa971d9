//! Many readers, slow readers, and how soon an event is there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{SECRET, median_and_p99, poll, send};
use crate::harness::{Gate, Sse, Wire};

fn readers(gate: &Gate) -> usize {
    let text = gate.management_wire().call("GET", "/metrics", &[], b"").text();
    let open = text
        .lines()
        .find_map(|line| line.strip_prefix("fieldgate_event_readers "));
    open.unwrap().parse().unwrap()
}

fn answers(wire: &mut Wire, token: &str, pause: Duration) -> Vec<Duration> {
    let answer = |_| {
        std::thread::sleep(pause);
        let begun = Instant::now();
        send(wire, "healthy", token, b"x");
        begun.elapsed()
    };
    (0..200).map(answer).collect()
}

#[test]
fn an_event_is_in_the_stream_soon_after_the_devices_200() {
    const REPORTS: usize = 300;
    let gate = Gate::builder().unlimited().start();
    gate.device("healthy", SECRET, None);
    let token = gate.token("healthy", SECRET);
    let mut stream = Sse::open(&gate, &gate.admin, "?kind=message", None).greeted();
    let (answered, came) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let came = |_| {
                stream.next().unwrap();
                Instant::now()
            };
            (0..REPORTS).map(came).collect::<Vec<_>>()
        });
        let mut wire = gate.device_wire();
        let mut answered = Vec::new();
        for _ in 0..REPORTS {
            send(&mut wire, "healthy", &token, b"x");
            answered.push(Instant::now());
            std::thread::sleep(Duration::from_millis(20));
        }
        (answered, reader.join().unwrap())
    });
    let later = answered
        .iter()
        .zip(&came)
        .map(|(answered, came)| came.saturating_duration_since(*answered));
    let (median, p99) = median_and_p99(later.collect());
    println!("from the device's 200 to the stream's event: median {median:?}, p99 {p99:?}");
    assert!(median < Duration::from_millis(50), "{median:?}");
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
}

#[test]
fn two_hundred_streams_get_everything_and_a_device_is_answered_beside_them() {
    const STREAMS: usize = 200;
    let gate = Gate::builder().unlimited().start();
    gate.device("healthy", SECRET, None);
    let token = gate.token("healthy", SECRET);
    let mut wire = gate.device_wire();
    let pause = Duration::from_millis(50);
    let (before, _) = median_and_p99(answers(&mut wire, &token, pause));
    let mut streams: Vec<Sse> = (0..STREAMS)
        .map(|_| Sse::open(&gate, &gate.admin, "?kind=message", None).greeted())
        .collect();
    assert_eq!(readers(&gate), STREAMS);
    let (beside, p99) = std::thread::scope(|scope| {
        for group in streams.chunks_mut(50) {
            scope.spawn(|| {
                // In turns: each has its own place, and the others' events wait in their sockets.
                for _ in 0..200 {
                    for stream in &mut *group {
                        assert_eq!(stream.next().unwrap().content(), "x");
                    }
                }
            });
        }
        median_and_p99(answers(&mut wire, &token, pause))
    });
    println!("median answer: {before:?} before, {beside:?} beside {STREAMS} streams (p99 {p99:?})");
    assert!(
        beside < before * 3 + Duration::from_millis(20),
        "{before:?} became {beside:?}"
    );
    drop(streams);
    let begun = Instant::now();
    while readers(&gate) > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "readers that left are counted"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_reader_that_takes_nothing_holds_little_and_is_ended() {
    const SLOW: usize = 20;
    const MESSAGES: usize = 300;
    let gate = Gate::builder()
        .unlimited()
        .with("STREAM__STALL_SECONDS", "4")
        .with("STREAM__RECENT_BYTES", "2000000")
        .start();
    gate.device("healthy", SECRET, None);
    let token = gate.token("healthy", SECRET);
    let mut wire = gate.device_wire();
    let large = vec![b'y'; 100_000];
    // What taking in and giving out cost by themselves.
    let mut healthy = Sse::open(&gate, &gate.admin, "?kind=message", None).greeted();
    for _ in 0..50 {
        send(&mut wire, "healthy", &token, &large);
        healthy.next().unwrap();
    }
    let usual = gate.memory_bytes();
    let slow: Vec<Sse> = (0..SLOW)
        .map(|_| Sse::open(&gate, &gate.admin, "?after=0", None))
        .collect();
    let done = AtomicBool::new(false);
    let peak = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::SeqCst) {
                peak = peak.max(gate.memory_bytes());
                std::thread::sleep(Duration::from_millis(50));
            }
            peak
        });
        let begun = Instant::now();
        for _ in 0..MESSAGES {
            send(&mut wire, "healthy", &token, &large);
            healthy.next().unwrap();
        }
        println!(
            "{MESSAGES} messages to the reader that takes them: {:?}",
            begun.elapsed()
        );
        done.store(true, Ordering::SeqCst);
        watch.join().unwrap()
    });
    let held = peak.saturating_sub(usual);
    println!("{SLOW} readers that take nothing of {MESSAGES} messages of 100 kB: {held} bytes more");
    assert!(held < 60_000_000, "{held} bytes");
    let begun = Instant::now();
    while readers(&gate) > 1 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{} readers are left",
            readers(&gate)
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(slow);
    send(&mut wire, "healthy", &token, b"still");
    assert_eq!(healthy.next().unwrap().content(), "still");
}

#[test]
fn one_stream_more_than_may_be_is_refused() {
    let gate = Gate::builder().with("STREAM__MAX_STREAMS", "2").start();
    let one = Sse::open(&gate, &gate.admin, "", None).greeted();
    let _two = Sse::open(&gate, &gate.admin, "", None).greeted();
    let refused = poll(&gate, "");
    refused.assert_refused(503, "IOTDA.000001", "stream.max_streams");
    assert!(refused.header("retry-after").is_some());
    drop(one);
    let begun = Instant::now();
    while poll(&gate, "").status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "its place is not free");
        std::thread::sleep(Duration::from_millis(50));
    }
}
