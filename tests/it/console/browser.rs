//! Every page in Chromium: `tests/console` opens them, works with them, and holds them to the rules of `browser.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{first_password, markup};
use crate::harness::{Gate, Receiver, report};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[expect(clippy::disallowed_methods, reason = "pictures are asked for by a person")]
fn asked(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Of a rule that takes what devices report, whose target takes everything from now on.
fn an_action_with_a_dead_letter(gate: &Gate, receiver: &Receiver) -> String {
    let action = gate.forward(&json!({"rule_name": "refused"}), &receiver.url());
    receiver.answers(400);
    let reset = "/devices/demo_meter1/action?action_id=resetSecret";
    let reset = gate.api("POST", reset, &json!({ "secret": SECRET }).to_string());
    assert_eq!(reset.status, 200, "{}", reset.text());
    let token = gate.token("demo_meter1", SECRET);
    let report = report("Meter", r#"{"temperature":21.50}"#);
    assert_eq!(gate.report("demo_meter1", &token, &report).status, 200);
    gate.until_state(&action, |state| state["dead"] == 1);
    receiver.answers(200);
    action
}

/// A device that was taken and refused, for its page.
fn heard(gate: &Gate) {
    gate.device("console-1", "secret-secret", None);
    let token = gate.token("console-1", "secret-secret");
    for (temperature, status) in [("21.50", 200), ("512", 400)] {
        let body = format!(
            r#"{{"services":[{{"service_id":"Meter","properties":{{"temperature":{temperature}}}}}]}}"#
        );
        let reply = gate.report("console-1", &token, &body);
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[test]
fn every_page_works_in_a_browser() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    for needed in [Path::new("/usr/bin/chromium"), &folder.join("node_modules")] {
        assert!(
            needed.exists(),
            "{} is missing: scripts/test installs it",
            needed.display()
        );
    }
    let gate = Gate::builder().unlimited().forwarding().start();
    let password = first_password(&gate);
    // More than a page of the audit log.
    for _ in 0..30 {
        assert_eq!(gate.api("DELETE", "/products/none", "").status, 404);
    }
    let planted = markup::plant(&gate);
    heard(&gate);
    // Its report is the newest: rules are tried on it.
    let receiver = Receiver::start();
    let action = an_action_with_a_dead_letter(&gate, &receiver);
    let output = Command::new("node")
        .arg(folder.join("run.mjs"))
        .arg(format!("https://{}", gate.management))
        .env("CONSOLE_PASSWORD", password)
        .env("CONSOLE_PAGES", planted.pages().join(" "))
        .env("CONSOLE_DEVICE", format!("https://{}", gate.device))
        .env("CONSOLE_DEVICE_ID", markup::DEVICE)
        .env("CONSOLE_DEVICE_TOKEN", &planted.token)
        .env("CONSOLE_SHOTS", asked("CONSOLE_SHOTS"))
        .env("CONSOLE_ONLY", asked("CONSOLE_ONLY"))
        .env("CONSOLE_TARGET", receiver.url())
        .env("CONSOLE_ACTION", action)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let more = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{more}");
}
