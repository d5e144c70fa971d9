//! Rules, actions and dead letters over the console, against a receiver.

use std::time::Duration;

use serde_json::json;

use super::{Browser, audit, first_password};
use crate::harness::{ACTIONS, Gate, RULES, Receiver, Reply, read, report};

/// Where a deed led to, below the console.
#[track_caller]
fn led_to(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.header("location").unwrap().to_owned()
}

const SECRET: &str = "secret-secret";

fn meter(gate: &Gate) -> String {
    gate.device("meter_1", SECRET, None);
    gate.token("meter_1", SECRET)
}

/// The id of an action's dead letter, once it is written down.
fn first_letter(gate: &Gate, action_id: &str) -> String {
    loop {
        let listed = read(&gate.api("GET", &format!("{ACTIONS}/{action_id}/dead-letters"), ""));
        if let Some(id) = listed["letters"][0]["letter_id"].as_str() {
            return id.to_owned();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A temperature in the device's own words.
fn send(gate: &Gate, token: &str, temperature: &str) {
    let body = report("Meter", &format!(r#"{{"temperature":{temperature}}}"#));
    let reply = gate.report("meter_1", token, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn a_rule_is_tried_made_given_an_action_and_delivers() {
    let gate = Gate::builder().forwarding().start();
    let receiver = Receiver::start();
    first_password(&gate);
    let mut olga = Browser::of(&gate, "olga", "operator");
    let token = meter(&gate);

    let form = |what| {
        vec![
            ("do", what),
            ("rule_name", "all"),
            ("subject", "device.property:report"),
        ]
    };
    let none = olga.post("/console/rules/new", &form("try"));
    assert_eq!(none.status, 422, "{}", none.text());
    assert!(
        none.text().contains("There is no recent event of this kind"),
        "{}",
        none.text()
    );

    send(&gate, &token, "21.50");
    let tried = olga.post("/console/rules/new", &form("try"));
    assert_eq!(tried.status, 200, "{}", tried.text());
    assert!(
        tried.text().contains("Taken") && tried.text().contains("21.50"),
        "{}",
        tried.text()
    );
    let wrong = [form("try"), vec![("where", "a = = <b>")]].concat();
    let wrong = olga.post("/console/rules/new", &wrong);
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    assert!(
        wrong.text().contains("a = <mark>=</mark> &#60;b&#62;"),
        "{}",
        wrong.text()
    );
    assert!(
        read(&gate.api("GET", RULES, ""))["rules"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    let rule = led_to(&olga.post("/console/rules/new", &form("save")));
    let rule = rule.strip_suffix("?done=created").unwrap().to_owned();
    let made = olga.post(&format!("{rule}/actions/new"), &[("url", &receiver.url())]);
    assert_eq!(made.status, 200, "{}", made.text());
    let secret = made.text();
    let secret = &secret[secret.find("whsec_").unwrap()..];
    let secret = secret.split('<').next().unwrap();
    let done = led_to(&olga.post(&format!("{rule}/activate"), &[]));
    assert_eq!(done, format!("{rule}?done=activated"));
    send(&gate, &token, "2");
    assert!(receiver.next().verify(secret));
    assert!(
        audit(&gate)
            .iter()
            .any(|line| line.starts_with("olga create_rule_action")),
        "{:?}",
        audit(&gate)
    );
    let overview = olga.page("/console/");
    assert!(overview.contains("1 active"), "{overview}");
}

#[test]
fn dead_letters_are_shown_with_their_event_replayed_and_dropped() {
    let gate = Gate::builder().forwarding().start();
    let receiver = Receiver::start();
    first_password(&gate);
    let mut olga = Browser::of(&gate, "olga", "operator");
    let token = meter(&gate);
    let action_id = gate.forward(&json!({}), &receiver.url());
    receiver.answers(400);
    send(&gate, &token, "21.50");
    gate.until_state(&action_id, |state| state["dead"] == 1);

    let action = format!("/console/rules/actions/{action_id}");
    let letters = format!("{action}/dead-letters");
    let letter = format!("{letters}/{}", first_letter(&gate, &action_id));
    assert!(olga.page(&letters).contains(&letter));
    assert!(olga.page(&letter).contains("21.50"), "as the device wrote it");
    let mut rhea = Browser::of(&gate, "rhea", "reader");
    let rule = read(&gate.api("GET", &format!("{ACTIONS}/{action_id}"), ""));
    let rule = format!("/console/rules/{}", rule["rule_id"].as_str().unwrap());
    for path in ["/console/rules", &rule, &action, &letters, &letter] {
        let (whole, seen) = (olga.page(path), rhea.page(path));
        let forms = |page: &str| page.matches("<form").count() + page.matches("/new\"").count();
        // To sign out, and the theme.
        assert_eq!(forms(&seen), 2, "{seen}");
        assert!(forms(&whole) > 2, "{whole}");
    }
    receiver.answers(200);
    assert_eq!(
        led_to(&olga.post(&format!("{letter}/replay"), &[])),
        format!("{letters}?replayed=1")
    );
    gate.until_state(&action_id, |state| state["delivered"] == 1);
    assert_eq!(olga.get(&letter).status, 404);

    assert_eq!(
        led_to(&olga.post(&format!("{action}/pause"), &[])),
        format!("{action}?done=paused")
    );
    let replay =
        |olga: &mut Browser, from: &str| olga.post(&format!("{action}/replay"), &[("from_sequence", from)]);
    let refused = replay(&mut olga, "x");
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(
        refused
            .text()
            .contains(r#"aria-describedby="from_sequence-error""#),
        "{}",
        refused.text()
    );
    assert_eq!(led_to(&replay(&mut olga, "1")), format!("{action}?replaying=1"));
    let fragment = olga.page(&format!("{action}/state"));
    assert!(
        fragment.contains("Paused") && !fragment.contains("<html"),
        "{fragment}"
    );
    let changed = [
        ("url", "http://127.0.0.1:9/"),
        ("token", "abcdef"),
        ("signature_enable", "yes"),
    ];
    assert_eq!(
        led_to(&olga.post(&action, &changed)),
        format!("{action}?done=saved")
    );
    let stored = read(&gate.api("GET", &format!("{ACTIONS}/{action_id}"), ""));
    assert_eq!(
        stored["channel_detail"]["http_forwarding"],
        json!({"url": "http://127.0.0.1:9/", "token": "******", "signature_enable": true})
    );
    let gone = led_to(&olga.post(&format!("{action}/delete"), &[]));
    assert!(gone.ends_with("?done=action-deleted"), "{gone}");
    assert_eq!(gate.api("GET", &format!("{ACTIONS}/{action_id}"), "").status, 404);
}
