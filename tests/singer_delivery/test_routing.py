from __future__ import annotations

import pytest

from singer_delivery.routing import Shape, shape_of

USER = ["id", "createdAt", "modifiedTime", "firstSeenTime", "lastSeenTime", "email", "company"]
COMPANY = ["id", "created", "modifiedTime", "firstSeenTime", "lastSeenTime", "companyDomain"]


@pytest.mark.parametrize(
    ("properties", "shape"),
    [
        (USER, Shape.MOESIF_USERS),
        (COMPANY, Shape.MOESIF_COMPANIES),
        (["id", "modifiedTime", "lastSeenTime"], Shape.MOESIF_USERS),
        (["id", "modifiedTime", "lastSeenTime", "ipAddress"], Shape.MOESIF_COMPANIES),
        (["id", "modifiedTime"], None),
        (["id", "email", "created_at"], None),
        (["userId", "traits"], Shape.IDENTIFY),
        (["anonymousId", "traits", "context"], Shape.IDENTIFY),
        (["userId", "groupId", "traits"], Shape.GROUP),
        (["anonymousId", "event", "properties"], Shape.TRACK),
        (["userId", "event", "groupId", "traits"], Shape.TRACK),
        (["userId", "email"], None),
        (["event", "properties"], None),
        (["id", "firstSeenTime"], None),
        ([], None),
    ],
)
def test_a_stream_is_known_by_its_schema(properties: list[str], shape: Shape | None) -> None:
    assert shape_of({"properties": {name: {} for name in properties}}) is shape


def test_a_schema_without_properties_is_no_stream_we_know() -> None:
    assert shape_of({}) is None
