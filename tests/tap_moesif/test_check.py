"""`--check` of the tap: what a run would stumble over, and no record is written."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from commands import run
from scripted import Reply, Request, ScriptedService
from singer_delivery.checking import Finding, Sign
from tap_moesif.tap import TapMoesif
from tap_output import EVERY_STREAM, catalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tap_moesif.conftest import Sandbox

pytestmark = pytest.mark.slow

KEY = "management-key-CANARY"
EMPTY = {"hits": {"total": 0, "hits": []}}
DEFAULT = {"cohorts", "companies", "subscriptions", "users"}


class Moesif:
    """Answers everything with nothing, but for the paths that a test refuses."""

    def __init__(self) -> None:
        self.refused: dict[str, Reply] = {}
        self.headers: dict[str, str] = {}

    def __call__(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        for end, reply in self.refused.items():
            if path.endswith(end):
                return reply
        return Reply(200, EMPTY if request.method == "POST" else [], self.headers)


@pytest.fixture
def moesif() -> Moesif:
    return Moesif()


@pytest.fixture
def service(moesif: Moesif) -> Iterator[ScriptedService]:
    with ScriptedService(moesif) as service:
        yield service


def findings(service: ScriptedService, catalog: Any = None, **settings: Any) -> dict[str, Finding]:
    config = {"management_api_key": KEY, "api_url": service.url, **settings}
    found = {each.what: each for each in TapMoesif(config=config, catalog=catalog).check()}
    assert not any(KEY in each.text for each in found.values())
    return found


def failed(found: dict[str, Finding]) -> set[str]:
    return {what for what, each in found.items() if each.sign is Sign.FAILED}


def test_all_is_well_by_one_request_for_each_stream_and_nothing_is_written(
    service: ScriptedService, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(service)
    assert {each.sign for each in found.values()} == {Sign.OK}
    assert found.keys() == {
        *("settings", "roll-up", "clock"),
        *(f"stream {name}" for name in DEFAULT),
    }
    assert len(service.requests) == 5
    assert capsys.readouterr().out == ""


def test_without_the_roll_up_its_scope_is_not_asked_for(service: ScriptedService) -> None:
    assert "roll-up" not in findings(service, usage_rollup=False)
    assert not any("/events" in request.path for request in service.requests)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("path", "what", "scope"),
    [
        ("/users", "stream users", "read:users"),
        ("/cohorts", "stream cohorts", "read:cohorts"),
        ("/events", "roll-up", "read:events"),
    ],
)
def test_a_scope_that_is_missing_fails_its_stream_alone(
    service: ScriptedService, moesif: Moesif, path: str, what: str, scope: str, status: int
) -> None:
    moesif.refused[path] = Reply(status, {"message": KEY})
    found = findings(service)
    assert failed(found) == {what}
    assert f"lacks the scope {scope}" in found[what].text


def test_a_wrong_path_and_a_time_that_cannot_be_sorted_by_are_told(
    service: ScriptedService, moesif: Moesif
) -> None:
    moesif.refused["/companies"] = Reply(404)
    moesif.refused["/users"] = Reply(400, {"error": {"type": "search_exception"}})
    found = findings(service, start_date="2026-01-01")
    assert failed(found) == {"stream companies", "stream subscriptions", "stream users"}
    assert "companies_path" in found["stream companies"].text
    assert "cannot sort 'users' by modified_time" in found["stream users"].text


def test_an_address_where_nobody_answers_is_told_soon(service: ScriptedService) -> None:
    service.script.extend([Reply(closed=True)] * 20)
    found = findings(service)
    assert failed(found)
    assert "Check api_url" in found["stream cohorts"].text


@pytest.mark.parametrize(("off", "sign"), [(0, Sign.OK), (3600, Sign.WARNING)])
def test_the_clock_is_compared_with_moesif_s(
    service: ScriptedService, moesif: Moesif, off: int, sign: Sign
) -> None:
    if off:
        moesif.headers["Date"] = formatdate(time.time() - off, usegmt=True)
    assert findings(service)["clock"].sign is sign


def test_every_stream_can_be_checked(sandbox: Sandbox) -> None:
    tap = TapMoesif(config=sandbox.config, catalog=catalog(EVERY_STREAM))
    found = {each.what: each for each in tap.check()}
    assert not failed(found)
    assert {f"stream {name}" for name in EVERY_STREAM} <= found.keys()


def test_a_catalog_that_selects_nothing_is_a_failure(service: ScriptedService) -> None:
    nothing = catalog()
    for stream in nothing["streams"]:
        stream["metadata"] = [{"breadcrumb": [], "metadata": {"selected": False}}]
    assert failed(findings(service, nothing)) == {"catalog"}


def test_the_command_has_the_options(
    service: ScriptedService, moesif: Moesif, tmp_path: Path
) -> None:
    config = {"management_api_key": KEY, "api_url": service.url}
    ended = run("tap-moesif", tmp_path, config, "--check")
    assert (ended.code, ended.lines[-1]) == (0, "A run can start."), ended.stderr
    moesif.refused["/users"] = Reply(403)
    ended = run("tap-moesif", tmp_path, config, "--check")
    assert ended.code == 1
    assert "✗ stream users" in ended.stdout
    ended = run("tap-moesif", tmp_path, {**config, "page_size": 0}, "--check")
    assert ended.code == 1
    assert "✗ settings" in ended.stdout
    ended = run("tap-moesif", tmp_path, config, "--first-contact")
    assert ended.code == 0, ended.stderr
    assert ended.lines[0].startswith("# First contact of tap-moesif")
