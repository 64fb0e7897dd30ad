from __future__ import annotations

import pytest

from singer_delivery.routing.shapes import (
    context_path,
    is_raw_call,
    looks_like_a_warehouse,
    table_of,
)


@pytest.mark.parametrize(
    ("names", "raw"),
    [
        (["messageId", "type", "userId"], True),
        (["MESSAGEID", "type", "anonymousid", "anything"], True),
        (["messageId", "type"], False),
        (["messageId", "userId", "event", "properties"], False),
        (["message_id", "type", "user_id"], False),
        ([], False),
    ],
)
def test_a_raw_call_has_an_id_a_type_and_somebody_it_is_of(names: list[str], raw: bool) -> None:
    assert is_raw_call(names) is raw


@pytest.mark.parametrize(
    ("stream", "table"),
    [
        ("identifies", "identifies"),
        ("public-identifies", "identifies"),
        ("web_app.USERS", "users"),
        ("PROD__SIGNED_UP_VIEW", "signed_up"),
        ("analytics/pages_view", "pages"),
    ],
)
def test_a_table_is_named_behind_any_schema_and_as_a_view_too(stream: str, table: str) -> None:
    assert table_of(stream) == table


@pytest.mark.parametrize(
    ("stream", "names", "like"),
    [
        ("x", ["id", "received_at", "sent_at"], True),
        ("x", ["ID", "RECEIVED_AT", "CONTEXT_IP"], True),
        ("users", ["id", "received_at", "email"], True),
        ("x", ["id", "received_at", "email"], False),
        ("users", ["id", "email", "created_at"], False),
    ],
)
def test_a_warehouses_table_has_what_only_segment_writes(
    stream: str, names: list[str], like: bool
) -> None:
    assert looks_like_a_warehouse(stream, names) is like


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
