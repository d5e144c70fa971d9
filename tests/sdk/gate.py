"""The program under test, as the environment names it, and SDK clients of it."""

import os

from huaweicloudsdkcore.auth.credentials import BasicCredentials, DerivedCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.http.http_handler import HttpHandler
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkiotda.v5 import IoTDAClient

MANAGEMENT = os.environ["FIELDGATE_TEST_MANAGEMENT"]
DEVICE = os.environ["FIELDGATE_TEST_DEVICE"]
CA = os.environ["FIELDGATE_TEST_CA"]
PROJECT = os.environ["FIELDGATE_TEST_PROJECT"]
# Each `<access_key>:<secret_key>`.
ADMIN = os.environ["FIELDGATE_TEST_ADMIN"]
READER = os.environ["FIELDGATE_TEST_READER"]

PLAIN = "SDK-HMAC-SHA256"
DERIVED = "V11-HMAC-SHA256"
ALGORITHMS = [PLAIN, DERIVED]


def credentials(algorithm=PLAIN, key=ADMIN, project=PROJECT):
    access_key, secret_key = key.split(":")
    made = BasicCredentials(access_key, secret_key, project)
    if algorithm == DERIVED:
        made.with_derived_predicate(DerivedCredentials.get_default_derived_predicate())
    return made


def client(made, heard=None):
    """A client of these credentials; `heard` is called with each answer as it came over the wire."""
    handler = HttpHandler()
    if heard:
        handler.add_response_handler(lambda **kwargs: heard(kwargs["response"]))
    builder = IoTDAClient.new_builder().with_credentials(made).with_http_handler(handler)
    builder = builder.with_http_config(HttpConfig(ssl_ca_cert=CA))
    return builder.with_region(Region("local-1", MANAGEMENT)).build()
