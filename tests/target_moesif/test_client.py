from __future__ import annotations

import json

import pytest

from singer_delivery import Endpoint
from target_moesif.client import MoesifCollector
from target_moesif.rules import ACTION, KINDS


@pytest.mark.parametrize(
    "written",
    ["https://api.moesif.net/v1", "https://api.moesif.net/v1/", " https://api.moesif.net/v1 "],
)
def test_an_address_may_be_written_in_every_way(written: str) -> None:
    addresses = [endpoint.url for endpoint in MoesifCollector("id", written).endpoints]
    assert addresses == [
        f"https://api.moesif.net/v1/{kind}/batch"
        for kind in ("companies", "users", "subscriptions", "actions")
    ]


def test_only_actions_may_come_in_large_batches() -> None:
    endpoints = MoesifCollector("id", "https://api.moesif.net/v1").endpoints
    limits = {kind: endpoints[kind.endpoint].max_bytes for kind in KINDS}
    assert limits.pop(ACTION) == 15_000_000
    assert {*limits.values()} == {250_000}
    assert all(isinstance(endpoint, Endpoint) for endpoint in endpoints)


def test_a_batch_is_a_bare_array() -> None:
    collector = MoesifCollector("id", "https://api.moesif.net/v1")
    assert json.loads(collector.body([b'{"a":1}', b'{"b":2}'])) == [{"a": 1}, {"b": 2}]


def test_the_application_id_is_a_header_and_a_secret() -> None:
    collector = MoesifCollector("id", "https://api.moesif.net/v1")
    assert collector.headers == {"X-Moesif-Application-Id": "id"}
    assert collector.secrets == ("id",)


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"<html>", b"\xff"])
def test_any_body_of_a_success_is_one(content: bytes) -> None:
    assert MoesifCollector("id", "https://api.moesif.net/v1").accepts(content)
