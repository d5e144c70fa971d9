"""What a rule that the SDK made sends: signatures that the verifiers of others accept (routing.md §3)."""

import hashlib
import json

import pytest
import standardwebhooks
import svix.webhooks
from firmware import Firmware
from huaweicloudsdkiotda.v5 import (
    AddActionReq,
    AddRuleReq,
    ChannelDetail,
    CreateRoutingRuleRequest,
    CreateRuleActionRequest,
    DeleteRoutingRuleRequest,
    HttpForwarding,
    RoutingRuleSubject,
    UpdateRoutingRuleRequest,
    UpdateRuleReq,
)
from target import Target

TOKEN = "Abc123"
VERIFIERS = [
    (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
    (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
]


@pytest.fixture
def pushed(api, add):
    """The signing secret of an action, and the headers and the body of a push of its own."""
    target = Target()
    device_id = add().device_id
    subject = RoutingRuleSubject(resource="device.property", event="report")
    where = f"notify_data.header.device_id = '{device_id}'"
    body = AddRuleReq(subject=subject, select="*", where=where)
    rule_id = api.create_routing_rule(CreateRoutingRuleRequest(body=body)).rule_id
    forwarding = HttpForwarding(url=target.url, signature_enable=True, token=TOKEN)
    detail = ChannelDetail(http_forwarding=forwarding)
    body = AddActionReq(rule_id=rule_id, channel="HTTP_FORWARDING", channel_detail=detail)
    api.create_rule_action(CreateRuleActionRequest(body=body))
    # The SDK's model does not know it.
    secret = api.answer.json()["signing_secret"]
    body = UpdateRuleReq(active=True)
    api.update_routing_rule(UpdateRoutingRuleRequest(rule_id=rule_id, body=body))

    device = Firmware(device_id, "first-secret")
    assert device.authenticate() == 200
    assert device.report("Meter", '{"temperature":21.50}') == 200
    headers, body = target.next()
    assert b'"temperature":21.50' in body
    yield secret, headers, body
    api.delete_routing_rule(DeleteRoutingRuleRequest(rule_id=rule_id))
    target.close()


def test_others_verify_a_push_and_refuse_a_changed_one(pushed):
    secret, headers, body = pushed
    assert headers["webhook-id"] == json.loads(body)["sequence"]
    changed = body.replace(b"21.50", b"21.51")
    assert changed != body
    other_event = {**headers, "webhook-id": headers["webhook-id"] + "1"}
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    another_secret = "whsec_" + "A" * 43 + "="
    for verifier, refusal in VERIFIERS:
        verifier(secret).verify(body, headers)
        for name, told, text in [
            (secret, headers, changed),
            (secret, other_event, body),
            (secret, later, body),
            (another_secret, headers, body),
        ]:
            with pytest.raises(refusal, match="No matching signature found"):
                verifier(name).verify(text, told)


def test_the_documented_signature_is_made_with_the_token(pushed):
    _, headers, _ = pushed
    joined = "".join(sorted([TOKEN, headers["timestamp"], headers["nonce"]]))
    assert headers["signature"] == hashlib.sha256(joined.encode()).hexdigest()
