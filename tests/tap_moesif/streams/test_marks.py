"""By what targets know this tap's streams, and what they can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from account import MINUTE, settings
from tap_output import Output, catalog, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from account import Account

pytestmark = pytest.mark.slow

AUTOMATIC = {
    "users": {"id", "modifiedTime"},
    "companies": {"id", "modifiedTime"},
    "subscriptions": {"id", "modifiedTime", "companyId", "status"},
    "cohorts": {"id"},
    "events": {"id", "requestTime", "eventType", "actionName", "userId", "companyId"},
    "usage": {"id", "startTime", "endTime", "userId", "companyId"},
}
THERE = {
    "users": {"id"},
    "companies": {"id"},
    "subscriptions": {"id", "companyId", "status"},
    "usage": {"id", "startTime", "endTime", "userId"},
}
"""What the account's records have of these, where they lack some."""

SUBSCRIPTION = {"subscription_id": "s1", "status": "active", "provider": "stripe"}


@pytest.fixture
def moesif(account: Account) -> Account:
    """An account with one of everything."""
    account.user("u1", email="a", metadata={"plan": "pro"}, ip_address="10.0.0.1")
    account.company("c1", company_domain="acme.example", subscriptions=[SUBSCRIPTION])
    account.put_event(
        "e1",
        event_type="user_action",
        action_name="Signed up",
        user_id="u1",
        company_id="c1",
        metadata={"from": "web"},
        request={"time": "2026-03-10T11:00:00", "uri": "https://acme.example/"},
    )
    account.call("u1", 30 * MINUTE)
    account.lists["/~/cohorts"] = [{"_id": "co1", "cohort_name": "Trial"}]
    return account


@pytest.fixture
def selected() -> dict[str, Any]:
    """What is discovered, with every stream selected that has a mark of its own."""
    return catalog(AUTOMATIC)


def read(moesif: Account, selected: dict[str, Any], **config: Any) -> Output:
    return sync(settings(moesif, **config), selected)


def entries(selected: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {e["stream"]: e for e in selected["streams"] if e["stream"] in AUTOMATIC}


def metadata(entry: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for part in entry["metadata"]:
        yield tuple(part["breadcrumb"]), part["metadata"]


def as_made_before(entry: dict[str, Any]) -> None:
    """Make of a catalog's stream what it was before streams had marks."""
    entry["schema"].pop("$id", None)
    for breadcrumb, own in metadata(entry):
        if breadcrumb and breadcrumb[1] not in {"id", entry.get("replication_key")}:
            own["inclusion"] = "available"


def nothing_optional(entry: dict[str, Any]) -> None:
    for breadcrumb, own in metadata(entry):
        if breadcrumb:
            own["selected"] = False


def without_metadata(entry: dict[str, Any]) -> None:
    entry["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]


def one_property(entry: dict[str, Any]) -> None:
    entry["schema"]["properties"] = {"id": {"type": "string"}}


def without_key(entry: dict[str, Any]) -> None:
    entry["key_properties"] = []


def untouched(_: dict[str, Any]) -> None:
    pass


def test_a_discovered_schema_has_the_streams_mark(selected: dict[str, Any]) -> None:
    for stream, entry in entries(selected).items():
        assert entry["schema"]["$id"] == f"urn:tap-moesif:{stream}"
        Draft202012Validator.check_schema(entry["schema"])


@pytest.mark.parametrize("stream", AUTOMATIC)
def test_what_routing_needs_cannot_be_deselected(stream: str, selected: dict[str, Any]) -> None:
    automatic = {
        breadcrumb[1]
        for breadcrumb, own in metadata(entries(selected)[stream])
        if breadcrumb and own["inclusion"] == "automatic"
    }

    assert automatic == AUTOMATIC[stream]


@pytest.mark.parametrize(
    "change",
    [untouched, as_made_before, nothing_optional, without_metadata, one_property, without_key],
)
@pytest.mark.parametrize("before", [untouched, as_made_before])
def test_the_mark_and_what_routing_needs_are_there_whatever_the_catalog_says(
    moesif: Account,
    selected: dict[str, Any],
    before: Callable[[dict[str, Any]], None],
    change: Callable[[dict[str, Any]], None],
) -> None:
    for entry in entries(selected).values():
        before(entry)
        change(entry)

    output = read(moesif, selected)

    for stream, needed in AUTOMATIC.items():
        schema, record = messages_of(output, stream)
        assert schema["schema"]["$id"] == f"urn:tap-moesif:{stream}"
        assert schema["schema"]["properties"].keys() >= needed
        assert record["record"].keys() >= THERE.get(stream, needed)
        assert record["record"].keys() <= schema["schema"]["properties"].keys()


def messages_of(output: Output, stream: str) -> tuple[dict[str, Any], dict[str, Any]]:
    schema, record, *_ = (m for m in output.messages if m.get("stream") == stream)
    assert (schema["type"], record["type"]) == ("SCHEMA", "RECORD")
    return schema, record


@pytest.mark.parametrize(
    "stream_map",
    [
        {"__alias__": "aliased"},
        {"id": "md5(id)"},
        {"added": "'x'"},
        {"id": "id", "__else__": None},
        {"__filter__": "id != 'x'"},
        {"id": "id", "__key_properties__": None},
    ],
    ids=["alias", "hashed", "added", "else", "filter", "no keys"],
)
@pytest.mark.parametrize("flattened", [False, True], ids=["whole", "flattened"])
def test_the_mark_stays_where_a_stream_map_keeps_the_key(
    moesif: Account, selected: dict[str, Any], stream_map: dict[str, Any], *, flattened: bool
) -> None:
    maps = {stream: dict(stream_map) for stream in AUTOMATIC}
    if "__alias__" in stream_map:
        maps = {stream: {"__alias__": f"aliased_{stream}"} for stream in AUTOMATIC}

    output = read(
        moesif,
        selected,
        stream_maps=maps,
        flattening_enabled=flattened,
        flattening_max_depth=3,
    )

    for stream, own in maps.items():
        schema, _ = messages_of(output, own.get("__alias__", stream))
        assert schema["schema"]["$id"] == f"urn:tap-moesif:{stream}"


def test_a_copy_of_a_stream_has_its_mark(moesif: Account, selected: dict[str, Any]) -> None:
    maps = {"people": {"__source__": "users", "email": None}, "users": None}

    schema, record = messages_of(read(moesif, selected, stream_maps=maps), "people")

    assert schema["schema"]["$id"] == "urn:tap-moesif:users"
    assert record["record"]["id"] == "u1"


def test_the_mark_goes_with_the_key(moesif: Account, selected: dict[str, Any]) -> None:
    maps = {"users": {"id": None, "__key_properties__": ["email"]}}

    schema, _ = messages_of(read(moesif, selected, stream_maps=maps), "users")

    assert "$id" not in schema["schema"]
