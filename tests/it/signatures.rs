//! Requests signed by an access key, over the wire (management-api.md §2.1 to §2.4, §2.6).

use fieldgate::auth::request_signature::{RequestHead, sign};
use fieldgate::auth::secret::Secret;

use crate::harness::{Gate, Reply, program_output};

/// What signs, and what it says about the request.
struct Caller<'a> {
    gate: &'a Gate,
    access_key: String,
    secret: Secret,
    region: Option<&'static str>,
    /// Minutes that the date is off.
    minutes: i64,
    host: &'static str,
    more: Vec<(&'static str, String)>,
}

impl<'a> Caller<'a> {
    fn new(gate: &'a Gate, pair: &str, region: Option<&'static str>) -> Self {
        let (access_key, secret) = pair.split_once(':').unwrap();
        Self {
            gate,
            access_key: access_key.to_owned(),
            secret: Secret::new(secret.to_owned()),
            region,
            minutes: 0,
            host: "localhost",
            more: vec![
                ("Content-Type", "application/json".to_owned()),
                ("User-Agent", "tests".to_owned()),
                ("X-Project-Id", gate.project_id.clone()),
            ],
        }
    }

    fn admin(gate: &'a Gate) -> Self {
        Self::new(gate, &gate.admin, None)
    }

    fn minutes(self, minutes: i64) -> Self {
        Self { minutes, ..self }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.more.retain(|(known, _)| *known != name);
        self.more.push((name, value.to_owned()));
        self
    }

    /// The headers of a signed request but Host, which the connection writes.
    fn headers(&self, method: &str, target: &str, body: &str) -> Vec<(&'static str, String)> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = self.more.clone();
        headers.push(("X-Sdk-Date", date(self.minutes)));
        let mut signed: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        signed.push(("Host", self.host.as_bytes()));
        let head = RequestHead {
            method,
            path,
            query,
            headers: signed,
        };
        let authorization = sign(
            &head,
            body.as_bytes(),
            &self.access_key,
            &self.secret,
            self.region,
        );
        headers.push(("Authorization", authorization.unwrap()));
        headers
    }

    /// Signs and sends, below the project.
    fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let target = format!("/v5/iot/{}{path}", self.gate.project_id);
        send(
            self.gate,
            method,
            &target,
            &self.headers(method, &target, body),
            body,
        )
    }
}

/// Now, as `X-Sdk-Date` says it, moved by some minutes.
fn date(minutes: i64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::minutes(minutes);
    let form = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    at.format(form).unwrap()
}

fn send(gate: &Gate, method: &str, target: &str, headers: &[(&'static str, String)], body: &str) -> Reply {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    gate.management_wire()
        .call(method, target, &headers, body.as_bytes())
}

#[track_caller]
fn assert_unauthenticated(reply: &Reply) {
    reply.assert_refused(401, "IOTDA.000002", "");
    assert_eq!(reply.error_msg(), "Authentication failed.");
}

fn access_key_of(gate: &Gate) -> &str {
    gate.admin.split_once(':').unwrap().0
}

const PRODUCT: &str = r#"{"product_id":"signed","name":"n","device_type":"t","protocol_type":"HTTPS","data_format":"json","service_capabilities":[]}"#;

#[test]
fn both_algorithms_open_every_kind_of_request() {
    let gate = Gate::start();
    for region in [None, Some("local-1")] {
        let caller = Caller::new(&gate, &gate.admin, region);
        let listed = caller.call("GET", "/products?limit=50&product_name=a%20b%2F%E6%B8%A9%3F", "");
        assert_eq!(listed.status, 200, "{}", listed.text());
        let typed =
            Caller::new(&gate, &gate.admin, region).with("Content-Type", "application/json;charset=utf-8");
        let made = typed.call("POST", "/products", PRODUCT);
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(
            caller.call("GET", "/products/signed", "").json()["product_id"],
            "signed"
        );
        // An empty body with Content-Length: 0, as the SDK sends it.
        assert_eq!(caller.call("POST", "/devices/demo_meter1/freeze", "").status, 204);
        assert_eq!(
            caller.call("POST", "/devices/demo_meter1/unfreeze", "").status,
            204
        );
        assert_eq!(caller.call("DELETE", "/products/signed", "").status, 204);
        let named = Caller::new(&gate, &gate.admin, region).with("Instance-Id", "实例 1");
        assert_eq!(named.call("GET", "/devices/demo_meter1", "").status, 200);
        caller
            .call("GET", "/devices/a%2Fb%20c", "")
            .assert_refused(404, "IOTDA.014000", "");
    }
    let actor = access_key_of(&gate);
    let entries = gate
        .api("GET", &format!("/audit?limit=50&actor={actor}"), "")
        .json();
    let first = &entries["entries"][entries["entries"].as_array().unwrap().len() - 1];
    assert_eq!(first["action"], "create_product");
    assert_eq!(first["resource"], "/products/signed");
    assert_eq!(
        (&first["from"], &first["outcome"]),
        (&serde_json::json!("127.0.0.1"), &serde_json::json!("done"))
    );
}

#[test]
fn a_reader_reads_and_a_signature_alone_counts() {
    let gate = Gate::start();
    let (reader, _) = gate.key("reader");
    let caller = Caller::new(&gate, &reader, Some("r")).with("X-Auth-Token", &gate.admin);
    assert_eq!(caller.call("GET", "/products", "").status, 200);
    caller
        .call("POST", "/products", PRODUCT)
        .assert_refused(403, "IOTDA.000022", "reader");
    let target = format!("/v5/iot/{}/products", gate.project_id);
    let good = ("X-Auth-Token", gate.admin.clone());
    assert_eq!(
        send(&gate, "GET", &target, std::slice::from_ref(&good), "").status,
        200
    );
    for authorization in [
        "",
        "Bearer x",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=0",
    ] {
        let both = [good.clone(), ("Authorization", authorization.to_owned())];
        send(&gate, "GET", &target, &both, "").assert_refused(401, "IOTDA.000002", "");
    }
}

#[test]
fn a_signature_that_does_not_fit_its_request_is_refused() {
    let mut gate = Gate::start();
    for region in [None, Some("local-1")] {
        let caller = Caller::new(&gate, &gate.admin, region);
        let target = format!("/v5/iot/{}/products", gate.project_id);
        let signed = || caller.headers("POST", &target, PRODUCT);
        let altered = |name: &str, change: &dyn Fn(&str) -> Option<String>| {
            let headers: Vec<_> = signed()
                .into_iter()
                .filter_map(|(key, value)| {
                    let value = if key == name { change(&value) } else { Some(value) };
                    value.map(|value| (key, value))
                })
                .collect();
            send(&gate, "POST", &target, &headers, PRODUCT)
        };
        let forged = |value: &str| Some(format!("{}{}", &value[..value.len() - 64], "0".repeat(64)));
        assert_unauthenticated(&altered("Authorization", &forged));
        let other_key = |value: &str| Some(value.replace(&caller.access_key, "AKAKAKAKAKAKAKAKAKAK"));
        assert_unauthenticated(&altered("Authorization", &other_key));
        assert_unauthenticated(&altered("X-Project-Id", &|_| None));
        assert_unauthenticated(&altered("User-Agent", &|_| Some("proxy".to_owned())));
        let no_host = |value: &str| Some(value.replace("host;", ""));
        assert_unauthenticated(&altered("Authorization", &no_host));
        let changed = PRODUCT.replace("signed", "change");
        assert_unauthenticated(&send(&gate, "POST", &target, &signed(), &changed));
        assert_unauthenticated(&send(&gate, "POST", &target, &signed(), ""));
        let device = format!("/v5/iot/{}/devices/demo_meter1", gate.project_id);
        let shows = caller.headers("GET", &device, "");
        assert_unauthenticated(&send(&gate, "DELETE", &device, &shows, ""));
        assert_unauthenticated(&send(&gate, "POST", &format!("{target}?a=b"), &signed(), PRODUCT));
        let secret = Caller::new(&gate, &format!("{}x", gate.admin), region);
        assert_unauthenticated(&secret.call("POST", "/products", PRODUCT));
        let elsewhere = Caller {
            host: "iot.example",
            ..Caller::new(&gate, &gate.admin, region)
        };
        assert_unauthenticated(&elsewhere.call("POST", "/products", PRODUCT));
    }
    gate.api("GET", "/products/signed", "")
        .assert_refused(404, "IOTDA.013100", "");
    gate.stop();
    let log = gate.log();
    for reason in [
        "the signature does not match",
        "unknown access key AKAKAKAKAKAKAKAKAKAK",
        "the signed header x-project-id is missing",
        "the signature does not cover host",
    ] {
        assert!(log.contains(reason), "{reason} is not in {log}");
    }
}

#[test]
fn a_request_out_of_its_time_is_told_the_platforms() {
    let gate = Gate::start();
    for minutes in [-14, 14] {
        let caller = Caller::admin(&gate).minutes(minutes);
        assert_eq!(caller.call("GET", "/products", "").status, 200, "{minutes}");
    }
    for minutes in [-16, 16] {
        let today = date(0);
        Caller::admin(&gate)
            .minutes(minutes)
            .call("GET", "/products", "")
            .assert_refused(
                401,
                "IOTDA.000002",
                &format!("the platform's time {}", &today[..9]),
            );
    }
    let narrow = Gate::builder()
        .with("MANAGEMENT__SIGNATURE_MAX_SKEW_SECONDS", "60")
        .start();
    let late = Caller::admin(&narrow).minutes(-2);
    late.call("GET", "/products", "")
        .assert_refused(401, "IOTDA.000002", "seconds off");
}

#[test]
fn another_algorithm_is_refused_by_its_name() {
    let gate = Gate::start();
    let target = format!("/v5/iot/{}/products", gate.project_id);
    for name in ["SDK-HMAC-SM3", "SDK-ECDSA-P256-SHA256", "SDK-SM2-SM3"] {
        let mut headers = Caller::admin(&gate).headers("GET", &target, "");
        let last = headers.last_mut().unwrap();
        last.1 = last.1.replace("SDK-HMAC-SHA256", name);
        send(&gate, "GET", &target, &headers, "").assert_refused(
            401,
            "IOTDA.000002",
            &format!("\"{name}\" is not taken"),
        );
    }
}

#[test]
fn the_body_counts_whatever_an_unsigned_header_says_of_it() {
    let gate = Gate::start();
    let caller = Caller::admin(&gate);
    let target = format!("/v5/iot/{}/products", gate.project_id);
    let changed = PRODUCT.replace("signed", "change");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, PRODUCT.as_bytes());
    for claimed in [hex::encode(digest), "UNSIGNED-PAYLOAD".to_owned()] {
        let mut headers = caller.headers("POST", &target, PRODUCT);
        headers.push(("X-Sdk-Content-Sha256", claimed));
        assert_unauthenticated(&send(&gate, "POST", &target, &headers, &changed));
    }
    // Signed, it counts on a multipart upload alone.
    let wishing = Caller::admin(&gate).with("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD");
    let headers = wishing.headers("POST", &target, PRODUCT);
    assert_unauthenticated(&send(&gate, "POST", &target, &headers, &changed));
    gate.api("GET", "/products/change", "")
        .assert_refused(404, "IOTDA.013100", "");
}

#[test]
fn the_order_of_the_query_and_an_encoded_slash_change_nothing() {
    let gate = Gate::start();
    let caller = Caller::admin(&gate);
    let base = format!("/v5/iot/{}", gate.project_id);
    let headers = caller.headers("GET", &format!("{base}/products?limit=5&offset=0"), "");
    for query in ["offset=0&limit=5", "%6Climit=5", "limit=5&offset=0"] {
        let target = format!("{base}/products?{query}");
        let expected = if query.starts_with('%') { 401 } else { 200 };
        let reply = send(&gate, "GET", &target, &headers, "");
        assert_eq!(reply.status, expected, "{}", reply.text());
    }
    for path in ["/devices/a%2Fb", "/devices/a%252Fb", "/devices/%E6%B8%A9~%2A"] {
        let reply = caller.call("GET", path, "");
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
    }
    let headers = caller.headers("GET", &format!("{base}/products"), "");
    assert_unauthenticated(&send(
        &gate,
        "GET",
        &format!("{base}/products?a=%zz"),
        &headers,
        "",
    ));
}

#[test]
fn a_key_is_refused_once_it_is_disabled_or_deleted() {
    let gate = Gate::start();
    let (pair, _) = gate.key("admin");
    let caller = Caller::new(&gate, &pair, Some("r"));
    let keys = |what: &str| {
        let folder = gate.folder.to_str().unwrap();
        let output = program_output(&["keys", what, &caller.access_key, "--data-dir", folder], &[]);
        assert!(output.status.success(), "{output:?}");
    };
    assert_eq!(caller.call("GET", "/products", "").status, 200);
    keys("disable");
    assert_unauthenticated(&caller.call("GET", "/products", ""));
    keys("enable");
    assert_eq!(caller.call("GET", "/products", "").status, 200);
    keys("delete");
    assert_unauthenticated(&caller.call("GET", "/products", ""));
}

#[test]
fn a_project_that_is_not_the_paths_is_refused() {
    let gate = Gate::start();
    Caller::admin(&gate)
        .with("X-Project-Id", "another")
        .call("GET", "/products", "")
        .assert_refused(403, "IOTDA.000021", "X-Project-Id");
    let caller = Caller::admin(&gate);
    for (project, part) in [
        ("another", "not this instance's"),
        ("%7Bproject_id%7D", "give the client this instance's project id"),
    ] {
        let target = format!("/v5/iot/{project}/products");
        let headers = caller.headers("GET", &target, "");
        send(&gate, "GET", &target, &headers, "").assert_refused(403, "IOTDA.000021", part);
    }
}

#[test]
fn a_caller_without_a_project_id_asks_for_it() {
    let gate = Gate::start();
    let (reader, _) = gate.key("reader");
    let target = "/v3/projects?name=local-1";
    let mut caller = Caller::new(&gate, &reader, None);
    caller.more.retain(|(name, _)| *name == "User-Agent");
    let signed = caller.headers("GET", target, "");
    let by_token = [("X-Auth-Token", reader.clone())];
    for headers in [&signed[..], &by_token[..]] {
        let reply = send(&gate, "GET", target, headers, "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let body = reply.json();
        let projects = body["projects"].as_array().unwrap();
        assert_eq!(projects.len(), 1);
        assert_eq!(projects[0]["id"], gate.project_id.as_str());
        assert_eq!(projects[0]["name"], "local-1");
        assert_eq!(body["links"]["self"], "/v3/projects");
    }
    send(&gate, "GET", target, &[], "").assert_refused(401, "IOTDA.000002", "X-Auth-Token");
    send(&gate, "GET", "/v3/projects?name=other", &signed, "").assert_refused(401, "IOTDA.000002", "");
}

#[test]
fn a_signed_body_keeps_its_cap_and_its_part_of_the_budget_once() {
    let gate = Gate::builder()
        .with("LIMITS__BODY_BYTES_IN_FLIGHT", "1500000")
        .start();
    let caller = Caller::admin(&gate);
    // Counted twice it would not fit.
    let padded = |bytes: usize| format!("{PRODUCT}{}", " ".repeat(bytes - PRODUCT.len()));
    let made = caller.call("POST", "/products", &padded(1_000_000));
    assert_eq!(made.status, 201, "{}", made.text());
    let again = caller.call("POST", "/products", &padded(1_000_000));
    again.assert_refused(400, "IOTDA.013101", "");
    caller
        .call("POST", "/products", &padded(1_048_577))
        .assert_refused(403, "IOTDA.021105", "1 MB");
}

#[test]
fn a_key_that_is_disabled_while_the_body_comes_opens_nothing() {
    let gate = Gate::start();
    let (pair, _) = gate.key("admin");
    let caller = Caller::new(&gate, &pair, None);
    let target = format!("/v5/iot/{}/products", gate.project_id);
    let mut head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
        PRODUCT.len()
    );
    for (name, value) in caller.headers("POST", &target, PRODUCT) {
        head.extend([name, ": ", &value, "\r\n"]);
    }
    let mut wire = gate.management_wire();
    wire.send(format!("{head}\r\n{}", &PRODUCT[..9]).as_bytes());
    let folder = gate.folder.to_str().unwrap();
    let disabled = program_output(
        &["keys", "disable", &caller.access_key, "--data-dir", folder],
        &[],
    );
    assert!(disabled.status.success(), "{disabled:?}");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    wire.send(&PRODUCT.as_bytes()[9..]);
    assert_unauthenticated(&wire.reply());
}
