//! Actions that send their dead letters to others.

use serde_json::json;

use crate::harness::{ACTIONS, Gate, RULES, Reply, made, read};

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
