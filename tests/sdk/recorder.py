"""A client that notes which of the SDK's operations were called, and holds each success to its status."""

from collections import defaultdict

import gate

# Every operation of products, devices, shadows, tags, applications, forwarding and the CAs of its targets, and the status of
# its success.
SUCCESS = {
    "create_product": 201,
    "list_products": 200,
    "show_product": 200,
    "update_product": 200,
    "delete_product": 204,
    "add_device": 201,
    "list_devices": 200,
    "show_device": 200,
    "update_device": 200,
    "delete_device": 204,
    "reset_device_secret": 200,
    "reset_fingerprint": 200,
    "freeze_device": 204,
    "unfreeze_device": 204,
    "change_gateway": 204,
    "list_device_groups_by_device": 200,
    "search_devices": 200,
    "show_device_shadow": 200,
    "update_device_shadow_desired_data": 200,
    "delete_device_shadow": 204,
    "list_device_messages": 200,
    "tag_device": 200,
    "untag_device": 200,
    "list_resources_by_tags": 200,
    "add_application": 201,
    "show_applications": 200,
    "show_application": 200,
    "update_application": 200,
    "delete_application": 204,
    "create_routing_rule": 201,
    "list_routing_rules": 200,
    "show_routing_rule": 200,
    "update_routing_rule": 200,
    "delete_routing_rule": 204,
    "create_rule_action": 201,
    "list_rule_actions": 200,
    "show_rule_action": 200,
    "update_rule_action": 200,
    "delete_rule_action": 204,
    "create_routing_backlog_policy": 201,
    "list_routing_backlog_policy": 200,
    "show_routing_backlog_policy": 200,
    "update_routing_backlog_policy": 200,
    "delete_routing_backlog_policy": 204,
    "create_routing_flow_control_policy": 201,
    "list_routing_flow_control_policy": 200,
    "show_routing_flow_control_policy": 200,
    "update_routing_flow_control_policy": 200,
    "delete_routing_flow_control_policy": 204,
    "add_certificate": 201,
    "list_certificates": 200,
    "show_certificate": 200,
    "update_certificate": 200,
    "delete_certificate": 204,
}

# What a device over HTTPS cannot be asked or sent.
UNREACHABLE = {
    "list_properties",
    "update_properties",
    "create_message",
    "create_command",
    "create_async_command",
}

# Signature algorithm to the operations that succeeded, and to those that were refused.
succeeded = defaultdict(set)
refused = defaultdict(set)


class Recorder:
    """Has the SDK's methods; checks on the wire how each request was signed."""

    def __init__(self, algorithm, key=gate.ADMIN):
        self.algorithm = algorithm
        self.client = gate.client(gate.credentials(algorithm, key), self.hear)
        # The last one as it came, with what the SDK's models leave out.
        self.answer = None

    def hear(self, answer):
        self.answer = answer
        authorization = answer.request.headers["Authorization"]
        if isinstance(authorization, bytes):
            authorization = authorization.decode()
        assert authorization.startswith(self.algorithm + " "), authorization

    def __getattr__(self, name):
        method = getattr(self.client, name)

        def call(request):
            try:
                answer = method(request)
            except Exception:
                refused[self.algorithm].add(name)
                raise
            assert answer.status_code == SUCCESS[name], (name, answer.status_code)
            succeeded[self.algorithm].add(name)
            return answer

        return call
