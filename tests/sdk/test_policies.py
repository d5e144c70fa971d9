"""Backlog and flow-control policies through the SDK (§9.3 and §9.4 of the contract)."""

from huaweicloudsdkiotda.v5 import (
    AddBacklogPolicy,
    AddFlowControlPolicy,
    AddRuleReq,
    CreateRoutingBacklogPolicyRequest,
    CreateRoutingFlowControlPolicyRequest,
    CreateRoutingRuleRequest,
    DeleteRoutingBacklogPolicyRequest,
    DeleteRoutingFlowControlPolicyRequest,
    ListRoutingBacklogPolicyRequest,
    ListRoutingFlowControlPolicyRequest,
    RoutingRuleSubject,
    ShowRoutingBacklogPolicyRequest,
    ShowRoutingFlowControlPolicyRequest,
    UpdateBacklogPolicy,
    UpdateFlowControlPolicy,
    UpdateRoutingBacklogPolicyRequest,
    UpdateRoutingFlowControlPolicyRequest,
)
from shapes import MARKER, UUID, assert_refused, plain


def test_a_backlog_policy_is_made_listed_shown_changed_and_deleted(api, name):
    policy_name = name("backlog")

    def make(**fields):
        request = CreateRoutingBacklogPolicyRequest(body=AddBacklogPolicy(**fields))
        return api.create_routing_backlog_policy(request)

    made = make(policy_name=policy_name, description="small", backlog_size=1000, backlog_time=60)
    text = {"policy_name": policy_name, "description": "small", "backlog_size": 1000, "backlog_time": 60}
    assert plain(made) == {"policy_id": UUID, **text}
    policy_id = made.policy_id
    one = ShowRoutingBacklogPolicyRequest(policy_id=policy_id)
    assert plain(api.show_routing_backlog_policy(one)) == plain(made)

    other = make(policy_name=policy_name)
    assert (other.backlog_size, other.backlog_time) == (1_073_741_823, 86_399)
    listed = api.list_routing_backlog_policy(ListRoutingBacklogPolicyRequest(policy_name=policy_name))
    assert plain(listed) == {"backlog_policies": [plain(other), plain(made)], "count": 2, "marker": MARKER}
    request = ListRoutingBacklogPolicyRequest(policy_name=policy_name, limit=1, offset=1)
    assert plain(api.list_routing_backlog_policy(request).backlog_policies) == [plain(made)]

    body = UpdateBacklogPolicy(backlog_size=0)
    update = UpdateRoutingBacklogPolicyRequest(policy_id=policy_id, body=body)
    changed = {**plain(made), "backlog_size": 0}
    assert plain(api.update_routing_backlog_policy(update)) == changed
    assert plain(api.show_routing_backlog_policy(one)) == changed

    deletion = DeleteRoutingBacklogPolicyRequest(policy_id=policy_id)
    assert api.delete_routing_backlog_policy(deletion).body is None
    api.delete_routing_backlog_policy(DeleteRoutingBacklogPolicyRequest(policy_id=other.policy_id))
    for method, request in [
        (api.show_routing_backlog_policy, one),
        (api.update_routing_backlog_policy, update),
        (api.delete_routing_backlog_policy, deletion),
    ]:
        assert_refused(404, "IOTDA.010103", policy_id, method, request)


def test_a_flow_control_policy_is_made_listed_shown_changed_and_deleted(api, name):
    policy_name = name("flow")
    subject = RoutingRuleSubject(resource="device.message", event="report")
    rule_id = api.create_routing_rule(CreateRoutingRuleRequest(body=AddRuleReq(subject=subject))).rule_id

    def make(**fields):
        request = CreateRoutingFlowControlPolicyRequest(body=AddFlowControlPolicy(**fields))
        return api.create_routing_flow_control_policy(request)

    made = make(policy_name=policy_name, description="slow", scope="RULE", scope_value=rule_id, limit=5)
    text = {"policy_name": policy_name, "description": "slow", "scope": "RULE", "scope_value": rule_id, "limit": 5}
    assert plain(made) == {"policy_id": UUID, **text}
    policy_id = made.policy_id
    one = ShowRoutingFlowControlPolicyRequest(policy_id=policy_id)
    assert plain(api.show_routing_flow_control_policy(one)) == plain(made)

    other = make(policy_name=policy_name)
    assert plain(other) == {"policy_id": UUID, "policy_name": policy_name, "scope": "USER", "limit": 1000}
    listed = api.list_routing_flow_control_policy(ListRoutingFlowControlPolicyRequest(policy_name=policy_name))
    assert plain(listed) == {"flowcontrol_policies": [plain(other), plain(made)], "count": 2, "marker": MARKER}
    request = ListRoutingFlowControlPolicyRequest(scope="RULE", scope_value=rule_id)
    assert plain(api.list_routing_flow_control_policy(request).flowcontrol_policies) == [plain(made)]

    body = UpdateFlowControlPolicy(limit=7, description="faster")
    update = UpdateRoutingFlowControlPolicyRequest(policy_id=policy_id, body=body)
    changed = {**plain(made), "limit": 7, "description": "faster"}
    assert plain(api.update_routing_flow_control_policy(update)) == changed
    assert plain(api.show_routing_flow_control_policy(one)) == changed

    deletion = DeleteRoutingFlowControlPolicyRequest(policy_id=policy_id)
    assert api.delete_routing_flow_control_policy(deletion).body is None
    api.delete_routing_flow_control_policy(DeleteRoutingFlowControlPolicyRequest(policy_id=other.policy_id))
    for method, request in [
        (api.show_routing_flow_control_policy, one),
        (api.update_routing_flow_control_policy, update),
        (api.delete_routing_flow_control_policy, deletion),
    ]:
        assert_refused(404, "IOTDA.010103", policy_id, method, request)
    request = CreateRoutingFlowControlPolicyRequest(body=AddFlowControlPolicy(scope="RULE", scope_value="none"))
    assert_refused(400, "IOTDA.000006", "scope_value", api.create_routing_flow_control_policy, request)
