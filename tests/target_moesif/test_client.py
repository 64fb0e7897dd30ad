from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scripted import Reply, ScriptedService
from singer_delivery import Endpoint, ServiceError
from singer_delivery.options import Options
from target_moesif import TargetMoesif
from target_moesif.client import MoesifCollector, is_moesifs_own, verify_application_id
from target_moesif.rules import ACTION, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def test_the_application_id_is_a_header() -> None:
    collector = MoesifCollector("id", "https://api.moesif.net/v1")
    assert collector.headers == {"X-Moesif-Application-Id": "id"}


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"<html>", b"\xff"])
def test_any_body_of_a_success_is_one(content: bytes) -> None:
    assert MoesifCollector("id", "https://api.moesif.net/v1").accepts(content)


@pytest.mark.parametrize(
    ("message", "about_sender"),
    [
        ("Invalid application id", True),
        ("X-Moesif-Application-Id is not known", True),
        ("Missing application id", True),
        ("The X-Moesif-Application-Id header is required", True),
        ("Invalid API key", True),
        ("Application ID was not found", True),
        ("invalid or missing application-id", True),
        ("Your plan has expired", True),
        ("metadata.application_id is not valid", False),
        ("invalid type for metadata.application_id", False),
        ("metadata.plan is unknown", False),
        ("metadata.credential must be a string", False),
        ("This organization is not found", True),
        ("Unauthorized", True),
        ("user_id is required", False),
        ("metadata.plan must be a string", False),
        ("company is not found", False),
        ("invalid session_token", False),
    ],
)
def test_a_refusal_of_the_application_id_or_the_account_is_known(
    message: str, about_sender: bool
) -> None:
    collector = MoesifCollector("id", "https://api.moesif.net/v1")
    assert collector.blames_sender(json.dumps({"message": message}).encode()) is about_sender


@pytest.mark.parametrize(
    ("address", "own"),
    [
        (" https://api.moesif.net/v1/", True),
        ("http://localhost:9500/collector/v1", False),
        ("https://api.moesif.net.example/v1", False),
        ("not an address", False),
    ],
)
def test_moesifs_own_collector_is_known(address: str, own: bool) -> None:
    assert is_moesifs_own(address) is own


@pytest.fixture
def collector() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(body={})) as service:
        yield service


@pytest.mark.parametrize("body", [{"sample_rate": 100}, [], b"", b"<html>"])
def test_an_id_that_nothing_is_said_against_is_taken(
    collector: ScriptedService, body: object
) -> None:
    collector.answer = lambda _: Reply(body=body)
    assert verify_application_id("id", f" {collector.url}/v1/ ") is None
    [request] = collector.requests
    assert (request.method, request.path) == ("GET", "/v1/config")
    assert request.headers["X-Moesif-Application-Id"] == "id"


@pytest.mark.parametrize("status", [401, 403])
def test_an_unknown_id_is_said(collector: ScriptedService, status: int) -> None:
    collector.answer = lambda _: Reply(status, b"unknown SECRET")
    with pytest.raises(ServiceError, match="application_id") as caught:
        verify_application_id("SECRET", collector.url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status) for status in (400, 402, 404, 429, 500)),
        Reply(302, headers={"Location": "https://elsewhere.invalid/"}),
        Reply(closed=True),
    ],
)
def test_no_answer_to_the_question_is_only_a_warning(
    collector: ScriptedService, reply: Reply
) -> None:
    collector.answer = lambda _: reply
    assert verify_application_id("id", collector.url)


@pytest.mark.parametrize(
    ("reply", "sign", "code"),
    [(Reply(200, {}), "✓", 0), (Reply(401), "✗", 1), (Reply(404), "!", 0)],
)
def test_the_application_id_is_checked(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    sign: str,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    with ScriptedService(lambda _: reply) as collector:
        config = {"application_id": "SECRET", "api_url": collector.url}
        ended = TargetMoesif.main(
            config, parse_env=False, file_input=None, options=Options(check=True)
        )
    shown = capsys.readouterr().out
    assert (ended, f"{sign} application_id" in shown) == (code, True), shown
    assert "SECRET" not in shown
    assert not any(request.method == "POST" for request in collector.requests)
