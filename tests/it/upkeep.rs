//! An action at work as its keepers see it: tried, watched, paused, told to deliver again, its dead letters.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fieldgate::auth::secret::Secret;
use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::ids::{ActionId, RequestId, RuleId};
use fieldgate::storage::{Change, Deed, NewAction, NewRule, Payload, RulePatch, RuleText};
use serde_json::{Value, json};

use crate::harness::{Gate, Reply, report};

const ACTION: &str = "/routing-rule/actions/to-target";

/// How long an event may take on a machine that is busy with other tests.
const SOON: Duration = Duration::from_mins(1);

/// A target that gives every request the same answer.
struct Target {
    url: String,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Target {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/push", listener.local_addr().unwrap());
        let (status, got) = (Arc::new(AtomicU16::new(200)), Arc::default());
        let target = Self { url, status, got };
        let (status, got) = (target.status.clone(), target.got.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (status, got) = (status.clone(), got.clone());
                std::thread::spawn(move || serve(stream, &status, &got));
            }
        });
        target
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The sequences of what came, with those of before taken away.
    fn sequences(&self) -> Vec<String> {
        let got = std::mem::take(&mut *self.got.lock().unwrap());
        let sequence = |event: &Value| event["sequence"].as_str().unwrap().to_owned();
        got.iter().map(sequence).collect()
    }
}

fn serve(stream: TcpStream, status: &AtomicU16, got: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        got.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        let status = status.load(Ordering::SeqCst);
        let answer = format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A change by nobody in particular.
fn change() -> Change<()> {
    Change {
        at: Timestamp(1_700_000_000_000),
        request_id: RequestId::from_bytes([1; 16]),
        deed: Deed {
            actor: "test".to_owned(),
            action: "set_up".to_owned(),
            resource: "/".to_owned(),
            from: "local".to_owned(),
        },
        payload: Payload::empty(),
    }
}

/// An active rule that takes every report, and its action, written beside the running program.
fn set_up(gate: &Gate, url: &str) {
    let folder = gate.folder.display();
    let environment = [
        (
            "FIELDGATE__STORAGE__URL",
            format!("sqlite://{folder}/fieldgate.db"),
        ),
        ("FIELDGATE__SECRETS__KEY_FILE", format!("{folder}/secret.key")),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let config = fieldgate::config::load(None, environment.into_iter()).unwrap();
    let rule_id = RuleId::parse("all-reports").unwrap();
    let rule = NewRule {
        rule_id: rule_id.clone(),
        text: RuleText {
            name: None,
            description: None,
            resource: "device.property".to_owned(),
            event: "report".to_owned(),
            app_id: None,
            select: String::new(),
            condition: String::new(),
        },
    };
    let action = NewAction {
        action_id: ActionId::parse("to-target").unwrap(),
        rule_id: rule_id.clone(),
        channel: "HTTP_FORWARDING".to_owned(),
        detail: json!({ "url": url }).to_string(),
        credentials: None,
        signing: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        dead_letter_action: None,
    };
    let active = RulePatch {
        active: Some(true),
        ..RulePatch::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stores = fieldgate::app::open_beside(&config).await.unwrap();
        let routing = stores.routing.unwrap().rules;
        routing.create_rule(rule, change()).await.unwrap();
        routing.create_action(action, change()).await.unwrap().unwrap();
        routing.update_rule(&rule_id, active, change()).await.unwrap();
    });
}

#[track_caller]
fn told(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Waits until the action's state is as it should be.
#[track_caller]
fn until(gate: &Gate, so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + SOON;
    loop {
        let reply = gate.api("GET", &format!("{ACTION}/state"), "");
        if reply.status == 200 {
            let state = reply.json();
            let number = |name: &str| state[name].as_u64().unwrap();
            let settled = number("delivered") + number("dead") + number("dropped");
            assert_eq!(number("taken"), settled + number("pending"), "{state}");
            if so(&state) {
                return state;
            }
        } else {
            reply.assert_refused(503, "IOTDA.000001", "does not run yet");
        }
        assert!(Instant::now() < end, "{}", reply.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ask(gate: &Gate, method: &str, path: &str, body: &str) -> Reply {
    gate.api(method, &format!("{ACTION}/{path}"), body)
}

fn newest(gate: &Gate) -> String {
    gate.events("up1", "")[0]["sequence"].as_str().unwrap().to_owned()
}

struct World {
    gate: Gate,
    target: Target,
    token: String,
}

impl World {
    fn start() -> Self {
        let gate = Gate::builder()
            .with("ROUTING__ALLOW_PRIVATE_TARGETS", "true")
            .start();
        gate.device("up1", "secret-secret", None);
        let token = gate.token("up1", "secret-secret");
        let target = Target::start();
        set_up(&gate, &target.url);
        until(&gate, |state| state["state"] == "healthy");
        Self { gate, target, token }
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
    let tried = told(&ask(gate, "POST", "test", ""));
    assert_eq!(tried["ok"], true, "{tried}");
    assert_eq!(target.sequences(), ["0"]);
    target.answers(403);
    let tried = told(&ask(gate, "POST", "test", ""));
    assert_eq!(tried["ok"], false);
    assert!(tried["detail"].as_str().unwrap().contains("403"), "{tried}");
    assert!(tried["duration_ms"].is_u64(), "{tried}");
    target.answers(200);
    target.sequences();
    let state = until(gate, |_| true);
    assert_eq!((&state["taken"], &state["state"]), (&json!(0), &json!("healthy")));

    assert_eq!(told(&ask(gate, "POST", "pause", "")), json!({"paused": true}));
    let first = world.report();
    let state = until(gate, |state| state["pending"] == 1);
    assert_eq!(state["state"], "paused");
    assert!(state["oldest_pending_time"].is_string(), "{state}");
    let path = format!("/events/{first}/deliveries");
    let deliveries = told(&gate.api("GET", &path, ""));
    let waits =
        json!({"rule_id": "all-reports", "action_id": "to-target", "state": "pending", "attempts": []});
    assert_eq!(deliveries, json!({"sequence": first, "deliveries": [waits]}));
    assert!(target.sequences().is_empty());
    assert_eq!(told(&ask(gate, "POST", "resume", "")), json!({"paused": false}));
    until(gate, |state| state["delivered"] == 1);
    assert_eq!(target.sequences(), [first.as_str()]);

    let second = world.report();
    until(gate, |state| state["delivered"] == 2);
    target.sequences();
    let body = json!({"from_sequence": first, "device_id": "up1"}).to_string();
    assert_eq!(told(&ask(gate, "POST", "replay", &body)), json!({"replaying": 2}));
    until(gate, |state| state["delivered"] == 4);
    assert_eq!(target.sequences(), [first.as_str(), second.as_str()]);
    let body = r#"{"from_time":"20200101T000000Z","to_time":"2020-01-02T00:00:00.000Z"}"#;
    assert_eq!(told(&ask(gate, "POST", "replay", body)), json!({"replaying": 0}));

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
        ask(gate, "POST", "replay", body).assert_refused(status, code, part);
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

#[test]
fn a_dead_letter_is_listed_shown_delivered_again_or_dropped() {
    let world = World::start();
    let (gate, target) = (&world.gate, &world.target);
    target.answers(422);
    let sequence = world.report();
    until(gate, |state| state["dead"] == 1);
    let letters = loop {
        let letters = told(&ask(gate, "GET", "dead-letters", ""));
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
    let shown = ask(gate, "GET", &one, "");
    assert!(shown.text().contains("21.50"), "{}", shown.text());
    assert_eq!(told(&shown)["event"]["sequence"], sequence.as_str());
    let deliveries = told(&gate.api("GET", &format!("/events/{sequence}/deliveries"), ""));
    let attempts = deliveries["deliveries"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 3, "{deliveries}");
    assert_eq!(attempts[0]["outcome"], "event_refused", "{deliveries}");

    target.answers(200);
    target.sequences();
    assert_eq!(
        told(&ask(gate, "POST", &format!("{one}/replay"), "")),
        json!({"count": 1})
    );
    until(gate, |state| state["delivered"] == 1 && state["pending"] == 0);
    assert_eq!(target.sequences(), [sequence.as_str()]);
    let none = told(&ask(gate, "GET", "dead-letters", ""));
    assert_eq!(none["letters"], json!([]));

    target.answers(422);
    world.report();
    world.report();
    until(gate, |state| state["pending"] == 0);
    let letters = loop {
        let letters = told(&ask(gate, "GET", "dead-letters", ""));
        if letters["page"]["count"] == 2 {
            break letters;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let one = format!(
        "dead-letters/{}",
        letters["letters"][0]["letter_id"].as_str().unwrap()
    );
    assert_eq!(told(&ask(gate, "DELETE", &one, "")), json!({"count": 1}));
    for (method, path) in [
        ("GET", one.clone()),
        ("DELETE", one.clone()),
        ("POST", format!("{one}/replay")),
        ("GET", "dead-letters/x".to_owned()),
    ] {
        ask(gate, method, &path, "").assert_refused(404, "IOTDA.010102", "letter_id");
    }
    assert_eq!(
        told(&ask(gate, "DELETE", "dead-letters", "")),
        json!({"count": 1})
    );
    assert_eq!(
        told(&ask(gate, "POST", "dead-letters/replay", "")),
        json!({"count": 0})
    );
    let audit = told(&gate.api("GET", "/audit?limit=50", ""));
    assert!(audit.to_string().contains("delete_dead_letters"), "{audit}");
}
