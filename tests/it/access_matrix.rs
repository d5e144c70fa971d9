//! Who may do what: every operation of the document is tried by every kind of caller over the wire. The table is also
//! the list of the routes: an operation that is added without a row fails here.

use std::collections::BTreeSet;

use crate::harness::{Gate, Reply};

/// Who may call an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anyone.
    Open,
    /// Anyone on this machine, else any key.
    Local,
    /// Any key, on a path without a project.
    Key,
    /// Any key of the project.
    Reader,
    /// An administrator's key of the project.
    Writer,
    /// A device's `access_token`, on the device listener.
    Device,
}

use Access::{Device, Key, Local, Open, Reader, Writer};

#[rustfmt::skip]
const OPERATIONS: &[(&str, &str, &str, Access)] = &[
    ("show_health", "GET", "/healthz", Open),
    ("show_metrics", "GET", "/metrics", Local),
    ("show_openapi", "GET", "/openapi.json", Open),
    ("show_readiness", "GET", "/readyz", Open),
    ("create_token", "POST", "/v3/auth/tokens", Open),
    ("list_projects", "GET", "/v3/projects", Key),
    ("authenticate_device", "POST", "/v5/device-auth", Open),
    ("report_children", "POST", "/v5/devices/{device_id}/sys/gateway/sub-devices/properties/report", Device),
    ("report_message", "POST", "/v5/devices/{device_id}/sys/messages/up", Device),
    ("report_properties", "POST", "/v5/devices/{device_id}/sys/properties/report", Device),
    ("show_applications", "GET", "/v5/iot/{project_id}/apps", Reader),
    ("add_application", "POST", "/v5/iot/{project_id}/apps", Writer),
    ("delete_application", "DELETE", "/v5/iot/{project_id}/apps/{app_id}", Writer),
    ("show_application", "GET", "/v5/iot/{project_id}/apps/{app_id}", Reader),
    ("update_application", "PUT", "/v5/iot/{project_id}/apps/{app_id}", Writer),
    ("list_audit", "GET", "/v5/iot/{project_id}/audit", Reader),
    ("show_status", "GET", "/v5/iot/{project_id}/status", Reader),
    ("show_device_ca", "GET", "/v5/iot/{project_id}/device-ca", Reader),
    ("list_certificates", "GET", "/v5/iot/{project_id}/certificates", Reader),
    ("add_certificate", "POST", "/v5/iot/{project_id}/certificates", Writer),
    ("delete_certificate", "DELETE", "/v5/iot/{project_id}/certificates/{certificate_id}", Writer),
    ("show_certificate", "GET", "/v5/iot/{project_id}/certificates/{certificate_id}", Reader),
    ("update_certificate", "PUT", "/v5/iot/{project_id}/certificates/{certificate_id}", Writer),
    ("list_devices", "GET", "/v5/iot/{project_id}/devices", Reader),
    ("add_device", "POST", "/v5/iot/{project_id}/devices", Writer),
    ("delete_device", "DELETE", "/v5/iot/{project_id}/devices/{device_id}", Writer),
    ("show_device", "GET", "/v5/iot/{project_id}/devices/{device_id}", Reader),
    ("update_device", "PUT", "/v5/iot/{project_id}/devices/{device_id}", Writer),
    ("reset_device_secret", "POST", "/v5/iot/{project_id}/devices/{device_id}/action", Writer),
    ("create_async_command", "POST", "/v5/iot/{project_id}/devices/{device_id}/async-commands", Writer),
    ("change_gateway", "POST", "/v5/iot/{project_id}/devices/{device_id}/change-gateway", Writer),
    ("create_command", "POST", "/v5/iot/{project_id}/devices/{device_id}/commands", Writer),
    ("list_device_events", "GET", "/v5/iot/{project_id}/devices/{device_id}/events", Reader),
    ("freeze_device", "POST", "/v5/iot/{project_id}/devices/{device_id}/freeze", Writer),
    ("list_device_groups_by_device", "POST", "/v5/iot/{project_id}/devices/{device_id}/list-device-group", Reader),
    ("list_device_messages", "GET", "/v5/iot/{project_id}/devices/{device_id}/messages", Reader),
    ("create_message", "POST", "/v5/iot/{project_id}/devices/{device_id}/messages", Writer),
    ("list_properties", "GET", "/v5/iot/{project_id}/devices/{device_id}/properties", Reader),
    ("update_properties", "PUT", "/v5/iot/{project_id}/devices/{device_id}/properties", Writer),
    ("reset_fingerprint", "POST", "/v5/iot/{project_id}/devices/{device_id}/reset-fingerprint", Writer),
    ("delete_device_shadow", "DELETE", "/v5/iot/{project_id}/devices/{device_id}/shadow", Writer),
    ("show_device_shadow", "GET", "/v5/iot/{project_id}/devices/{device_id}/shadow", Reader),
    ("update_device_shadow_desired_data", "PUT", "/v5/iot/{project_id}/devices/{device_id}/shadow", Writer),
    ("list_device_trace", "GET", "/v5/iot/{project_id}/devices/{device_id}/trace", Reader),
    ("unfreeze_device", "POST", "/v5/iot/{project_id}/devices/{device_id}/unfreeze", Writer),
    ("show_event_deliveries", "GET", "/v5/iot/{project_id}/events/{sequence}/deliveries", Reader),
    ("stream_events", "GET", "/v5/iot/{project_id}/events/stream", Reader),
    ("list_products", "GET", "/v5/iot/{project_id}/products", Reader),
    ("create_product", "POST", "/v5/iot/{project_id}/products", Writer),
    ("delete_product", "DELETE", "/v5/iot/{project_id}/products/{product_id}", Writer),
    ("show_product", "GET", "/v5/iot/{project_id}/products/{product_id}", Reader),
    ("check_report", "POST", "/v5/iot/{project_id}/products/{product_id}/check-report", Reader),
    ("update_product", "PUT", "/v5/iot/{project_id}/products/{product_id}", Writer),
    ("list_rule_actions", "GET", "/v5/iot/{project_id}/routing-rule/actions", Reader),
    ("create_rule_action", "POST", "/v5/iot/{project_id}/routing-rule/actions", Writer),
    ("show_rule_action", "GET", "/v5/iot/{project_id}/routing-rule/actions/{action_id}", Reader),
    ("update_rule_action", "PUT", "/v5/iot/{project_id}/routing-rule/actions/{action_id}", Writer),
    ("delete_rule_action", "DELETE", "/v5/iot/{project_id}/routing-rule/actions/{action_id}", Writer),
    ("delete_dead_letters", "DELETE", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/dead-letters", Writer),
    ("list_dead_letters", "GET", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/dead-letters", Reader),
    ("replay_dead_letters", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/dead-letters/replay", Writer),
    ("delete_dead_letter", "DELETE", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/dead-letters/{letter_id}", Writer),
    ("show_dead_letter", "GET", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/dead-letters/{letter_id}", Reader),
    ("replay_dead_letter", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/dead-letters/{letter_id}/replay", Writer),
    ("pause_rule_action", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/pause", Writer),
    ("replay_rule_action", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/replay", Writer),
    ("resume_rule_action", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/resume", Writer),
    ("rotate_signing_secret", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/rotate-secret", Writer),
    ("show_rule_action_state", "GET", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/state", Reader),
    ("test_rule_action", "POST", "/v5/iot/{project_id}/routing-rule/actions/{action_id}/test", Writer),
    ("list_routing_backlog_policy", "GET", "/v5/iot/{project_id}/routing-rule/backlog-policy", Reader),
    ("create_routing_backlog_policy", "POST", "/v5/iot/{project_id}/routing-rule/backlog-policy", Writer),
    ("show_routing_backlog_policy", "GET", "/v5/iot/{project_id}/routing-rule/backlog-policy/{policy_id}", Reader),
    ("update_routing_backlog_policy", "PUT", "/v5/iot/{project_id}/routing-rule/backlog-policy/{policy_id}", Writer),
    ("delete_routing_backlog_policy", "DELETE", "/v5/iot/{project_id}/routing-rule/backlog-policy/{policy_id}", Writer),
    ("list_routing_flow_control_policy", "GET", "/v5/iot/{project_id}/routing-rule/flowcontrol-policy", Reader),
    ("create_routing_flow_control_policy", "POST", "/v5/iot/{project_id}/routing-rule/flowcontrol-policy", Writer),
    ("show_routing_flow_control_policy", "GET", "/v5/iot/{project_id}/routing-rule/flowcontrol-policy/{policy_id}", Reader),
    ("update_routing_flow_control_policy", "PUT", "/v5/iot/{project_id}/routing-rule/flowcontrol-policy/{policy_id}", Writer),
    ("delete_routing_flow_control_policy", "DELETE", "/v5/iot/{project_id}/routing-rule/flowcontrol-policy/{policy_id}", Writer),
    ("list_routing_rules", "GET", "/v5/iot/{project_id}/routing-rule/rules", Reader),
    ("create_routing_rule", "POST", "/v5/iot/{project_id}/routing-rule/rules", Writer),
    ("update_routing_rule", "PUT", "/v5/iot/{project_id}/routing-rule/rules/{rule_id}", Writer),
    ("delete_routing_rule", "DELETE", "/v5/iot/{project_id}/routing-rule/rules/{rule_id}", Writer),
    ("show_routing_rule", "GET", "/v5/iot/{project_id}/routing-rule/rules/{rule_id}", Reader),
    ("test_routing_rule", "POST", "/v5/iot/{project_id}/routing-rule/test", Reader),
    ("search_devices", "POST", "/v5/iot/{project_id}/search/query-devices", Reader),
    ("tag_device", "POST", "/v5/iot/{project_id}/tags/bind-resource", Writer),
    ("list_resources_by_tags", "POST", "/v5/iot/{project_id}/tags/query-resources", Reader),
    ("untag_device", "POST", "/v5/iot/{project_id}/tags/unbind-resource", Writer),
];

/// What stands behind a placeholder that is not a device, a product or the project: nothing has this id.
const NO_ID: &str = "000000000000000000000000";

/// The path with ids in place of its placeholders.
fn filled(path: &str, project_id: &str) -> String {
    let part = |part: &str| match part {
        "{project_id}" => project_id.to_owned(),
        "{device_id}" => "am1".to_owned(),
        "{product_id}" => "demo".to_owned(),
        part if part.starts_with('{') => NO_ID.to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A server with every kind of credential for it.
struct Callers {
    gate: Gate,
    reader: String,
    device: String,
}

impl Callers {
    fn start() -> Self {
        let gate = Gate::start();
        let (reader, _) = gate.key("reader");
        gate.device("am1", "secret-secret", None);
        let device = gate.token("am1", "secret-secret");
        Self { gate, reader, device }
    }

    /// Calls with this `X-Auth-Token`, or none.
    fn call(&self, method: &str, path: &str, token: Option<&str>) -> Reply {
        let headers: Vec<_> = token.iter().map(|token| ("X-Auth-Token", *token)).collect();
        self.gate.management_wire().call(method, path, &headers, b"")
    }

    /// Every caller but an administrator gets the answer that a reader's or a writer's operation owes it.
    fn check(&self, name: &str, method: &str, path: &str, access: Access) {
        let at = filled(path, &self.gate.project_id);
        let told = |caller: &str, reply: &Reply, status: u16, code: &str| {
            assert_eq!(
                (reply.status, reply.error_code().as_str()),
                (status, code),
                "{name}, {caller}: {}",
                reply.text()
            );
        };
        told("nobody", &self.call(method, &at, None), 401, "IOTDA.000002");
        for wrong in [
            "x",
            "AAAAAAAAAAAAAAAAAAAA:b",
            &format!("{}x", self.gate.admin),
            &self.device,
        ] {
            told(wrong, &self.call(method, &at, Some(wrong)), 403, "IOTDA.000004");
        }
        if access != Key {
            let foreign = filled(path, "another");
            for key in [&self.gate.admin, &self.reader] {
                let reply = self.call(method, &foreign, Some(key));
                told("another project's", &reply, 403, "IOTDA.000021");
            }
        }
        let read = self.call(method, &at, Some(&self.reader));
        if access == Writer {
            told("a reader", &read, 403, "IOTDA.000022");
        } else {
            let refusals = ["IOTDA.000002", "IOTDA.000004", "IOTDA.000021", "IOTDA.000022"];
            let refused =
                read.status == 405 || read.status >= 400 && refusals.contains(&read.error_code().as_str());
            assert!(!refused, "{name}, a reader: {}", read.text());
        }
    }
}

#[test]
fn every_operation_of_the_document_has_a_row_and_every_row_an_operation() {
    let gate = Gate::start();
    let document = gate
        .management_wire()
        .call("GET", "/openapi.json", &[], b"")
        .json();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(name) = operation["operationId"].as_str() {
                documented.insert(format!("{name} {} {path}", method.to_uppercase()));
            }
        }
    }
    let rows: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|(name, method, path, _)| format!("{name} {method} {path}"))
        .collect();
    let missing: Vec<_> = documented.difference(&rows).collect();
    let strange: Vec<_> = rows.difference(&documented).collect();
    assert!(missing.is_empty(), "operations without a row: {missing:#?}");
    assert!(strange.is_empty(), "rows without an operation: {strange:#?}");
}

#[test]
fn each_caller_may_do_what_the_table_says() {
    let callers = Callers::start();
    for (name, method, path, access) in OPERATIONS {
        match access {
            Key | Reader | Writer => callers.check(name, method, path, *access),
            Open | Local if *method == "GET" => {
                let reply = callers.call(method, path, None);
                assert_eq!(reply.status, 200, "{name}: {}", reply.text());
            }
            Open | Local if path.starts_with("/v3/") => {
                callers
                    .call(method, path, None)
                    .assert_refused(400, "IOTDA.000006", "auth: is missing");
            }
            Open | Local => {
                let reply = callers.gate.device_post(path, "", b"");
                reply.assert_refused(400, "IOTDA.000006", "");
            }
            Device => {
                let path = filled(path, "");
                callers
                    .gate
                    .device_post(&path, "", b"")
                    .assert_refused(401, "IOTDA.000002", "");
                for wrong in ["x", &callers.gate.admin] {
                    let reply = callers.gate.device_post(&path, wrong, b"");
                    reply.assert_refused(403, "IOTDA.000004", "");
                }
            }
        }
    }
}

#[test]
fn what_the_sdk_names_and_is_not_built_says_so_after_the_same_checks() {
    let callers = Callers::start();
    let list = include_str!("../data/sdk_operations.txt");
    let mut unbuilt = 0;
    for row in list.lines().skip(1) {
        let [name, method, path] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        if OPERATIONS.iter().any(|(built, ..)| *built == name) {
            continue;
        }
        unbuilt += 1;
        let path = format!("/v5/iot/{{project_id}}{path}");
        let at = filled(&path, &callers.gate.project_id);
        let reply = callers.call(method, &at, Some(&callers.gate.admin));
        reply.assert_refused(501, "IOTDA.000029", name);
        let reads = method == "GET"
            || [
                "count_async_history_commands",
                "list_device_by_device_certificate",
                "list_resources_by_tags",
                "search_devices",
                "show_targets_in_device_policy",
            ]
            .contains(&name);
        callers.check(name, method, &path, if reads { Reader } else { Writer });
    }
    assert!(unbuilt < list.lines().count());
}

#[test]
fn what_a_device_over_https_cannot_be_told_is_refused_as_not_online() {
    let callers = Callers::start();
    let gate = &callers.gate;
    for (method, what, body) in [
        ("GET", "properties?service_id=Meter", ""),
        ("PUT", "properties", r#"{"services":[]}"#),
        ("POST", "commands", r#"{"paras":{}}"#),
        (
            "POST",
            "async-commands",
            r#"{"paras":{},"send_strategy":"delay"}"#,
        ),
        ("POST", "messages", r#"{"message":"x"}"#),
    ] {
        let call = |device: &str| gate.api(method, &format!("/devices/{device}/{what}"), body);
        call("am1").assert_refused(403, "IOTDA.014016", "HTTPS");
        call("nobody").assert_refused(404, "IOTDA.014000", "nobody");
    }
    let messages = gate.api("GET", "/devices/am1/messages", "");
    assert_eq!(
        messages.json(),
        serde_json::json!({"device_id": "am1", "messages": []})
    );
    let groups = gate.api("POST", "/devices/am1/list-device-group", "");
    assert_eq!(groups.json(), serde_json::json!({"device_groups": []}));
    gate.api("POST", "/devices/nobody/list-device-group", "")
        .assert_refused(404, "IOTDA.014000", "nobody");
    gate.api("GET", "/devices/nobody/messages", "")
        .assert_refused(404, "IOTDA.014000", "nobody");
    gate.api("GET", "/bridges/x/y", "")
        .assert_refused(404, "IOTDA.000029", "/bridges/x/y");
}
