"""Each reason for which a target rejects a record, made to happen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commands import run
from scripted import Reply, Request, ScriptedService
from segment_runs import SUCCESS, record, schema
from singer_delivery.testing import deliver
from target_webhook import TargetWebhook

if TYPE_CHECKING:
    from pathlib import Path

Reject = dict[str, str]

SCHEMAS = [
    schema("calls", "userId", "anonymousId", "event", "traits", "groupId", "type", "timestamp"),
    schema("crm", "id", "name", "address"),
    schema("orders", "id"),
    schema("maps", "userId", "event", "a"),
    {
        **schema("strict", "userId", "event"),
        "schema": {"properties": {"userId": {}, "event": {"type": "string"}}},
    },
    schema("billing", "id", "account", "status"),
    schema("events", "id", mark="events"),
    schema("profiles", "user_id", "metadata", "_sdc_deleted_at"),
    schema("events", "id", mark="events"),
]
SETTINGS = {
    "validate_records": True,
    "max_rejects": -1,
    "lanes": 1,
    "streams": {
        **{name: {"as": "segment.calls"} for name in ("calls", "maps", "strict")},
        "crm": {"call": "identify", "user_id": "id", "rename": {"name": "address.name"}},
        "orders": {"call": "track", "user_id": "customer", "event": {"literal": "Ordered"}},
    },
    "stream_maps": {"maps": {"a": "int(record['a'])"}},
}
MOESIFS_CALLS = {
    "billing": {"call": "subscription", "group_id": "account", "rename": {"id": "subscription_id"}},
    "profiles": {"call": "user", "user_id": "user_id"},
}
BOTH = [
    record("calls", type="track", event="A"),
    record("calls", type="track", userId="", event="A"),
    record("calls", type="group", userId="u"),
    record("calls", type="track", userId="u"),
    record("calls", type="track", userId="u", event=5),
    record("calls", type="identify", userId="u", traits=5),
    record("calls", type="track", userId="u", event="A", properties=5),
    record("calls", type="track", userId="u", event="A", context=5),
    record("calls", type="track", userId="u", event="A", timestamp="soon"),
    record("calls", type="track", userId="u", event="A", messageId=["m"]),
    record("calls", type="track", userId="u", event="A", properties={"a": "x" * 2_000_000}),
    record("calls", type="track", userId="u", event="Refused"),
    record("crm", id="u", name="n", address="a"),
    record("orders", id=1),
    record("maps", userId="u", event="A", a="no number"),
    record("strict", userId="u", event=5),
    """{"type": "RECORD", "stream": "calls", "record": {"userId": "u", "event": NaN}}""",
    """{"type": "RECORD", "stream": "calls", "record": {"userId": "u", "timestamp": 1e999}}""",
    """{"type": "RECORD", "stream": "calls", "record": {"userId": "u", "event": "\udce9"}}""",
    record("calls", type="delete", userId="u"),
    record("crm", _delivery_removal=5),
    record("events", id="e"),
]
CONSENT = {"consent": {"categoryPreferences": {"Advertising": True}}}
CONSENT_GIVEN = {"type": "track", "event": "Segment Consent Preference Updated"}
OF_SEGMENT = [
    record("calls", type="page", userId="u", name=""),
    record("calls", type="screen", userId="u", category=5),
    record("calls", type="page", userId="u", context={"consent": True}),
    record("calls", type="page", userId="u", context={"consent": {"categoryPreferences": 5}}),
    record(
        "calls",
        type="page",
        userId="u",
        context={"consent": {"categoryPreferences": {"Advertising": "yes"}}},
    ),
    record("calls", **CONSENT_GIVEN, anonymousId="a"),
    record("calls", **CONSENT_GIVEN, userId="u", context=CONSENT),
    record(
        "calls",
        **CONSENT_GIVEN,
        anonymousId="a",
        context={**CONSENT, "device": {"advertisingId": 5}},
    ),
]
OF_MOESIF = [
    record("calls", type="identify", traits={}),
    record("calls", type="page", userId="u", name=5),
    record("calls", type="track", userId="u", event="A", timestamp="2020-01-01T00:00:00Z"),
    record("billing", id="s", account="c", status=None),
    record("profiles", user_id="u", metadata=5),
    record("profiles", user_id="..", _sdc_deleted_at="2026-01-01T00:00:00Z"),
]


def of_segment(folder: Path) -> list[Reject]:
    """Give what target-segment writes beside what it rejects."""
    config = {"write_key": "k", **SETTINGS}
    return _rejects("target-segment", folder, config, "host", BOTH + OF_SEGMENT)


def of_moesif(folder: Path) -> list[Reject]:
    """Give what target-moesif writes beside what it rejects."""
    streams = {**SETTINGS["streams"], **MOESIFS_CALLS}  # type: ignore[dict-item]
    config = {"application_id": "k", **SETTINGS, "streams": streams, "skip_late_actions": True}
    config |= {"hard_delete": True, "management_api_key": "k"}
    return _rejects("target-moesif", folder, config, "api_url", BOTH + OF_MOESIF)


def of_webhook(folder: Path) -> list[Reject]:
    """Give what every target rejects in the same way, by that of singer-delivery's README."""
    lines = [schema("any", "id"), record("any", id="x" * 1_000_000)]
    with ScriptedService(_answer) as service:
        ended = deliver(TargetWebhook, {"url": service.url, "token": "t"}, lines, folder)
    return [ended.rejects[1]["record"]["_delivery_reject"]]


def _rejects(
    name: str, folder: Path, config: dict[str, Any], address: str, records: list[Any]
) -> list[Reject]:
    with ScriptedService(_answer) as service:
        lines = [*SCHEMAS, *records]
        ended = run(name, folder, {**config, address: service.url}, lines=lines)
    assert ended.code == 0, ended.stderr
    [path] = (folder / "rejects").iterdir()
    found = (json.loads(line) for line in path.read_text(errors="replace").splitlines())
    rejects = [line["record"]["_delivery_reject"] for line in found if line["type"] == "RECORD"]
    assert len(rejects) == len(records), rejects
    return rejects


def _answer(request: Request) -> Reply:
    return Reply(400, {"message": "no"}) if b"Refused" in request.body else SUCCESS
