//! `fieldgate tail` as a child process.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::harness::{Gate, command, lines_of, program_output, report};

const SECRET: &str = "s3cret-of-the-device";

/// A running tail.
struct Tail {
    child: Child,
    lines: Receiver<String>,
    errors: ChildStderr,
}

impl Tail {
    fn start(gate: &Gate, more: &[&str]) -> Self {
        let mut child = command()
            .arg("tail")
            .args(flags(gate, &gate.admin))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(&mut child);
        let errors = child.stderr.take().unwrap();
        Self { child, lines, errors }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn message(&self) -> i64 {
        let event: serde_json::Value = serde_json::from_str(&self.line()).unwrap();
        event["notify_data"]["body"]["content"].as_i64().unwrap()
    }

    /// Ctrl-C, as the terminal sends it; what it said on standard error.
    fn interrupt(mut self) -> String {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "INT", &id]).status().unwrap();
        assert!(sent.success());
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn flags(gate: &Gate, key: &str) -> Vec<String> {
    let url = format!("https://{}", gate.management);
    let ca = gate.ca().to_str().unwrap().to_owned();
    ["--management-url", &url, "--ca", &ca, "--key", key]
        .map(str::to_owned)
        .to_vec()
}

fn refused(arguments: &[String]) -> String {
    let arguments: Vec<&str> = std::iter::once("tail")
        .chain(arguments.iter().map(String::as_str))
        .collect();
    let Output { status, stderr, .. } = program_output(&arguments, &[]);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

/// An address that nobody has now.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn tail_prints_what_is_reported_and_goes_on_over_a_kill() {
    let mut gate = Gate::builder()
        .with("MANAGEMENT__LISTEN", &free_address().to_string())
        .start();
    gate.device("one", SECRET, None);
    let mut token = gate.token("one", SECRET);
    let tail = Tail::start(&gate, &["--kind", "message", "-n", "0"]);
    // It may have begun before or after the first; from the first that is seen on, none is missing.
    let begun = Instant::now();
    let mut sent = 0;
    let first = loop {
        assert_eq!(
            gate.message("one", &token, sent.to_string().as_bytes()).status,
            200
        );
        sent += 1;
        match tail.lines.recv_timeout(Duration::from_millis(300)) {
            Ok(line) => break line,
            Err(RecvTimeoutError::Timeout) => assert!(begun.elapsed() < Duration::from_secs(30)),
            Err(error) => panic!("{error}"),
        }
    };
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let mut expected = first["notify_data"]["body"]["content"].as_i64().unwrap() + 1;
    for round in 0..2 {
        for _ in 0..20 {
            assert_eq!(
                gate.message("one", &token, sent.to_string().as_bytes()).status,
                200
            );
            sent += 1;
        }
        if round == 0 {
            gate.signal("KILL");
            gate = gate.started_again();
            token = gate.token("one", SECRET);
        }
    }
    while expected < sent {
        assert_eq!(tail.message(), expected);
        expected += 1;
    }
    let said = tail.interrupt();
    assert!(said.contains("coming again, from sequence "), "{said}");
    assert!(
        said.contains("connected again, going on after sequence "),
        "{said}"
    );
}

#[test]
fn tail_begins_where_it_is_told_and_shows_lines_for_people() {
    let gate = Gate::start();
    gate.device("one", SECRET, None);
    let token = gate.token("one", SECRET);
    for number in 0..3 {
        let body = report("Meter", &format!(r#"{{"temperature":{number}.50}}"#));
        assert_eq!(gate.report("one", &token, &body).status, 200);
    }
    assert_eq!(gate.message("one", &token, b"\"hello\"").status, 200);
    let people = ["--format", "pretty", "--device", "one"];
    let tail = Tail::start(&gate, &[&people[..], &["-n", "2", "--kind", "property"]].concat());
    for number in [1, 2] {
        let line = tail.line();
        let told = format!("  property  Meter temperature={number}.50");
        assert!(line.contains("Z  one ") && line.ends_with(&told), "{line}");
    }
    assert_eq!(tail.interrupt(), "");
    let tail = Tail::start(&gate, &[&people[..], &["--since", "10m"]].concat());
    assert!(tail.line().contains("  device create"));
    drop(tail);
    let tail = Tail::start(&gate, &["--after", "0", "--kind", "product"]);
    let made: serde_json::Value = serde_json::from_str(&tail.line()).unwrap();
    assert_eq!(
        (&made["sequence"], &made["resource"]),
        (&"1".into(), &"product".into())
    );
    drop(tail);
    let tail = Tail::start(&gate, &["--device", "nobody"]);
    std::thread::sleep(Duration::from_secs(1));
    let said = tail.interrupt();
    assert!(said.contains("there is no device nobody"), "{said}");
}

#[test]
fn tail_says_what_is_wrong_and_ends() {
    let gate = Gate::start();
    let said = refused(&flags(&gate, "AAAAAAAAAAAAAAAAAAAA:wrong"));
    assert!(said.contains("403") && said.contains("key is wrong"), "{said}");
    let mut foreign = flags(&gate, &gate.admin);
    foreign[3] = foreign_ca(&gate);
    let said = refused(&foreign);
    assert!(said.contains("no CA in"), "{said}");
    let mut nobody = flags(&gate, &gate.admin);
    nobody[1] = format!("https://{}", free_address());
    let said = refused(&nobody);
    assert!(said.contains("nothing listens at"), "{said}");
    let mut ahead = flags(&gate, &gate.admin);
    ahead.extend(["--after", "999999"].map(str::to_owned));
    let said = refused(&ahead);
    assert!(said.contains("ahead of the log"), "{said}");
    // A key that is disabled meanwhile.
    let (key, _) = gate.key("reader");
    let mut child = command()
        .arg("tail")
        .args(flags(&gate, &key))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let (access_key, _) = key.split_once(':').unwrap();
    let folder = gate.folder.to_str().unwrap();
    let disabled = program_output(&["keys", "disable", access_key, "--data-dir", folder], &[]);
    assert!(disabled.status.success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("403"), "{said}");
}

/// The CA of another instance.
fn foreign_ca(gate: &Gate) -> String {
    let other = Gate::start();
    let copy = gate.folder.join("other-ca.pem");
    std::fs::copy(other.ca(), &copy).unwrap();
    copy.to_str().unwrap().to_owned()
}
