"""What the tests share. They run against the program that the environment names (see gate.py), each once with either
signature algorithm; names are made up anew for every test, so that none finds what another left."""

import itertools

import gate
import pytest
from huaweicloudsdkiotda.v5 import AddDevice, AddDeviceRequest, AddProduct, AuthInfo, CreateProductRequest
from models import METER
from recorder import Recorder

numbers = itertools.count(1)


@pytest.fixture(params=gate.ALGORITHMS)
def api(request):
    """The official client, of an administrator."""
    return Recorder(request.param)


@pytest.fixture
def name():
    """Makes names that nothing else has."""
    return lambda prefix: f"{prefix}{next(numbers)}"


@pytest.fixture
def product(api, name):
    """A product with the model of a meter."""
    body = AddProduct(
        product_id=name("product"),
        name="水表",
        device_type="Meter",
        protocol_type="HTTPS",
        data_format="json",
        service_capabilities=[METER],
    )
    return api.create_product(CreateProductRequest(body=body))


@pytest.fixture
def add(api, name, product):
    """Registers a device of the product, with more fields where they are given."""

    def make(**fields):
        node_id = name("node")
        fields.setdefault("auth_info", AuthInfo(secret="first-secret"))
        body = AddDevice(device_id=node_id, node_id=node_id, product_id=product.product_id, **fields)
        return api.add_device(AddDeviceRequest(body=body))

    return make


def pytest_collection_modifyitems(items):
    """What judges the whole run comes last."""
    items.sort(key=lambda item: item.module.__name__ == "test_every_operation")
