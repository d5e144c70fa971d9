//! Markup in every field that takes it: pages show it as text. The same pages are opened in a browser by
//! `tests/console/pages/markup.mjs`.

use serde_json::{Value, json};

use super::{Browser, first_password};
use crate::harness::{ACTIONS, Gate, Reply, made, report};

/// What would show at once where it were taken for markup.
const MARKUP: &str = r#""'><img src=x onerror=alert(1) class=planted>"#;

/// The device that says it.
pub const DEVICE: &str = "planted";

const SECRET: &str = "s3cret-of-the-device";

/// What was planted.
pub struct Planted {
    /// The device's token.
    pub token: String,
    sequence: String,
    rule_id: String,
    action_id: String,
}

impl Planted {
    /// Every page that shows something and ends; a letter's own page has none to show, for the action fails at nothing.
    pub fn pages(&self) -> Vec<String> {
        let no_pages = [
            "/assets/",
            "/stream",
            "/rates",
            "/state",
            "/device-ca",
            "/model.json",
            "{letter_id}",
        ];
        let ends = |path: &str| !no_pages.iter().any(|part| path.contains(part));
        let shows = |path: &str| ends(path) && !["/console", "/console/sign-in"].contains(&path);
        fieldgate::console::paths()
            .into_iter()
            .filter(|(method, path)| *method == "GET" && shows(path))
            .map(|(_, path)| {
                path.split('/')
                    .map(|part| self.filled(part))
                    .collect::<Vec<_>>()
                    .join("/")
            })
            .collect()
    }

    fn filled<'a>(&'a self, part: &'a str) -> &'a str {
        match part {
            "{product_id}" | "{device_id}" => DEVICE,
            "{sequence}" => &self.sequence,
            "{rule_id}" => &self.rule_id,
            "{action_id}" => &self.action_id,
            "{user}" | "{name}" => "admin",
            _ => {
                assert!(!part.starts_with('{'), "what stands for {part}?");
                part
            }
        }
    }
}

/// Into everything that takes text of one's own. Names take few characters: a name with markup is refused, and the refusal
/// is what a page may show.
pub fn plant(gate: &Gate) -> Planted {
    let accepted = |reply: Reply| assert!((200..300).contains(&reply.status), "{}", reply.text());
    let product = json!({
        "product_id": DEVICE, "name": DEVICE, "device_type": "Meter", "protocol_type": "HTTPS", "data_format": "json",
        "service_capabilities": [{"service_id": "S", "service_type": "S", "description": "d", "properties": [
            {"property_name": "said", "data_type": "string", "max_length": 200, "method": "R"},
        ]}],
    });
    accepted(gate.api("POST", "/products", &product.to_string()));
    let device = json!({
        "device_id": DEVICE, "node_id": DEVICE, "product_id": DEVICE, "auth_info": {"secret": SECRET},
        "extension_info": {MARKUP: MARKUP},
    });
    accepted(gate.api("POST", "/devices", &device.to_string()));
    refused_names(gate);
    let token = gate.token(DEVICE, SECRET);
    accepted(gate.message(DEVICE, &token, json!({MARKUP: MARKUP}).to_string().as_bytes()));
    accepted(gate.report(DEVICE, &token, &report("S", &json!({"said": MARKUP}).to_string())));
    let refused = gate.report(DEVICE, &token, &report(&MARKUP.replace('"', ""), "{}"));
    assert_eq!(refused.status, 400, "{}", refused.text());
    let rule_id =
        gate.rule(&json!({"select": "*", "where": format!("notify_data.body.content = '{}'", MARKUP.replace('\'', ""))}));
    let url = "https://example.invalid/?a=%3Cimg%3E";
    let action = crate::harness::http_action(&rule_id, &json!({"url": url}));
    let action = made(&gate.api("POST", ACTIONS, &action.to_string()));
    let events = gate.events(DEVICE, "&kind=message");
    Planted {
        token,
        sequence: events[0]["sequence"].as_str().unwrap().to_owned(),
        rule_id,
        action_id: action["action_id"].as_str().unwrap().to_owned(),
    }
}

/// The audit log keeps attempts.
fn refused_names(gate: &Gate) {
    for (path, name, field) in [
        ("/products", "/products", "name"),
        ("/devices", "/devices", "device_name"),
    ] {
        let body: Value = json!({field: MARKUP});
        let reply = gate.api("POST", path, &body.to_string());
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
    }
    let reply = gate.api("DELETE", "/products/%3Cimg%20class=planted%3E", "");
    assert!((400..500).contains(&reply.status), "{}", reply.text());
}

#[test]
fn what_was_planted_stands_as_text_on_every_page() {
    let gate = Gate::start();
    let mut admin = Browser::first(&gate, "admin", &first_password(&gate));
    let reply = admin.post("/console/keys", &[("name", MARKUP), ("role", "reader")]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let planted = plant(&gate);
    let mut showing = 0;
    for path in planted.pages() {
        let page = admin.page(&path);
        assert!(
            !page.contains("<img src=x") && !page.contains("<img class=planted"),
            "{path}: {page}"
        );
        showing += usize::from(page.contains("onerror=alert(1)"));
    }
    assert!(showing >= 3, "the messages, the event and the keys");
}
