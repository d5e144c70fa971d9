//! Forwarding as those who set it up see it: rules, actions and CAs over the API, and what then comes to a target.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};

use crate::harness::{ACTIONS, Gate, Push, RULES, Receiver, Reply, http_action, made, read, report};

const SECRET: &str = "secret-secret";

fn open() -> Gate {
    Gate::builder().forwarding().start()
}

fn send(gate: &Gate, device: &str, token: &str, temperature: u32) {
    let body = report("Meter", &format!(r#"{{"temperature":{temperature}}}"#));
    let reply = gate.report(device, token, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[track_caller]
fn temperature(push: &Push) -> Value {
    push.json()["notify_data"]["body"]["services"][0]["properties"]["temperature"].clone()
}

#[test]
fn what_a_rule_takes_comes_to_its_target_signed() {
    let gate = open();
    let target = Receiver::start();
    gate.device("fw1", SECRET, None);
    let token = gate.token("fw1", SECRET);
    let rule_id = gate.rule(&json!({"rule_name": "hot"}));
    let (action_id, secret) = gate.action(
        &rule_id,
        &json!({"url": target.url(), "signature_enable": true, "token": "Abc123"}),
    );
    send(&gate, "fw1", &token, 1);
    target.assert_quiet();

    assert_eq!(
        gate.update_rule(&rule_id, &json!({"active": true}))["active"],
        true
    );
    send(&gate, "fw1", &token, 2);
    let push = target.next();
    assert_eq!(temperature(&push), 2);
    let newest = gate.events("fw1", "&kind=property")[0].clone();
    assert_eq!(push.json(), newest);
    assert_eq!(push.headers["webhook-id"], newest["sequence"].as_str().unwrap());
    for name in ["timestamp", "nonce", "signature"] {
        assert!(push.headers.contains_key(name), "{name}");
    }
    assert!(push.verify(&secret));

    // Another SQL, from now on.
    let sql = json!({
        "select": "notify_data.header.device_id AS id",
        "where": "GET_SERVICE_PROPERTY('Meter', 'temperature') > 5",
    });
    let changed = gate.update_rule(&rule_id, &sql);
    assert_eq!(changed["select"], sql["select"]);
    assert_eq!(changed["where"], sql["where"]);
    send(&gate, "fw1", &token, 3);
    send(&gate, "fw1", &token, 6);
    assert_eq!(target.next().json(), json!({"id": "fw1"}));
    gate.update_rule(&rule_id, &json!({"select": "", "where": ""}));

    // A new secret signs beside the one before.
    let at = format!("{ACTIONS}/{action_id}/rotate-secret");
    let rotated = read(&gate.api("POST", &at, ""));
    let newer = rotated["signing_secret"].as_str().unwrap();
    assert_ne!(newer, secret);
    assert_eq!(rotated["previous_until"].as_str().unwrap().len(), 16);
    let mut temperature_sent = 7;
    let push = loop {
        // The task that runs hears of it a moment later.
        send(&gate, "fw1", &token, temperature_sent);
        let push = target.next();
        assert_eq!(temperature(&push), temperature_sent);
        assert!(push.verify(&secret));
        if push.verify(newer) {
            break push;
        }
        temperature_sent += 1;
    };
    assert!(push.headers["webhook-signature"].to_str().unwrap().contains(' '));

    gate.update_rule(&rule_id, &json!({"active": false}));
    send(&gate, "fw1", &token, 100);
    target.assert_quiet();
    gate.update_rule(&rule_id, &json!({"active": true}));
    let deleted = gate.api("DELETE", &format!("{ACTIONS}/{action_id}"), "");
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    send(&gate, "fw1", &token, 101);
    target.assert_quiet();
    let deleted = gate.api("DELETE", &format!("{RULES}/{rule_id}"), "");
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for method in ["GET", "PUT", "DELETE"] {
        gate.api(method, &format!("{RULES}/{rule_id}"), "")
            .assert_refused(404, "IOTDA.010002", &rule_id);
        gate.api(method, &format!("{ACTIONS}/{action_id}"), "")
            .assert_refused(404, "IOTDA.010101", &action_id);
    }
}

#[test]
fn a_target_proves_itself_with_an_uploaded_ca() {
    let gate = open();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "Push CA");
    parameters
        .distinguished_name
        .push(DnType::OrganizationName, "Example");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let target = Receiver::start_over(Some(Arc::new(tls)));

    let content = issuer.pem();
    let added = made(&gate.api("POST", "/certificates", &json!({"content": content}).to_string()));
    assert_eq!(
        (&added["cn_name"], &added["owner"]),
        (&json!("Push CA"), &json!("Example"))
    );
    assert_eq!(added["status"], true);
    let id = added["certificate_id"].as_str().unwrap().to_owned();
    let at = format!("/certificates/{id}");
    assert_eq!(read(&gate.api("GET", &at, ""))["content"], content);
    let list = read(&gate.api("GET", "/certificates", ""));
    assert_eq!(list["certificates"], json!([added]));
    assert_eq!(list["page"]["count"], 1);
    assert_eq!(
        read(&gate.api("PUT", &at, &json!({"content": content}).to_string())),
        added
    );
    assert_eq!(read(&gate.api("PUT", &at, r#"{"ocsp_enable":false}"#)), added);
    gate.api("PUT", &at, r#"{"ocsp_enable":true}"#)
        .assert_refused(400, "IOTDA.000006", "ocsp_enable");
    for (body, told) in [
        ("{}", "content: is missing"),
        (r#"{"content":"x"}"#, "content: holds no certificate"),
        (r#"{"content":5}"#, "content: must be a string"),
    ] {
        gate.api("POST", "/certificates", body)
            .assert_refused(400, "IOTDA.000006", told);
    }
    gate.api(
        "POST",
        "/certificates",
        &json!({"content": content, "app_id": "x"}).to_string(),
    )
    .assert_refused(403, "IOTDA.001000", "x");

    gate.device("fw2", SECRET, None);
    let token = gate.token("fw2", SECRET);
    let rule_id = gate.rule(&json!({}));
    let url = format!("https://localhost:{}/push", target.address.port());
    let (action_id, _) = gate.action(&rule_id, &json!({"url": url, "cert_id": id}));
    gate.update_rule(&rule_id, &json!({"active": true}));
    send(&gate, "fw2", &token, 1);
    assert_eq!(temperature(&target.next()), 1);

    gate.api("DELETE", &at, "")
        .assert_refused(403, "IOTDA.014106", &action_id);
    let deleted = gate.api("DELETE", &format!("{RULES}/{rule_id}"), "");
    assert_eq!(deleted.status, 204);
    assert_eq!(gate.api("DELETE", &at, "").status, 204);
    for method in ["GET", "PUT", "DELETE"] {
        gate.api(method, &at, "").assert_refused(404, "IOTDA.014105", &id);
    }
}

#[test]
fn credentials_are_shown_as_stars_and_stay_where_the_stars_are_written_back() {
    let gate = open();
    let target = Receiver::start();
    let rule_id = gate.rule(&json!({}));
    let forwarding = json!({"url": target.url(), "signature_enable": true, "token": "Abc123"});
    let body = http_action(&rule_id, &forwarding).to_string();
    let made = made(&gate.api("POST", ACTIONS, &body));
    let mut masked = forwarding.clone();
    masked["token"] = json!("******");
    assert_eq!(made["channel_detail"], json!({"http_forwarding": masked}));
    assert!(made["signing_secret"].as_str().unwrap().starts_with("whsec_"));
    let action_id = made["action_id"].as_str().unwrap();
    let at = format!("{ACTIONS}/{action_id}");
    let shown = gate.api("GET", &at, "");
    assert!(!shown.text().contains("whsec_") && !shown.text().contains("Abc123"));
    assert_eq!(read(&shown)["channel_detail"], made["channel_detail"]);

    // What was read is written back as it is.
    let back = json!({"channel": "HTTP_FORWARDING", "channel_detail": made["channel_detail"]});
    assert_eq!(read(&gate.api("PUT", &at, &back.to_string())), read(&shown));
    gate.device("fw3", SECRET, None);
    let token = gate.token("fw3", SECRET);
    gate.update_rule(&rule_id, &json!({"active": true}));
    send(&gate, "fw3", &token, 1);
    let headers = target.next().headers;
    let part = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut parts = ["Abc123".to_owned(), part("timestamp"), part("nonce")];
    parts.sort();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parts.concat().as_bytes());
    assert_eq!(part("signature"), hex::encode(digest.as_ref()));

    // Without the token it goes, and there are no stars to write back any more.
    let plain = json!({"channel_detail": {"http_forwarding": {"url": target.url()}}});
    let changed = read(&gate.api("PUT", &at, &plain.to_string()));
    assert_eq!(changed["channel_detail"], plain["channel_detail"]);
    gate.api("PUT", &at, &back.to_string()).assert_refused(
        400,
        "IOTDA.000006",
        "channel_detail.http_forwarding.token",
    );
    assert_eq!(read(&gate.api("PUT", &at, "{}")), changed);
}

#[test]
fn lists_are_flat_pages_narrowed_by_their_filters() {
    let gate = open();
    let app = made(&gate.api("POST", "/apps", r#"{"app_name":"other"}"#));
    let app_id = app["app_id"].as_str().unwrap();
    let global = gate.rule(&json!({"rule_name": "one", "description": "a b"}));
    let scoped = gate.rule(&json!({"rule_name": "two", "app_type": "APP", "app_id": app_id}));
    let default = gate.rule(&json!({"app_type": "APP"}));
    gate.update_rule(&scoped, &json!({"active": true}));
    let ids = |reply: &Reply, items: &str, id: &str| {
        let list = read(reply);
        assert!(list.get("page").is_none(), "{list}");
        let found: Vec<_> = list[items]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item[id].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(list["count"], found.len(), "{list}");
        found
    };
    for (query, expected) in [
        ("", vec![&default, &scoped, &global]),
        ("?app_type=GLOBAL", vec![&global]),
        ("?app_type=APP", vec![&default, &scoped]),
        (format!("?app_id={app_id}").as_str(), vec![&scoped]),
        ("?rule_name=one", vec![&global]),
        ("?active=true", vec![&scoped]),
        ("?active=false", vec![&default, &global]),
        ("?resource=device", vec![]),
        (
            "?resource=device.property&event=report",
            vec![&default, &scoped, &global],
        ),
    ] {
        let found = ids(
            &gate.api("GET", &format!("{RULES}{query}"), ""),
            "rules",
            "rule_id",
        );
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let first = read(&gate.api("GET", &format!("{RULES}?limit=1"), ""));
    assert_eq!(first["count"], 3);
    let marker = first["marker"].as_str().unwrap();
    let next = read(&gate.api("GET", &format!("{RULES}?limit=1&marker={marker}"), ""));
    assert_eq!(next["rules"][0]["rule_id"], scoped.as_str());

    let forwarding = json!({"url": "https://push.example.com/"});
    let (one, _) = gate.action(&global, &forwarding);
    let (other, _) = gate.action(&scoped, &forwarding);
    for (query, expected) in [
        (String::new(), vec![&other, &one]),
        (format!("?rule_id={global}"), vec![&one]),
        ("?channel=HTTP_FORWARDING".to_owned(), vec![&other, &one]),
        ("?channel=AMQP_FORWARDING".to_owned(), vec![]),
        ("?app_type=APP".to_owned(), vec![&other]),
        (format!("?app_id={app_id}"), vec![&other]),
    ] {
        let found = ids(
            &gate.api("GET", &format!("{ACTIONS}{query}"), ""),
            "actions",
            "action_id",
        );
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for path in [RULES, ACTIONS] {
        gate.api("GET", &format!("{path}?app_type=x"), "")
            .assert_refused(400, "IOTDA.000006", "app_type");
        gate.api("GET", &format!("{path}?limit=51"), "")
            .assert_refused(400, "IOTDA.000017", "limit");
        gate.api("GET", &format!("{path}?app_id=x"), "")
            .assert_refused(403, "IOTDA.001000", "x");
    }
    let cleared = gate.update_rule(&global, &json!({"rule_name": "", "description": ""}));
    assert!(cleared.get("rule_name").is_none() && cleared.get("description").is_none());
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let gate = Gate::start();
    let subject = json!({"resource": "device", "event": "create"});
    for (body, told) in [
        (json!({}), "subject: is missing"),
        (
            json!({"subject": {"resource": "device", "event": "report"}}),
            "subject",
        ),
        (json!({"subject": subject, "app_type": "x"}), "app_type"),
        (json!({"subject": subject, "rule_name": "a b"}), "rule_name"),
        (
            json!({"subject": subject, "rule_name": "a".repeat(257)}),
            "rule_name",
        ),
        (json!({"subject": subject, "app_id": "a b"}), "app_id"),
    ] {
        gate.api("POST", RULES, &body.to_string())
            .assert_refused(400, "IOTDA.000006", told);
    }
    let reply = gate.api(
        "POST",
        RULES,
        &json!({"subject": subject, "where": "a = 1 AND"}).to_string(),
    );
    reply.assert_refused(400, "IOTDA.000006", "where: position 10");
    assert_eq!(reply.json()["clause"], "where");
    assert_eq!(reply.json()["position"], 10);
    gate.api(
        "POST",
        RULES,
        &json!({"subject": subject, "app_type": "APP", "app_id": "none"}).to_string(),
    )
    .assert_refused(403, "IOTDA.001000", "none");

    let rule_id = gate.rule(&json!({}));
    let at = format!("{RULES}/{rule_id}");
    for (body, told) in [
        (r#"{"select":"a"}"#, "where: is missing"),
        (r#"{"where":"a = 1"}"#, "select: is missing"),
        (r#"{"active":"true"}"#, "active"),
        (r#"{"select":"a AS","where":""}"#, "select: position"),
    ] {
        gate.api("PUT", &at, body)
            .assert_refused(400, "IOTDA.000006", told);
    }

    let url = "https://push.example.com/";
    let member = "channel_detail.http_forwarding";
    for (forwarding, told) in [
        (json!({}), format!("{member}.url: is missing")),
        (json!({"url": "ftp://a.example"}), format!("{member}.url")),
        (json!({"url": "http://127.0.0.1:1/"}), format!("{member}.url")),
        (json!({"url": "http://169.254.169.254/"}), format!("{member}.url")),
        (
            json!({"url": url, "signature_enable": true}),
            format!("{member}.token"),
        ),
        (json!({"url": url, "token": "******"}), format!("{member}.token")),
        (
            json!({"url": url, "sni_enable": true}),
            format!("{member}.cn_name"),
        ),
        (
            json!({"url": url, "cert_id": "none"}),
            format!("{member}.cert_id"),
        ),
        (json!("x"), member.to_owned()),
    ] {
        gate.api("POST", ACTIONS, &http_action(&rule_id, &forwarding).to_string())
            .assert_refused(400, "IOTDA.000006", &told);
    }
    let good = http_action(&rule_id, &json!({"url": url}));
    for (name, value, told) in [
        ("rule_id", Value::Null, "rule_id: is missing"),
        ("channel", Value::Null, "channel: is missing"),
        ("channel", json!("AMQP_FORWARDING"), "there is: HTTP_FORWARDING"),
        ("channel_detail", Value::Null, "channel_detail: is missing"),
        (
            "channel_detail",
            json!({}),
            "channel_detail.http_forwarding: is missing",
        ),
        ("dead_letter_action", json!("a b"), "dead_letter_action"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        gate.api("POST", ACTIONS, &body.to_string())
            .assert_refused(400, "IOTDA.000006", told);
    }
    gate.api(
        "POST",
        ACTIONS,
        &http_action("none", &json!({"url": url})).to_string(),
    )
    .assert_refused(404, "IOTDA.010002", "none");
}

#[test]
fn a_dead_letter_action_is_another_one_that_exists() {
    let gate = Gate::start();
    let rule_id = gate.rule(&json!({}));
    let url = "https://push.example.com/";
    let (one, _) = gate.action(&rule_id, &json!({"url": url}));
    let (other, _) = gate.action(&rule_id, &json!({"url": url}));
    let at = format!("{ACTIONS}/{one}");
    let letters = |to: &str| gate.api("PUT", &at, &json!({"dead_letter_action": to}).to_string());
    letters(&one).assert_refused(400, "IOTDA.000006", "another action");
    letters("none").assert_refused(404, "IOTDA.010101", "none");
    assert_eq!(read(&letters(&other))["dead_letter_action"], other.as_str());
    assert!(read(&letters("")).get("dead_letter_action").is_none());
}
