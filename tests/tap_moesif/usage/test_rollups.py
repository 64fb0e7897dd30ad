from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from moesif_api import api
from scripted import Reply, Request, ScriptedService
from tap_moesif.service import MoesifError, RequiredScope
from tap_moesif.service.page_size import PageSize
from tap_moesif.usage.rollup import MAX_ID_UNITS
from tap_moesif.usage.rollups import RollUps

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_USAGE = {"hits": {"total": 0, "hits": []}, "aggregations": {"usage": {"buckets": []}}}


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(201, NO_USAGE)) as service:
        yield service


def complete(service: ScriptedService, records: list[dict[str, Any]], size: int) -> None:
    with api(service.url) as moesif:
        required = RequiredScope("users", "read:events", "set usage_rollup: false")
        size_of_query = PageSize(size, size)
        RollUps(moesif, required, "user_id", "A", "B", size_of_query).complete(records)


def asked(service: ScriptedService) -> list[list[str]]:
    return [ids(request) for request in service.requests]


def ids(request: Request) -> list[str]:
    found: list[str] = request.json["query"]["bool"]["filter"][0]["terms"]["user_id.raw"]
    return found


def users(*names: str) -> list[dict[str, Any]]:
    return [{"id": name} for name in names]


@pytest.mark.parametrize(("size", "queries"), [(5, ["abcde"]), (2, ["ab", "cd", "e"])])
def test_a_query_asks_about_no_more_than_it_may(
    service: ScriptedService, size: int, queries: list[str]
) -> None:
    records = users(*"abcde")

    complete(service, records, size)

    assert asked(service) == [[*query] for query in queries]
    assert all(record["last24HourAggResults"]["count"] == 0 for record in records)


@pytest.mark.parametrize("reply", [Reply(413), Reply(503)])
def test_fewer_are_asked_about_where_that_is_too_much(
    service: ScriptedService, reply: Reply
) -> None:
    service.answer = lambda request: reply if len(ids(request)) > 2 else Reply(201, NO_USAGE)
    records = users(*"abcdefgh")

    complete(service, records, 8)

    assert asked(service)[-4:] == [[*"ab"], [*"cd"], [*"ef"], [*"gh"]]
    assert all(record["last24HourAggResults"]["count"] == 0 for record in records)


def test_nobody_is_asked_about_who_cannot_be_or_has_a_roll_up(service: ScriptedService) -> None:
    own: dict[str, Any] = {"id": "own", "last24HourAggResults": {"count": 7}}
    too_long: dict[str, Any] = {"id": "x" * (MAX_ID_UNITS + 1)}
    records = [own, too_long, {"id": "u1", "last24HourAggResults": None}]

    complete(service, records, 8)

    assert asked(service) == [["u1"]]
    assert own["last24HourAggResults"] == {"count": 7}
    assert "last24HourAggResults" not in too_long


def test_an_answer_of_another_form_is_told_the_way_out(service: ScriptedService) -> None:
    service.answer = lambda _: Reply(201, {"hits": {"hits": []}})

    with pytest.raises(MoesifError, match="usage_rollup: false"):
        complete(service, users("u1"), 8)


def test_a_query_that_is_not_understood_is_told_the_way_out(service: ScriptedService) -> None:
    """As where an account's statuses or durations are text."""
    service.answer = lambda _: Reply(400)

    with pytest.raises(MoesifError, match="usage_rollup: false"):
        complete(service, users("u1"), 8)
