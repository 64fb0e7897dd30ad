"""A Segment warehouse, read by a tap that nobody here wrote, as Moesif's documents."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, Sandbox, run, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from warehouse import Lines

pytestmark = pytest.mark.timeout(600)  # the first one also installs the tap


@pytest.fixture(scope="module")
def _running() -> Iterator[Sandbox]:
    with sandbox("--users", "0", "--companies", "0", "--allow-backfill") as running:
        yield running


@pytest.fixture
def moesif(_running: Sandbox) -> Sandbox:
    """A Moesif that knows nobody, and takes a warehouse's old actions."""
    _running.reset()
    return _running


def send(moesif: Sandbox, folder: Path, lines: Iterable[str], **settings: Any) -> Ended:
    """Run target-moesif on what the tap has read."""
    config = {
        "application_id": "sandbox-application-id",
        "api_url": f"{moesif.url}/moesif/collector/v1",
        "streams": {"web_app-*": {"as": "segment.warehouse"}},
        **settings,
    }
    return run("target-moesif", folder, config, lines=lines)


def accepted(moesif: Sandbox) -> dict[str, list[dict[str, Any]]]:
    """What Moesif's collector has taken, by kind."""
    received = moesif.collector()
    assert not received["refused"]
    assert not received["callers_address"], "nobody got this machine's address"
    return {kind: documents for kind, documents in received["accepted"].items() if documents}


def test_who_was_identified_becomes_a_user(moesif: Sandbox, tables: Lines, tmp_path: Path) -> None:
    ended = send(moesif, tmp_path, tables["web_app-identifies"])
    assert ended.code == 0, ended.stderr
    assert accepted(moesif) == {
        "users": [
            {
                "user_id": "u1",
                "company_id": "c1",
                "modified_time": "2026-01-31T17:30:04.373000+05:30",
                "ip_address": "192.0.2.7",
                "user_agent_string": "Mozilla/5.0 (X11)",
                "campaign": {
                    "utm_campaign": "spring",
                    "utm_source": "newsletter",
                    "utm_medium": "email",
                    "referrer": "https://search.example/",
                    "referring_domain": "search.example",
                },
                "metadata": {
                    "email": "zoe@acme.example",
                    "first_name": "Zoë",
                    "name": "Zoë Łuczak 🦊",
                    "logins": 12,
                    "score": 0.1,
                    "balance": 1234567890123456.7891,
                    "ratio": 1e-7,
                    "paying": True,
                    "birthday": "1990-02-28",
                    "created_at": "2024-01-01T05:30:00.000000+05:30",
                    "local_time": "2024-06-01T08:30:00.000000+00:00",
                    "company_id": "c1",
                    "company_name": "Acme",
                    "address_city": "Zürich",
                    "tags": '["a","b"]',
                    "preferences": {"theme": "dark", "nested": {"depth": 2}, "list": [1, None]},
                    "history": [{"at": 1}],
                },
            }
        ]
    }
    assert "1 delivered; 1 skipped" in ended.stderr, "a visitor is no user"


def test_users_are_users_by_their_id(moesif: Sandbox, tables: Lines, tmp_path: Path) -> None:
    assert send(moesif, tmp_path, tables["web_app-users"]).code == 0
    assert {user["user_id"] for user in accepted(moesif)["users"]} == {"u1", "42"}


def test_groups_become_companies_and_their_users_links(
    moesif: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    assert send(moesif, tmp_path, tables["web_app-groups"]).code == 0
    documents = accepted(moesif)
    [company] = documents["companies"]
    assert (company["company_id"], company["company_domain"]) == ("c1", "acme.example")
    assert company["metadata"]["employees"] == 50
    assert documents["users"] == [{"user_id": "u1", "company_id": "c1"}]


def test_an_account_is_a_company_and_needs_no_user(
    moesif: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    assert send(moesif, tmp_path, tables["web_app-accounts"]).code == 0
    documents = accepted(moesif)
    assert documents.keys() == {"companies"}
    assert [company["company_id"] for company in documents["companies"]] == ["c1"]


def test_the_table_of_an_event_becomes_actions_with_its_properties(
    moesif: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    assert send(moesif, tmp_path, tables["web_app-login_button_clicked"]).code == 0
    [action] = accepted(moesif)["actions"]
    assert len(action.pop("transaction_id")) == 36
    assert action == {
        "action_name": "Login Button Clicked",
        "user_id": "u1",
        "request": {
            "time": "2026-01-31T17:30:08.000000+05:30",
            "uri": "https://acme.example/login",
            "ip_address": "192.0.2.7",
            "user_agent_string": "Mozilla/5.0 (X11)",
        },
        "metadata": {
            "button": "header",
            "attempts": 3,
            "revenue": 12.5,
            "remembered": False,
            "details": {"a": [1, 2.5, None], "ü": True},
        },
    }


def test_an_action_is_one_whichever_table_it_is_read_from(
    moesif: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    both = tables["web_app-login_button_clicked"] + tables["web_app-tracks"]
    assert send(moesif, tmp_path, both, lanes=1).code == 0
    names = [action["action_name"] for action in accepted(moesif)["actions"]]
    assert names == ["Login Button Clicked", "Signed Up ✓"]
    assert moesif.collector()["counts"]["duplicates"]["actions"] == 1


def test_pages_become_actions_that_say_so(moesif: Sandbox, tables: Lines, tmp_path: Path) -> None:
    assert send(moesif, tmp_path, tables["web_app-pages"]).code == 0
    [action] = accepted(moesif)["actions"]
    assert (action["action_name"], action["anonymous_id"]) == ("Viewed Pricing Page", "anon-1")
    assert action["request"]["uri"] == "https://acme.example/pricing"


def test_what_moesif_has_no_place_for_is_left_out_and_counted(
    moesif: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    kept = chain.from_iterable(
        messages for name, messages in tables.items() if name.startswith("web_app-")
    )
    ended = send(moesif, tmp_path, kept)
    assert ended.code == 0, ended.stderr
    assert "11 records read: 9 delivered; 2 skipped" in ended.stderr
    assert ended.stderr.count("Skipping alias calls") == 1


def test_actions_too_old_for_moesif_are_told_beforehand(
    moesif: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    lines = chain(tables["web_app-tracks"], tables["web_app-users"])
    ended = send(moesif, tmp_path, lines, skip_late_actions=True)
    assert ended.code == 3
    assert "rejected for: too_late 2" in ended.stderr
    assert accepted(moesif).keys() == {"users"}
