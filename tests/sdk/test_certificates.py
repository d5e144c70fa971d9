"""CAs that targets prove themselves with, through the SDK (§13 of the contract)."""

from pathlib import Path

import gate
from huaweicloudsdkiotda.v5 import (
    AddActionReq,
    AddApplication,
    AddApplicationRequest,
    AddCertificateRequest,
    AddRuleReq,
    ChannelDetail,
    CreateCertificateDTO,
    CreateRoutingRuleRequest,
    CreateRuleActionRequest,
    DeleteCertificateRequest,
    DeleteRuleActionRequest,
    HttpForwarding,
    ListCertificatesRequest,
    RoutingRuleSubject,
    ShowCertificateRequest,
    UpdateCertificateDTO,
    UpdateCertificateRequest,
)
from shapes import COMPACT_TIME, MARKER, Like, assert_refused, plain


PEM = Path(gate.CA).read_text()


def add_ca(api, **fields):
    body = CreateCertificateDTO(content=PEM, **fields)
    return api.add_certificate(AddCertificateRequest(body=body))


def test_a_ca_is_added_listed_shown_changed_and_deleted(api, name):
    body = AddApplication(app_name=name("app"))
    app_id = api.add_application(AddApplicationRequest(body=body)).app_id
    made = add_ca(api, app_id=app_id)
    expected = {
        "certificate_id": Like("[0-9a-f]{24}"),
        "cn_name": "Fieldgate development CA",
        "status": True,
        "provision_enable": False,
        "ocsp_enable": False,
        "create_date": COMPACT_TIME,
        "effective_date": COMPACT_TIME,
        "expiry_date": COMPACT_TIME,
    }
    assert plain(made) == expected
    certificate_id = made.certificate_id
    one = ShowCertificateRequest(certificate_id=certificate_id)
    assert plain(api.show_certificate(one)) == {**plain(made), "content": PEM}
    listed = api.list_certificates(ListCertificatesRequest(app_id=app_id))
    assert plain(listed) == {"certificates": [plain(made)], "page": {"count": 1, "marker": MARKER}}

    body = UpdateCertificateDTO(provision_enable=False, ocsp_enable=False)
    update = UpdateCertificateRequest(certificate_id=certificate_id, body=body)
    assert plain(api.update_certificate(update)) == plain(made)
    body = UpdateCertificateDTO(provision_enable=True)
    refused = UpdateCertificateRequest(certificate_id=certificate_id, body=body)
    assert_refused(400, "IOTDA.000006", "provision_enable", api.update_certificate, refused)

    deletion = DeleteCertificateRequest(certificate_id=certificate_id)
    assert api.delete_certificate(deletion).body is None
    for method, request in [
        (api.show_certificate, one),
        (api.update_certificate, update),
        (api.delete_certificate, deletion),
    ]:
        assert_refused(404, "IOTDA.014105", certificate_id, method, request)


def test_a_ca_that_an_action_names_stays(api):
    certificate_id = add_ca(api).certificate_id
    subject = RoutingRuleSubject(resource="device.property", event="report")
    rule_id = api.create_routing_rule(CreateRoutingRuleRequest(body=AddRuleReq(subject=subject))).rule_id
    detail = ChannelDetail(HttpForwarding(url="https://push.example.com/", cert_id=certificate_id))
    body = AddActionReq(rule_id=rule_id, channel="HTTP_FORWARDING", channel_detail=detail)
    action_id = api.create_rule_action(CreateRuleActionRequest(body=body)).action_id
    deletion = DeleteCertificateRequest(certificate_id=certificate_id)
    assert_refused(403, "IOTDA.014106", action_id, api.delete_certificate, deletion)
    api.delete_rule_action(DeleteRuleActionRequest(action_id=action_id))
    api.delete_certificate(deletion)
