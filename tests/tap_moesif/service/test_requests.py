"""What is asked of Moesif is what its reference says can be asked, and no more often than told."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from account import Account
from tap_moesif import TapMoesif
from tap_moesif.streams import ListStream, MoesifStream
from tap_output import EVERY_STREAM, catalog, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Request

REFERENCE = Path(__file__).parents[1] / "examples" / "moesif-management-openapi-excerpt.json"
OPERATIONS: dict[str, Any] = json.loads(REFERENCE.read_text())["paths"]
SUBSCRIPTIONS = "/search/~/companies/{id}/subscriptions"
METRICS = {
    "users_path": "/search/~/search/usermetrics/users",
    "companies_path": "/search/~/search/companymetrics/companies",
}
ELSEWHERE = {"/search/~/search/users": "read:users", "/search/~/search/companies": "read:companies"}
"""In Moesif's documentation from 2018 to 2023, and still asked for by its own portal in 2025."""

BODY = {"query", "size", "sort", "search_after", "_source", "aggs"}
"""What "Searching" in Moesif's reference names, of what the engine takes."""


@pytest.fixture
def account() -> Iterator[Account]:
    with Account() as account:
        for number in range(3):
            account.user(f"u{number}", modified_time=timedelta(days=1))
            account.call(f"u{number}", timedelta(hours=1))
        account.company("c1")
        account.company("c2/ü", subscriptions=[])
        yield account


def everything(account: Account, **settings: object) -> list[Request]:
    """Sync all streams, twice; give what was asked."""
    config = {"management_api_key": "k", "api_url": account.url, "page_size": 2, **settings}
    state = sync(config, catalog(EVERY_STREAM)).state
    sync(config, catalog(EVERY_STREAM), state)
    return account.requests


def documented(path: str) -> str:
    """Name an operation of the reference by a request's path."""
    return re.sub(r".*/companies/[^/]+/subscriptions", SUBSCRIPTIONS, path)


@pytest.mark.parametrize("settings", [{}, METRICS, {"app_id": "198:3"}])
def test_only_what_the_reference_knows_is_asked(account: Account, settings: dict[str, str]) -> None:
    asked = set()
    for request in everything(account, **settings):
        url = urlsplit(request.path)
        path = documented(url.path)
        asked.add(path)
        if path in ELSEWHERE:
            assert request.method == "POST"
            assert parse_qs(url.query).keys() <= {"app_id"}
            continue
        parameters = OPERATIONS[path][request.method.lower()]["parameters"]
        known = {p["name"] for p in parameters if p["in"] == "query"}
        required = {p["name"] for p in parameters if p["in"] == "query" and p["required"]}
        assert required <= parse_qs(url.query).keys() <= known, path
    profiles = METRICS.values() if settings == METRICS else ELSEWHERE
    assert asked >= {*profiles, "/search/~/search/events", SUBSCRIPTIONS, "/~/cohorts"}


def test_only_documented_parts_of_the_engines_language_are_used(account: Account) -> None:
    bodies = [request.json for request in everything(account) if request.method == "POST"]

    assert {key for body in bodies for key in body} == BODY


def test_the_scopes_told_are_the_references() -> None:
    for stream in TapMoesif(config={"management_api_key": "k"}).streams.values():
        assert isinstance(stream, MoesifStream)
        if isinstance(stream, ListStream):
            assert {*stream.scopes} == {*OPERATIONS[stream.path]["get"]["scopes"]}
        else:
            assert len(stream.scopes) == 1


@pytest.mark.parametrize(("rolls_up", "queries"), [(True, 5), (False, 3)])
def test_three_thousand_users_take_few_queries(rolls_up: bool, queries: int) -> None:
    with Account() as account:
        for number in range(3_000):
            account.user(f"u{number:04d}", modified_time=timedelta(days=1))
        sync({"management_api_key": "k", "api_url": account.url, "usage_rollup": rolls_up})

    of_users = [r for r in account.requests if "/users" in r.path or b"user_id.raw" in r.body]
    assert len(of_users) == queries
