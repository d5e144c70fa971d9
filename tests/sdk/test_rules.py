"""Forwarding rules and their actions through the SDK (§9.1 and §9.2 of the contract)."""

import gate
import pytest
from huaweicloudsdkiotda.v5 import (
    AddActionReq,
    AddApplication,
    AddApplicationRequest,
    AddRuleReq,
    ChannelDetail,
    CreateRoutingRuleRequest,
    CreateRuleActionRequest,
    DeleteRoutingRuleRequest,
    DeleteRuleActionRequest,
    HttpForwarding,
    ListRoutingRulesRequest,
    ListRuleActionsRequest,
    RoutingRuleSubject,
    ShowRoutingRuleRequest,
    ShowRuleActionRequest,
    UpdateActionReq,
    UpdateRoutingRuleRequest,
    UpdateRuleActionRequest,
    UpdateRuleReq,
)
from shapes import MARKER, UUID, assert_refused, plain

URL = "https://push.example.com/in"
SUBJECT = RoutingRuleSubject(resource="device.property", event="report")


@pytest.fixture
def make_rule(api):
    def make(**fields):
        body = AddRuleReq(**{"subject": SUBJECT, **fields})
        return api.create_routing_rule(CreateRoutingRuleRequest(body=body))

    return make


@pytest.fixture
def make_action(api):
    def make(rule_id, **forwarding):
        detail = ChannelDetail(http_forwarding=HttpForwarding(**{"url": URL, **forwarding}))
        body = AddActionReq(rule_id=rule_id, channel="HTTP_FORWARDING", channel_detail=detail)
        return api.create_rule_action(CreateRuleActionRequest(body=body))

    return make


def update_rule(api, rule_id, **fields):
    request = UpdateRoutingRuleRequest(rule_id=rule_id, body=UpdateRuleReq(**fields))
    return api.update_routing_rule(request)


def test_a_rule_is_made_shown_changed_activated_and_deleted(api, make_rule, name):
    rule_name = name("温度")
    made = make_rule(rule_name=rule_name, description="hot", select="notify_data", where="1 = 1")
    expected = {
        "rule_id": UUID,
        "rule_name": rule_name,
        "description": "hot",
        "subject": {"resource": "device.property", "event": "report"},
        "app_type": "GLOBAL",
        "select": "notify_data",
        "where": "1 = 1",
        "active": False,
    }
    assert plain(made) == expected
    one = ShowRoutingRuleRequest(rule_id=made.rule_id)
    assert plain(api.show_routing_rule(one)) == plain(made)

    changed = update_rule(api, made.rule_id, rule_name=rule_name + "2", select="*", where="2 > 1")
    expected = {**plain(made), "rule_name": rule_name + "2", "select": "*", "where": "2 > 1"}
    assert plain(changed) == expected
    for active in [True, False]:
        assert plain(update_rule(api, made.rule_id, active=active)) == {**expected, "active": active}
        assert api.show_routing_rule(one).active is active
    cleared = update_rule(api, made.rule_id, select="", where="")
    assert (cleared.select, cleared.where) == ("", "")

    deletion = DeleteRoutingRuleRequest(rule_id=made.rule_id)
    assert api.delete_routing_rule(deletion).body is None
    update = UpdateRoutingRuleRequest(rule_id=made.rule_id, body=UpdateRuleReq(active=True))
    for method, request in [
        (api.show_routing_rule, one),
        (api.update_routing_rule, update),
        (api.delete_routing_rule, deletion),
    ]:
        assert_refused(404, "IOTDA.010002", made.rule_id, method, request)


def test_rules_are_listed_by_their_filters_page_by_page(api, make_rule, name):
    body = AddApplication(app_name=name("app"))
    app_id = api.add_application(AddApplicationRequest(body=body)).app_id
    rule_name = name("rule")
    rules = [make_rule(rule_name=rule_name, app_type="APP", app_id=app_id) for _ in range(3)]
    assert {(rule.app_type, rule.app_id) for rule in rules} == {("APP", app_id)}
    make_rule()
    update_rule(api, rules[0].rule_id, active=True)
    newest_first = [rule.rule_id for rule in rules][::-1]

    def found(**query):
        listed = api.list_routing_rules(ListRoutingRulesRequest(**query))
        return [rule.rule_id for rule in listed.rules], listed.count, listed.marker

    for query in [{"app_id": app_id}, {"rule_name": rule_name}, {"app_type": "APP", "app_id": app_id}]:
        assert found(**query) == (newest_first, 3, MARKER)
    subject = {"resource": "device.property", "event": "report"}
    assert found(app_id=app_id, **subject)[0] == newest_first
    assert found(app_id=app_id, resource="product")[0] == []
    assert found(app_id=app_id, active=True)[0] == newest_first[2:]
    assert found(app_id=app_id, active=False)[0] == newest_first[:2]
    first, count, marker = found(app_id=app_id, limit=2)
    rest, same, _ = found(app_id=app_id, limit=2, marker=marker)
    assert (first + rest, count, same) == (newest_first, 3, 3)
    assert found(app_id=app_id, offset=1)[0] == newest_first[1:]


def test_what_a_rule_cannot_be_is_refused_by_name(api):
    for fields, told in [
        ({"subject": None}, "subject"),
        ({"subject": RoutingRuleSubject(resource="device", event="report")}, "subject"),
        ({"subject": SUBJECT, "where": "a = 1 AND"}, "where: position 10"),
    ]:
        request = CreateRoutingRuleRequest(body=AddRuleReq(**fields))
        assert_refused(400, "IOTDA.000006", told, api.create_routing_rule, request)


def test_an_action_is_made_shown_changed_and_deleted(api, make_rule, make_action):
    rule_id = make_rule().rule_id
    made = make_action(rule_id, signature_enable=True, token="Abc123")
    forwarding = {"url": URL, "signature_enable": True, "token": "******"}
    expected = {
        "action_id": UUID,
        "rule_id": rule_id,
        "channel": "HTTP_FORWARDING",
        "channel_detail": {"http_forwarding": forwarding},
    }
    assert plain(made) == expected
    one = ShowRuleActionRequest(action_id=made.action_id)
    assert plain(api.show_rule_action(one)) == plain(made)

    # What was read is written back with another address; the token stays.
    detail = api.show_rule_action(one).channel_detail
    detail.http_forwarding.url = URL + "/2"
    body = UpdateActionReq(channel="HTTP_FORWARDING", channel_detail=detail)
    update = UpdateRuleActionRequest(action_id=made.action_id, body=body)
    changed = {**plain(made), "channel_detail": {"http_forwarding": {**forwarding, "url": URL + "/2"}}}
    assert plain(api.update_rule_action(update)) == changed
    assert plain(api.show_rule_action(one)) == changed

    deletion = DeleteRuleActionRequest(action_id=made.action_id)
    assert api.delete_rule_action(deletion).body is None
    for method, request in [
        (api.show_rule_action, one),
        (api.update_rule_action, update),
        (api.delete_rule_action, deletion),
    ]:
        assert_refused(404, "IOTDA.010101", made.action_id, method, request)


def test_actions_are_listed_by_their_filters_page_by_page(api, make_rule, make_action):
    rule_id = make_rule(app_type="APP").rule_id
    app_id = api.show_routing_rule(ShowRoutingRuleRequest(rule_id=rule_id)).app_id
    actions = [make_action(rule_id) for _ in range(3)]
    assert {action.app_id for action in actions} == {app_id}
    newest_first = [action.action_id for action in actions][::-1]

    def found(**query):
        listed = api.list_rule_actions(ListRuleActionsRequest(rule_id=rule_id, **query))
        return [action.action_id for action in listed.actions], listed.count, listed.marker

    for query in [{}, {"channel": "HTTP_FORWARDING"}, {"app_type": "APP"}, {"app_id": app_id}]:
        assert found(**query) == (newest_first, 3, MARKER)
    assert found(channel="AMQP_FORWARDING")[:2] == ([], 0)
    first, _, marker = found(limit=2)
    assert first + found(marker=marker)[0] == newest_first

    api.delete_routing_rule(DeleteRoutingRuleRequest(rule_id=rule_id))
    for action in actions:
        request = ShowRuleActionRequest(action_id=action.action_id)
        assert_refused(404, "IOTDA.010101", action.action_id, api.show_rule_action, request)


def test_what_an_action_cannot_be_is_refused_by_name(api, make_rule):
    rule_id = make_rule().rule_id
    detail = ChannelDetail(http_forwarding=HttpForwarding(url=URL))
    for channel, told in [("DIS_FORWARDING", "there is: HTTP_FORWARDING"), (None, "channel: is missing")]:
        body = AddActionReq(rule_id=rule_id, channel=channel, channel_detail=detail)
        request = CreateRuleActionRequest(body=body)
        assert_refused(400, "IOTDA.000006", told, api.create_rule_action, request)
    body = AddActionReq(rule_id="none", channel="HTTP_FORWARDING", channel_detail=detail)
    assert_refused(404, "IOTDA.010002", "none", api.create_rule_action, CreateRuleActionRequest(body=body))


def test_a_reader_sees_rules_and_changes_none(api, make_rule):
    rule_id = make_rule().rule_id
    reader = gate.client(gate.credentials(api.algorithm, gate.READER))
    assert reader.show_routing_rule(ShowRoutingRuleRequest(rule_id=rule_id)).rule_id == rule_id
    request = DeleteRoutingRuleRequest(rule_id=rule_id)
    assert_refused(403, "IOTDA.000022", "permission", reader.delete_routing_rule, request)
