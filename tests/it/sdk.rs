//! The official Python SDK against the program: the tests of `tests/sdk`, and the lines that the README tells to paste.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::Gate;

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

/// The lines of code in the README's section from the one that starts with `first`, as they stand there.
fn code(first: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n### Use it with the official SDK\n").unwrap();
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
        .args(["-c", &code("fieldgate keys create")])
        .current_dir(folder)
        .env("PATH", program.parent().unwrap())
        .output()
        .unwrap();
    assert_passed(&made);
    let lines = code("import ");
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
