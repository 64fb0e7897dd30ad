"""Every field of the contract, from Moesif's raw document to what Segment received.

The documents are put into the sandbox, one command reads what the other has written, and the
sandbox's Segment says what arrived.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from commands import Sandbox, run, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERYTHING = {
    "_id": "u-1",
    "user_id": "u-1",
    "company_id": "c-1",
    "company": {
        "company_id": "c-1",
        "created": "2024-01-01T00:00:00Z",
        "modified_time": "2024-02-01T10:00:00.123",
        "first_seen_time": "2024-01-02T00:00:00.0990000Z",
        "last_seen_time": "2024-02-03T00:00:00+02:00",
        "ip_address": "192.0.2.9",
        "company_domain": "acme.example",
        "ttfhw_s": 3600,
        "metadata": {"plan": "paid", "überblick": ["ß", None]},
        "subscriptions": [{"subscription_id": "s-1"}],
        "session_token": ["company-secret"],
    },
    "created": "2024-01-01T00:00:00.000Z",
    "modified_time": "2024-02-01T12:00:00.5",
    "first_seen_time": "2024-01-01T01:02:03.0990000Z",
    "last_seen_time": "2024-02-01T14:00:00+01:00",
    "name": "Zoë Łuczak 🦊",
    "first_name": "Zoë",
    "last_name": "Łuczak",
    "email": "zoe@acme.example",
    "user_name": "@zoe",
    "phone": "+41 44 000 00 00",
    "photo_url": "https://acme.example/zoe.png",
    "campaign": {"utm_source": "news", "gclid": "g-1"},
    "enrichment": {"person": {"title": "CTO"}},
    "last24HourAggResults": {"count": 7, "own": {"shape": [1, 2]}},
    "metadata": {"tier": 1, "nested": {"list": [{"a": None}]}},
    "body": {"old": True},
    "user_agent": {"name": "Firefox", "major": "128", "os": "Linux"},
    "ip_address": "192.0.2.1",
    "geo_ip": {
        "ip": "192.0.2.1",
        "city_name": "Zürich",
        "region_name": "Zurich",
        "country_name": "Switzerland",
        "country_code2": "CH",
        "latitude": 47.36,
        "longitude": 8.55,
        "location": {"lat": 47.36, "lon": 8.55},
        "asn": 64500,
    },
    "session_token": ["user-secret"],
    "app_id": "198:3",
    "自定义": {"深": "🌊"},
}

IDENTIFY = {
    "type": "identify",
    "userId": "u-1",
    "integrations": {"Moesif API Analytics": False},
    "context": {
        "active": False,
        "ip": "192.0.2.1",
        "location": {
            "city": "Zürich",
            "region": "Zurich",
            "country": "Switzerland",
            "countryCode": "CH",
            "latitude": 47.36,
            "longitude": 8.55,
        },
        "library": {"name": "target-segment", "version": "0.1.0"},
    },
    "traits": {
        "id": "u-1",
        "createdAt": "2024-01-01T00:00:00.000Z",
        "modifiedTime": "2024-02-01T12:00:00.500Z",
        "firstSeenTime": "2024-01-01T01:02:03.099Z",
        "lastSeenTime": "2024-02-01T13:00:00.000Z",
        "name": "Zoë Łuczak 🦊",
        "firstName": "Zoë",
        "lastName": "Łuczak",
        "email": "zoe@acme.example",
        "username": "@zoe",
        "phone": "+41 44 000 00 00",
        "avatar": "https://acme.example/zoe.png",
        "company": {
            "id": "c-1",
            "created": "2024-01-01T00:00:00.000Z",
            "modifiedTime": "2024-02-01T10:00:00.123Z",
            "firstSeenTime": "2024-01-02T00:00:00.099Z",
            "lastSeenTime": "2024-02-02T22:00:00.000Z",
            "ipAddress": "192.0.2.9",
            "companyDomain": "acme.example",
            "ttfhw_s": 3600,
            "metadata": {"plan": "paid", "überblick": ["ß", None]},
            "additionalFields": {"subscriptions": [{"subscription_id": "s-1"}]},
        },
        "campaign": {"utm_source": "news", "gclid": "g-1"},
        "enrichment": {"person": {"title": "CTO"}},
        "last24HourAggResults": {"count": 7, "own": {"shape": [1, 2]}},
        "metadata": {"tier": 1, "nested": {"list": [{"a": None}]}},
        "userAgent": {"name": "Firefox", "major": "128", "os": "Linux"},
        "additionalFields": {
            "body": {"old": True},
            "geo_ip": {"asn": 64500},
            "app_id": "198:3",
            "自定义": {"深": "🌊"},
        },
    },
}

NO_USAGE = {
    "count": 0,
    "errorCount": 0,
    "statusCounts": {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0},
    "avgDurationMs": 0,
    "p90DurationMs": 0,
    "topRoutes": [],
    "lastEventTime": None,
}

AWKWARD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # name: (raw document besides its `_id` and `modified_time`, traits besides `id` and usage)
    "no user id, only the identified one": (
        {"identified_user_id": "{id}", "email": "foo@acme.example"},
        {"email": "foo@acme.example"},
    ),
    "no id but the hit's": ({"name": "N"}, {"name": "N"}),
    "body in place of metadata": ({"body": {"a": 1}}, {"metadata": {"a": 1}}),
    "metadata that is null, and a body": (
        {"metadata": None, "body": {"a": 1}},
        {"metadata": {"a": 1}},
    ),
    "seven digits": (
        {"first_seen_time": "2019-07-27T21:52:58.0990000Z"},
        {"firstSeenTime": "2019-07-27T21:52:58.099Z"},
    ),
    "no zone": (
        {"last_seen_time": "2019-07-27T21:55:19.464"},
        {"lastSeenTime": "2019-07-27T21:55:19.464Z"},
    ),
    "another zone": (
        {"created_at": "2019-12-31T23:30:00-01:00"},
        {"createdAt": "2020-01-01T00:30:00.000Z"},
    ),
    "milliseconds since the epoch": (
        {"create_time": 1519768519464},
        {"createdAt": "2018-02-27T21:55:19.464Z"},
    ),
    "unknown fields": (
        {"score": [1, {"x": None}], "ключ": "значение"},
        {"additionalFields": {"score": [1, {"x": None}], "ключ": "значение"}},
    ),
    "a company's id alone": ({"company_id": "c-7"}, {"company": {"id": "c-7"}}),
    "a company with another name for its domain": (
        {"company": {"company_id": "c-8", "domain_name": "d.example"}},
        {"company": {"id": "c-8", "companyDomain": "d.example"}},
    ),
    "a session token": ({"session_token": ["secret"]}, {}),
    "an enrichment under its other name": ({"clearbit": {"a": 1}}, {"enrichment": {"a": 1}}),
    "a roll-up under its other name": (
        {"last_24_hour_agg_results": {"count": 3}},
        {"last24HourAggResults": {"count": 3}},
    ),
    "wrong types": (
        {"email": 5, "metadata": "text", "first_seen_time": "never", "phone": ["1"]},
        {
            "additionalFields": {
                "email": 5,
                "metadata": "text",
                "first_seen_time": "never",
                "phone": ["1"],
            }
        },
    ),
}


@pytest.fixture(scope="module")
def services() -> Iterator[Sandbox]:
    with sandbox("--users", "0", "--companies", "0") as running:
        yield running


def sync(services: Sandbox, folder: Path) -> list[dict[str, Any]]:
    """Run tap-moesif and target-segment on the sandbox; give what Segment received."""
    tap = {
        "management_api_key": "sandbox-management-key",
        "api_url": f"{services.url}/moesif/api/v1",
    }
    target = {"write_key": "sandbox-write-key", "host": f"{services.url}/segment"}
    read = run("tap-moesif", folder, tap)
    assert read.code == 0, read.stderr
    sent = run("target-segment", folder, target, lines=read.lines)
    assert sent.code == 0, sent.stderr
    received = services.segment()
    assert received["counts"]["discarded"] == 0
    accepted: list[dict[str, Any]] = received["accepted"]
    return accepted


def without_what_each_delivery_adds(message: dict[str, Any]) -> dict[str, Any]:
    for name in ("messageId", "timestamp", "originalTimestamp", "receivedAt", "sentAt"):
        assert message.pop(name)
    return message


@pytest.mark.fresh_process
def test_every_field_arrives_but_the_session_tokens(services: Sandbox, tmp_path: Path) -> None:
    services.reset()
    services.put(users=[EVERYTHING], companies=[], events=[], replace=True)
    [message] = sync(services, tmp_path)
    assert without_what_each_delivery_adds(message) == IDENTIFY


def test_every_awkward_shape_arrives(services: Sandbox, tmp_path: Path) -> None:
    services.reset()
    documents, expected = [], {}
    for number, (raw, traits) in enumerate(AWKWARD.values()):
        name = f"user-{number}"
        given = {key: name if value == "{id}" else value for key, value in raw.items()}
        documents.append({"_id": name, "modified_time": "2024-01-01T00:00:00", **given})
        expected[name] = {
            "id": name,
            "modifiedTime": "2024-01-01T00:00:00.000Z",
            "last24HourAggResults": NO_USAGE,
            **traits,
        }
    services.put(users=documents, companies=[], events=[], replace=True)
    arrived = {message["userId"]: message["traits"] for message in sync(services, tmp_path)}
    assert arrived == expected


def test_usage_arrives_as_it_was(services: Sandbox, tmp_path: Path) -> None:
    """Two calls within the last day count; an older one, and an action, do not."""
    services.reset()
    now = time.time()

    def event(number: int, hours: float, **fields: Any) -> dict[str, Any]:
        when = datetime.fromtimestamp(now - hours * 3600, tz=timezone.utc)
        return {
            "_id": f"e-{number}",
            "user_id": "u-1",
            "event_type": "api_call",
            "duration_ms": 100,
            "request": {"time": when.isoformat(), "route": "/a", "verb": "GET"},
            "response": {"status": 200},
            **fields,
        }

    events = [
        event(1, 1),
        event(2, 2, duration_ms=300, response={"status": 503}),
        event(3, 25),
        event(4, 3, event_type="user_action", action_name="Clicked"),
    ]
    user = {"_id": "u-1", "user_id": "u-1", "modified_time": "2024-01-01T00:00:00"}
    services.put(users=[user], companies=[], events=events, replace=True)
    [message] = sync(services, tmp_path)
    usage = message["traits"]["last24HourAggResults"]
    assert usage.pop("lastEventTime")
    assert usage.pop("p90DurationMs")
    assert usage == {
        "count": 2,
        "errorCount": 1,
        "statusCounts": {"2xx": 1, "3xx": 0, "4xx": 0, "5xx": 1},
        "avgDurationMs": 200,
        "topRoutes": [{"route": "/a", "count": 2}],
    }
