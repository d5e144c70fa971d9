//! `fieldgate quickstart`: every line that it prints works when pasted.

use std::path::Path;
use std::process::Command;

use crate::harness::{Gate, program_output};

/// The lines that quickstart prints after its addresses.
fn printed(gate: &Gate) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = gate.line();
        if line.starts_with("# Stop with") {
            return lines;
        }
        lines.push(line);
    }
}

/// Runs the lines in one shell exactly as printed; the output of each command.
fn paste(lines: &[String], folder: &Path) -> Vec<String> {
    let script = folder.join("pasted.sh");
    let mark = "--next--";
    let commands: Vec<&String> = lines
        .iter()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let text: Vec<String> = commands
        .iter()
        .map(|line| format!("{line}\necho; echo {mark}\n"))
        .collect();
    std::fs::write(&script, text.concat()).unwrap();
    let output = Command::new("bash").arg(&script).output().unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let outputs: Vec<String> = text
        .split(&format!("{mark}\n"))
        .map(|part| part.trim().to_owned())
        .collect();
    assert_eq!(outputs.len(), commands.len() + 1, "{text}");
    outputs.into_iter().filter(|output| !output.is_empty()).collect()
}

#[test]
fn every_printed_line_works_as_pasted_and_a_restart_goes_on() {
    let gate = Gate::start();
    let lines = printed(&gate);
    let folder = gate.folder.clone();
    let answers = paste(&lines, &folder);
    let [report, message, child, broken, stored] = &answers[..] else {
        panic!("five commands answer: {answers:?}");
    };
    for accepted in [report, message, child] {
        assert_eq!(accepted, "HTTP 200");
    }
    assert!(broken.ends_with("HTTP 400"), "{broken}");
    assert!(
        broken.contains("services[0].properties.temperature: 512 is over the maximum 120"),
        "{broken}"
    );
    assert!(stored.contains(r#""temperature":21.5"#), "{stored}");
    assert!(stored.contains("hello from the field"), "{stored}");
    assert!(!stored.contains(r#""temperature":512"#), "{stored}");
    assert_eq!(gate.stored("demo_meter1"), 2);
    assert_eq!(gate.stored("demo_sensor1"), 1);

    let gate = gate.restart();
    let again = printed(&gate);
    let same = |name: &str| {
        let find = |lines: &[String]| lines.iter().find(|line| line.starts_with(name)).cloned();
        assert!(find(&lines).is_some());
        assert_eq!(find(&lines), find(&again), "{name} changed");
    };
    for name in ["CA=", "SECRET=", "GATEWAY_SECRET=", "AUTH="] {
        same(name);
    }
    paste(&again, &folder);
    assert_eq!(
        gate.stored("demo_meter1"),
        4,
        "what was there stays, and more comes"
    );
}

#[test]
fn certs_ca_prints_what_devices_must_trust() {
    let gate = Gate::start();
    let folder = gate.folder.to_str().unwrap();
    let output = program_output(&["certs", "ca", "--data-dir", folder], &[]);
    assert!(output.status.success());
    assert_eq!(output.stdout, std::fs::read(gate.ca()).unwrap());
    let missing = program_output(&["certs", "ca", "--data-dir", "/nowhere"], &[]);
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(
        said.contains("no CA made by Fieldgate at /nowhere/certs/ca.pem"),
        "{said}"
    );
}

#[test]
fn private_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let gate = Gate::start();
    for file in [
        "secret.key",
        "certs/ca.key",
        "certs/leaf-rsa.key",
        "certs/leaf-ecdsa.key",
        "quickstart.token",
    ] {
        let mode = std::fs::metadata(gate.folder.join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
