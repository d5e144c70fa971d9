//! Access keys beside a running server, and the tokens that are given for them (management-api.md §2.5).

use serde_json::{Value, json};

use crate::harness::{Gate, Reply, program_output};

/// `fieldgate keys …` beside the server: whether it went well, what it printed, what it complained of.
fn keys(gate: &Gate, arguments: &[&str]) -> (bool, String, String) {
    let folder = gate.folder.to_str().unwrap();
    let whole = [&["keys"], arguments, &["--data-dir", folder]].concat();
    let output = program_output(&whole, &[]);
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn list(gate: &Gate) -> Vec<Value> {
    let (done, text, _) = keys(gate, &["list", "--format", "json"]);
    assert!(done);
    let whole: Value = serde_json::from_str(&text).unwrap();
    whole["keys"].as_array().unwrap().clone()
}

fn products(gate: &Gate, token: &str) -> Reply {
    let path = format!("/v5/iot/{}/products", gate.project_id);
    gate.management_wire()
        .call("GET", &path, &[("X-Auth-Token", token)], b"")
}

fn sign_in(access_key: &str, secret: &str) -> Value {
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {
            "user": {"name": access_key, "password": secret, "domain": {"name": "company"}}}},
        "scope": {"project": {"name": "cn-north-4"}}}})
}

fn issue(gate: &Gate, body: &Value) -> Reply {
    let headers = [("Content-Type", "application/json")];
    gate.management_wire()
        .call("POST", "/v3/auth/tokens", &headers, body.to_string().as_bytes())
}

#[test]
fn keys_are_made_listed_disabled_enabled_and_deleted_beside_the_server() {
    let mut gate = Gate::start();
    let (pair, _) = gate.key("reader");
    let (access_key, secret) = pair.split_once(':').unwrap();
    let names: Vec<_> = list(&gate).iter().map(|key| key["name"].clone()).collect();
    assert_eq!(names, ["quickstart", "test", "test"], "names may repeat");
    let shown = |access_key: &str| {
        let found = list(&gate)
            .into_iter()
            .find(|key| key["access_key"] == access_key);
        found.map(|key| (key["role"].clone(), key["disabled"].clone()))
    };
    assert_eq!(shown(access_key), Some((json!("reader"), json!(false))));

    assert_eq!(products(&gate, &pair).status, 200);
    let (done, text, _) = keys(&gate, &["disable", access_key]);
    assert!(done && text.contains("is disabled"), "{text}");
    products(&gate, &pair).assert_refused(403, "IOTDA.000004", "");
    assert_eq!(shown(access_key), Some((json!("reader"), json!(true))));
    let (_, text, _) = keys(&gate, &["list"]);
    let line = text.lines().find(|line| line.starts_with(access_key)).unwrap();
    assert!(
        line.contains("reader  disabled") && line.ends_with("  test"),
        "{text}"
    );
    assert!(keys(&gate, &["enable", access_key]).0);
    assert_eq!(products(&gate, &pair).status, 200);
    assert!(keys(&gate, &["delete", access_key]).0);
    products(&gate, &pair).assert_refused(403, "IOTDA.000004", "");
    assert_eq!(shown(access_key), None);

    for what in ["disable", "enable", "delete"] {
        let (done, text, complaint) = keys(&gate, &[what, access_key]);
        assert!(!done && text.is_empty());
        assert!(
            complaint.contains(&format!("there is no access key {access_key}")),
            "{complaint}"
        );
    }
    let listed = [keys(&gate, &["list"]).1, json!(list(&gate)).to_string()];
    gate.stop();
    for text in [listed.concat(), gate.log()] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_secret_is_sealed_in_the_files() {
    let gate = Gate::start();
    let (_, secret) = gate.admin.split_once(':').unwrap();
    for file in std::fs::read_dir(&gate.folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

#[test]
fn a_command_in_the_wrong_place_makes_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("none");
    let output = program_output(&["keys", "list", "--data-dir", place.to_str().unwrap()], &[]);
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("there is no database at"), "{complaint}");
    assert!(!place.exists());
}

#[test]
fn a_token_is_given_for_a_key_and_dies_with_it() {
    let gate = Gate::start();
    let (pair, _) = gate.key("reader");
    let (access_key, secret) = pair.split_once(':').unwrap();
    let reply = issue(&gate, &sign_in(access_key, secret));
    assert_eq!(reply.status, 201, "{}", reply.text());
    let token = reply.header("x-subject-token").unwrap().to_owned();
    let stated = reply.json()["token"].clone();
    assert_eq!(stated["methods"], json!(["password"]));
    assert_eq!(stated["project"]["id"], gate.project_id.as_str());
    assert_eq!(stated["project"]["name"], "cn-north-4");
    assert_eq!(stated["user"]["name"], access_key);
    assert_eq!(stated["user"]["domain"]["name"], "company");
    for member in ["issued_at", "expires_at"] {
        assert_eq!(stated[member].as_str().unwrap().len(), 27, "{stated}");
    }
    assert_ne!(stated["issued_at"], stated["expires_at"]);

    assert_eq!(products(&gate, &token).status, 200);
    let path = format!("/v5/iot/{}/devices/demo_meter1/freeze", gate.project_id);
    let headers = [("X-Auth-Token", token.as_str())];
    let write = gate.management_wire().call("POST", &path, &headers, b"");
    write.assert_refused(403, "IOTDA.000022", "reader");
    let forged = format!("{}x", &token[..token.len() - 1]);
    products(&gate, &forged).assert_refused(403, "IOTDA.000004", "");
    let twice = [("X-Auth-Token", token.as_str()), ("X-Auth-Token", token.as_str())];
    let path = format!("/v5/iot/{}/products", gate.project_id);
    let reply = gate.management_wire().call("GET", &path, &twice, b"");
    reply.assert_refused(403, "IOTDA.000004", "two X-Auth-Token");

    assert!(keys(&gate, &["disable", access_key]).0);
    products(&gate, &token).assert_refused(403, "IOTDA.000004", "");
    issue(&gate, &sign_in(access_key, secret)).assert_refused(401, "IOTDA.000002", "");
    assert!(keys(&gate, &["enable", access_key]).0);
    assert_eq!(products(&gate, &token).status, 200);
    let mut gate = gate.restart();
    assert_eq!(products(&gate, &token).status, 200, "tokens outlive a restart");
    assert!(keys(&gate, &["delete", access_key]).0);
    products(&gate, &token).assert_refused(403, "IOTDA.000004", "");
    gate.stop();
    assert!(!gate.log().contains(&token));
}

#[test]
fn a_token_is_refused_to_who_does_not_prove_a_key() {
    let gate = Gate::start();
    let (access_key, secret) = gate.admin.split_once(':').unwrap();
    for (access_key, secret) in [(access_key, "wrong"), ("nobody", secret)] {
        let reply = issue(&gate, &sign_in(access_key, secret));
        reply.assert_refused(401, "IOTDA.000002", "Authentication failed.");
        assert_eq!(reply.header("x-subject-token"), None);
    }
    let with = |pointer: &str, value: Value| {
        let mut body = sign_in(access_key, secret);
        *body.pointer_mut(pointer).unwrap() = value;
        issue(&gate, &body)
    };
    for (pointer, value, part) in [
        ("/auth", json!(null), "auth: is missing"),
        ("/auth/identity", json!(5), "auth.identity: must be an object"),
        (
            "/auth/identity/methods",
            json!(["totp"]),
            "auth.identity.methods: must be [\"password\"]",
        ),
        (
            "/auth/identity/password/user/name",
            json!(null),
            "auth.identity.password.user.name: is missing",
        ),
        (
            "/auth/identity/password/user/password",
            json!("x".repeat(257)),
            "auth.identity.password.user.password: is longer",
        ),
    ] {
        with(pointer, value).assert_refused(400, "IOTDA.000006", part);
    }
    with("/auth/scope/project", json!({"id": "another"})).assert_refused(403, "IOTDA.000021", "auth.scope");
    for scope in [
        json!(null),
        json!({"project": {"id": gate.project_id}}),
        json!({"domain": {"id": "x"}}),
    ] {
        assert_eq!(with("/auth/scope", scope).status, 201);
    }
    let long = json!({"auth": "x".repeat(5000)});
    issue(&gate, &long).assert_refused(400, "IOTDA.000006", "cannot exceed 4096 bytes");
    let wrong = gate.management_wire().call("GET", "/v3/auth/tokens", &[], b"");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
}

#[test]
fn a_devices_token_and_the_apis_are_no_substitutes() {
    let gate = Gate::start();
    gate.device("d1", "secret-secret", None);
    let of_device = gate.token("d1", "secret-secret");
    products(&gate, &of_device).assert_refused(403, "IOTDA.000004", "");
    let (access_key, secret) = gate.admin.split_once(':').unwrap();
    let reply = issue(&gate, &sign_in(access_key, secret));
    let of_api = reply.header("x-subject-token").unwrap();
    assert_eq!(products(&gate, of_api).status, 200);
    for token in [of_api, gate.admin.as_str()] {
        gate.message("d1", token, b"x")
            .assert_refused(403, "IOTDA.000004", "");
    }
}
