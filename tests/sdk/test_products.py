"""Products through the SDK (§4 of the contract)."""

from huaweicloudsdkiotda.v5 import (
    AddProduct,
    CreateProductRequest,
    DeleteProductRequest,
    ListProductsRequest,
    ServiceCapability,
    ShowProductRequest,
    UpdateProduct,
    UpdateProductRequest,
)
from models import METER
from shapes import COMPACT_TIME, MARKER, Like, assert_refused, plain


def whole(product_id, **changed):
    """A product as create, show and update answer it."""
    return {
        "app_id": Like(".+"),
        "app_name": Like(".+"),
        "product_id": product_id,
        "name": "水表",
        "device_type": "Meter",
        "protocol_type": "HTTPS",
        "data_format": "json",
        "manufacturer_name": "制造商",
        "industry": "智慧城市",
        "description": "第一行；第二行，a/b",
        "service_capabilities": [plain(METER)],
        "create_time": COMPACT_TIME,
        **changed,
    }


def create(api, product_id):
    body = AddProduct(
        product_id=product_id,
        name="水表",
        device_type="Meter",
        protocol_type="HTTPS",
        data_format="json",
        manufacturer_name="制造商",
        industry="智慧城市",
        description="第一行；第二行，a/b",
        service_capabilities=[METER],
    )
    return api.create_product(CreateProductRequest(body=body))


def test_a_product_is_made_shown_changed_listed_and_deleted(api, name):
    product_id = name("p")
    assert plain(create(api, product_id)) == whole(product_id)
    assert plain(api.show_product(ShowProductRequest(product_id=product_id))) == whole(product_id)

    change = UpdateProduct(name="电表", description="", service_capabilities=[])
    changed = api.update_product(UpdateProductRequest(product_id=product_id, body=change))
    shown = plain(api.show_product(ShowProductRequest(product_id=product_id)))
    assert plain(changed) == shown
    expected = whole(product_id, name="电表", service_capabilities=[])
    del expected["description"]
    assert shown == expected

    listed = api.list_products(ListProductsRequest(limit=50, product_name="电表", app_id=changed.app_id))
    del expected["service_capabilities"]
    assert plain(listed.products[0]) == expected
    assert listed.page.count >= 1
    assert listed.page.marker == MARKER

    deletion = DeleteProductRequest(product_id=product_id, app_id=changed.app_id)
    assert api.delete_product(deletion).body is None
    assert_refused(404, "IOTDA.013100", product_id, api.delete_product, deletion)


def test_absent_fields_stay_absent_and_numbers_as_bounds_become_texts(api, name):
    model = {
        "service_id": "S",
        "service_type": "S",
        "properties": [{"property_name": "p", "data_type": "int", "method": "R", "min": 0, "max": 65535}],
    }
    body = AddProduct(
        name=name("温度"),
        device_type="t",
        protocol_type="MQTT",
        data_format="binary",
        service_capabilities=[model],
    )
    made = plain(api.create_product(CreateProductRequest(body=body)))
    assert made["product_id"] == Like("[0-9a-f]{24}")
    assert "manufacturer_name" not in made and "industry" not in made and "description" not in made
    made_property = made["service_capabilities"][0]["properties"][0]
    assert (made_property["min"], made_property["max"]) == ("0", "65535")


def test_the_instance_id_is_taken_as_it_comes(api, product):
    request = ShowProductRequest(instance_id="any-instance", product_id=product.product_id)
    assert plain(api.show_product(request)) == plain(product)


def test_refusals_of_products(api, product, add):
    device = add()
    model = [ServiceCapability(service_id="S", service_type="S"), ServiceCapability(service_id="S", service_type="S")]
    change = UpdateProduct(service_capabilities=model)
    part = "service_capabilities[1].service_id: S stands twice"
    request = UpdateProductRequest(product_id=product.product_id, body=change)
    assert_refused(400, "IOTDA.000006", part, api.update_product, request)

    body = AddProduct(
        product_id=product.product_id,
        name="n",
        device_type="t",
        protocol_type="MQTT",
        data_format="json",
        service_capabilities=[],
    )
    part = f"already exists. product_id: {product.product_id}"
    assert_refused(400, "IOTDA.013101", part, api.create_product, CreateProductRequest(body=body))
    request = DeleteProductRequest(product_id=product.product_id)
    assert device.product_id == product.product_id
    assert_refused(403, "IOTDA.013102", "Devices exist", api.delete_product, request)
    request = ShowProductRequest(product_id=product.product_id, app_id="elsewhere")
    assert_refused(403, "IOTDA.001000", "app_id: elsewhere", api.show_product, request)
    assert_refused(400, "IOTDA.000017", "limit", api.list_products, ListProductsRequest(limit=51))
    assert_refused(400, "IOTDA.000018", "marker", api.list_products, ListProductsRequest(marker="x"))
