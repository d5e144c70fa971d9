//! Actions that send their dead letters to others.

use serde_json::{Value, json};

use crate::harness::{ACTIONS, Gate, RULES, Receiver, Reply, made, read, report};

fn send_letters(gate: &Gate, from: &str, to: &str) {
    let body = json!({ "dead_letter_action": to }).to_string();
    read(&gate.api("PUT", &format!("{ACTIONS}/{from}"), &body));
}

fn delete(gate: &Gate, path: &str) -> Reply {
    gate.api("DELETE", path, "")
}

#[test]
fn an_action_that_others_send_their_dead_letters_to_stays() {
    let gate = Gate::start();
    let [rule, other_rule] = [(); 2].map(|()| gate.rule(&json!({})));
    let url = json!({"url": "https://push.example.com/"});
    let [one, _] = <[String; 2]>::from(gate.action(&rule, &url));
    let [two, _] = <[String; 2]>::from(gate.action(&rule, &url));
    let [far, _] = <[String; 2]>::from(gate.action(&other_rule, &url));
    send_letters(&gate, &one, &two);
    send_letters(&gate, &two, &far);
    send_letters(&gate, &far, &two);

    let at = |action: &str| format!("{ACTIONS}/{action}");
    delete(&gate, &at(&two)).assert_refused(403, "IOTDA.010105", &format!("action_id: {one}"));
    delete(&gate, &at(&far)).assert_refused(403, "IOTDA.010105", &format!("action_id: {two}"));
    let in_use = delete(&gate, &format!("{RULES}/{rule}"));
    in_use.assert_refused(403, "IOTDA.010105", &format!("action_id: {far}"));
    for action in [&one, &two, &far] {
        read(&gate.api("GET", &at(action), ""));
    }

    send_letters(&gate, &far, "");
    // Those that name each other go together.
    assert_eq!(delete(&gate, &format!("{RULES}/{rule}")).status, 204);
    assert_eq!(delete(&gate, &at(&far)).status, 204);
}

#[test]
fn a_space_that_rules_or_cas_belong_to_stays() {
    let gate = Gate::start();
    let app = made(&gate.api("POST", "/apps", r#"{"app_name":"other"}"#));
    let app_id = app["app_id"].as_str().unwrap();
    let at = format!("/apps/{app_id}");
    let rule = gate.rule(&json!({"app_type": "APP", "app_id": app_id}));
    let pem = std::fs::read_to_string(gate.ca()).unwrap();
    let ca = json!({"content": pem, "app_id": app_id}).to_string();
    let ca = made(&gate.api("POST", "/certificates", &ca));
    let ca = ca["certificate_id"].as_str().unwrap();

    delete(&gate, &at).assert_refused(403, "IOTDA.001102", &format!("rule_id: {rule}"));
    assert_eq!(delete(&gate, &format!("{RULES}/{rule}")).status, 204);
    delete(&gate, &at).assert_refused(403, "IOTDA.001102", &format!("certificate_id: {ca}"));
    assert_eq!(delete(&gate, &format!("/certificates/{ca}")).status, 204);
    assert_eq!(delete(&gate, &at).status, 204);
}

#[test]
fn letters_of_two_actions_that_name_each_other_do_not_go_round() {
    let gate = Gate::builder().forwarding().start();
    let [one_target, two_target] = [(); 2].map(|()| Receiver::start());
    one_target.answers(400);
    two_target.answers(400);
    let one = gate.forward(&json!({}), &one_target.url());
    let messages = json!({"subject": {"resource": "device.message", "event": "report"}});
    let two = gate.forward(&messages, &two_target.url());
    send_letters(&gate, &one, &two);
    send_letters(&gate, &two, &one);
    gate.device("d1", "secret-secret", None);
    let token = gate.token("d1", "secret-secret");
    let body = report("Meter", r#"{"temperature":21.50}"#);
    assert_eq!(gate.report("d1", &token, &body).status, 200);

    let stuck = |state: &Value| state["dead"] == 1 && state["pending"] == 0;
    gate.until_state(&one, stuck);
    gate.until_state(&two, stuck);
    let letter = two_target.next().json();
    assert_eq!(letter["action_id"], one.as_str());
    assert_eq!(one_target.taken().len(), 3, "the event, three times");
    one_target.assert_quiet();
    for (action, target) in [(&one, &one_target), (&two, &two_target)] {
        let state = gate.until_state(action, |_| true);
        assert_eq!((&state["taken"], &state["dead"]), (&json!(1), &json!(1)));
        let letters = format!("{ACTIONS}/{action}/dead-letters");
        assert_eq!(read(&gate.api("GET", &letters, ""))["page"]["count"], 1);
        target.taken();
        target.answers(200);
    }
    let again = gate.api("POST", &format!("{ACTIONS}/{two}/dead-letters/replay"), "");
    assert_eq!(read(&again), json!({"count": 1}));
    assert_eq!(two_target.next().json(), letter);
    gate.until_state(&two, |state| state["delivered"] == 1);
    one_target.assert_quiet();
}
