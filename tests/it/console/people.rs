//! Users and keys, from the console and from the command line beside it.

use serde_json::{Value, json};

use super::{Browser, PASSWORD, audit, first_password, printed_password, users};
use crate::harness::{Gate, program_output};

fn listed(gate: &Gate) -> Vec<Value> {
    let (done, text, complaint) = users(gate, &["list", "--format", "json"]);
    assert!(done, "{complaint}");
    let whole: Value = serde_json::from_str(&text).unwrap();
    whole["users"].as_array().unwrap().clone()
}

#[test]
fn users_are_managed_beside_the_running_server() {
    let gate = Gate::start();
    first_password(&gate);
    let mut ann = Browser::of(&gate, "ann", "operator");
    let shown = |name: &str| {
        let found = listed(&gate).into_iter().find(|user| user["name"] == name);
        found.map(|user| json!([user["role"], user["disabled"], user["must_change_password"]]))
    };
    assert_eq!(shown("ann"), Some(json!(["operator", false, false])));
    assert_eq!(shown("admin"), Some(json!(["admin", false, true])));

    assert!(users(&gate, &["disable", "ann"]).0);
    assert!(!ann.is_signed_in(), "out at the next request");
    assert_eq!(Browser::new(&gate).sign_in("ann", PASSWORD).status, 401);
    let (_, text, _) = users(&gate, &["list"]);
    let line = text.lines().find(|line| line.ends_with("  ann")).unwrap();
    assert!(line.starts_with("operator  disabled"), "{text}");
    assert!(users(&gate, &["enable", "ann"]).0);
    assert!(!ann.is_signed_in(), "an old session stays ended");
    assert!(Browser::again(&gate, "ann").is_signed_in());

    let mut ann = Browser::again(&gate, "ann");
    let (done, text, _) = users(&gate, &["reset-password", "ann"]);
    assert!(done && !ann.is_signed_in());
    assert_eq!(Browser::new(&gate).sign_in("ann", PASSWORD).status, 401);
    let mut ann = Browser::first(&gate, "ann", &printed_password(&text));
    assert!(ann.is_signed_in());
    assert!(users(&gate, &["delete", "ann"]).0);
    assert!(!ann.is_signed_in());
    assert_eq!(shown("ann"), None);

    for what in ["disable", "enable", "delete", "reset-password"] {
        for name in ["ann", "No Name"] {
            let (done, text, complaint) = users(&gate, &[what, name]);
            assert!(!done && text.is_empty(), "{text}");
            assert!(
                complaint.contains(&format!("there is no user {name}")),
                "{complaint}"
            );
        }
    }
    for (name, part) in [
        ("admin", "there is a user admin already"),
        ("A", "the name must be 1 to 64"),
    ] {
        let (done, _, complaint) = users(&gate, &["add", name]);
        assert!(!done && complaint.contains(part), "{complaint}");
    }
    let done = audit(&gate);
    for action in [
        "disable_user",
        "enable_user",
        "reset_user_password",
        "delete_user",
    ] {
        let entry = format!("command line {action} /users/ann done");
        assert!(done.contains(&entry), "{entry}: {done:#?}");
    }
    assert!(
        done.contains(&"ann sign_in /users/ann 401 disabled".to_owned()),
        "{done:#?}"
    );
}

#[test]
fn passwords_and_tokens_stand_in_no_file_and_no_log() {
    let mut gate = Gate::start();
    let one_time = first_password(&gate);
    let admin = Browser::first(&gate, "admin", &one_time);
    let token = admin.cookie.split_once('=').unwrap().1.to_owned();
    gate.stop();
    let log = gate.log();
    let mut texts = vec![log.into_bytes()];
    for file in std::fs::read_dir(&gate.folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            texts.push(std::fs::read(&path).unwrap());
        }
    }
    for secret in [one_time.as_str(), PASSWORD, &token] {
        let found = |text: &Vec<u8>| {
            text.windows(secret.len())
                .any(|window| window == secret.as_bytes())
        };
        assert!(!texts.iter().any(found), "{secret}");
    }
}

#[test]
fn an_administrator_manages_users_but_not_the_own_rights() {
    let gate = Gate::start();
    let mut admin = Browser::first(&gate, "admin", &first_password(&gate));
    let reply = admin.post("/console/users", &[("name", "ann"), ("role", "reader")]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = reply.text();
    let (_, rest) = page.split_once(r#"aria-label="One-time password">"#).unwrap();
    let one_time = rest.split('<').next().unwrap();
    let mut ann = Browser::first(&gate, "ann", one_time);
    assert_eq!(ann.get("/console/users").status, 403);

    let reply = admin.post("/console/users/ann/role", &[("role", "admin")]);
    assert_eq!(reply.header("location"), Some("/console/users?done=role"));
    assert_eq!(ann.get("/console/users").status, 200, "at the next request");
    let reply = admin.post("/console/users/ann/sign-out", &[]);
    assert_eq!(reply.status, 303);
    assert!(!ann.is_signed_in());
    let mut ann = Browser::again(&gate, "ann");
    assert_eq!(admin.post("/console/users/ann/disable", &[]).status, 303);
    assert!(!ann.is_signed_in());
    assert_eq!(admin.post("/console/users/ann/enable", &[]).status, 303);
    assert!(Browser::again(&gate, "ann").is_signed_in());
    let reply = admin.post("/console/users/ann/reset-password", &[]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(Browser::new(&gate).sign_in("ann", PASSWORD).status, 401);
    assert_eq!(admin.post("/console/users/ann/delete", &[]).status, 303);
    assert_eq!(admin.post("/console/users/ann/delete", &[]).status, 404);

    for what in [
        "role",
        "disable",
        "enable",
        "reset-password",
        "sign-out",
        "delete",
    ] {
        let reply = admin.post(&format!("/console/users/admin/{what}"), &[("role", "reader")]);
        assert_eq!(reply.status, 409, "{what}: {}", reply.text());
    }
    let done = audit(&gate);
    for action in [
        "add_user",
        "set_user_role",
        "sign_out_user",
        "disable_user",
        "enable_user",
        "reset_user_password",
        "delete_user",
    ] {
        let entry = format!("admin {action} /users/ann done");
        assert!(done.contains(&entry), "{entry}: {done:#?}");
    }
}

#[test]
fn a_key_that_is_made_in_the_console_opens_the_api_until_it_is_disabled() {
    let gate = Gate::start();
    let mut admin = Browser::first(&gate, "admin", &first_password(&gate));
    let reply = admin.post("/console/keys", &[("name", "billing"), ("role", "reader")]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = reply.text();
    let shown = |label: &str| {
        let (_, rest) = page.split_once(&format!(r#"aria-label="{label}">"#)).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let (access_key, pair) = (
        shown("Access key"),
        format!("{}:{}", shown("Access key"), shown("Secret key")),
    );
    assert_eq!(shown("Project id"), gate.project_id);
    let products = || {
        let path = format!("/v5/iot/{}/products", gate.project_id);
        let headers = [("X-Auth-Token", pair.as_str())];
        gate.management_wire().call("GET", &path, &headers, b"").status
    };
    assert_eq!(products(), 200);
    assert_eq!(
        admin
            .post(&format!("/console/keys/{access_key}/disable"), &[])
            .status,
        303
    );
    assert_eq!(products(), 403);
    assert_eq!(
        admin
            .post(&format!("/console/keys/{access_key}/enable"), &[])
            .status,
        303
    );
    assert_eq!(products(), 200);
    assert_eq!(
        admin
            .post(&format!("/console/keys/{access_key}/delete"), &[])
            .status,
        303
    );
    assert_eq!(products(), 403);
    let done = audit(&gate);
    for action in ["create_key", "disable_key", "enable_key", "delete_key"] {
        let entry = format!("admin {action} /keys/{access_key} done");
        assert!(done.contains(&entry), "{entry}: {done:#?}");
    }
}

#[test]
fn users_in_the_wrong_place_make_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("none");
    let output = program_output(&["users", "list", "--data-dir", place.to_str().unwrap()], &[]);
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("there is no database at"), "{complaint}");
    assert!(!place.exists());
}
