"""A Segment warehouse, read by a tap that nobody here wrote, as calls to Segment."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from commands import Ended, Sandbox, run
from warehouse import read, warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from postgres import Database
    from warehouse import Lines

pytestmark = pytest.mark.timeout(600)  # the first one also installs the tap


def test_the_tap_gives_what_a_warehouse_is_known_by(tables: Lines) -> None:
    assert tables.keys() >= {"web_app-identifies", "web_app-login_button_clicked", "shop-users"}
    schema, *records = map(json.loads, tables["web_app-identifies"])
    columns = schema["schema"]["properties"]
    assert columns["received_at"] == {"format": "date-time", "type": ["string", "null"]}
    assert columns["context_location_latitude"] == {"type": ["number", "null"]}

    known, visitor = (message["record"] for message in records)
    assert known["timestamp"] == "2026-01-31T17:30:04.373000+05:30"
    assert known["uuid"] == 2**53 + 1
    assert known["preferences"] == {
        "theme": "dark",
        "nested": {"depth": 2},
        "list": [1, None],
    }
    assert known["tags"] == '["a","b"]'
    assert visitor.keys() == columns.keys()
    assert visitor["user_id"] is None


def of(tables: Lines, schema: str, *left_out: str) -> list[str]:
    """Give the lines of a schema's tables but some."""
    names = [name for name in tables if name.startswith(f"{schema}-")]
    return [
        line
        for name in names
        if name.lower().partition("-")[2] not in left_out
        for line in tables[name]
    ]


def send(services: Sandbox, folder: Path, lines: Iterable[str], **settings: Any) -> Ended:
    """Run target-segment on what the tap has read."""
    config = {
        "write_key": "sandbox-write-key",
        "host": f"{services.url}/segment",
        "streams": {"web_app-*": {"as": "segment.warehouse"}},
        **settings,
    }
    return run("target-segment", folder, config, lines=lines)


def calls(services: Sandbox) -> dict[str, dict[str, Any]]:
    """What Segment has accepted, as it was sent, by the ids of the messages."""
    received = services.segment()
    assert not received["discarded"]
    return {
        message["messageId"]: {
            name: value
            for name, value in message.items()
            if name not in {"messageId", "timestamp", "sentAt", "receivedAt", "integrations"}
        }
        for message in received["accepted"]
    }


LIBRARY = {"name": "target-segment", "version": version("target-segment")}
PAGE = {
    "url": "https://acme.example/pricing?a=1",
    "path": "/pricing",
    "title": "Preise",
    "referrer": "https://search.example/",
}


def test_every_table_becomes_the_calls_it_was_made_of(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    ended = send(services, tmp_path, of(tables, "web_app", "tracks", "users", "accounts"))
    assert ended.code == 0, ended.stderr
    sent = calls(services)

    assert sent.pop("ajs-3f2c") == {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "anon-1",
        "originalTimestamp": "2026-01-31T17:30:04.373000+05:30",
        "context": {
            "active": True,
            "ip": "192.0.2.7",
            "locale": "de-CH",
            "timezone": "Europe/Zurich",
            "userAgent": "Mozilla/5.0 (X11)",
            "library": {"name": "analytics.js", "version": "2.1.0"},
            "page": PAGE,
            "campaign": {"name": "spring", "source": "newsletter", "medium": "email"},
            "location": {"city": "Zürich", "latitude": 47.36},
            "groupId": "c1",
        },
        "traits": {
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
    assert sent.pop("ajs-77aa") == {
        "type": "identify",
        "anonymousId": "anon-2",
        "originalTimestamp": "2026-01-31T17:30:06.000000+05:30",
        "context": {"library": LIBRARY},
        "traits": {},
    }
    assert sent.pop("ajs-t1") == {
        "type": "track",
        "event": "Login Button Clicked",
        "userId": "u1",
        "anonymousId": "anon-1",
        "originalTimestamp": "2026-01-31T17:30:08.000000+05:30",
        "context": {
            "ip": "192.0.2.7",
            "userAgent": "Mozilla/5.0 (X11)",
            "page": {"url": "https://acme.example/login"},
            "library": {"name": "analytics.js"},
        },
        "properties": {
            "button": "header",
            "attempts": 3,
            "revenue": 12.5,
            "remembered": False,
            "details": {"a": [1, 2.5, None], "ü": True},
        },
    }
    assert sent.pop("ajs-g1") == {
        "type": "group",
        "groupId": "c1",
        "userId": "u1",
        "anonymousId": "anon-1",
        "originalTimestamp": "2026-01-31T17:30:07.000000+05:30",
        "context": {"ip": "192.0.2.7", "library": {"name": "analytics.js"}},
        "traits": {
            "name": "Acme",
            "plan": "paid",
            "employees": 50,
            "website": "https://acme.example",
        },
    }
    page = sent.pop("ajs-p1")
    assert (page["type"], page["name"], page["category"]) == ("page", "Pricing", "Docs")
    assert page["properties"].items() >= {"path": "/pricing", "title": "Preise"}.items()
    alias = sent.pop("ajs-a1")
    assert (alias["type"], alias["previousId"], alias["userId"]) == ("alias", "anon-1", "u1")
    assert not sent


def test_the_table_of_all_tracks_gives_them_without_properties(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    assert send(services, tmp_path, tables["web_app-tracks"]).code == 0
    sent = calls(services)
    assert {key: (call["event"], call["properties"]) for key, call in sent.items()} == {
        "ajs-t1": ("Login Button Clicked", {}),
        "ajs-t2": ("Signed Up ✓", {}),
    }


def test_both_tables_of_one_event_together_are_warned_of(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    ended = send(
        services, tmp_path, tables["web_app-tracks"] + tables["web_app-login_button_clicked"]
    )
    assert ended.code == 0
    assert "'tracks'" in ended.stderr


def test_users_are_identified_by_their_id(services: Sandbox, tables: Lines, tmp_path: Path) -> None:
    assert send(services, tmp_path, tables["web_app-users"]).code == 0
    sent = {call["userId"]: call for call in calls(services).values()}
    assert sent.keys() == {"u1", "42"}
    assert sent["42"]["traits"] == {"paying": False, "logins": 0}
    assert sent["u1"]["context"]["ip"] == "192.0.2.7"
    assert {call["type"] for call in sent.values()} == {"identify"}


def test_an_account_of_which_no_user_is_known_is_rejected(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    ended = send(
        services,
        tmp_path,
        tables["web_app-accounts"] + tables["web_app-groups"],
        rejects_path="rejected.jsonl",
    )
    assert ended.code == 3
    assert calls(services).keys() == {"ajs-g1"}
    *_, rejected = (tmp_path / "rejected.jsonl").read_text().splitlines()
    reject = json.loads(rejected)["record"]
    assert (reject["id"], reject["_delivery_reject"]["reason"]) == ("c1", "no_user_anon_id")


@pytest.mark.parametrize("stream", ["shop-users", "web_app-identifies"])
def test_no_table_is_sent_unasked_and_the_line_that_is_said_makes_it_known(
    services: Sandbox, tables: Lines, tmp_path: Path, stream: str
) -> None:
    ended = send(services, tmp_path, tables[stream], streams={})
    assert ended.code == 1
    assert not calls(services)
    assert "private@shop.example" not in ended.stderr
    [line] = [each for each in ended.stderr.splitlines() if "is not known" in each]
    route = yaml.safe_load(line.rpartition("Add under streams in the settings: ")[2])
    assert send(services, tmp_path, tables[stream], streams=route).code == 0
    assert calls(services)


LINES = {
    "app-orders": {
        "call": "track",
        "user_id": "customer_id",
        "event": {"literal": "Orders"},
        "timestamp": "placed_at",
    },
    "app-companies": {"call": "group", "user_id": "owner_id", "group_id": "id"},
    "app-subscriptions": {"call": "ignore"},
    "app-login_audit": {
        "call": "track",
        "user_id": "userId",
        "event": "event",
        "exclude": ["passwordHash"],
    },
    "app-client-reviews": {"call": "ignore"},
}


def test_an_applications_tables_are_stopped_at_each_with_a_line_that_works(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    assert {name for name in tables if name.startswith("app-")} == LINES.keys()
    for stream, route in LINES.items():
        ended = send(services, tmp_path, tables[stream], streams={})
        assert (ended.code, ended.lines) == (1, [])
        assert "private" not in ended.stderr
        [said] = [each for each in ended.stderr.splitlines() if "is not known" in each]
        advice = said.rpartition("Add under streams in the settings: ")[2]
        assert yaml.safe_load(advice) == {stream: route}
    assert not calls(services)
    assert send(services, tmp_path, of(tables, "app"), streams=LINES).code == 0
    sent = [*calls(services).values()]
    assert {call.get("event") for call in sent} == {"Orders", "login", None}
    [group] = [call for call in sent if call["type"] == "group"]
    assert (group["groupId"], group["userId"]) == ("3", "7")
    assert not any("passwordHash" in call.get("properties", {}) for call in sent)


def test_a_warehouse_in_upper_case_gives_the_same_calls(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    assert send(services, tmp_path, of(tables, "web_app", "tracks", "accounts")).code == 0
    lower = calls(services)
    services.reset()
    upper = of(tables, "PROD", "tracks", "accounts")
    routes = {"PROD-*": {"as": "segment.warehouse"}}
    assert send(services, tmp_path, upper, streams=routes).code == 0
    assert {key: call for key, call in calls(services).items() if key.startswith("ajs-")} == {
        key: call for key, call in lower.items() if key.startswith("ajs-")
    }
    assert len(calls(services)) == len(lower)


def test_times_in_the_databases_own_form_are_times(
    services: Sandbox,
    database_server: Database,
    third_party: Callable[[str], str],
    tmp_path: Path,
) -> None:
    """Whose zone is then as short as `+00`, which not everybody can read."""
    database = warehouse(database_server)
    database.run(f"alter database {database.name} set timezone = 'UTC'")
    tap = third_party("tap-postgres")
    pages = read(tap, tmp_path, database, dates_as_string=True)["web_app-pages"]
    assert json.loads(pages[1])["record"]["timestamp"] == "2026-01-31 12:00:01+00"
    assert send(services, tmp_path, pages).code == 0
    assert calls(services)["ajs-p1"]["originalTimestamp"] == "2026-01-31T12:00:01+00:00"


def test_a_numbers_digits_are_sent_as_the_warehouse_has_them(
    services: Sandbox, tables: Lines, tmp_path: Path
) -> None:
    bodies = tmp_path / "bodies.jsonl"
    lines = tables["web_app-identifies"]
    ended = send(services, tmp_path, lines, dry_run=True, dry_run_path=str(bodies))
    assert ended.code == 0, ended.stderr
    assert '"balance":1234567890123456.7891,' in bodies.read_text()
