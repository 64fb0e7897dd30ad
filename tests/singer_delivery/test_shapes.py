from __future__ import annotations

from typing import Any

import pytest

from singer_delivery.routing.shapes import (
    MoesifStream,
    call_of,
    context_path,
    moesif_stream_of,
    table_of,
)

USER = ["id", "createdAt", "modifiedTime", "firstSeenTime", "lastSeenTime", "email", "company"]
COMPANY = ["id", "created", "modifiedTime", "firstSeenTime", "lastSeenTime", "companyDomain"]
MARKS = ["id", "received_at", "sent_at"]


def schema(properties: list[str]) -> dict[str, Any]:
    return {"properties": {name: {} for name in properties}}


@pytest.mark.parametrize(
    ("properties", "stream"),
    [
        (USER, MoesifStream.USERS),
        (COMPANY, MoesifStream.COMPANIES),
        (["id", "modifiedTime", "lastSeenTime"], MoesifStream.USERS),
        (["id", "modifiedTime", "lastSeenTime", "ipAddress"], MoesifStream.COMPANIES),
        (["id", "modifiedTime"], None),
        (["id", "email", "created_at"], None),
        (["id", "firstSeenTime"], None),
        ([], None),
    ],
)
def test_a_stream_of_tap_moesif_is_known_by_its_schema(
    properties: list[str], stream: MoesifStream | None
) -> None:
    assert moesif_stream_of(schema(properties)) is stream


@pytest.mark.parametrize(
    ("properties", "call"),
    [
        (["userId", "traits"], "identify"),
        (["anonymousId", "traits", "context"], "identify"),
        (["userId", "groupId", "traits"], "group"),
        (["anonymousId", "event", "properties"], "track"),
        (["userId", "event", "groupId", "traits"], "track"),
        (["userId", "email"], None),
        (["event", "properties"], None),
        (["user_id", "traits"], None),
    ],
)
def test_a_stream_of_calls_is_known_by_its_schema(properties: list[str], call: str | None) -> None:
    assert call_of(schema(properties)) == call


@pytest.mark.parametrize(
    ("stream", "properties", "table"),
    [
        ("identifies", [*MARKS, "user_id"], "identifies"),
        ("public-identifies", [*MARKS, "user_id", "event", "group_id"], "identifies"),
        ("web_app.USERS", ["id", "received_at", "uuid_ts", "email"], "users"),
        ("users", ["id", "received_at", "context_ip"], "users"),
        ("users", ["id", "received_at", "email"], None),
        ("users", ["id", "email", "created_at"], None),
        ("accounts", ["id", "received_at", "uuid_ts"], "accounts"),
        ("web-pages", [*MARKS, "anonymous_id", "name"], "pages"),
        ("web-signed_up", [*MARKS, "user_id", "event", "event_text"], "signed_up"),
        ("web-signed_up", [*MARKS, "user_id"], None),
        ("events", ["id", "user_id", "event"], None),
    ],
)
def test_a_table_of_a_warehouse_is_known_by_what_only_segment_writes(
    stream: str, properties: list[str], table: str | None
) -> None:
    assert table_of(stream, schema(properties)) == table


@pytest.mark.parametrize(
    ("column", "path"),
    [
        ("context_ip", ("ip",)),
        ("context_user_agent", ("userAgent",)),
        ("context_group_id", ("groupId",)),
        ("context_campaign_name", ("campaign", "name")),
        ("context_page_referrer", ("page", "referrer")),
        ("context_device_advertising_id", ("device", "advertisingId")),
        ("context_user_agent_data_mobile", ("userAgentDataMobile",)),
        ("context_traits_first_name", ("traits", "first_name")),
    ],
)
def test_a_column_goes_back_to_its_place_in_the_context(column: str, path: tuple[str, ...]) -> None:
    assert context_path(column) == path


@pytest.mark.parametrize("nothing", [{}, {"properties": None}, {"properties": []}])
def test_a_schema_without_properties_is_no_stream_we_know(nothing: dict[str, Any]) -> None:
    assert call_of(nothing) is None
    assert table_of("users", nothing) is None
    assert moesif_stream_of(nothing) is None
