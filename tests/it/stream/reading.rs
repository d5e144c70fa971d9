//! What one reader sees.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{SECRET, poll, send};
use crate::harness::{Gate, Sse, on_sqlite, program_output, report};

/// A server with two devices of two products, their tokens, and the sequence at which they were there.
fn two_devices() -> (Gate, String, String, i64) {
    let gate = Gate::builder().unlimited().start();
    let made = gate.product("other", r#"[{"service_id":"S","service_type":"S"}]"#, "");
    assert_eq!(made.status, 201, "{}", made.text());
    gate.device("one", SECRET, None);
    gate.device_of("other", "two", SECRET, None);
    let (one, two) = (gate.token("one", SECRET), gate.token("two", SECRET));
    // Both are online, so that no status comes in between.
    let begun = Instant::now();
    while gate.events("one", "&kind=status").len() + gate.events("two", "&kind=status").len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "no status came");
        std::thread::sleep(Duration::from_millis(100));
    }
    let now = poll(&gate, "").json()["next"].as_str().unwrap().parse().unwrap();
    (gate, one, two, now)
}

fn contents(batch: &Value) -> Vec<String> {
    let events = batch["events"].as_array().unwrap();
    let content = |event: &Value| event["notify_data"]["body"]["content"].to_string();
    events.iter().map(content).collect()
}

#[test]
fn a_stream_gives_each_event_in_one_line_as_it_comes() {
    let (gate, one, _, now) = two_devices();
    let mut stream = Sse::open(&gate, &gate.admin, "", None).greeted();
    assert_eq!(stream.last_id, now, "from now on");
    assert_eq!(
        gate.message("one", &one, b" {\"a\" : 1.50,\n\"b c\":\"d  e\"} ")
            .status,
        200
    );
    let event = stream.next().unwrap();
    assert_eq!(
        (event.id, event.name.as_str()),
        (now + 1, "device.message/report")
    );
    assert!(
        event.data.contains(r#""content":{"a":1.50,"b c":"d  e"}"#),
        "{}",
        event.data
    );
    assert_eq!(event.json()["sequence"], (now + 1).to_string());
    // A shadow's desired values are for the shadow alone.
    let desired = r#"{"shadow":[{"service_id":"Meter","desired":{"temperature":5}}]}"#;
    let set = gate.api("PUT", "/devices/one/shadow", desired);
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(
        gate.report("one", &one, &report("Meter", r#"{"temperature":21.50}"#))
            .status,
        200
    );
    let event = stream.next().unwrap();
    assert_eq!(
        (event.id, event.name.as_str()),
        (now + 3, "device.property/report")
    );
    assert!(
        event.data.contains(r#""temperature":21.50"#),
        "the device's own digits: {}",
        event.data
    );
    // Again, from where it was.
    drop(stream);
    let mut again = Sse::open(&gate, &gate.admin, "?after=0", Some(now + 2));
    assert_eq!(
        again.next().unwrap().data,
        event.data,
        "Last-Event-ID goes before the query"
    );
}

#[test]
fn filters_let_pass_what_they_name() {
    let (gate, one, two, now) = two_devices();
    for (device, token) in [("one", &one), ("two", &two)] {
        for number in 0..3 {
            let body = format!("\"{device}{number}\"");
            assert_eq!(gate.message(device, token, body.as_bytes()).status, 200);
        }
    }
    assert_eq!(
        gate.report("one", &one, &report("Meter", r#"{"temperature":1}"#))
            .status,
        200
    );
    let shown = |query: &str| contents(&poll(&gate, query).json());
    let after = format!("?after={now}&kind=message");
    let of_one = [r#""one0""#, r#""one1""#, r#""one2""#];
    assert_eq!(shown(&format!("{after}&device_id=one")), of_one);
    assert_eq!(shown(&format!("{after}&product_id=demo")), of_one);
    assert_eq!(shown(&format!("{after}&product_id=other&device_id=one")), [""; 0]);
    assert_eq!(shown(&after).len(), 6);
    assert_eq!(shown(&format!("?after={now}")).len(), 7);
    assert_eq!(shown("?last=2&kind=message"), [r#""two1""#, r#""two2""#]);
    assert_eq!(
        shown("?last=2&kind=message&device_id=one"),
        [r#""one1""#, r#""one2""#]
    );
    assert_eq!(
        shown("?last=2&kind=message&product_id=demo"),
        [r#""one1""#, r#""one2""#]
    );
    assert_eq!(shown("?last=5&device_id=nobody"), [""; 0]);
    let of_kind = |kind: &str| {
        let batch = poll(&gate, &format!("?after=0&limit=1000&kind={kind}")).json();
        let events = batch["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["resource"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_kind("property"), ["device.property"]);
    assert_eq!(of_kind("status"), ["device.status"; 2]);
    assert_eq!(of_kind("product"), ["product"; 2]);
    let made = poll(&gate, "?after=0&kind=product&product_id=other").json();
    assert_eq!(made["events"].as_array().unwrap().len(), 1);
    // By time: everything is younger than a day, and nothing than an hour to come.
    let time = |hours: i64| {
        let at = time::OffsetDateTime::now_utc() + time::Duration::hours(hours);
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        format!("{year:04}{month:02}{day:02}T{:02}0000Z", at.hour())
    };
    assert_eq!(shown(&format!("?start_time={}&kind=message", time(-24))).len(), 6);
    assert_eq!(shown(&format!("?start_time={}&kind=message", time(2))).len(), 0);
}

#[test]
fn a_long_poll_answers_as_soon_as_an_event_comes_and_goes_on() {
    let (gate, one, _, now) = two_devices();
    let begun = Instant::now();
    let empty = poll(&gate, &format!("?after={now}")).json();
    assert_eq!(empty, serde_json::json!({"events": [], "next": now.to_string()}));
    let (batch, waited) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let batch = poll(&gate, &format!("?after={now}&wait=50&limit=2")).json();
            (batch, Instant::now())
        });
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(gate.message("one", &one, b"1").status, 200);
        let answered = Instant::now();
        let (batch, at) = waiting.join().unwrap();
        (batch, at.saturating_duration_since(answered))
    });
    assert_eq!(contents(&batch), ["1"]);
    println!("a long poll answered {waited:?} after the device's 200");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    for body in ["2", "3", "4"] {
        assert_eq!(gate.message("one", &one, body.as_bytes()).status, 200);
    }
    let mut next = batch["next"].as_str().unwrap().to_owned();
    let mut all = Vec::new();
    while all.len() < 3 {
        let batch = poll(&gate, &format!("?after={next}&wait=5&limit=2")).json();
        batch["next"].as_str().unwrap().clone_into(&mut next);
        let some = contents(&batch);
        assert!(some.len() <= 2);
        all.extend(some);
    }
    assert_eq!(all, ["2", "3", "4"]);
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "nothing waited to its end"
    );
    let begun = Instant::now();
    let quiet = poll(&gate, &format!("?after={next}&wait=1")).json();
    assert_eq!(quiet["events"], serde_json::json!([]));
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn what_makes_no_stream_is_refused_with_the_reason() {
    let (gate, _, _, now) = two_devices();
    for (query, code, part) in [
        ("?after=x", "IOTDA.000006", "after: must be a sequence"),
        ("?after=-1", "IOTDA.000006", "after: must be a sequence"),
        ("?after=999999", "IOTDA.000006", "ahead of the log"),
        ("?after=1&last=1", "IOTDA.000006", "one of them at most"),
        ("?last=1001", "IOTDA.000006", "last: must be 0 to 1000"),
        ("?kind=shadow", "IOTDA.000006", "kind: must be property"),
        ("?device_id=%20", "IOTDA.000006", "device_id: may hold only"),
        ("?start_time=now", "IOTDA.000009", "start_time"),
        ("?limit=0", "IOTDA.000017", "limit: must be 1 to 1000"),
        ("?wait=61", "IOTDA.000006", "wait: must be 0 to 60"),
    ] {
        poll(&gate, query).assert_refused(400, code, part);
    }
    assert!(
        poll(&gate, "?after=999999")
            .error_msg()
            .contains(&format!("is {now}."))
    );
}

#[test]
fn a_disabled_keys_stream_ends_within_seconds() {
    let gate = Gate::start();
    let (key, _) = gate.key("reader");
    let mut stream = Sse::open(&gate, &key, "", None).greeted();
    let mut other = Sse::open(&gate, &gate.admin, "", None).greeted();
    let (access_key, _) = key.split_once(':').unwrap();
    let folder = gate.folder.to_str().unwrap();
    let disabled = program_output(&["keys", "disable", access_key, "--data-dir", folder], &[]);
    assert!(disabled.status.success(), "{disabled:?}");
    let begun = Instant::now();
    stream.patience(Duration::from_secs(10));
    assert!(stream.ends());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    other.patience(Duration::from_millis(500));
    assert!(!other.ends(), "the other key's goes on");
}

#[test]
fn a_stream_ends_with_the_server_and_does_not_hold_it_up() {
    let mut gate = Gate::start();
    let mut stream = Sse::open(&gate, &gate.admin, "", None).greeted();
    let begun = Instant::now();
    gate.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(stream.ends(), "to its proper end");
}

#[test]
fn what_retention_has_passed_is_told() {
    // PostgreSQL drops whole partitions, and closes one early by leaving positions out.
    if !on_sqlite() {
        return;
    }
    let gate = Gate::builder()
        .unlimited()
        .with("RETENTION__BYTES", "2000000")
        .with("RETENTION__INTERVAL_SECONDS", "1")
        .with("RETENTION__STEP_ROWS", "5")
        .with("STREAM__RECENT_BYTES", "100000")
        .start();
    gate.device("one", SECRET, None);
    let token = gate.token("one", SECRET);
    let mut wire = gate.device_wire();
    // Opened before, and not read: what is passed while it is behind is told too.
    let mut behind = Sse::open(&gate, &gate.admin, "", None).greeted();
    let begun_at = behind.last_id;
    for _ in 0..300 {
        send(&mut wire, "one", &token, &vec![b'x'; 50_000]);
    }
    let begun = Instant::now();
    let gap = loop {
        let batch = poll(&gate, "?after=1&limit=3").json();
        let first = |batch: &Value| batch["events"][0]["sequence"].as_str()?.parse::<i64>().ok();
        if let Some(to) = batch["gap"]["to"].as_str() {
            assert_eq!(batch["gap"]["from"], "2");
            let to: i64 = to.parse().unwrap();
            assert_eq!(first(&batch), Some(to + 1), "{batch}");
            if to > begun_at {
                break to;
            }
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "retention did not come by"
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    let mut stream = Sse::open(&gate, &gate.admin, "?after=1", None);
    let told = stream.next().unwrap();
    assert_eq!(told.name, "gap");
    let to: i64 = told.json()["to"].as_str().unwrap().parse().unwrap();
    assert!(to >= gap && told.id == to, "{told:?}");
    let last = begun_at + 300;
    follow_to(&mut stream, to, last);
    // Behind by megabytes.
    follow_to(&mut behind, begun_at, last);
}

/// Each sequence is there, or told as gone.
fn follow_to(stream: &mut Sse, mut at: i64, last: i64) {
    while at < last {
        let event = stream.next().unwrap();
        if event.name == "gap" {
            let gone = event.json();
            assert_eq!(gone["from"], (at + 1).to_string());
        } else {
            assert_eq!(event.id, at + 1, "skipped in silence");
        }
        at = event.id;
    }
}
