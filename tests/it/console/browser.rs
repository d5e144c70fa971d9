//! Every page in Chromium: `tests/console` opens them, works with them, and holds them to the rules of `browser.mjs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{first_password, markup};
use crate::harness::Gate;

#[expect(clippy::disallowed_methods, reason = "pictures are asked for by a person")]
fn asked(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
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
    let gate = Gate::builder().unlimited().start();
    let password = first_password(&gate);
    // More than a page of the audit log.
    for _ in 0..30 {
        assert_eq!(gate.api("DELETE", "/products/none", "").status, 404);
    }
    let planted = markup::plant(&gate);
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
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let more = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{more}");
}
