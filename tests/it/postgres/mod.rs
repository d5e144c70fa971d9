//! The program over PostgreSQL when the server goes away: killed and started again, replaced by its synchronous standby
//! under the same address, or behind a network that cuts connections or falls silent; and what concerns PostgreSQL alone. `FIELDGATE_TEST_POSTGRES` says that servers can be had; `scripts/test` sets it.

mod address;
mod encryption;
mod network;
mod nodes;
mod server;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::database::{Database, server};
use crate::harness::{ACTIONS, Gate, Receiver, command};
use address::Address;
use server::Server;

const DEVICES: usize = 6;
const SECRET: &str = "s3cret-of-the-device";

/// What reports came to.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<Vec<u64>>,
    refused: AtomicU64,
    /// The longest that one waited for its answer.
    slowest_ms: AtomicU64,
    stop: AtomicBool,
}

struct Stop<'a>(&'a Told);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Reports until told to stop; a refusal is a 503 that says when to come again.
fn load(gate: &Gate, device: &str, token: &str, next: &AtomicU64, told: &Told) {
    let path = format!("/v5/devices/{device}/sys/messages/up");
    let mut wire = gate.device_wire();
    while !told.stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let (body, asked) = (number.to_string(), Instant::now());
        let Ok(reply) = wire.try_call("POST", &path, &[("access_token", token)], body.as_bytes()) else {
            wire = gate.device_wire();
            continue;
        };
        let waited = u64::try_from(asked.elapsed().as_millis()).unwrap();
        told.slowest_ms.fetch_max(waited, Ordering::Relaxed);
        if reply.status == 200 {
            told.acknowledged.lock().unwrap().push(number);
        } else {
            assert_eq!(reply.status, 503, "{}", reply.text());
            assert!(reply.header("retry-after").is_some());
            told.refused.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn ready(gate: &Gate) -> u16 {
    gate.management_wire().call("GET", "/readyz", &[], b"").status
}

fn wait_until_ready(gate: &Gate, status: u16) {
    let end = Instant::now() + Duration::from_secs(40);
    while ready(gate) != status {
        assert!(Instant::now() < end, "not {status} in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Load before, during and after `outage`, with one program that is never started again; answers the numbers that are stored.
fn survives(gate: &Gate, outage: impl Fn(&Told)) -> HashSet<u64> {
    let devices: Vec<_> = (0..DEVICES).map(|number| format!("d{number}")).collect();
    for device in &devices {
        gate.device(device, SECRET, None);
    }
    let tokens: Vec<_> = devices.iter().map(|device| gate.token(device, SECRET)).collect();
    let (next, told) = (AtomicU64::new(1), Told::default());
    std::thread::scope(|scope| {
        for (device, token) in devices.iter().zip(&tokens) {
            scope.spawn(|| load(gate, device, token, &next, &told));
        }
        // Also when it fails: the others would go on for ever.
        let _stop = Stop(&told);
        std::thread::sleep(Duration::from_millis(500));
        outage(&told);
        wait_until_ready(gate, 200);
        std::thread::sleep(Duration::from_millis(500));
    });
    let mut stored = HashSet::new();
    for device in &devices {
        for event in gate.all_events(device, "&kind=message") {
            stored.insert(event["notify_data"]["body"]["content"].as_u64().unwrap());
        }
    }
    let acknowledged = told.acknowledged.into_inner().unwrap();
    let (refused, slowest_ms) = (told.refused.into_inner(), told.slowest_ms.into_inner());
    eprintln!(
        "{} acknowledged, {refused} refused, {} stored, the slowest answer took {slowest_ms} ms",
        acknowledged.len(),
        stored.len()
    );
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|number| !stored.contains(number))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(refused > 0 && acknowledged.len() > 300, "there was load");
    stored
}

fn gate_on(port: u16) -> Gate {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Gate::builder()
        .with("STORAGE__URL", &url)
        .with("STORAGE__CONNECT_TIMEOUT_SECONDS", "2")
        .unlimited()
        .forwarding()
        .start()
}

#[test]
fn a_killed_server_that_comes_back_has_everything_that_was_acknowledged() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let gate = gate_on(server.port);
    survives(&gate, |told| {
        for _ in 0..3 {
            server.kill();
            wait_until_ready(&gate, 503);
            let refused = told.refused.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(700));
            assert!(told.refused.load(Ordering::Relaxed) > refused);
            server.start_again();
            wait_until_ready(&gate, 200);
            std::thread::sleep(Duration::from_millis(500));
        }
    });
}

#[test]
fn a_killed_server_that_comes_back_loses_nothing_on_its_way_to_a_target() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let gate = gate_on(server.port);
    let target = Receiver::start();
    let messages = json!({"subject": {"resource": "device.message", "event": "report"}});
    let action_id = gate.forward(&messages, &target.url());
    let stored = survives(&gate, |_| {
        for _ in 0..3 {
            server.kill();
            wait_until_ready(&gate, 503);
            std::thread::sleep(Duration::from_secs(3));
            server.start_again();
            wait_until_ready(&gate, 200);
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let state = gate.until_state(&action_id, |state| state["delivered"] == stored.len());
    assert_eq!(state["pending"], 0, "{state}");
    let mut came = HashMap::<u64, u32>::new();
    for push in target.taken() {
        let number = push.json()["notify_data"]["body"]["content"].as_u64().unwrap();
        *came.entry(number).or_default() += 1;
    }
    // The program was there all the time and knows what it delivered.
    let expected: HashMap<_, _> = stored.into_iter().map(|number| (number, 1)).collect();
    assert!(came == expected, "{} came of {}", came.len(), expected.len());
}

#[test]
fn a_promoted_synchronous_standby_has_everything_that_was_acknowledged() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let primary = Server::start(folder.path());
    let standby = primary.standby();
    let address = Address::of(&primary);
    let gate = gate_on(address.port);
    survives(&gate, |_| {
        primary.kill();
        address.lead_to(&standby);
        // A standby that is not promoted yet takes no writes, and is not taken for ready.
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(ready(&gate), 503);
        standby.promote();
    });
}

#[test]
fn everything_is_copied_and_tokens_and_positions_go_on() {
    let Some(server) = server() else { return };
    let database = Database::create(&server);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let from = format!("sqlite://{}", data.join("fieldgate.db").display());
    let open = |url: &str| {
        Gate::builder()
            .forwarding()
            .with("STORAGE__URL", url)
            .on(&data)
            .start()
    };
    let mut gate = open(&from);
    let target = Receiver::start();
    target.answers(422);
    let messages = json!({
        "subject": {"resource": "device.message", "event": "report"},
        "where": "notify_data.body.content.n < 2",
    });
    let action_id = gate.forward(&messages, &target.url());
    gate.device("meter", SECRET, None);
    gate.device("gone", SECRET, None);
    assert_eq!(gate.api("DELETE", "/devices/gone", "").status, 204);
    let token = gate.token("meter", SECRET);
    for number in 0..100 {
        let body = format!(r#"{{"b":1e3,"a":"x\u0000y","n":{number}}}"#);
        assert_eq!(gate.message("meter", &token, body.as_bytes()).status, 200);
    }
    assert_eq!(gate.message("meter", "no token", b"x").status, 403);
    gate.until_state(&action_id, |state| state["dead"] == 2);
    // Followers write once a second.
    std::thread::sleep(Duration::from_millis(2500));
    let (before, key) = (gate.all_events("meter", ""), gate.admin.clone());
    gate.stop();

    let data_dir = data.to_str().unwrap();
    let copy = |to: &str| {
        let arguments = ["copy", "--from", &from, "--to", to, "--data-dir", data_dir];
        command().args(arguments).output().unwrap()
    };
    let copied = copy(&database.url());
    assert!(copied.status.success(), "{copied:?}");
    let said = String::from_utf8(copied.stdout).unwrap();
    assert!(said.contains("everything was copied and compared"), "{said}");
    let again = copy(&database.url());
    assert!(!again.status.success());
    assert!(String::from_utf8(again.stderr).unwrap().contains("is not empty"));

    target.answers(200);
    target.taken();
    let gate = open(&database.url());
    assert_eq!(gate.all_events("meter", ""), before);
    gate.until_state(&action_id, |state| state["dead"] == 2);
    assert_eq!(gate.message("meter", &token, br#"{"n":0}"#).status, 200);
    let newest = gate.events("meter", "&kind=message").remove(0);
    assert_eq!(newest["notify_data"]["body"]["content"], json!({"n": 0}));
    assert_eq!(target.next().json(), newest);
    let replay = format!("{ACTIONS}/{action_id}/dead-letters/replay");
    assert_eq!(gate.api("POST", &replay, "").json()["count"], 2);
    gate.until_state(&action_id, |state| state["delivered"] == 3);
    assert_eq!(target.taken().len(), 2);
    gate.device("made_later", SECRET, None);
    let path = format!("/v5/iot/{}/devices", gate.project_id);
    let old_key = [("X-Auth-Token", key.as_str())];
    assert_eq!(
        gate.management_wire().call("GET", &path, &old_key, b"").status,
        200
    );
}
