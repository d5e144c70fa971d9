//! Rules and actions over the API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Gate, GateBuilder, Reply};

pub const RULES: &str = "/routing-rule/rules";
pub const ACTIONS: &str = "/routing-rule/actions";

/// How long a state may take on a machine that is busy with other tests.
const SOON: Duration = Duration::from_mins(1);

/// The body of an action over HTTP push.
pub fn http_action(rule_id: &str, forwarding: &Value) -> Value {
    json!({"rule_id": rule_id, "channel": "HTTP_FORWARDING", "channel_detail": {"http_forwarding": forwarding}})
}

#[track_caller]
pub fn made(reply: &Reply) -> Value {
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

#[track_caller]
pub fn read(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

impl GateBuilder {
    /// Targets on this machine are allowed.
    pub fn forwarding(self) -> Self {
        self.with("ROUTING__ALLOW_PRIVATE_TARGETS", "true")
    }
}

impl Gate {
    /// A new rule's id. It takes reports of properties where `more` does not say otherwise, and is not active yet.
    pub fn rule(&self, more: &Value) -> String {
        let mut body = json!({"subject": {"resource": "device.property", "event": "report"}});
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        let made = made(&self.api("POST", RULES, &body.to_string()));
        assert_eq!(made["active"], false);
        made["rule_id"].as_str().unwrap().to_owned()
    }

    pub fn update_rule(&self, rule_id: &str, body: &Value) -> Value {
        read(&self.api("PUT", &format!("{RULES}/{rule_id}"), &body.to_string()))
    }

    pub fn activate(&self, rule_id: &str, active: bool) {
        assert_eq!(
            self.update_rule(rule_id, &json!({ "active": active }))["active"],
            active
        );
    }

    /// A new action's id and signing secret.
    pub fn action(&self, rule_id: &str, forwarding: &Value) -> (String, String) {
        let body = http_action(rule_id, forwarding).to_string();
        let made = made(&self.api("POST", ACTIONS, &body));
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("action_id"), text("signing_secret"))
    }

    /// An active rule with one action that goes to `url`; the action's id.
    pub fn forward(&self, more: &Value, url: &str) -> String {
        let rule_id = self.rule(more);
        let (action_id, _) = self.action(&rule_id, &json!({ "url": url }));
        self.activate(&rule_id, true);
        action_id
    }

    /// Waits until an action's state is as it should be; conservation holds at every look.
    #[track_caller]
    pub fn until_state(&self, action_id: &str, so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + SOON;
        loop {
            let reply = self.api("GET", &format!("{ACTIONS}/{action_id}/state"), "");
            if reply.status == 200 {
                let state = reply.json();
                let number = |name: &str| state[name].as_u64().unwrap();
                let settled = number("delivered") + number("dead") + number("dropped");
                assert_eq!(number("taken"), settled + number("pending"), "{state}");
                if so(&state) {
                    return state;
                }
            } else {
                reply.assert_refused(503, "IOTDA.000001", "does not run yet");
            }
            assert!(Instant::now() < end, "{}", reply.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
