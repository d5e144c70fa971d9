//! Starts the binary on free ports in a folder of its own, and speaks to it.

mod client;
mod program;
mod receiver;
mod rules;
mod sse;

pub use client::{Reply, Suite, Wire, client_config, client_config_of};
pub use program::{Gate, GateBuilder, command, lines_of, on_sqlite, program_output};
pub use receiver::{Push, Reaction, Receiver};
pub use rules::{ACTIONS, RULES, http_action, made, read};
pub use sse::Sse;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

/// The password of `device-auth`: made here apart from the program's own code.
pub fn password(secret: &str, timestamp: &str) -> String {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
    hex::encode(sign(
        &Key::new(HMAC_SHA256, timestamp.as_bytes()),
        secret.as_bytes(),
    ))
}

/// This hour, as `device-auth` wants it, moved by some hours.
pub fn hour(moved_by: i64) -> String {
    let now = time::OffsetDateTime::now_utc() + time::Duration::hours(moved_by);
    format!(
        "{:04}{:02}{:02}{:02}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour()
    )
}

/// The body of `device-auth`.
pub fn authentication(device_id: &str, secret: &str, sign_type: u8, timestamp: &str) -> String {
    let password = password(secret, timestamp);
    format!(
        r#"{{"device_id":"{device_id}","sign_type":{sign_type},"timestamp":"{timestamp}","password":"{password}"}}"#
    )
}

/// A property report of one service.
pub fn report(service: &str, properties: &str) -> String {
    format!(r#"{{"services":[{{"service_id":"{service}","properties":{properties}}}]}}"#)
}

impl Gate {
    /// Asks for a token on the wire.
    pub fn authenticate(&self, device_id: &str, secret: &str) -> Reply {
        let body = authentication(device_id, secret, 0, &hour(0));
        self.device_post("/v5/device-auth", "", body.as_bytes())
    }

    /// A token, which the device must get.
    pub fn token(&self, device_id: &str, secret: &str) -> String {
        let reply = self.authenticate(device_id, secret);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A POST to the device listener over a connection of its own.
    pub fn device_post(&self, path: &str, token: &str, body: &[u8]) -> Reply {
        let headers = [("access_token", token)];
        let headers = if token.is_empty() {
            &headers[..0]
        } else {
            &headers[..]
        };
        self.device_wire().call("POST", path, headers, body)
    }

    /// A device's property report.
    pub fn report(&self, device_id: &str, token: &str, body: &str) -> Reply {
        let path = format!("/v5/devices/{device_id}/sys/properties/report");
        self.device_post(&path, token, body.as_bytes())
    }

    /// A device's message.
    pub fn message(&self, device_id: &str, token: &str, body: &[u8]) -> Reply {
        self.device_post(&format!("/v5/devices/{device_id}/sys/messages/up"), token, body)
    }

    /// A gateway's report for its children.
    pub fn batch(&self, gateway_id: &str, token: &str, body: &str) -> Reply {
        let path = format!("/v5/devices/{gateway_id}/sys/gateway/sub-devices/properties/report");
        self.device_post(&path, token, body.as_bytes())
    }

    /// A management call below the project, with the administrator's key.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Reply {
        let path = format!("/v5/iot/{}{path}", self.project_id);
        let headers = [
            ("X-Auth-Token", self.admin.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.management_wire()
            .call(method, &path, &headers, body.as_bytes())
    }

    /// A product with this model.
    pub fn product(&self, product_id: &str, model: &str, more: &str) -> Reply {
        let body = format!(
            r#"{{"product_id":"{product_id}","name":"{product_id}","device_type":"Meter","protocol_type":"HTTPS","data_format":"json","service_capabilities":{model}{more}}}"#
        );
        self.api("POST", "/products", &body)
    }

    /// A device of the demo product with this secret; a child where a gateway is given.
    pub fn device(&self, device_id: &str, secret: &str, gateway: Option<&str>) {
        self.device_of("demo", device_id, secret, gateway);
    }

    /// A device of any product.
    pub fn device_of(&self, product_id: &str, device_id: &str, secret: &str, gateway: Option<&str>) {
        let gateway = gateway.map_or(String::new(), |id| format!(r#","gateway_id":"{id}""#));
        let body = format!(
            r#"{{"device_id":"{device_id}","node_id":"{device_id}","product_id":"{product_id}","auth_info":{{"secret":"{secret}"}}{gateway}}}"#
        );
        let reply = self.api("POST", "/devices", &body);
        assert_eq!(reply.status, 201, "{}", reply.text());
    }

    /// The newest events of a device, newest first.
    pub fn events(&self, device_id: &str, query: &str) -> Vec<Value> {
        let reply = self.api("GET", &format!("/devices/{device_id}/events?limit=50{query}"), "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["events"].as_array().unwrap().clone()
    }

    /// All events of a device, newest first, page by page.
    pub fn all_events(&self, device_id: &str, query: &str) -> Vec<Value> {
        let (mut wire, mut events) = (self.management_wire(), Vec::new());
        let mut marker = "f".repeat(24);
        loop {
            let path = format!(
                "/v5/iot/{}/devices/{device_id}/events?limit=50&marker={marker}{query}",
                self.project_id
            );
            let page = wire
                .call("GET", &path, &[("X-Auth-Token", &self.admin)], b"")
                .json();
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["page"]["marker"].as_str() {
                Some(next) => next.clone_into(&mut marker),
                None => return events,
            }
        }
    }

    /// Sends numbers as messages until the server is gone; notes those that were answered 200.
    pub fn load_until_gone(
        &self,
        device_id: &str,
        token: &str,
        next: &AtomicU64,
        acknowledged: &Mutex<BTreeSet<u64>>,
    ) {
        let mut wire = self.device_wire();
        let path = format!("/v5/devices/{device_id}/sys/messages/up");
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let body = number.to_string();
            match wire.try_call("POST", &path, &[("access_token", token)], body.as_bytes()) {
                Ok(reply) => {
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    acknowledged.lock().unwrap().insert(number);
                }
                Err(_) => return,
            }
        }
    }

    /// How many reports and messages of a device are stored (up to 50).
    pub fn stored(&self, device_id: &str) -> usize {
        self.events(device_id, "&kind=property").len() + self.events(device_id, "&kind=message").len()
    }
}
