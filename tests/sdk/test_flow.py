"""A fleet's life through the SDK and through its firmware, from the product to the deletion."""

import time

from firmware import Firmware
from huaweicloudsdkiotda.v5 import (
    AddDevice,
    AddDeviceRequest,
    AuthInfo,
    BindTagsDTO,
    DeleteDeviceRequest,
    DeleteProductRequest,
    FreezeDeviceRequest,
    ListDevicesRequest,
    ListResourcesByTagsRequest,
    QueryResourceByTagsDTO,
    ResetDeviceSecret,
    ResetDeviceSecretRequest,
    ShowDeviceRequest,
    ShowDeviceShadowRequest,
    TagDeviceRequest,
    TagV5DTO,
    UnfreezeDeviceRequest,
)
from shapes import assert_refused

FLEET = 120


def reported(api, device_id):
    shadow = api.show_device_shadow(ShowDeviceShadowRequest(device_id=device_id)).shadow
    sections = [service.reported for service in shadow if service.reported]
    return sections[0].properties if sections else {}


def assert_shown_within_a_second(api, device_id, name, text):
    end = time.monotonic() + 1
    while str(reported(api, device_id).get(name)) != text:
        assert time.monotonic() < end
        time.sleep(0.02)


def pages(api, **query):
    """The device ids of every page by its marker, and each page's count."""
    ids, counts, marker = [], [], None
    while True:
        page = api.list_devices(ListDevicesRequest(marker=marker, **query))
        if not page.devices:
            return ids, counts
        ids += [device.device_id for device in page.devices]
        counts.append(page.page.count)
        marker = page.page.marker


def test_the_life_of_a_device(api, product, add, name):
    device_id = add().device_id
    device = Firmware(device_id, "first-secret")
    assert device.authenticate() == 200
    assert device.report("Meter", '{"temperature":21.50}') == 200
    assert_shown_within_a_second(api, device_id, "temperature", "21.50")

    tags = [TagV5DTO(tag_key=name("位置"), tag_value="北京")]
    bound = BindTagsDTO(resource_type="device", resource_id=device_id, tags=tags)
    api.tag_device(TagDeviceRequest(body=bound))
    wanted = QueryResourceByTagsDTO(resource_type="device", tags=tags)
    found = api.list_resources_by_tags(ListResourcesByTagsRequest(body=wanted))
    assert [resource.resource_id for resource in found.resources] == [device_id]

    api.freeze_device(FreezeDeviceRequest(device_id=device_id))
    assert device.report("Meter", '{"temperature":22}') == 403
    assert device.authenticate() == 401
    api.unfreeze_device(UnfreezeDeviceRequest(device_id=device_id))
    assert device.report("Meter", '{"temperature":22}') == 403
    assert device.authenticate() == 200
    assert device.report("Meter", '{"temperature":23.0}') == 200
    assert_shown_within_a_second(api, device_id, "temperature", "23.0")

    body = ResetDeviceSecret(secret="second-secret")
    request = ResetDeviceSecretRequest(device_id=device_id, action_id="resetSecret", body=body)
    assert api.reset_device_secret(request).secret == "second-secret"
    assert device.report("Meter", '{"temperature":24}') == 403
    assert device.authenticate() == 401
    device.secret = "second-secret"
    assert device.authenticate() == 200
    assert device.report("Meter", '{"temperature":24}') == 200

    deletion = DeleteProductRequest(product_id=product.product_id)
    assert_refused(403, "IOTDA.013102", "Devices exist", api.delete_product, deletion)
    api.delete_device(DeleteDeviceRequest(device_id=device_id))
    assert device.report("Meter", '{"temperature":25}') == 403
    assert device.authenticate() == 401
    assert_refused(404, "IOTDA.014000", device_id, api.show_device, ShowDeviceRequest(device_id=device_id))
    api.delete_product(deletion)


def test_a_fleet_is_paged_without_gap_or_duplicate(api, product):
    made = []
    for number in range(FLEET):
        body = AddDevice(node_id=f"n{number}", product_id=product.product_id, auth_info=AuthInfo())
        made.append(api.add_device(AddDeviceRequest(body=body)).device_id)
    newest_first = made[::-1]
    query = {"product_id": product.product_id}

    for limit in [7, 50]:
        ids, counts = pages(api, limit=limit, **query)
        assert ids == newest_first
        assert set(counts) == {FLEET}
    assert pages(api, **query)[0] == newest_first, "ten a page where no limit is named"

    by_offset = []
    for offset in range(0, FLEET, 50):
        page = api.list_devices(ListDevicesRequest(limit=50, offset=offset, **query))
        assert page.page.count == FLEET
        by_offset += [device.device_id for device in page.devices]
    assert by_offset == newest_first

    first = api.list_devices(ListDevicesRequest(limit=10, **query))
    both = api.list_devices(ListDevicesRequest(limit=10, marker=first.page.marker, offset=5, **query))
    assert [device.device_id for device in both.devices] == newest_first[15:25]
