//! The operations of the official SDK that this version does not have: an honest 501 with the operation's name, after
//! authentication, in place of a 404 that looks like a wrong address. They are not in the document.

use axum::extract::State;
use axum::routing::{MethodFilter as M, on};
use utoipa_axum::router::OpenApiRouter;

use super::ManagementState;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::{Reader, Writer};

/// Adds a route for every row of [`UNBUILT`].
pub(super) fn add_to(router: OpenApiRouter<ManagementState>) -> OpenApiRouter<ManagementState> {
    UNBUILT.iter().fold(router, |router, (method, path, name)| {
        let refusal = async move || ApiError::new(ErrorKind::NOT_BUILT, *name);
        let route = if only_reads(*method, name) {
            on(*method, move |_: State<ManagementState>, _: Reader| refusal())
        } else {
            on(*method, move |_: State<ManagementState>, _: Writer| refusal())
        };
        router.route(path, route)
    })
}

/// Whether a reader may call it, once it is built.
fn only_reads(method: M, name: &str) -> bool {
    let reading = ["list_", "show_", "count_", "search_"];
    method == M::GET || reading.iter().any(|verb| name.starts_with(verb))
}

/// Method, path below the project, the SDK's name. Whoever builds an operation deletes its row.
#[rustfmt::skip]
const UNBUILT: &[(M, &str, &str)] = &[
    (M::GET, "/amqp-queues", "batch_show_queue"),
    (M::POST, "/amqp-queues", "add_queue"),
    (M::DELETE, "/amqp-queues/{queue_id}", "delete_queue"),
    (M::GET, "/amqp-queues/{queue_id}", "show_queue"),
    (M::POST, "/auth/accesscode", "create_access_code"),
    (M::GET, "/batchtask-files", "list_batch_task_files"),
    (M::POST, "/batchtask-files", "upload_batch_task_file"),
    (M::DELETE, "/batchtask-files/{file_id}", "delete_batch_task_file"),
    (M::GET, "/batchtasks", "list_batch_tasks"),
    (M::POST, "/batchtasks", "create_batch_task"),
    (M::DELETE, "/batchtasks/{task_id}", "delete_batch_task"),
    (M::GET, "/batchtasks/{task_id}", "show_batch_task"),
    (M::POST, "/batchtasks/{task_id}/confirm", "confirm_batch_task"),
    (M::POST, "/batchtasks/{task_id}/retry", "retry_batch_task"),
    (M::POST, "/batchtasks/{task_id}/stop", "stop_batch_task"),
    (M::GET, "/bridges", "list_bridges"),
    (M::POST, "/bridges", "add_bridge"),
    (M::DELETE, "/bridges/{bridge_id}", "delete_bridge"),
    (M::POST, "/bridges/{bridge_id}/reset-secret", "reset_bridge_secret"),
    (M::POST, "/broadcast-messages", "broadcast_message"),
    (M::POST, "/certificates/{certificate_id}/action", "check_certificate"),
    (M::GET, "/device-authentication-templates", "list_device_authentication_templates"),
    (M::POST, "/device-authentication-templates", "create_device_authentication_template"),
    (M::DELETE, "/device-authentication-templates/{template_id}", "delete_device_authentication_template"),
    (M::GET, "/device-authentication-templates/{template_id}", "show_device_authentication_template"),
    (M::PUT, "/device-authentication-templates/{template_id}", "update_device_authentication_template"),
    (M::GET, "/device-authorizers", "list_device_authorizers"),
    (M::POST, "/device-authorizers", "create_device_authorizer"),
    (M::DELETE, "/device-authorizers/{authorizer_id}", "delete_device_authorizer"),
    (M::GET, "/device-authorizers/{authorizer_id}", "show_device_authorizer"),
    (M::PUT, "/device-authorizers/{authorizer_id}", "update_device_authorizer"),
    (M::GET, "/device-certificates", "list_device_certificate"),
    (M::DELETE, "/device-certificates/{certificate_id}", "delete_device_certificate"),
    (M::GET, "/device-certificates/{certificate_id}", "show_device_certificate"),
    (M::PUT, "/device-certificates/{certificate_id}", "update_device_certificate"),
    (M::POST, "/device-certificates/{certificate_id}/list-device", "list_device_by_device_certificate"),
    (M::GET, "/device-group", "list_device_groups"),
    (M::POST, "/device-group", "add_device_group"),
    (M::DELETE, "/device-group/{group_id}", "delete_device_group"),
    (M::GET, "/device-group/{group_id}", "show_device_group"),
    (M::PUT, "/device-group/{group_id}", "update_device_group"),
    (M::POST, "/device-group/{group_id}/action", "create_or_delete_device_in_group"),
    (M::GET, "/device-group/{group_id}/devices", "show_devices_in_group"),
    (M::GET, "/device-policies", "list_device_policies"),
    (M::POST, "/device-policies", "create_device_policy"),
    (M::DELETE, "/device-policies/{policy_id}", "delete_device_policy"),
    (M::GET, "/device-policies/{policy_id}", "show_device_policy"),
    (M::PUT, "/device-policies/{policy_id}", "update_device_policy"),
    (M::POST, "/device-policies/{policy_id}/bind", "bind_device_policy"),
    (M::POST, "/device-policies/{policy_id}/list-targets", "show_targets_in_device_policy"),
    (M::POST, "/device-policies/{policy_id}/unbind", "unbind_device_policy"),
    (M::GET, "/device-proxies", "list_device_proxies"),
    (M::POST, "/device-proxies", "create_device_proxy"),
    (M::DELETE, "/device-proxies/{proxy_id}", "delete_device_proxy"),
    (M::GET, "/device-proxies/{proxy_id}", "show_device_proxy"),
    (M::PUT, "/device-proxies/{proxy_id}", "update_device_proxy"),
    (M::GET, "/devices/{device_id}/async-commands", "list_async_commands"),
    (M::GET, "/devices/{device_id}/async-commands-history", "list_async_history_commands"),
    (M::POST, "/devices/{device_id}/async-commands-history/count", "count_async_history_commands"),
    (M::GET, "/devices/{device_id}/async-commands/{command_id}", "show_async_device_command"),
    (M::DELETE, "/devices/{device_id}/messages/{message_id}", "delete_device_message"),
    (M::GET, "/devices/{device_id}/messages/{message_id}", "show_device_message"),
    (M::GET, "/domain-configurations", "list_domain_configurations"),
    (M::POST, "/domain-configurations", "create_domain_configuration"),
    (M::DELETE, "/domain-configurations/{configuration_id}", "delete_domain_configuration"),
    (M::GET, "/domain-configurations/{configuration_id}", "show_domain_configuration"),
    (M::PUT, "/domain-configurations/{configuration_id}", "update_domain_configuration"),
    (M::GET, "/export-tasks", "list_export_tasks"),
    (M::POST, "/export-tasks", "create_export_task"),
    (M::DELETE, "/export-tasks/{export_task_id}", "delete_export_task"),
    (M::GET, "/export-tasks/{export_task_id}/file", "show_export_task"),
    (M::GET, "/harmony-soft-bus", "list_harmony_soft_bus"),
    (M::POST, "/harmony-soft-bus", "add_harmony_soft_bus"),
    (M::DELETE, "/harmony-soft-bus/{bus_id}", "delete_harmony_soft_bus"),
    (M::GET, "/harmony-soft-bus/{bus_id}", "show_harmony_soft_bus"),
    (M::POST, "/harmony-soft-bus/{bus_id}/reset-bus-key", "reset_harmony_soft_bus_key"),
    (M::POST, "/harmony-soft-bus/{bus_id}/sync", "create_sync_harmony_soft_bus"),
    (M::GET, "/ota-upgrades/modules", "list_ota_modules"),
    (M::POST, "/ota-upgrades/modules", "create_ota_module"),
    (M::DELETE, "/ota-upgrades/modules/{module_id}", "delete_ota_module"),
    (M::GET, "/ota-upgrades/modules/{module_id}", "show_ota_module"),
    (M::PUT, "/ota-upgrades/modules/{module_id}", "update_ota_module"),
    (M::GET, "/ota-upgrades/packages", "list_ota_package_info"),
    (M::POST, "/ota-upgrades/packages", "create_ota_package"),
    (M::DELETE, "/ota-upgrades/packages/{package_id}", "delete_ota_package"),
    (M::GET, "/ota-upgrades/packages/{package_id}", "show_ota_package"),
    (M::GET, "/product-functions", "list_functions"),
    (M::POST, "/product-functions", "add_functions"),
    (M::DELETE, "/product-functions/{function_id}", "delete_functions"),
    (M::GET, "/protocol-configs", "list_protocol_configs"),
    (M::POST, "/protocol-configs", "create_protocol_config"),
    (M::DELETE, "/protocol-configs/{protocol_id}", "delete_protocol_config"),
    (M::GET, "/protocol-configs/{protocol_id}", "show_protocol_config"),
    (M::PUT, "/protocol-configs/{protocol_id}", "update_protocol_config"),
    (M::GET, "/provisioning-templates", "list_provisioning_templates"),
    (M::POST, "/provisioning-templates", "create_provisioning_template"),
    (M::DELETE, "/provisioning-templates/{template_id}", "delete_provisioning_template"),
    (M::GET, "/provisioning-templates/{template_id}", "show_provisioning_template"),
    (M::PUT, "/provisioning-templates/{template_id}", "update_provisioning_template"),
    (M::GET, "/rules", "list_rules"),
    (M::POST, "/rules", "create_rule"),
    (M::DELETE, "/rules/{rule_id}", "delete_rule"),
    (M::GET, "/rules/{rule_id}", "show_rule"),
    (M::PUT, "/rules/{rule_id}", "update_rule"),
    (M::PUT, "/rules/{rule_id}/status", "change_rule_status"),
    (M::GET, "/security-profiles", "list_security_profiles"),
    (M::POST, "/security-profiles", "create_security_profile"),
    (M::DELETE, "/security-profiles/{profile_id}", "delete_security_profile"),
    (M::GET, "/security-profiles/{profile_id}", "show_security_profile"),
    (M::PUT, "/security-profiles/{profile_id}", "update_security_profile"),
    (M::GET, "/server-certificates", "list_server_certificate"),
    (M::POST, "/server-certificates", "create_server_certificate"),
    (M::DELETE, "/server-certificates/{server_certificate_id}", "delete_server_certificate"),
    (M::GET, "/server-certificates/{server_certificate_id}", "show_server_certificate"),
    (M::GET, "/tunnels", "list_device_tunnels"),
    (M::POST, "/tunnels", "add_tunnel"),
    (M::DELETE, "/tunnels/{tunnel_id}", "delete_device_tunnel"),
    (M::GET, "/tunnels/{tunnel_id}", "show_device_tunnel"),
    (M::PUT, "/tunnels/{tunnel_id}", "close_device_tunnel"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::management::paths;

    /// `name METHOD path` of what is built, in the form of the list.
    fn built() -> Vec<String> {
        let api = paths().into_openapi();
        let below = |path: &str| path.strip_prefix("/v5/iot/{project_id}").map(str::to_owned);
        let items = api
            .paths
            .paths
            .iter()
            .filter_map(|(path, item)| Some((below(path)?, item)));
        let rows = items.flat_map(|(path, item)| {
            let operations = [
                ("GET", &item.get),
                ("PUT", &item.put),
                ("POST", &item.post),
                ("DELETE", &item.delete),
            ];
            operations.into_iter().filter_map(move |(method, operation)| {
                let name = operation.as_ref()?.operation_id.as_ref()?;
                Some(format!("{name} {method} {path}"))
            })
        });
        rows.collect()
    }

    #[test]
    fn every_operation_of_the_sdk_is_built_or_said_not_to_be() {
        let list = include_str!("../../../tests/data/sdk_operations.txt");
        let list: BTreeSet<String> = list.lines().skip(1).map(str::to_owned).collect();
        assert_eq!(list.len(), 178);
        let names: BTreeSet<&str> = list.iter().filter_map(|row| row.split(' ').next()).collect();
        let unbuilt: BTreeSet<String> = UNBUILT
            .iter()
            .map(|(method, path, name)| {
                let known = [
                    (M::GET, "GET"),
                    (M::PUT, "PUT"),
                    (M::POST, "POST"),
                    (M::DELETE, "DELETE"),
                ];
                let (_, method) = known.iter().find(|(known, _)| known == method).unwrap();
                format!("{name} {method} {path}")
            })
            .collect();
        let built: BTreeSet<String> = built()
            .into_iter()
            .filter(|row| names.contains(row.split(' ').next().unwrap()))
            .collect();
        let both: Vec<_> = built.intersection(&unbuilt).collect();
        assert!(both.is_empty(), "delete the rows of what is built: {both:?}");
        let answered: BTreeSet<String> = built.union(&unbuilt).cloned().collect();
        let missing: Vec<_> = list.difference(&answered).collect();
        let strange: Vec<_> = answered.difference(&list).collect();
        assert!(missing.is_empty(), "neither built nor in the table: {missing:?}");
        assert!(strange.is_empty(), "not so in the list: {strange:?}");
    }
}
