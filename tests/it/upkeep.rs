//! An action at work as its keepers see it: tried, watched, paused, told to deliver again, its dead letters.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{ACTIONS, Gate, Push, Reaction, Receiver, Reply, read as told, report};

fn sequences(target: &Receiver) -> Vec<String> {
    let sequence = |push: &Push| push.json()["sequence"].as_str().unwrap().to_owned();
    target.taken().iter().map(sequence).collect()
}

fn newest(gate: &Gate) -> String {
    gate.events("up1", "")[0]["sequence"].as_str().unwrap().to_owned()
}

struct World {
    gate: Gate,
    target: Receiver,
    token: String,
    rule_id: String,
    action_id: String,
}

impl World {
    fn start() -> Self {
        let gate = Gate::builder().forwarding().start();
        gate.device("up1", "secret-secret", None);
        let token = gate.token("up1", "secret-secret");
        let target = Receiver::start();
        let rule_id = gate.rule(&json!({}));
        let (action_id, _) = gate.action(&rule_id, &json!({"url": target.url()}));
        gate.activate(&rule_id, true);
        gate.until_state(&action_id, |state| state["state"] == "healthy");
        Self {
            gate,
            target,
            token,
            rule_id,
            action_id,
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let path = format!("{ACTIONS}/{}/{path}", self.action_id);
        self.gate.api(method, &path, body)
    }

    #[track_caller]
    fn until(&self, so: impl Fn(&Value) -> bool) -> Value {
        self.gate.until_state(&self.action_id, so)
    }

    /// Reports; answers the event's sequence.
    fn report(&self) -> String {
        let body = report("Meter", r#"{"temperature":21.50}"#);
        assert_eq!(self.gate.report("up1", &self.token, &body).status, 200);
        newest(&self.gate)
    }
}

#[test]
fn an_action_is_tried_paused_and_told_to_deliver_again() {
    let world = World::start();
    let (gate, target) = (&world.gate, &world.target);
    let tried = told(&world.ask("POST", "test", ""));
    assert_eq!(tried["ok"], true, "{tried}");
    assert_eq!(sequences(target), ["0"]);
    target.answers(403);
    let tried = told(&world.ask("POST", "test", ""));
    assert_eq!(tried["ok"], false);
    assert!(tried["detail"].as_str().unwrap().contains("403"), "{tried}");
    assert!(tried["duration_ms"].is_u64(), "{tried}");
    target.answers(200);
    sequences(target);
    let state = world.until(|_| true);
    assert_eq!((&state["taken"], &state["state"]), (&json!(0), &json!("healthy")));

    assert_eq!(told(&world.ask("POST", "pause", "")), json!({"paused": true}));
    let first = world.report();
    let state = world.until(|state| state["pending"] == 1);
    assert_eq!(state["state"], "paused");
    assert!(state["oldest_pending_time"].is_string(), "{state}");
    let path = format!("/events/{first}/deliveries");
    let deliveries = told(&gate.api("GET", &path, ""));
    let waits =
        json!({"rule_id": world.rule_id, "action_id": world.action_id, "state": "pending", "attempts": []});
    assert_eq!(deliveries, json!({"sequence": first, "deliveries": [waits]}));
    assert!(sequences(target).is_empty());
    assert_eq!(told(&world.ask("POST", "resume", "")), json!({"paused": false}));
    world.until(|state| state["delivered"] == 1);
    assert_eq!(sequences(target), [first.as_str()]);

    let second = world.report();
    world.until(|state| state["delivered"] == 2);
    sequences(target);
    let body = json!({"from_sequence": first, "device_id": "up1"}).to_string();
    assert_eq!(told(&world.ask("POST", "replay", &body)), json!({"replaying": 2}));
    world.until(|state| state["delivered"] == 4);
    assert_eq!(sequences(target), [first.as_str(), second.as_str()]);
    let body = r#"{"from_time":"20200101T000000Z","to_time":"2020-01-02T00:00:00.000Z"}"#;
    assert_eq!(told(&world.ask("POST", "replay", body)), json!({"replaying": 0}));

    for (body, status, code, part) in [
        ("", 400, "IOTDA.000006", "from_sequence"),
        (
            r#"{"from_sequence":"1","from_time":"20200101T000000Z"}"#,
            400,
            "IOTDA.000006",
            "from_time",
        ),
        (r#"{"from_sequence":"x"}"#, 400, "IOTDA.000006", "from_sequence"),
        (r#"{"from_time":"yesterday"}"#, 400, "IOTDA.000009", "from_time"),
        (
            r#"{"from_sequence":"2","to_sequence":"1"}"#,
            400,
            "IOTDA.000010",
            "",
        ),
        (
            r#"{"from_sequence":"1","device_id":"nobody"}"#,
            404,
            "IOTDA.014000",
            "nobody",
        ),
    ] {
        world
            .ask("POST", "replay", body)
            .assert_refused(status, code, part);
    }
    let audit = told(&gate.api("GET", "/audit?limit=50", ""));
    let done = |name: &str| {
        let entries = audit["entries"].as_array().unwrap().iter();
        entries
            .filter(|entry| entry["action"] == name && entry["outcome"] == "done")
            .count()
    };
    let names = [
        "test_rule_action",
        "pause_rule_action",
        "resume_rule_action",
        "replay_rule_action",
    ];
    assert_eq!(names.map(done), [2, 1, 1, 2]);
}

/// What is scraped of an action: the value of the metric with these labels beside the action's.
fn scraped(text: &str, name: &str, action_id: &str, more: &str) -> u64 {
    let start = format!("{name}{{action=\"{action_id}\"{more}}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{start} is not in {text}"))
        .parse()
        .unwrap()
}

#[test]
fn what_is_scraped_of_an_action_adds_up_and_goes_with_it() {
    let world = World::start();
    let (gate, target, action_id) = (&world.gate, &world.target, world.action_id.as_str());
    let scrape = || {
        let text = gate.management_wire().call("GET", "/metrics", &[], b"").text();
        let of = |name: &str| scraped(&text, &format!("fieldgate_action_{name}"), action_id, "");
        let dropped = |bound: &str| {
            let label = format!(",bound=\"{bound}\"");
            scraped(&text, "fieldgate_action_dropped_total", action_id, &label)
        };
        let dropped: u64 = ["backlog_size", "backlog_time", "retention"]
            .map(dropped)
            .iter()
            .sum();
        let settled = of("delivered_total") + of("dead_total") + dropped;
        assert_eq!(of("taken_total"), settled + of("pending"), "{text}");
        text
    };
    world.report();
    world.until(|state| state["delivered"] == 1);
    target.answers(422);
    world.report();
    world.until(|state| state["dead"] == 1);
    target.answers(403);
    world.report();
    world.until(|state| state["state"] == "refused");
    std::thread::sleep(Duration::from_millis(1100));
    let text = scrape();
    for (name, labels, value) in [
        ("taken_total", "", 3),
        ("delivered_total", "", 1),
        ("dead_total", "", 1),
        ("pending", "", 1),
        ("parked", "", 0),
        ("state", ",state=\"refused\"", 1),
        ("state", ",state=\"healthy\"", 0),
        ("push_seconds_count", ",outcome=\"delivered\"", 1),
        ("push_seconds_count", ",outcome=\"event_refused\"", 3),
    ] {
        let found = scraped(&text, &format!("fieldgate_action_{name}"), action_id, labels);
        assert_eq!(found, value, "{name}{labels}");
    }
    assert!(scraped(&text, "fieldgate_action_lag_seconds", action_id, "") >= 1);
    assert!(scraped(&text, "fieldgate_action_pending_bytes", action_id, "") > 100);
    assert!(text.contains("\nfieldgate_actions 1\n"), "{text}");
    assert!(!text.contains("fieldgate_action_save_seconds_count 0"), "{text}");

    let deleted = gate.api("DELETE", &format!("{ACTIONS}/{action_id}"), "");
    assert_eq!(deleted.status, 204);
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let text = gate.management_wire().call("GET", "/metrics", &[], b"").text();
        if !text.contains(action_id) {
            assert!(text.contains("\nfieldgate_actions 0\n"), "{text}");
            break;
        }
        assert!(Instant::now() < end, "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_target_that_hangs_is_given_as_long_as_the_configuration_says() {
    let gate = Gate::builder()
        .forwarding()
        .with("ROUTING__PUSH_TIMEOUT_SECONDS", "1")
        .start();
    gate.device("up1", "secret-secret", None);
    let token = gate.token("up1", "secret-secret");
    let target = Receiver::start();
    target.react(|_| Reaction::Late(Duration::from_secs(4)));
    let action_id = gate.forward(&json!({}), &target.url());
    let body = report("Meter", r#"{"temperature":1}"#);
    assert_eq!(gate.report("up1", &token, &body).status, 200);
    let state = gate.until_state(&action_id, |state| state["state"] == "retrying");
    let told = state["last_error"].as_str().unwrap();
    assert!(told.contains("no answer within 1 s"), "{told}");
}

#[test]
fn a_target_that_closes_or_is_late_gets_everything_once_it_answers() {
    let gate = Gate::builder().forwarding().start();
    gate.device("up1", "secret-secret", None);
    let token = gate.token("up1", "secret-secret");
    let target = Receiver::start();
    target.react(|_| Reaction::Reset);
    let action_id = gate.forward(&json!({}), &target.url());
    let body = report("Meter", r#"{"temperature":1}"#);
    let reported = Instant::now();
    for _ in 0..3 {
        assert_eq!(gate.report("up1", &token, &body).status, 200);
    }
    gate.until_state(&action_id, |state| state["state"] == "retrying");
    let reset = target.next();
    assert!(reset.at >= reported);
    target.react(|_| Reaction::Late(Duration::from_millis(200)));
    gate.until_state(&action_id, |state| state["delivered"] == 3);
    let mut sequences: Vec<_> = target.taken().iter().map(Push::sequence).collect();
    sequences.dedup();
    assert_eq!(
        sequences,
        [reset.sequence(), reset.sequence() + 1, reset.sequence() + 2]
    );
}

#[test]
fn a_dead_letter_is_listed_shown_delivered_again_or_dropped() {
    let world = World::start();
    let (gate, target) = (&world.gate, &world.target);
    target.answers(422);
    let sequence = world.report();
    world.until(|state| state["dead"] == 1);
    let letters = loop {
        let letters = told(&world.ask("GET", "dead-letters", ""));
        if letters["page"]["count"] == 1 {
            break letters;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let letter = &letters["letters"][0];
    assert_eq!(letter["sequence"], sequence.as_str());
    assert_eq!(
        (&letter["device_id"], &letter["attempts"]),
        (&json!("up1"), &json!(3))
    );
    assert!(letter["reason"].as_str().unwrap().contains("422"), "{letter}");
    let one = format!("dead-letters/{}", letter["letter_id"].as_str().unwrap());
    let shown = world.ask("GET", &one, "");
    assert!(shown.text().contains("21.50"), "{}", shown.text());
    assert_eq!(told(&shown)["event"]["sequence"], sequence.as_str());
    let deliveries = told(&gate.api("GET", &format!("/events/{sequence}/deliveries"), ""));
    let attempts = deliveries["deliveries"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 3, "{deliveries}");
    assert_eq!(attempts[0]["outcome"], "event_refused", "{deliveries}");

    target.answers(200);
    sequences(target);
    assert_eq!(
        told(&world.ask("POST", &format!("{one}/replay"), "")),
        json!({"count": 1})
    );
    world.until(|state| state["delivered"] == 1 && state["pending"] == 0);
    assert_eq!(sequences(target), [sequence.as_str()]);
    let none = told(&world.ask("GET", "dead-letters", ""));
    assert_eq!(none["letters"], json!([]));

    target.answers(422);
    world.report();
    world.report();
    world.until(|state| state["pending"] == 0);
    let letters = loop {
        let letters = told(&world.ask("GET", "dead-letters", ""));
        if letters["page"]["count"] == 2 {
            break letters;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let one = format!(
        "dead-letters/{}",
        letters["letters"][0]["letter_id"].as_str().unwrap()
    );
    assert_eq!(told(&world.ask("DELETE", &one, "")), json!({"count": 1}));
    for (method, path) in [
        ("GET", one.clone()),
        ("DELETE", one.clone()),
        ("POST", format!("{one}/replay")),
        ("GET", "dead-letters/x".to_owned()),
    ] {
        world
            .ask(method, &path, "")
            .assert_refused(404, "IOTDA.010102", "letter_id");
    }
    assert_eq!(
        told(&world.ask("DELETE", "dead-letters", "")),
        json!({"count": 1})
    );
    assert_eq!(
        told(&world.ask("POST", "dead-letters/replay", "")),
        json!({"count": 0})
    );
    let audit = told(&gate.api("GET", "/audit?limit=50", ""));
    assert!(audit.to_string().contains("delete_dead_letters"), "{audit}");
}
