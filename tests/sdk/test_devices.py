"""Devices through the SDK (§5 of the contract)."""

import pytest
from firmware import Firmware
from huaweicloudsdkiotda.v5 import (
    AddDevice,
    AddDeviceRequest,
    AuthInfo,
    AuthInfoWithoutSecret,
    ChangeGateway,
    ChangeGatewayRequest,
    DeleteDeviceRequest,
    FreezeDeviceRequest,
    ListDeviceGroupsByDeviceRequest,
    ListDevicesRequest,
    ResetDeviceSecret,
    ResetDeviceSecretRequest,
    ResetFingerprint,
    ResetFingerprintRequest,
    SearchDevicesRequest,
    SearchSql,
    ShowDeviceRequest,
    UnfreezeDeviceRequest,
    UpdateDevice,
    UpdateDeviceRequest,
)
from shapes import COMPACT_TIME, MARKER, MILLIS_TIME, Like, assert_refused, plain

EXTENSION = {"k": None, "位置": ["北京", {"楼": 3}], "exact": 12345678901234567890}


def summary(product, device_id, **changed):
    """A device as lists answer it."""
    return {
        "app_id": product.app_id,
        "app_name": product.app_name,
        "device_id": device_id,
        "node_id": device_id,
        "gateway_id": device_id,
        "node_type": "GATEWAY",
        "product_id": product.product_id,
        "product_name": product.name,
        "status": "INACTIVE",
        "tags": [],
        **changed,
    }


def whole(product, device_id, **changed):
    """A device as add, show and update answer it."""
    secrets = {"auth_type": "SECRET", "secret": "first-secret", "secure_access": True}
    more = {"auth_info": secrets, "create_time": COMPACT_TIME, "modules": []}
    return {**summary(product, device_id), **more, **changed}


def show(api, device_id):
    return plain(api.show_device(ShowDeviceRequest(device_id=device_id)))


def test_a_device_is_registered_shown_changed_and_deleted(api, product, add):
    info = AuthInfo(auth_type="SECRET", secret="first-secret", secure_access=False, timeout=300)
    made = add(device_name="一号水表", description="楼顶#3", extension_info=EXTENSION, auth_info=info)
    device_id = made.device_id
    texts = {"device_name": "一号水表", "description": "楼顶#3", "extension_info": EXTENSION}
    secrets = {"auth_type": "SECRET", "secret": "first-secret", "secure_access": False}
    assert plain(made) == whole(product, device_id, auth_info={**secrets, "timeout": 300}, **texts)
    assert show(api, device_id) == whole(product, device_id, auth_info=secrets, **texts)

    change = UpdateDevice(
        device_name="二号",
        description="",
        extension_info={"k": None},
        auth_info=AuthInfoWithoutSecret(secure_access=True, timeout=0),
    )
    changed = plain(api.update_device(UpdateDeviceRequest(device_id=device_id, body=change)))
    secrets = {**secrets, "secure_access": True}
    expected = whole(product, device_id, device_name="二号", extension_info={"k": None}, auth_info=secrets)
    assert changed == {**expected, "auth_info": {**secrets, "timeout": 0}}
    assert show(api, device_id) == expected

    deletion = DeleteDeviceRequest(device_id=device_id)
    assert api.delete_device(deletion).body is None
    for method in [api.show_device, api.delete_device]:
        assert_refused(404, "IOTDA.014000", device_id, method, ShowDeviceRequest(device_id=device_id))


def test_what_is_absent_is_filled_in(api, product, name):
    node_id = name("n")
    body = AddDevice(node_id=node_id, product_id=product.product_id)
    made = plain(api.add_device(AddDeviceRequest(body=body)))
    device_id = f"{product.product_id}_{node_id}"
    secrets = {"auth_type": "SECRET", "secret": Like("[A-Za-z0-9_-]{32}"), "secure_access": True}
    assert made == whole(product, device_id, node_id=node_id, auth_info=secrets)


def test_a_device_that_was_heard_has_times(api, product, add):
    device_id = add().device_id
    device = Firmware(device_id, "first-secret")
    assert device.authenticate() == 200
    assert device.report("Meter", '{"pulses":1}') == 200
    shown = show(api, device_id)
    assert shown["status"] == "ONLINE"
    assert shown["active_time"] == MILLIS_TIME
    assert shown["connection_status_update_time"] == MILLIS_TIME


def test_lists_show_devices_without_secrets_and_filter_them(api, product, add):
    gateway = add(device_name="网关").device_id
    child = add(gateway_id=gateway).device_id
    grandchild = add(gateway_id=child).device_id

    def found(**query):
        return api.list_devices(ListDevicesRequest(product_id=product.product_id, **query))

    listed = found(limit=50, app_id=product.app_id)
    assert plain(listed.devices) == [
        summary(product, grandchild, gateway_id=child, node_type="ENDPOINT"),
        summary(product, child, gateway_id=gateway, node_type="ENDPOINT"),
        summary(product, gateway, device_name="网关"),
    ]
    assert (listed.page.count, listed.page.marker) == (3, MARKER)
    for query, expected in [
        ({"gateway_id": gateway}, [child]),
        ({"gateway_id": gateway, "is_cascade_query": True}, [grandchild, child]),
        ({"gateway_id": gateway, "is_cascade_query": False}, [child]),
        ({"node_id": child}, [child]),
        ({"device_name": "网关"}, [gateway]),
        ({"start_time": "20200101T000000Z", "end_time": "20990101T000000Z"}, [grandchild, child, gateway]),
        ({"end_time": "20200101T000000Z"}, []),
    ]:
        assert [device.device_id for device in found(**query).devices] == expected, query
    request = ListDevicesRequest(start_time="20200102T000000Z", end_time="20200101T000000Z")
    assert_refused(400, "IOTDA.000010", "start", api.list_devices, request)
    assert_refused(400, "IOTDA.000009", "end_time", api.list_devices, ListDevicesRequest(end_time="2020-01-01"))


def test_children_follow_their_rules(api, product, add):
    first, second = add().device_id, add().device_id
    child = add(gateway_id=first).device_id
    assert_refused(403, "IOTDA.014038", "sub-devices", api.freeze_device, FreezeDeviceRequest(device_id=child))
    assert_refused(403, "IOTDA.014100", "exist", api.delete_device, DeleteDeviceRequest(device_id=first))

    moved = ChangeGatewayRequest(device_id=child, body=ChangeGateway(gateway_id=second))
    assert plain(api.change_gateway(moved)) == {}
    assert show(api, child)["gateway_id"] == second
    assert_refused(400, "IOTDA.000006", "gateway_id: is the device's gateway already", api.change_gateway, moved)
    unknown = ChangeGatewayRequest(device_id=child, body=ChangeGateway(gateway_id="nothing"))
    assert_refused(404, "IOTDA.014000", "gateway_id: nothing", api.change_gateway, unknown)
    direct = ChangeGatewayRequest(device_id=first, body=ChangeGateway(gateway_id=second))
    assert_refused(403, "IOTDA.014103", f"device_id: {first}", api.change_gateway, direct)

    grandchild = add(gateway_id=child).device_id
    parent = ChangeGatewayRequest(device_id=child, body=ChangeGateway(gateway_id=first))
    assert_refused(403, "IOTDA.014100", f"device_id: {child}", api.change_gateway, parent)
    for gateway, status, code in [(grandchild, 403, "IOTDA.014101"), ("nothing", 404, "IOTDA.014000")]:
        body = AddDevice(node_id="deep", product_id=product.product_id, gateway_id=gateway)
        part = f"gateway_id: {gateway}"
        assert_refused(status, code, part, api.add_device, AddDeviceRequest(body=body))


def test_freezing_twice_and_thawing_twice_is_refused(api, add):
    device_id = add().device_id
    assert api.freeze_device(FreezeDeviceRequest(device_id=device_id)).body is None
    assert show(api, device_id)["status"] == "FROZEN"
    assert_refused(403, "IOTDA.014039", "already", api.freeze_device, FreezeDeviceRequest(device_id=device_id))
    assert api.unfreeze_device(UnfreezeDeviceRequest(device_id=device_id)).body is None
    assert show(api, device_id)["status"] == "INACTIVE"
    request = UnfreezeDeviceRequest(device_id=device_id)
    assert_refused(403, "IOTDA.014040", "not frozen", api.unfreeze_device, request)


def test_secrets_are_reset_given_or_generated_in_either_slot(api, add):
    device_id = add().device_id

    def reset(body=None):
        request = ResetDeviceSecretRequest(device_id=device_id, action_id="resetSecret", body=body)
        return plain(api.reset_device_secret(request))

    generated = reset()
    expected = {"device_id": device_id, "secret": Like("[A-Za-z0-9_-]{32}"), "secret_type": "PRIMARY"}
    assert generated == expected
    given = reset(ResetDeviceSecret(secret="second-secret", secret_type="SECONDARY", force_disconnect=True))
    assert given == {"device_id": device_id, "secret": "second-secret", "secret_type": "SECONDARY"}
    secrets = show(api, device_id)["auth_info"]
    assert (secrets["secret"], secrets["secondary_secret"]) == (generated["secret"], "second-secret")
    for secret in [generated["secret"], "second-secret"]:
        assert Firmware(device_id, secret).authenticate() == 200
    request = ResetDeviceSecretRequest(device_id=device_id, action_id="x")
    assert_refused(400, "IOTDA.000006", "action_id: must be resetSecret", api.reset_device_secret, request)


@pytest.mark.parametrize("slot", ["PRIMARY", "SECONDARY"])
def test_fingerprints_are_set_and_taken_away(api, add, slot):
    device_id = add(auth_info=AuthInfo(auth_type="CERTIFICATES")).device_id
    fingerprint = "0123456789abcdefABCD" * 2
    body = ResetFingerprint(fingerprint=fingerprint, fingerprint_type=slot, force_disconnect=False)
    done = api.reset_fingerprint(ResetFingerprintRequest(device_id=device_id, body=body))
    assert plain(done) == {"device_id": device_id, "fingerprint": fingerprint, "fingerprint_type": slot}
    member = {"PRIMARY": "fingerprint", "SECONDARY": "secondary_fingerprint"}[slot]
    secrets = {"auth_type": "CERTIFICATES", "secure_access": True}
    assert show(api, device_id)["auth_info"] == {**secrets, member: fingerprint}
    request = ResetFingerprintRequest(device_id=device_id, body=ResetFingerprint(fingerprint_type=slot))
    assert plain(api.reset_fingerprint(request)) == {"device_id": device_id, "fingerprint_type": slot}
    assert show(api, device_id)["auth_info"] == secrets


def test_a_device_is_in_no_group(api, add):
    request = ListDeviceGroupsByDeviceRequest(device_id=add().device_id)
    assert plain(api.list_device_groups_by_device(request)) == {"device_groups": []}


def test_devices_are_searched(api, product, add):
    first, second = add(device_name="水表-甲").device_id, add().device_id

    def found(sql):
        return api.search_devices(SearchDevicesRequest(body=SearchSql(sql=sql)))

    ours = f"from device where product_id = '{product.product_id}'"
    more = {"groups": [], "modules": [], "marker": MARKER}
    assert plain(found(f"select * {ours} order by marker asc limit 0,50")) == {
        "devices": [
            {**summary(product, first, device_name="水表-甲"), **more},
            {**summary(product, second), **more},
        ]
    }
    assert plain(found(f"SELECT device_id, status {ours} and device_name like '水表-甲%'")) == {
        "devices": [{"device_id": first, "status": "INACTIVE"}]
    }
    assert plain(found(f"select count(*) {ours}")) == {"devices": [], "count": 2}
    request = SearchDevicesRequest(body=SearchSql(sql="select * from devices"))
    assert_refused(400, "IOTDA.000006", "sql: ", api.search_devices, request)


def test_refusals_of_registrations(api, product, add, name):
    device_id = add().device_id
    node_id = name("n")
    for fields, status, code, part in [
        ({"device_id": device_id}, 400, "IOTDA.014031", f"already exists. device_id: {device_id}"),
        ({"product_id": "nothing"}, 404, "IOTDA.013100", "product_id: nothing"),
        ({"app_id": "elsewhere"}, 403, "IOTDA.001000", "app_id: elsewhere"),
        ({"node_id": None}, 400, "IOTDA.000006", "node_id: is missing"),
        ({"auth_info": AuthInfo(secret="short")}, 400, "IOTDA.000006", "auth_info.secret: must be 8 to 32"),
        ({"extension_info": [1]}, 400, "IOTDA.000006", "extension_info: must be an object"),
    ]:
        body = AddDevice(**{"node_id": node_id, "product_id": product.product_id, **fields})
        assert_refused(status, code, part, api.add_device, AddDeviceRequest(body=body))
