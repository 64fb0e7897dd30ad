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
"""The fields in this tap's searches."""


def between(field: str, since: str | None, until: str | None) -> Query:
    """Match documents by a time in a half-open range; ISO 8601 in UTC, None is unbounded."""
    bounds = {name: time for name, time in (("gte", since), ("lt", until)) if time}
    return {"range": {field: {**bounds, "format": "strict_date_optional_time"}}}


def missing(field: str) -> Query:
    """Match documents without a field."""
    return {"bool": {"must_not": [{"exists": {"field": field}}]}}


def any_of(*queries: Query) -> Query:
    """Match documents that match at least one query."""
    return {"bool": {"should": [*queries], "minimum_should_match": 1}}


def modified_between(since: str | None, until: str | None) -> Query:
    """Match documents modified in a half-open range.

    Documents without such a time belong to the range without a start.
    """
    if since:
        return between(MODIFIED_TIME, since, until)
    if until:
        return any_of(between(MODIFIED_TIME, None, until), missing(MODIFIED_TIME))
    return everything()


def everything() -> Query:
    """Match all documents."""
    return {"match_all": {}}


def changed_since(modified: str, seen: str, until: str | None) -> Query:
    """Match documents modified or seen since some times, and modified before `until`, if given.

    Documents without `modified_time` always match, because they may have changed.
    """
    changed = any_of(
        between(MODIFIED_TIME, modified, None),
        between(LAST_SEEN, seen, None),
        missing(MODIFIED_TIME),
    )
    if until:
        return {"bool": {"filter": [changed, modified_between(None, until)]}}
    return changed


def events_between(since: str, until: str, event_type: str | None) -> Query:
    """Match events in a half-open range; an event without `event_type` is an API call."""
    action = {"term": {EVENT_TYPE: ACTION}}
    query: Query = {"filter": [between(REQUEST_TIME, since, until)]}
    if event_type == ACTION:
        query["filter"].append(action)
    elif event_type:
        query["must_not"] = [action]
    return {"bool": query}
