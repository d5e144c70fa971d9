//! PostgreSQL commits and the program does not hear of it: what it kept to write again is not there twice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::CHILDREN;
use super::{FORGOTTEN, Fleet, Target, until_taken, whole_log};
use crate::database::{Database, server};
use crate::harness::{ACTIONS, Gate, Push, Reaction, read};

/// A way to a server that can lose the answers to commits, with their connections.
struct Way {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl Way {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            loses: Arc::default(),
        };
        let loses = way.loses.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (lost, loses) = (Arc::new(AtomicBool::new(false)), loses.clone());
                let (back, forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                let answer_is_lost = lost.clone();
                std::thread::spawn(move || {
                    carry(near, far, |bytes| {
                        let commits = bytes.windows(6).any(|six| six == b"COMMIT");
                        if commits && loses.load(Ordering::SeqCst) {
                            lost.store(true, Ordering::SeqCst);
                        }
                        true
                    });
                });
                std::thread::spawn(move || carry(back, forth, |_| !answer_is_lost.load(Ordering::SeqCst)));
            }
        });
        way
    }
}

/// Carries bytes until an end goes, or `passes` stops it.
fn carry(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 8192];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || !passes(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn letters(gate: &Gate, action_id: &str) -> Vec<u64> {
    let listed = read(&gate.api("GET", &format!("{ACTIONS}/{action_id}/dead-letters?limit=50"), ""));
    let letters = listed["letters"].as_array().unwrap().iter();
    let mut sequences: Vec<_> = letters.map(super::record::sequence).collect();
    sequences.sort_unstable();
    sequences
}

fn refuses_the_first(push: &Push) -> Reaction {
    let number: &Value = &push.json()["notify_data"]["body"]["services"][0]["properties"]["number"];
    Reaction::Answer(if number.as_u64() <= Some(CHILDREN) {
        422
    } else {
        200
    })
}

#[test]
fn a_dead_letter_whose_commit_was_not_heard_of_is_there_once() {
    let Some(server) = server() else { return };
    let database = Database::create(&server);
    let url = database.url();
    let (start, name) = url.rsplit_once('/').unwrap();
    let (start, port) = start.rsplit_once(':').unwrap();
    let way = Way::to(port.parse().unwrap());
    let gate = Gate::builder()
        .unlimited()
        .forwarding()
        .with("STORAGE__URL", &format!("{start}:{}/{name}", way.port))
        .start();
    let fleet = Fleet::register(&gate, 1);
    let target = Target::start();
    target.reacts(refuses_the_first);
    let action_id = gate.forward(&json!({}), &target.url());
    let told = Target::start();
    let (other, _) = gate.action(&gate.rule(&json!({})), &json!({"url": told.url()}));
    let letters_to = json!({"dead_letter_action": other}).to_string();
    read(&gate.api("PUT", &format!("{ACTIONS}/{action_id}"), &letters_to));
    fleet.report(&gate, 3, Duration::ZERO);
    let log = whole_log(&gate, &fleet);
    way.loses.store(true, Ordering::SeqCst);
    gate.until_state(&action_id, |state| state["dead"] == CHILDREN);
    std::thread::sleep(Duration::from_millis(500));
    way.loses.store(false, Ordering::SeqCst);

    let (refused, passes): (Vec<_>, Vec<_>) = log.iter().partition(|event| event.number <= CHILDREN);
    until_taken("target", &target, passes.into_iter());
    until_taken("dead letters' action", &told, refused.iter().copied());
    let expected: Vec<_> = refused.iter().map(|event| event.sequence).collect();
    let end = Instant::now() + FORGOTTEN;
    while letters(&gate, &action_id).len() < expected.len() {
        assert!(Instant::now() < end, "letters are missing");
        std::thread::sleep(Duration::from_millis(50));
    }
    // The next save goes through as well.
    fleet.report(&gate, 1, Duration::ZERO);
    gate.until_state(&action_id, |state| state["delivered"] == 3 * CHILDREN);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(letters(&gate, &action_id), expected);
    assert!(gate.log().contains("was not saved"), "no answer was lost");
}
