"""Tags through the SDK (§7 of the contract)."""

from huaweicloudsdkiotda.v5 import (
    BindTagsDTO,
    ListResourcesByTagsRequest,
    QueryResourceByTagsDTO,
    ShowDeviceRequest,
    TagDeviceRequest,
    TagV5DTO,
    UnbindTagsDTO,
    UntagDeviceRequest,
)
from shapes import MARKER, assert_refused, plain


def bind(device_id, **tags):
    tags = [TagV5DTO(tag_key=key, tag_value=value) for key, value in tags.items()]
    return TagDeviceRequest(body=BindTagsDTO(resource_type="device", resource_id=device_id, tags=tags))


def unbind(device_id, *keys):
    body = UnbindTagsDTO(resource_type="device", resource_id=device_id, tag_keys=list(keys))
    return UntagDeviceRequest(body=body)


def query(*tags, **paging):
    tags = [TagV5DTO(tag_key=key, tag_value=value) for key, value in tags]
    return ListResourcesByTagsRequest(body=QueryResourceByTagsDTO(resource_type="device", tags=tags), **paging)


def tags_of(api, device_id):
    tags = api.show_device(ShowDeviceRequest(device_id=device_id)).tags
    return {tag.tag_key: tag.tag_value for tag in tags}


def test_tags_are_bound_overwritten_taken_off_and_found(api, add, name):
    first, second = add().device_id, add().device_id
    place = name("位置")
    assert api.tag_device(bind(first, **{place: "北京", "floor": None})).body is None
    assert api.tag_device(bind(second, **{place: "上海"})).body is None
    assert tags_of(api, first) == {place: "北京", "floor": None}

    found = api.list_resources_by_tags(query((place, "北京"), (place, "上海"), limit=1))
    assert plain(found) == {"resources": [{"resource_id": second}], "page": {"count": 2, "marker": MARKER}}
    rest = api.list_resources_by_tags(query((place, "北京"), (place, "上海"), marker=found.page.marker))
    assert [resource.resource_id for resource in rest.resources] == [first]
    assert api.list_resources_by_tags(query((place, "广州"))).resources == []

    api.tag_device(bind(first, **{place: "上海"}))
    assert tags_of(api, first) == {place: "上海", "floor": None}
    assert api.untag_device(unbind(first, place, "floor")).body is None
    assert tags_of(api, first) == {}


def test_refusals_of_tags(api, add):
    device_id = add().device_id
    for request, status, code, part in [
        (bind(device_id, iot_x="1"), 400, "IOTDA.004002", "iot_x"),
        (bind(device_id, **{f"k{n}": "v" for n in range(11)}), 403, "IOTDA.004100", "10"),
        (bind("nothing", k="v"), 404, "IOTDA.014000", "resource_id: nothing"),
        (bind(device_id), 400, "IOTDA.000006", "tags: must name at least one tag"),
        (bind(device_id, **{"a b": "v"}), 400, "IOTDA.000006", "tags[0].tag_key: "),
    ]:
        assert_refused(status, code, part, api.tag_device, request)
    for request, part in [
        (unbind(device_id, "x"), "tag_keys: the device has no tag x"),
        (unbind(device_id, "x", "x"), "tag_keys[1]: stands twice"),
    ]:
        assert_refused(400, "IOTDA.000006", part, api.untag_device, request)
    assert_refused(400, "IOTDA.000017", "limit", api.list_resources_by_tags, query(("k", None), limit=0))
