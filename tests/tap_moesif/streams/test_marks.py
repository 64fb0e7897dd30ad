"""By what targets know this tap's streams, and what they can rely on."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from account import MINUTE
from tap_moesif import TapMoesif
from tap_output import Output, sync

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
STREAMS = pytest.mark.parametrize("stream", AUTOMATIC)

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


def read(moesif: Account, catalog: dict[str, Any], **config: Any) -> Output:
    settings = {"management_api_key": "k", "api_url": moesif.url, "usage_rollup": False}
    return sync({**settings, **config}, catalog)


def of(stream: str, catalog: dict[str, Any]) -> dict[str, Any]:
    [entry] = [e for e in catalog["streams"] if e["tap_stream_id"] == stream]
    found: dict[str, Any] = entry
    return found


def metadata(entry: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for part in entry["metadata"]:
        yield tuple(part["breadcrumb"]), part["metadata"]


@pytest.fixture(scope="module")
def discovered() -> dict[str, Any]:
    return TapMoesif(config={"management_api_key": "k"}, validate_config=False).catalog_dict


@pytest.fixture
def catalog(discovered: dict[str, Any]) -> dict[str, Any]:
    """What is discovered, with every stream selected."""
    catalog = deepcopy(discovered)
    for entry in catalog["streams"]:
        dict(metadata(entry))[()]["selected"] = True
    return catalog


def only(stream: str, catalog: dict[str, Any]) -> None:
    for entry in catalog["streams"]:
        dict(metadata(entry))[()]["selected"] = entry["tap_stream_id"] == stream


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


@STREAMS
def test_a_discovered_schema_has_the_streams_mark(stream: str, catalog: dict[str, Any]) -> None:
    schema = of(stream, catalog)["schema"]

    assert schema["$id"] == f"urn:tap-moesif:{stream}"
    Draft202012Validator.check_schema(schema)


@STREAMS
def test_what_routing_needs_cannot_be_deselected(stream: str, catalog: dict[str, Any]) -> None:
    automatic = {
        breadcrumb[1]
        for breadcrumb, own in metadata(of(stream, catalog))
        if breadcrumb and own["inclusion"] == "automatic"
    }

    assert automatic == AUTOMATIC[stream]


@pytest.mark.parametrize(
    "change",
    [untouched, as_made_before, nothing_optional, without_metadata, one_property, without_key],
)
@pytest.mark.parametrize("before", [untouched, as_made_before])
@STREAMS
def test_the_mark_and_what_routing_needs_are_there_whatever_the_catalog_says(
    moesif: Account,
    catalog: dict[str, Any],
    stream: str,
    before: Callable[[dict[str, Any]], None],
    change: Callable[[dict[str, Any]], None],
) -> None:
    only(stream, catalog)
    before(of(stream, catalog))
    change(of(stream, catalog))

    schema, record = messages_of(read(moesif, catalog), stream)

    assert schema["schema"]["$id"] == f"urn:tap-moesif:{stream}"
    assert schema["schema"]["properties"].keys() >= AUTOMATIC[stream]
    there = {
        "users": {"id"},
        "companies": {"id"},
        "subscriptions": {"id", "companyId", "status"},
        "usage": {"id", "startTime", "endTime", "userId"},
    }
    assert record["record"].keys() >= there.get(stream, AUTOMATIC[stream])
    assert record["record"].keys() <= schema["schema"]["properties"].keys()


def messages_of(output: Output, stream: str) -> tuple[dict[str, Any], dict[str, Any]]:
    schema, record, *_ = (m for m in output.messages if m.get("stream") == stream)
    assert (schema["type"], record["type"]) == ("SCHEMA", "RECORD")
    return schema, record


@pytest.mark.parametrize(
    ("stream_map", "name"),
    [
        ({"__alias__": "people"}, "people"),
        ({"id": "md5(id)"}, None),
        ({"added": "'x'"}, None),
        ({"id": "id", "__else__": None}, None),
        ({"__filter__": "id != 'x'"}, None),
        ({"id": "id", "__key_properties__": None}, None),
    ],
    ids=["alias", "hashed", "added", "else", "filter", "no keys"],
)
@pytest.mark.parametrize("flattened", [False, True], ids=["whole", "flattened"])
@STREAMS
def test_the_mark_stays_where_a_stream_map_keeps_the_key(
    moesif: Account,
    catalog: dict[str, Any],
    stream: str,
    stream_map: dict[str, Any],
    name: str | None,
    *,
    flattened: bool,
) -> None:
    only(stream, catalog)

    output = read(
        moesif,
        catalog,
        stream_maps={stream: stream_map},
        flattening_enabled=flattened,
        flattening_max_depth=3,
    )

    schema, _ = messages_of(output, name or stream)
    assert schema["schema"]["$id"] == f"urn:tap-moesif:{stream}"


def test_a_copy_of_a_stream_has_its_mark(moesif: Account, catalog: dict[str, Any]) -> None:
    maps = {"people": {"__source__": "users", "email": None}, "users": None}

    schema, record = messages_of(read(moesif, catalog, stream_maps=maps), "people")

    assert schema["schema"]["$id"] == "urn:tap-moesif:users"
    assert record["record"]["id"] == "u1"


def test_the_mark_goes_with_the_key(moesif: Account, catalog: dict[str, Any]) -> None:
    maps = {"users": {"id": None, "__key_properties__": ["email"]}}

    schema, _ = messages_of(read(moesif, catalog, stream_maps=maps), "users")

    assert "$id" not in schema["schema"]
