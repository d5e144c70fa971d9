//! The official Python SDK against the program: the tests of `tests/sdk`, and the lines that the README tells to paste.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::harness::{ACTIONS, Gate, read, report};

/// A command of the environment that `scripts/test` makes, run as in a home of its own.
fn tool(name: &str, home: &Path) -> Command {
    let path = root().join("target/sdk/bin").join(name);
    assert!(
        path.exists(),
        "{} is missing: scripts/test makes it",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("HOME", home)
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn assert_passed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let more = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{more}");
    text
}

#[test]
fn the_official_sdk_manages_the_program_unchanged() {
    let gate = Gate::builder().unlimited().forwarding().start();
    let (reader, _) = gate.key("reader");
    let output = tool("pytest", &gate.folder)
        .args(["-q", "-p", "no:cacheprovider", "--strict-markers", "-W", "error"])
        .arg(root().join("tests/sdk"))
        .env(
            "FIELDGATE_TEST_MANAGEMENT",
            format!("https://{}", gate.management),
        )
        .env("FIELDGATE_TEST_DEVICE", format!("https://{}", gate.device))
        .env("FIELDGATE_TEST_CA", gate.ca())
        .env("FIELDGATE_TEST_PROJECT", &gate.project_id)
        .env("FIELDGATE_TEST_ADMIN", &gate.admin)
        .env("FIELDGATE_TEST_READER", reader)
        .output()
        .unwrap();
    assert_passed(&output);
}

const SDK: &str = "### Use it with the official SDK";
const RECEIVE: &str = "## Receive your data";

/// The lines of code in a section of the README from the one that starts with `first`, as they stand there.
fn code(section: &str, first: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("\n{section}\n")).unwrap();
    let lines = section.lines().map(|line| line.strip_prefix("    "));
    let lines = lines.skip_while(|line| !line.is_some_and(|line| line.starts_with(first)));
    let code: Vec<_> = lines.map_while(|line| line).collect();
    assert!(!code.is_empty(), "no line starts with {first:?}");
    code.join("\n")
}

#[test]
fn the_readmes_lines_for_the_sdk_work_as_pasted() {
    let gate = Gate::start();
    let folder = gate.folder.parent().unwrap();
    assert_eq!(gate.folder.file_name().unwrap(), "data");
    let program = Path::new(env!("CARGO_BIN_EXE_fieldgate"));
    let made = Command::new("/bin/bash")
        .args(["-c", &code(SDK, "fieldgate keys create")])
        .current_dir(folder)
        .env("PATH", program.parent().unwrap())
        .output()
        .unwrap();
    assert_passed(&made);
    let lines = code(SDK, "import ");
    assert_eq!(lines.lines().count(), 10, "{lines}");
    let output = tool("python", &gate.folder)
        .args(["-c", &lines])
        .current_dir(folder)
        .env("FIELDGATE_MANAGEMENT", format!("https://{}", gate.management))
        .output()
        .unwrap();
    let printed = assert_passed(&output);
    for device in ["demo_meter1", "demo_gateway1", "demo_sensor1"] {
        assert!(printed.contains(device), "{printed}");
    }
}

/// One that the system gives to nobody who asks for any, so that it is still free a moment later.
fn free_port() -> u16 {
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    let mut ports = (20_000 + first..30_000).chain(20_000..30_000);
    let port = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    port.unwrap()
}

/// Ends with the test, also when that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The README's address of a target, with a port that is free.
fn at_port(port: u16, lines: &str) -> String {
    assert_eq!(lines.matches("9000").count(), 1, "{lines}");
    lines.replace("9000", &port.to_string())
}

/// Makes the rule of the README's lines; the signing secret that they keep.
fn receive(gate: &Gate, port: u16) -> String {
    let lines = at_port(port, &code(RECEIVE, "api() "));
    let pasted = format!("{lines}\necho; printenv SIGNING_SECRET");
    let made = Command::new("/bin/bash")
        .args(["-c", &pasted])
        .env("CA", gate.ca())
        .env(
            "API",
            format!("https://{}/v5/iot/{}", gate.management, gate.project_id),
        )
        .env("AUTH", &gate.admin)
        .output()
        .unwrap();
    let printed = assert_passed(&made);
    assert!(made.stderr.is_empty(), "{made:?}");
    let (rule, secret) = printed.trim_end().rsplit_once('\n').unwrap();
    assert!(rule.contains(r#""active":true"#), "{printed}");
    secret.to_owned()
}

#[test]
fn the_readmes_receiver_works_as_pasted_and_takes_nothing_forged() {
    let gate = Gate::builder().forwarding().start();
    let port = free_port();
    let secret = receive(&gate, port);
    let lines = at_port(port, &code(RECEIVE, "import "));
    assert_eq!(lines.lines().count(), 10, "{lines}");
    let receiver = tool("python", &gate.folder)
        .args(["-c", &lines])
        .env("SIGNING_SECRET", secret)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut receiver = Running(receiver.unwrap());
    let mut printed = BufReader::new(receiver.0.stdout.take().unwrap()).lines();
    gate.device("app1", "secret-secret", None);
    let token = gate.token("app1", "secret-secret");
    let body = report("Meter", r#"{"temperature":21.50}"#);
    assert_eq!(gate.report("app1", &token, &body).status, 200);
    let line = printed.next().unwrap().unwrap();
    assert!(line.contains("'device_id': 'app1'"), "{line}");
    let actions = read(&gate.api("GET", ACTIONS, ""));
    let action_id = actions["actions"][0]["action_id"].as_str().unwrap();
    gate.until_state(action_id, |state| state["delivered"] == 1);

    let mut forger = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let unsigned = "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}";
    forger.write_all(unsigned.as_bytes()).unwrap();
    let mut answer = Vec::new();
    forger.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    drop(receiver);
    assert!(printed.next().is_none());
}
