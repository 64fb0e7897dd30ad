"""What Segment's calls say goes into Moesif and comes out of it again, as Segment's calls."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from commands import Sandbox, run, sandbox
from segment_runs import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PERSON = {
    "email": "zoë@acme.example",
    "firstName": "Zoë",
    "name": "Zoë Łuczak",
    "plan": "paid",
    "seats": 12,
    "beta": True,
    "tags": ["a", "ß"],
    "address": {"city": "Zürich", "zip": None},
    "company": {"id": "c1", "name": "Acme"},
}
CONTEXT = {
    "ip": "192.0.2.1",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
    "campaign": {"name": "spring", "source": "news"},
    "page": {"url": "https://acme.example/", "referrer": "https://search.example/q"},
}
OBJECTS = ("traits", "properties", "context")
A_MINUTE_AGO = (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat()
"""The tap reads events up to the second in which its run starts; later ones in the next run."""

LINES = [
    schema("calls", *("type", "userId", "groupId", "event", "timestamp"), *OBJECTS),
    record("calls", type="identify", userId="u1", traits=PERSON, context=CONTEXT),
    record("calls", type="group", userId="u1", groupId="c1", traits={"domain": "acme.example"}),
    record(
        "calls",
        type="track",
        userId="u1",
        event="Signed Up",
        timestamp=A_MINUTE_AGO,
        properties={"via": "form"},
        context=CONTEXT,
    ),
    state("sent"),
]


@pytest.fixture(scope="module")
def services() -> Iterator[Sandbox]:
    with sandbox("--users", "0", "--companies", "0") as running:
        yield running


def come_back(services: Sandbox, folder: Path) -> list[dict[str, Any]]:
    """Read all that Moesif has and send it to Segment; give what Segment received."""
    tap = {
        "management_api_key": "sandbox-management-key",
        "api_url": f"{services.url}/moesif/api/v1",
    }
    discovered = run("tap-moesif", folder, tap, "--discover")
    catalog = discovered.stdout.replace('"selected-by-default":false', '"selected":true')
    (folder / "catalog.json").write_text(catalog)
    read = run("tap-moesif", folder, tap, "--catalog", "catalog.json")
    assert read.code == 0, read.stderr
    target = {"write_key": "sandbox-write-key", "host": f"{services.url}/segment"}
    sent = run("target-segment", folder, target, lines=read.stdout.splitlines())
    assert sent.code == 0, sent.stderr
    received: list[dict[str, Any]] = services.segment()["accepted"]
    return received


def test_what_was_said_of_a_user_is_said_again(services: Sandbox, tmp_path: Path) -> None:
    collector = {
        "application_id": "sandbox-application-id",
        "api_url": f"{services.url}/moesif/collector/v1",
        "streams": {"calls": {"as": "segment.calls"}},
    }
    ended = run("target-moesif", tmp_path, collector, lines=LINES)
    assert (ended.code, ended.messages) == (0, ["sent"]), ended.stderr
    received = come_back(services, tmp_path)
    [person] = [message for message in received if message["type"] == "identify"]
    assert person["userId"] == "u1"
    assert person["context"]["ip"] == "192.0.2.1"
    traits = person["traits"]
    kept = {**PERSON, "address": {"city": "Zürich"}}  # what a null does in Moesif nobody knows
    said = {**traits["metadata"], **{name: traits[name] for name in ("email", "name", "firstName")}}
    assert {name: said[name] for name in PERSON} == kept
    assert traits["campaign"]["utm_campaign"] == "spring"
    assert traits["campaign"]["referring_domain"] == "search.example"
    assert traits["company"]["id"] == "c1"
    assert traits["company"]["companyDomain"] == "acme.example"
    [action] = [message for message in received if message["type"] == "track"]
    assert (action["userId"], action["event"]) == ("u1", "Signed Up")
    assert action["properties"] == {"via": "form"}
    assert action["context"]["ip"] == "192.0.2.1"
    assert action["context"]["page"] == {"url": "https://acme.example/"}
