"""The queries for documents of a time range, in the search engine's DSL; pure."""

from __future__ import annotations

from typing import Any

Query = dict[str, Any]

MODIFIED_TIME = "modified_time"
LAST_SEEN = "last_seen_time"
REQUEST_TIME = "request.time"
EVENT_TYPE = "event_type"
ACTION = "user_action"

FIELDS = (
    "_id",
    MODIFIED_TIME,
    LAST_SEEN,
    REQUEST_TIME,
    EVENT_TYPE,
    "user_id.raw",
    "company_id.raw",
    "request.route.raw",
    "response.status",
    "duration_ms",
)
"""The fields that this tap's searches name."""


def between(field: str, since: str | None, until: str | None) -> Query:
    """Ask for documents whose time is in a half-open range; ISO 8601 in UTC, None is open."""
    bounds = {name: time for name, time in (("gte", since), ("lt", until)) if time}
    return {"range": {field: {**bounds, "format": "strict_date_optional_time"}}}


def without(field: str) -> Query:
    """Ask for documents that do not have a field."""
    return {"bool": {"must_not": [{"exists": {"field": field}}]}}


def any_of(*queries: Query) -> Query:
    """Ask for documents that at least one query finds."""
    return {"bool": {"should": [*queries], "minimum_should_match": 1}}


def modified_between(since: str | None, until: str | None) -> Query:
    """Ask for documents modified in a half-open range.

    Those without such a time belong to the range without a beginning.
    """
    if since:
        return between(MODIFIED_TIME, since, until)
    if until:
        return any_of(between(MODIFIED_TIME, None, until), without(MODIFIED_TIME))
    return everything()


def everything() -> Query:
    """Ask for all documents."""
    return {"match_all": {}}


def changed_since(modified: str, seen: str, until: str | None) -> Query:
    """Ask for what was modified or seen since; of a bounded run, only what was modified before.

    A document without `modified_time` is always among them: nothing tells that it is unchanged.
    """
    changed = any_of(
        between(MODIFIED_TIME, modified, None),
        between(LAST_SEEN, seen, None),
        without(MODIFIED_TIME),
    )
    if until:
        return {"bool": {"filter": [changed, modified_between(None, until)]}}
    return changed


def events_between(since: str, until: str, event_type: str | None) -> Query:
    """Ask for events of a half-open range; one without `event_type` is an API call."""
    action = {"term": {EVENT_TYPE: ACTION}}
    query: Query = {"filter": [between(REQUEST_TIME, since, until)]}
    if event_type == ACTION:
        query["filter"].append(action)
    elif event_type:
        query["must_not"] = [action]
    return {"bool": query}
