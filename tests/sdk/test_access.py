"""Who may call: project ids that are looked up, wrong keys, readers; and what is not built."""

import pathlib
import re

import gate
import huaweicloudsdkiotda.v5 as sdk
import pytest
import requests
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkiotda.v5 import (
    AddProduct,
    CreateProductRequest,
    ListProductsRequest,
    SearchDevicesRequest,
    SearchSql,
    UploadBatchTaskFileRequestBody,
)
from huaweicloudsdkiotda.v5.region.iotda_region import IoTDARegion
from shapes import assert_refused


@pytest.fixture(params=gate.ALGORITHMS)
def algorithm(request):
    return request.param


@pytest.mark.parametrize("by_environment", [True, False])
def test_a_client_without_a_project_id_finds_it(algorithm, by_environment, monkeypatch):
    made = gate.credentials(algorithm, project=None)
    if by_environment:
        monkeypatch.setenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", gate.MANAGEMENT)
    else:
        made.with_iam_endpoint(gate.MANAGEMENT)
    urls = []
    client = gate.client(made, lambda answer: urls.append(answer.request.url))
    assert client.list_products(ListProductsRequest()).status_code == 200
    assert urls[-1] == f"{gate.MANAGEMENT}/v5/iot/{gate.PROJECT}/products"


def test_callers_that_may_not_are_refused(algorithm):
    access_key, _ = gate.ADMIN.split(":")
    stranger = gate.client(gate.credentials(algorithm, f"{access_key}:wrong"))
    assert_refused(401, "IOTDA.000002", "Authentication failed.", stranger.list_products, ListProductsRequest())
    foreign = gate.client(gate.credentials(algorithm, project="another"))
    assert_refused(403, "IOTDA.000021", "Operation not allowed.", foreign.list_products, ListProductsRequest())

    reader = gate.client(gate.credentials(algorithm, gate.READER))
    assert reader.list_products(ListProductsRequest()).status_code == 200
    search = SearchDevicesRequest(body=SearchSql(sql="select count(*) from device"))
    assert reader.search_devices(search).status_code == 200
    creation = CreateProductRequest(body=AddProduct(name="n"))
    assert_refused(403, "IOTDA.000022", "permission", reader.create_product, creation)


def unbuilt():
    """The operations of the SDK that the program's own document does not have."""
    root = pathlib.Path(__file__).parents[2]
    rows = (root / "tests/data/sdk_operations.txt").read_text().splitlines()[1:]
    document = requests.get(f"{gate.MANAGEMENT}/openapi.json", verify=gate.CA, timeout=60).text
    built = set(re.findall(r'"operationId":\s*"(\w+)"', document))
    return [name for name, *_ in map(str.split, rows) if name not in built]


def request_of(operation):
    """A request with a value for each parameter of its path, and whatever it sends as its body."""
    kind = "".join(word.capitalize() for word in operation.split("_")) + "Request"
    request = getattr(sdk, kind)()
    for name in request.openapi_types:
        if name.endswith("_id") and name != "instance_id":
            setattr(request, name, "x")
    if operation == "upload_batch_task_file":
        file = FormFile(__file__)
        request.body = UploadBatchTaskFileRequestBody(file=file)
    return request


def test_what_is_not_built_says_so_by_its_name(algorithm):
    client = gate.client(gate.credentials(algorithm))
    for operation in unbuilt():
        method = getattr(client, operation)
        assert_refused(501, "IOTDA.000029", operation, method, request_of(operation))


def test_code_that_names_a_region_of_the_cloud_is_sent_here_by_its_environment(algorithm, monkeypatch):
    monkeypatch.setenv("HUAWEICLOUD_SDK_REGION_IOTDA_CN_NORTH_4", gate.MANAGEMENT)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", gate.CA)
    builder = sdk.IoTDAClient.new_builder().with_credentials(gate.credentials(algorithm))
    client = builder.with_region(IoTDARegion.value_of("cn-north-4")).build()
    assert client.list_products(ListProductsRequest()).status_code == 200
