"""What a wrong input is told: the field by its path, and its rule."""

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkiotda.v5 import (
    AddDevice,
    AddDeviceRequest,
    AddProduct,
    AuthInfo,
    CreateProductRequest,
    InitialDesired,
    ListDevicesRequest,
    SearchDevicesRequest,
    SearchSql,
    ServiceCapability,
    ServiceCommand,
    ServiceCommandPara,
    ServiceProperty,
)

PROPERTY = "service_capabilities[0].properties[0]"
ID_RULE = "may hold only letters, digits, '_' and '-'"
TYPES = "must be one of int, long, decimal, string, DateTime, jsonObject, enum, boolean, string list"


def told(method, request):
    """The text after the code's fixed one."""
    with pytest.raises(ClientRequestException) as caught:
        method(request)
    assert caught.value.status_code == 400
    return caught.value.error_msg.removeprefix("Invalid input data. ")


def service(**fields):
    return [ServiceCapability(service_id="S", service_type="S", **fields)]


def with_property(**fields):
    whole = {"property_name": "p", "data_type": "int", "method": "R", **fields}
    return {"service_capabilities": service(properties=[ServiceProperty(**whole)])}


PRODUCTS = [
    ({"name": None}, "name: is missing"),
    ({"name": ""}, "name: must not be empty"),
    ({"name": 5}, "name: must be a string"),
    ({"name": "水" * 65}, "name: is longer than 64 characters"),
    ({"name": "my product"}, "name: holds a character that is not allowed: ' '"),
    ({"description": "<b>"}, "description: holds a character that is not allowed: '<'"),
    ({"data_format": "xml"}, "data_format: must be one of json, binary"),
    ({"product_id": "a/b"}, f"product_id: {ID_RULE}"),
    ({"service_capabilities": None}, "service_capabilities: is missing"),
    ({"service_capabilities": {"a": 1}}, "service_capabilities: must be an array"),
    ({"service_capabilities": service(option="Maybe")},
     "service_capabilities[0].option: must be one of Master, Mandatory, Optional"),
    (with_property(property_name="a.b"), f"{PROPERTY}.property_name: holds a character that is not allowed: '.'"),
    (with_property(data_type="float"), f"{PROPERTY}.data_type: {TYPES}"),
    (with_property(method=None), f"{PROPERTY}.method: is missing; one of RWE, RW, RE, WE, E, W, R"),
    (with_property(min="low"), f"{PROPERTY}.min: must be a number, as a string"),
    (with_property(min="5", max="1"), f"{PROPERTY}.min: is over max"),
    (with_property(step=-1), f"{PROPERTY}.step: must be above zero, with at most 18 significant digits"),
    (with_property(required="yes"), f"{PROPERTY}.required: must be true or false"),
    ({"service_capabilities": service(
        commands=[ServiceCommand(command_name="c", paras=[ServiceCommandPara(para_name="a", data_type="no")])])},
     f"service_capabilities[0].commands[0].paras[0].data_type: {TYPES}"),
]

DEVICES = [
    ({"node_id": None}, "node_id: is missing"),
    ({"node_id": "a" * 65}, "node_id: is longer than 64 characters"),
    ({"device_id": "a b"}, f"device_id: {ID_RULE}"),
    ({"device_name": "my device"}, "device_name: holds a character that is not allowed: ' '"),
    ({"auth_info": "secret"}, "auth_info: must be an object"),
    ({"auth_info": AuthInfo(secret="short")}, "auth_info.secret: must be 8 to 32 letters, digits, '_' or '-'"),
    ({"auth_info": AuthInfo(auth_type="PASSWORD")}, "auth_info.auth_type: must be one of SECRET, CERTIFICATES"),
    ({"auth_info": AuthInfo(fingerprint="0x")}, "auth_info.fingerprint: must be 40 or 64 hexadecimal digits"),
    ({"auth_info": AuthInfo(timeout=-1)}, "auth_info.timeout: must be a whole number from 0 to 2147483647"),
    ({"auth_info": AuthInfo(secure_access="true")}, "auth_info.secure_access: must be true or false"),
    ({"extension_info": {"k": "x" * 1024}}, "extension_info: is larger than 1 KB"),
    ({"shadow": {"service_id": "Meter", "desired": {}}}, "shadow: must be an array"),
    ({"shadow": [InitialDesired(desired={})]}, "shadow[0].service_id: is missing"),
    ({"shadow": [InitialDesired(service_id="X", desired={})]},
     "shadow[0].service_id: X is no service of the product model"),
    ({"shadow": [InitialDesired(service_id="Meter", desired={"x": 1})]},
     "shadow[0].desired.x: is no property of the service"),
]

STATEMENTS = [
    ("", "sql: must not be empty"),
    ("select * from devices", "sql: position 15: expected 'device'"),
    ("select colour from device", "sql: position 8: no field is called 'colour'"),
    ("select * from device where device_id = abc", "sql: position 40: expected a text in single quotes"),
    ("select * from device limit 51", "sql: position 28: the limit is between 1 and 50"),
]


@pytest.mark.parametrize("fields, text", PRODUCTS)
def test_a_wrong_product(api, fields, text):
    whole = {"name": "n", "device_type": "t", "protocol_type": "MQTT", "data_format": "json"}
    body = AddProduct(**{"service_capabilities": [], **whole, **fields})
    assert told(api.create_product, CreateProductRequest(body=body)) == text


@pytest.mark.parametrize("fields, text", DEVICES)
def test_a_wrong_device(api, product, fields, text):
    body = AddDevice(**{"node_id": "n", "product_id": product.product_id, **fields})
    assert told(api.add_device, AddDeviceRequest(body=body)) == text


@pytest.mark.parametrize("sql, text", STATEMENTS)
def test_a_wrong_statement(api, sql, text):
    assert told(api.search_devices, SearchDevicesRequest(body=SearchSql(sql=sql))) == text


def test_a_wrong_page_or_flag(api):
    for query, text in [
        ({"offset": 501}, "offset: must be 0 to 500"),
        ({"is_cascade_query": "maybe"}, "is_cascade_query: must be true or false"),
    ]:
        assert told(api.list_devices, ListDevicesRequest(**query)) == text
