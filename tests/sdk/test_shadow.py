"""Shadows through the SDK (§6.1 of the contract), and what a device over HTTPS cannot be asked (§6.2, §6.3)."""

from decimal import Decimal

import pytest
from firmware import Firmware
from huaweicloudsdkiotda.v5 import (
    AsyncDeviceCommandRequest,
    CreateAsyncCommandRequest,
    CreateCommandRequest,
    CreateMessageRequest,
    DeleteDeviceShadowRequest,
    DeviceCommandRequest,
    DeviceMessageRequest,
    DevicePropertiesRequest,
    InitialDesired,
    ListDeviceMessagesRequest,
    ListPropertiesRequest,
    ShowDeviceShadowRequest,
    UpdateDesired,
    UpdateDesireds,
    UpdateDeviceShadowDesiredDataRequest,
    UpdatePropertiesRequest,
)
from shapes import COMPACT_TIME, assert_refused, plain

DEFAULTS = {"mode": "关", "limits": {"low": None, "高": 21}}


def show(api, device_id):
    return plain(api.show_device_shadow(ShowDeviceShadowRequest(device_id=device_id)))


def desire(device_id, values, version=None):
    body = UpdateDesireds(shadow=[UpdateDesired(service_id="Meter", desired=values, version=version)])
    return UpdateDeviceShadowDesiredDataRequest(device_id=device_id, body=body)


def section(properties):
    return {"properties": properties, "event_time": COMPACT_TIME}


def test_a_new_devices_shadow_desires_the_models_defaults_and_its_own(api, add):
    device_id = add(shadow=[InitialDesired(service_id="Meter", desired={"mode": "开"})]).device_id
    expected = {"service_id": "Meter", "desired": section({**DEFAULTS, "mode": "开"}), "version": 1}
    assert show(api, device_id) == {"device_id": device_id, "shadow": [expected]}


def test_desired_values_are_set_taken_away_and_cleared(api, add):
    device_id = add().device_id
    notes = ["一", "two"]
    request = desire(device_id, {"temperature": Decimal("21.50"), "notes": notes, "mode": None}, version=1)
    answer = api.update_device_shadow_desired_data(request)
    values = {"temperature": Decimal("21.50"), "notes": notes, "limits": DEFAULTS["limits"]}
    expected = {"service_id": "Meter", "desired": section(values), "version": 2}
    assert plain(answer) == {"device_id": device_id, "shadow": [expected]}
    assert show(api, device_id) == plain(answer)
    assert str(answer.shadow[0].desired.properties["temperature"]) == "21.50"

    stale = desire(device_id, {"notes": []}, version=1)
    assert_refused(403, "IOTDA.014102", "version", api.update_device_shadow_desired_data, stale)
    emptied = plain(api.update_device_shadow_desired_data(desire(device_id, {})))
    assert emptied == {"device_id": device_id, "shadow": [{"service_id": "Meter", "version": 3}]}
    assert plain(api.delete_device_shadow(DeleteDeviceShadowRequest(device_id=device_id))) == {}
    assert show(api, device_id) == {"device_id": device_id, "shadow": []}


def test_reported_values_keep_their_digits(api, add):
    device_id = add().device_id
    device = Firmware(device_id, "first-secret")
    assert device.authenticate() == 200
    text = '{"temperature":21.50,"pulses":123456789012,"limits":{"低":null,"e":1.0e2},"notes":["春"]}'
    assert device.report("Meter", text) == 200
    shadow = api.show_device_shadow(ShowDeviceShadowRequest(device_id=device_id)).shadow[0]
    reported = shadow.reported.properties
    assert str(reported["temperature"]) == "21.50"
    assert str(reported["limits"]["e"]) == str(Decimal("1.0e2"))
    assert (reported["pulses"], reported["limits"]["低"], reported["notes"]) == (123456789012, None, ["春"])
    assert plain(shadow.desired) == section(DEFAULTS)
    assert (shadow.reported.event_time, shadow.version) == (COMPACT_TIME, 2)


def test_refusals_of_desired_values(api, add):
    device_id = add().device_id
    for values, part in [
        ({"x": 1}, "shadow[0].desired.x: is no property of the service"),
        ({"a.b": 1}, "holds '.', '$' or NUL"),
        (None, "shadow[0].desired: is missing"),
    ]:
        call = api.update_device_shadow_desired_data
        assert_refused(400, "IOTDA.000006", part, call, desire(device_id, values))
    for method, request in [
        (api.show_device_shadow, ShowDeviceShadowRequest(device_id="nothing")),
        (api.update_device_shadow_desired_data, desire("nothing", {})),
        (api.delete_device_shadow, DeleteDeviceShadowRequest(device_id="nothing")),
    ]:
        assert_refused(404, "IOTDA.014000", "device_id: nothing", method, request)


DOWNLINK = {
    "list_properties": lambda device_id: ListPropertiesRequest(device_id=device_id, service_id="Meter"),
    "update_properties": lambda device_id: UpdatePropertiesRequest(
        device_id=device_id, body=DevicePropertiesRequest(services={"service_id": "Meter", "properties": {}})
    ),
    "create_command": lambda device_id: CreateCommandRequest(
        device_id=device_id, body=DeviceCommandRequest(service_id="Meter", command_name="阀门", paras={"angle": 90})
    ),
    "create_async_command": lambda device_id: CreateAsyncCommandRequest(
        device_id=device_id, body=AsyncDeviceCommandRequest(command_name="阀门", paras={}, send_strategy="delay")
    ),
    "create_message": lambda device_id: CreateMessageRequest(
        device_id=device_id, body=DeviceMessageRequest(message="你好")
    ),
}


@pytest.mark.parametrize("operation", DOWNLINK)
def test_what_needs_a_session_is_refused_as_for_a_device_that_is_not_online(api, add, operation):
    request = DOWNLINK[operation]
    method = getattr(api, operation)
    assert_refused(403, "IOTDA.014016", "The device is not online.", method, request(add().device_id))
    assert_refused(404, "IOTDA.014000", "device_id: nothing", method, request("nothing"))


def test_no_message_waits_for_a_device(api, add):
    device_id = add().device_id
    listed = api.list_device_messages(ListDeviceMessagesRequest(device_id=device_id))
    assert plain(listed) == {"device_id": device_id, "messages": []}
