//! `/openapi.json`: the document of both listeners, and the program held to it by schemathesis, which makes requests up
//! from the document, fitting and unfitting ones, and compares the answers with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::Gate;

#[test]
fn the_document_is_open_to_all_and_known_by_its_etag() {
    let gate = Gate::start();
    let mut wire = gate.management_wire();
    let reply = wire.call("GET", "/openapi.json", &[], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let etag = reply.header("etag").unwrap().to_owned();
    let again = wire.call("GET", "/openapi.json", &[("If-None-Match", &etag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0), "{}", again.text());
    let other = wire.call("GET", "/openapi.json", &[("If-None-Match", "\"x\"")], b"");
    assert_eq!(other.body, reply.body);
}

/// A command of the environment that `scripts/test` makes.
fn tool(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/schemathesis/bin")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: scripts/test makes it",
        path.display()
    );
    let mut command = Command::new(path);
    command.env_clear();
    command
}

#[track_caller]
fn assert_passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let more = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{more}");
}

/// The checks of schemathesis that say more than the contract does: a valid request may be refused (the device exists
/// already), an unfitting one taken (an empty parameter reads as an absent one), and `Allow` names operations that are
/// not built too.
const LEFT_OUT: &str = "positive_data_acceptance,negative_data_rejection,allow_header_conformance";

/// Runs schemathesis over the paths that match, on one listener, as the caller of these headers.
fn hold_to_document(gate: &Gate, paths: &str, port: u16, headers: &[&str], parameters: &[(&str, &str)]) {
    let folder: PathBuf = gate.folder.join("schemathesis");
    std::fs::create_dir_all(&folder).unwrap();
    let fixed = parameters
        .iter()
        .map(|(name, value)| format!("{name} = \"{value}\"\n"));
    let settings = "[phases.coverage]\nunexpected-methods = [\"PATCH\"]\n[parameters]\n".to_owned();
    let settings = settings + &fixed.collect::<String>();
    std::fs::write(folder.join("settings.toml"), settings).unwrap();
    let output = tool("st")
        .current_dir(&folder)
        .env("HOME", &folder)
        .args(["--config-file", "settings.toml", "run"])
        .arg(format!(
            "https://localhost:{}/openapi.json",
            gate.management.port()
        ))
        .args(["--url", &format!("https://localhost:{port}")])
        .args(["--include-path-regex", paths, "--tls-verify"])
        .arg(gate.ca())
        .args(headers.iter().flat_map(|header| ["--header", header]))
        .args(["--generation-with-security-parameters", "false"])
        .args(["--checks", "all", "--exclude-checks", LEFT_OUT])
        .args([
            "--max-examples",
            "60",
            "--seed",
            "1",
            "--generation-database",
            "none",
        ])
        .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
        .output()
        .unwrap();
    assert_passed(&output);
}

#[test]
fn the_document_is_valid() {
    let gate = Gate::start();
    let document = gate.management_wire().call("GET", "/openapi.json", &[], b"");
    let path = gate.folder.join("openapi.json");
    std::fs::write(&path, document.body).unwrap();
    assert_passed(&tool("openapi-spec-validator").arg(path).output().unwrap());
}

#[test]
fn the_management_listener_answers_as_the_document_says() {
    let gate = Gate::builder().unlimited().with("LOG__LEVEL", "error").start();
    let header = format!("X-Auth-Token: {}", gate.admin);
    let paths = "^/(?!v5/device|.*/events/stream)";
    let project = ("project_id", gate.project_id.as_str());
    let port = gate.management.port();
    hold_to_document(&gate, paths, port, &[&header], &[project]);
    // As server-sent events it never ends: here it is the poll, which does not wait.
    let poll = [header.as_str(), "Accept: application/json"];
    hold_to_document(&gate, "/events/stream$", port, &poll, &[project, ("wait", "0")]);
}

#[test]
fn the_device_listener_answers_as_the_document_says() {
    let gate = Gate::builder().unlimited().with("LOG__LEVEL", "error").start();
    gate.device("st1", "secret-secret", None);
    let header = format!("access_token: {}", gate.token("st1", "secret-secret"));
    hold_to_document(
        &gate,
        "^/v5/device",
        gate.device.port(),
        &[&header],
        &[("device_id", "st1")],
    );
}
