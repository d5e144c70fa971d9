"""What answers look like: models of the SDK as plain values, and texts by their form."""

import re

import pytest
from huaweicloudsdkcore.exceptions import exceptions


class Like:
    """Equals every text of this form."""

    def __init__(self, pattern):
        self.pattern = pattern

    def __eq__(self, other):
        return isinstance(other, str) and re.fullmatch(self.pattern, other) is not None

    def __repr__(self):
        return f"Like({self.pattern!r})"


COMPACT_TIME = Like(r"\d{8}T\d{6}Z")
MILLIS_TIME = Like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MARKER = Like(r"[0-9a-f]{24}")
UUID = Like(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def plain(value):
    """A model as a dict of all its attributes that are there; the SDK's own `to_dict` masks secrets."""
    if isinstance(value, list):
        return [plain(element) for element in value]
    if not hasattr(value, "openapi_types"):
        return value
    members = {name: plain(getattr(value, name)) for name in value.openapi_types}
    return {name: member for name, member in members.items() if member is not None}


def assert_refused(status, code, part, method, request):
    """The call is refused with this status and code, and a message that says `part`."""
    kind = exceptions.ClientRequestException if status < 500 else exceptions.ServerResponseException
    with pytest.raises(kind) as caught:
        method(request)
    refusal = caught.value
    assert (refusal.status_code, refusal.error_code) == (status, code), refusal.error_msg
    assert part in refusal.error_msg
    assert refusal.request_id == UUID
