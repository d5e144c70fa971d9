//! Several programs on one database: all take reports, one at a time follows the log and forwards.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::address::Address;
use super::server::{Server, sql};
use super::{SECRET, ready};
use crate::database::{Database, server};
use crate::harness::{ACTIONS, Gate, Push, Receiver};

/// What another program needs at most to go on where a killed one stopped, also on a machine that is busy with other tests.
const TAKEN_OVER: Duration = Duration::from_secs(8);

/// The same, behind one that fell silent.
const SILENT: Duration = Duration::from_secs(20);

fn node(url: &str) -> Gate {
    Gate::builder()
        .with("STORAGE__URL", url)
        .with("STORAGE__CONNECT_TIMEOUT_SECONDS", "2")
        .with("SECRETS__KEY", &"5a".repeat(32))
        .forwarding()
        .unlimited()
        .start()
}

fn leads(gate: &Gate, action_id: &str) -> bool {
    gate.api("GET", &format!("{ACTIONS}/{action_id}/state"), "")
        .status
        == 200
}

#[track_caller]
fn until_leads(gate: &Gate, action_id: &str, longest: Duration) {
    let end = Instant::now() + longest;
    while !leads(gate, action_id) {
        assert!(Instant::now() < end, "{}", gate.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What reached the target, and how often.
#[derive(Default)]
struct Arrived(HashMap<u64, usize>);

impl Arrived {
    fn take(&mut self, pushes: &[Push]) {
        for push in pushes {
            let content = push.json()["notify_data"]["body"]["content"].as_u64().unwrap();
            *self.0.entry(content).or_default() += 1;
        }
    }

    /// Waits until all of these came.
    #[track_caller]
    fn until(&mut self, target: &Receiver, numbers: std::ops::Range<u64>, longest: Duration) {
        let end = Instant::now() + longest;
        while !numbers.clone().all(|number| self.0.contains_key(&number)) {
            assert!(
                Instant::now() < end,
                "of {numbers:?}, {} came in all",
                self.0.len()
            );
            self.take(&target.taken());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn assert_once(&self, numbers: std::ops::Range<u64>) {
        let again: Vec<_> = numbers.filter(|number| self.0[number] != 1).collect();
        assert!(again.is_empty(), "came more than once: {again:?}");
    }
}

/// Reports these numbers, to each node in turn, with tokens that any of them gave.
fn report(nodes: &[&Gate], tokens: &[String], numbers: std::ops::Range<u64>) {
    let mut wires: Vec<_> = nodes.iter().map(|node| node.device_wire()).collect();
    for number in numbers {
        let index = usize::try_from(number).unwrap();
        let (device, wire) = (index % DEVICES, index % wires.len());
        let path = format!("/v5/devices/d{device}/sys/messages/up");
        let token = [("access_token", tokens[device].as_str())];
        let reply = wires[wire].call("POST", &path, &token, number.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

const DEVICES: usize = 3;

fn tokens(gate: &Gate) -> Vec<String> {
    let made = |number| {
        let device = format!("d{number}");
        gate.device(&device, SECRET, None);
        gate.token(&device, SECRET)
    };
    (0..DEVICES).map(made).collect()
}

fn forward(gate: &Gate, target: &Receiver) -> String {
    let messages = json!({"subject": {"resource": "device.message", "event": "report"}});
    gate.forward(&messages, &target.url())
}

#[test]
fn one_of_two_programs_forwards_and_the_other_goes_on_when_it_dies() {
    let Some(server) = server() else { return };
    let database = Database::create(&server);
    let (target, mut arrived) = (Receiver::start(), Arrived::default());
    let mut first = node(&database.url());
    let tokens = tokens(&first);
    let action_id = forward(&first, &target);
    until_leads(&first, &action_id, TAKEN_OVER);
    let mut second = node(&database.url());

    report(&[&first, &second], &tokens, 0..300);
    arrived.until(&target, 0..300, SILENT);
    std::thread::sleep(Duration::from_secs(2));
    arrived.take(&target.taken());
    arrived.assert_once(0..300);
    assert!(!leads(&second, &action_id), "one at a time");
    let sequence = second.events("d1", "&kind=message")[0]["sequence"]
        .as_str()
        .unwrap()
        .to_owned();
    let deliveries = second.api("GET", &format!("/events/{sequence}/deliveries"), "");
    deliveries.assert_refused(503, "IOTDA.000001", "ask the node that forwards");

    // In the middle of forwarding.
    report(&[&first, &second], &tokens, 300..400);
    first.kill();
    let killed = Instant::now();
    report(&[&second], &tokens, 400..500);
    arrived.until(&target, 0..500, SILENT);
    let gone_on = killed.elapsed();
    eprintln!("everything came {gone_on:?} after the kill");
    assert!(gone_on < TAKEN_OVER, "{gone_on:?}");
    second.until_state(&action_id, |state| state["pending"] == 0);

    // One that stops in order says how far it came: nothing comes twice.
    let first = node(&database.url());
    report(&[&first, &second], &tokens, 500..700);
    second.stop();
    report(&[&first], &tokens, 700..800);
    arrived.until(&target, 500..800, SILENT);
    std::thread::sleep(Duration::from_secs(2));
    arrived.take(&target.taken());
    arrived.assert_once(500..800);
    let state = first.until_state(&action_id, |state| state["pending"] == 0);
    assert_eq!(state["taken"], 800, "{state}");
}

#[test]
fn a_program_that_falls_silent_is_followed_by_another() {
    if server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let address = Address::of(&server);
    let url = |port| format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let (target, mut arrived) = (Receiver::start(), Arrived::default());
    let first = node(&url(address.port));
    let tokens = tokens(&first);
    let action_id = forward(&first, &target);
    until_leads(&first, &action_id, TAKEN_OVER);
    let second = node(&url(server.port));
    report(&[&first, &second], &tokens, 0..100);
    arrived.until(&target, 0..100, SILENT);
    first.until_state(&action_id, |state| state["pending"] == 0);

    address.silence(true);
    let silent = Instant::now();
    report(&[&second], &tokens, 100..200);
    arrived.until(&target, 100..200, SILENT);
    eprintln!("everything came {:?} after the silence began", silent.elapsed());
    assert!(!leads(&first, &action_id), "it knows");
    address.silence(false);
    let end = Instant::now() + SILENT;
    while ready(&first) != 200 {
        assert!(Instant::now() < end, "{}", first.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    report(&[&first, &second], &tokens, 200..300);
    arrived.until(&target, 200..300, SILENT);
    std::thread::sleep(Duration::from_secs(2));
    arrived.take(&target.taken());
    arrived.assert_once(200..300);
    assert!(leads(&second, &action_id) && !leads(&first, &action_id));
}

#[test]
fn ten_programs_started_at_once_on_an_empty_database_all_serve() {
    let Some(server) = server() else { return };
    let database = Database::create(&server);
    let url = database.url();
    let nodes: Vec<_> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..10).map(|_| scope.spawn(|| node(&url))).collect();
        starting.into_iter().map(|node| node.join().unwrap()).collect()
    });
    let tokens = tokens(&nodes[0]);
    let all: Vec<_> = nodes.iter().collect();
    report(&all, &tokens, 0..30);
    for node in &nodes {
        assert_eq!(ready(node), 200);
        assert_eq!(node.project_id, nodes[0].project_id);
    }
    let stored: usize = (0..DEVICES)
        .map(|number| nodes[9].stored(&format!("d{number}")))
        .sum();
    assert_eq!(stored, 30);
    let leaders = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE d.datname = current_database()
        AND locktype = 'advisory' AND classid = 7166381 AND objid = 2 AND granted";
    let migrations = "SELECT count(*) = count(DISTINCT version) FROM schema_steps";
    assert_eq!(sql(&url, leaders), "1");
    assert_eq!(sql(&url, migrations), "t");
}
