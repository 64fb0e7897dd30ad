"""The shapes of documents, without their values; pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from tap_moesif.records import Field

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-][\d:]+)?")
_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "list"}
DEPTH = 4

ROLL_UP_NAMES = frozenset(
    {
        *("aggregations", "aggs", "buckets", "count", "doc_count", "doc_count_error_upper_bound"),
        *("sum_other_doc_count", "key", "key_as_string", "value", "values", "avg", "min", "max"),
        *("sum", "from", "to", "hits", "total", "weight", "duration_ms", "response", "request"),
        *("status", "route", "uri", "verb", "errorCount", "statusCounts", "avgDurationMs"),
        *("p90DurationMs", "topRoutes", "lastEventTime", "2xx", "3xx", "4xx", "5xx"),
    }
)
"""Names that the search engine uses in a roll-up; any other name could be custom."""


def published(fields: Iterable[Field]) -> frozenset[str]:
    """Return the raw names of a stream's fields, which are in Moesif's published reference."""
    return frozenset(_published(fields)) | {"session_token", "app_id", "org_id"}


def _published(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        yield from field.raw
        yield from _published(field.fields)


def type_of(value: object) -> str:
    """Return the JSON type of a value; for a time, its format."""
    if value is None:
        return "null"
    if isinstance(value, str) and _TIME.fullmatch(value):
        return f"time as {re.sub('[0-9]', '0', value)}"
    return _NAMES.get(type(value), "object")


def shape(value: Any, names: Collection[str], depth: int = DEPTH) -> str:  # noqa: ANN401, JSON
    """Describe a value by its types and the known names in it.

    >>> shape({"count": 3, "mine": "x"}, {"count"})
    '{count: integer, 1 other: string}'
    """
    if isinstance(value, dict) and depth:
        inner = {name: shape(each, names, depth - 1) for name, each in value.items()}
        known = [f"{name}: {text}" for name, text in inner.items() if name in names]
        others = [text for name, text in inner.items() if name not in names]
        if others:
            word = "other" if len(others) == 1 else "others"
            known.append(f"{len(others)} {word}: {' or '.join(dict.fromkeys(others))}")
        return f"{{{', '.join(known)}}}"
    if isinstance(value, list) and depth:
        return f"[{' or '.join(dict.fromkeys(shape(each, names, depth - 1) for each in value))}]"
    return type_of(value)


def about(count: int) -> str:
    """Return a count in words, rounded so that it does not identify an account.

    >>> about(0), about(7), about(4321)
    ('none', 'fewer than 10', 'about 4,000')
    """
    if count <= 0:
        return "none"
    if count < 10:  # noqa: PLR2004, one digit
        return "fewer than 10"
    power = 10 ** int(math.log10(count))
    return f"about {count // power * power:,}"


def share(part: int, whole: int) -> str:
    """Return a share in words."""
    if part == 0:
        return "none"
    if part == whole:
        return "all"
    return "most" if 2 * part > whole else "some"


def field_rows(
    documents: Sequence[Mapping[str, Any]], names: Collection[str]
) -> list[tuple[str, str, str]]:
    """Return the types and frequency of each published name in documents."""
    rows = []
    for name in sorted({name for document in documents for name in document} & {*names}):
        values = [document[name] for document in documents if document.get(name) is not None]
        types = [kind for kind, _ in Counter(map(type_of, values)).most_common()]
        rows.append((name, " or ".join(types) or "null", share(len(values), len(documents))))
    others = {name for document in documents for name in document} - {*names}
    if others:
        rows.append((f"({about(len(others))} other names)", "", ""))
    return rows


def first_of(documents: Sequence[Mapping[str, Any]], names: Iterable[str]) -> list[str]:
    """Return the names under which any document has a value."""
    return [name for name in names if any(each.get(name) is not None for each in documents)]


def moves_with_calls(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return whether `modified_time` moves with API calls, judged by the profiles' times."""
    gaps = [gap for each in documents if (gap := _gap(each)) is not None]
    if not gaps:
        return "unknown: no profile has both times"
    later = sum(gap > timedelta(hours=1) for gap in gaps)
    equal = sum(abs(gap) <= timedelta(minutes=5) for gap in gaps)
    if later:
        return f"no: {share(later, len(gaps))} were seen more than an hour after they were modified"
    if 2 * equal > len(gaps):
        return f"probably: {share(equal, len(gaps))} have both times within 5 minutes"
    return "unknown: no user was seen after being modified"


def _gap(document: Mapping[str, Any]) -> timedelta | None:
    """Return the time from a profile's last modification to its last activity."""
    modified, seen = _time(document.get("modified_time")), _time(document.get("last_seen_time"))
    return None if modified is None or seen is None else seen - modified


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    text = re.sub(r"(\.\d{6})\d+", r"\1", value)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
