from __future__ import annotations

from typing import Any

import pytest

from tap_moesif.service.queries import changed_since, events_between, modified_between

NO_TIME = {"bool": {"must_not": [{"exists": {"field": "modified_time"}}]}}


def since(field: str, **bounds: str) -> dict[str, Any]:
    return {"range": {field: {**bounds, "format": "strict_date_optional_time"}}}


def test_everything_is_asked_for_without_bounds() -> None:
    assert modified_between(None, None) == {"match_all": {}}


def test_documents_without_a_time_belong_to_the_run_without_a_start() -> None:
    assert modified_between(None, "B") == {
        "bool": {"should": [since("modified_time", lt="B"), NO_TIME], "minimum_should_match": 1}
    }


def test_a_stretch_of_time_is_half_open() -> None:
    assert modified_between("A", "B") == since("modified_time", gte="A", lt="B")


def test_a_change_is_one_of_either_time_or_of_none() -> None:
    assert changed_since("A", "B", None) == {
        "bool": {
            "should": [since("modified_time", gte="A"), since("last_seen_time", gte="B"), NO_TIME],
            "minimum_should_match": 1,
        }
    }


def test_a_bounded_run_stays_within_its_bounds_later_too() -> None:
    assert changed_since("A", "B", "C") == {
        "bool": {"filter": [changed_since("A", "B", None), modified_between(None, "C")]}
    }


@pytest.mark.parametrize(
    ("event_type", "clauses"),
    [
        (None, {}),
        ("api_call", {"must_not": [{"term": {"event_type": "user_action"}}]}),
        ("user_action", {"filter": [{"term": {"event_type": "user_action"}}]}),
    ],
)
def test_events_are_asked_for_by_time_and_type(
    event_type: str | None, clauses: dict[str, Any]
) -> None:
    query = events_between("A", "B", event_type)["bool"]

    assert query["filter"][0] == since("request.time", gte="A", lt="B")
    assert query["filter"][1:] == clauses.get("filter", [])
    assert query.get("must_not") == clauses.get("must_not")
