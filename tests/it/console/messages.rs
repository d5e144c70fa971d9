//! The event stream as the console gives it to people.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Browser, first_password, users};
use crate::harness::{Gate, Reaction, Receiver, Sse, report};

const SECRET: &str = "s3cret-of-the-device";
const STREAM: &str = "/console/messages/stream";

fn device(gate: &Gate) -> String {
    gate.device("one", SECRET, None);
    gate.token("one", SECRET)
}

fn say(gate: &Gate, token: &str, text: &str) {
    let reply = gate.message("one", token, text.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn the_newest_events_are_listed_and_narrowed_and_opened() {
    let gate = Gate::builder().unlimited().forwarding().start();
    let token = device(&gate);
    let mut reader = Browser::of(&gate, "rhea", "reader");
    for number in 0..60 {
        say(&gate, &token, &format!(r#"{{"n":{number}.50}}"#));
    }
    let shown = |page: &str| page.matches(r#"href="/console/events/"#).count();
    let page = reader.page("/console/messages?device_id=one&kind=message");
    assert_eq!(shown(&page), 50);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}"));
    assert!(place(":59.50") < place(":58.50"), "the newest first");
    assert!(!page.contains(":9.50"), "the newest alone");
    let page = reader.page("/console/messages?device_id=one&kind=property");
    assert_eq!(shown(&page), 0);
    assert!(page.contains("No event that is held matches."));
    let refused = reader.get("/console/messages?device_id=a+b");
    assert!(
        refused.status == 400 && refused.text().contains("device_id:"),
        "{}",
        refused.text()
    );

    let (target, mut tries) = (Receiver::start(), 0);
    target.react(move |_| {
        tries += 1;
        Reaction::Answer(if tries == 1 { 503 } else { 200 })
    });
    let action_id = gate.forward(&json!({}), &target.url());
    assert_eq!(
        gate.report("one", &token, &report("Meter", r#"{"temperature":21.50}"#))
            .status,
        200
    );
    let sequence = target.next().sequence();
    gate.until_state(&action_id, |state| state["pending"] == 0);
    let delivered = r#"<span class="badge good">Delivered</span>"#;
    let begun = Instant::now();
    // Tries are written down within a moment; a delivery that came off at once leaves none.
    let page = loop {
        let page = reader.page(&format!("/console/events/{sequence}"));
        if page.contains(delivered) || begun.elapsed() > Duration::from_secs(20) {
            break page;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(page.contains("temperature&#34;: 21.50"), "{page}");
    assert!(page.contains(&action_id) && page.contains(delivered), "{page}");
    for none in ["0", "-1", "x", "999999999", "99999999999999999999"] {
        assert_eq!(
            reader.get(&format!("/console/events/{none}")).status,
            404,
            "{none}"
        );
    }
}

#[test]
fn a_stream_goes_on_where_it_was_and_ends_with_the_session() {
    let gate = Gate::builder().unlimited().start();
    first_password(&gate);
    let token = device(&gate);
    let mut reader = Browser::of(&gate, "rhea", "reader");
    say(&gate, &token, "0");
    let (cookie, path) = (
        reader.cookie.clone(),
        format!("{STREAM}?device_id=one&kind=message"),
    );
    let proof = ("Cookie", cookie.as_str());
    let mut stream = Sse::opened(&gate, proof, &format!("{path}&after=0"), None).greeted();
    say(&gate, &token, "1");
    assert_eq!(
        [stream.next().unwrap(), stream.next().unwrap()].map(|event| event.content()),
        [0, 1]
    );
    let last = stream.last_id;
    drop(stream);
    say(&gate, &token, "2");
    let mut stream = Sse::opened(&gate, proof, &format!("{path}&after=0"), Some(last));
    assert_eq!(
        stream.next().unwrap().content(),
        2,
        "after the last that was seen"
    );

    let mut other = Sse::opened(&gate, proof, &path, None);
    let reply = reader.post("/console/sign-out", &[]);
    assert_eq!(reply.status, 303);
    for stream in [&mut stream, &mut other] {
        stream.patience(Duration::from_secs(10));
        assert!(stream.ends(), "with the sign-out");
    }
    let again = Browser::again(&gate, "rhea");
    let mut stream = Sse::opened(&gate, ("Cookie", &again.cookie), &path, None);
    stream.patience(Duration::from_secs(10));
    assert!(users(&gate, &["disable", "rhea"]).0);
    assert!(stream.ends(), "with the user");
}

#[test]
fn readers_of_the_console_count_as_readers_of_the_stream() {
    let gate = Gate::builder().with("STREAM__MAX_STREAMS", "1").start();
    first_password(&gate);
    let mut reader = Browser::of(&gate, "rhea", "reader");
    let cookie = reader.cookie.clone();
    let held = Sse::opened(&gate, ("Cookie", &cookie), STREAM, None);
    let reply = reader.get(STREAM);
    assert!(
        reply.status == 503 && reply.text().contains("stream.max_streams"),
        "{}",
        reply.text()
    );
    assert_eq!(reader.get("/console/").status, 200);
    drop(held);
}
