"""Applications, which are resource spaces, through the SDK (§8 of the contract)."""

from huaweicloudsdkiotda.v5 import (
    AddApplication,
    AddApplicationRequest,
    AddProduct,
    CreateProductRequest,
    DeleteApplicationRequest,
    ShowApplicationRequest,
    ShowApplicationsRequest,
    UpdateApplicationDTO,
    UpdateApplicationRequest,
)
from shapes import COMPACT_TIME, Like, assert_refused, plain


def add(api, app_name):
    return api.add_application(AddApplicationRequest(body=AddApplication(app_name=app_name)))


def ids(api, **query):
    return [app.app_id for app in api.show_applications(ShowApplicationsRequest(**query)).applications]


def test_an_application_is_added_shown_renamed_and_deleted(api):
    made = add(api, "一号空间")
    expected = {"app_id": Like("[0-9a-f]{32}"), "app_name": "一号空间", "create_time": COMPACT_TIME}
    assert plain(made) == {**expected, "default_app": False}
    one = ShowApplicationRequest(app_id=made.app_id)
    assert plain(api.show_application(one)) == plain(made)
    assert plain(made) in plain(api.show_applications(ShowApplicationsRequest()).applications)

    change = UpdateApplicationRequest(app_id=made.app_id, body=UpdateApplicationDTO(app_name="二号"))
    assert plain(api.update_application(change)) == {**plain(made), "app_name": "二号"}
    assert api.show_application(one).app_name == "二号"

    assert api.delete_application(DeleteApplicationRequest(app_id=made.app_id)).body is None
    for method, request in [
        (api.show_application, one),
        (api.update_application, change),
        (api.delete_application, DeleteApplicationRequest(app_id=made.app_id)),
    ]:
        assert_refused(403, "IOTDA.001000", "The application does not exist.", method, request)


def test_one_application_is_the_default_one(api):
    other = add(api, "other").app_id
    [default] = ids(api, default_app=True)
    assert api.show_application(ShowApplicationRequest(app_id=default)).default_app is True
    assert other in ids(api, default_app=False) and default not in ids(api, default_app=False)
    request = DeleteApplicationRequest(app_id=default)
    assert_refused(403, "IOTDA.001101", "default application", api.delete_application, request)


def test_an_application_with_products_stays(api):
    app_id = add(api, "full").app_id
    body = AddProduct(
        app_id=app_id,
        name="n",
        device_type="t",
        protocol_type="HTTPS",
        data_format="json",
        service_capabilities=[],
    )
    assert api.create_product(CreateProductRequest(body=body)).app_name == "full"
    request = DeleteApplicationRequest(app_id=app_id)
    assert_refused(403, "IOTDA.001100", "Products exist", api.delete_application, request)
    body.app_id = "nothing"
    request = CreateProductRequest(body=body)
    assert_refused(403, "IOTDA.001000", "app_id: nothing", api.create_product, request)
