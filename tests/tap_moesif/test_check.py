"""`--check` of the tap: what a run would stumble over, and no record is written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from account import HOUR, Account, settings
from commands import run
from scripted import Reply
from singer_delivery.checking import Finding, Sign
from tap_moesif.tap import TapMoesif
from tap_output import EVERY_STREAM, catalog

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

pytestmark = pytest.mark.slow

KEY = "management-key-CANARY"
DEFAULT = {"cohorts", "companies", "subscriptions", "users"}


@pytest.fixture
def account(account: Account) -> Account:
    """An empty account, whose clock is this machine's."""
    account.now = datetime.now(timezone.utc)
    return account


def findings(account: Account, catalog: Any = None, **more: Any) -> dict[str, Finding]:
    config = settings(account, **{"management_api_key": KEY, "usage_rollup": True, **more})
    found = {each.what: each for each in TapMoesif(config=config, catalog=catalog).check()}
    assert not any(KEY in each.text for each in found.values())
    return found


def failed(found: dict[str, Finding]) -> set[str]:
    return {what for what, each in found.items() if each.sign is Sign.FAILED}


def test_all_is_well_by_one_request_for_each_stream_and_nothing_is_written(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(account)
    assert {each.sign for each in found.values()} == {Sign.OK}
    assert found.keys() == {
        *("settings", "roll-up", "clock"),
        *(f"stream {name}" for name in DEFAULT),
    }
    assert len(account.requests) == 5
    assert capsys.readouterr().out == ""


def test_without_the_roll_up_its_scope_is_not_asked_for(account: Account) -> None:
    assert "roll-up" not in findings(account, usage_rollup=False)
    assert not any("/events" in request.path for request in account.requests)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("path", "what", "scope"),
    [
        ("/users", "stream users", "read:users"),
        ("/~/cohorts", "stream cohorts", "read:cohorts"),
        ("/events", "roll-up", "read:events"),
    ],
)
def test_a_scope_that_is_missing_fails_its_stream_alone(
    account: Account, path: str, what: str, scope: str, status: int
) -> None:
    account.refuse(Reply(status, {"message": KEY}), path)
    account.replies["/~/cohorts"] = Reply(status if "cohorts" in path else 200, [])
    found = findings(account)
    assert failed(found) == {what}
    assert f"lacks the scope {scope}" in found[what].text


def test_a_wrong_path_and_a_time_that_cannot_be_sorted_by_are_told(account: Account) -> None:
    account.spoil = lambda request, answer: {
        "/search/~/search/companies": Reply(404),
        "/search/~/search/users": Reply(400, {"error": {"type": "search_exception"}}),
    }.get(request.path, answer)
    found = findings(account, start_date="2026-01-01")
    assert failed(found) == {"stream companies", "stream subscriptions", "stream users"}
    assert "companies_path" in found["stream companies"].text
    assert "cannot sort 'users' by modified_time" in found["stream users"].text


def test_an_address_where_nobody_answers_is_told_soon(account: Account) -> None:
    account.script.extend([Reply(closed=True)] * 20)
    found = findings(account)
    assert failed(found)
    assert "Check api_url" in found["stream cohorts"].text


@pytest.mark.parametrize(("off", "sign"), [(0 * HOUR, Sign.OK), (HOUR, Sign.WARNING)])
def test_the_clock_is_compared_with_moesif_s(account: Account, off: timedelta, sign: Sign) -> None:
    account.now -= off
    assert findings(account)["clock"].sign is sign


def test_every_stream_can_be_checked(account: Account) -> None:
    found = findings(account, catalog(EVERY_STREAM))
    assert not failed(found)
    assert {f"stream {name}" for name in EVERY_STREAM} <= found.keys()


def test_a_catalog_that_selects_nothing_is_a_failure(account: Account) -> None:
    nothing = catalog()
    for stream in nothing["streams"]:
        stream["metadata"] = [{"breadcrumb": [], "metadata": {"selected": False}}]
    assert failed(findings(account, nothing)) == {"catalog"}


def test_the_command_has_the_options(account: Account, tmp_path: Path) -> None:
    config = settings(account)
    ended = run("tap-moesif", tmp_path, config, "--check")
    assert (ended.code, ended.lines[-1]) == (0, "A run can start."), ended.stderr
    account.refuse(Reply(403), "/users")
    ended = run("tap-moesif", tmp_path, config, "--check")
    assert ended.code == 1
    assert "✗ stream users" in ended.stdout
    ended = run("tap-moesif", tmp_path, {**config, "page_size": 0}, "--check")
    assert ended.code == 1
    assert "✗ settings" in ended.stdout
    ended = run("tap-moesif", tmp_path, config, "--first-contact")
    assert ended.code == 0, ended.stderr
    assert ended.lines[0].startswith("# First contact of tap-moesif")
