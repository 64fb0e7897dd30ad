"""Queries for usage by hour or day, and parsing of their responses; pure.

A bucket is the API calls of one user or company in one hour or day, optionally of one route. Its
key is the start, the route, if any, and the id. Buckets are listed in the order of their keys, so
the next page starts after the last key.

Dialects of the engine (engine, "Composite aggregation", "Date histogram"): composite aggregations
exist since 6.1. They take an `interval`, since 7.2 also a `fixed_interval`, and since 8.0 only the
latter. Without composites, the values are listed one field at a time, for one interval at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_moesif.records import utc
from tap_moesif.usage.measure import FIGURES, MAX_BUCKETS, ROUTE_FIELD, ROUTES, TIME_FIELD
from tap_moesif.usage.reading import STATUS_FIELD, count_of, read_figures, read_routes, text_of
from tap_moesif.usage.search import aggregated, calls_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    Answer = dict[str, Any]

Key = tuple[Any, ...]
"""A bucket's start in milliseconds since the epoch, its route, if any, and its id."""

TOP_STATUSES = 5
STATUSES_OF_A_SHARD = 100

FIRST_LIST_SIZE = 1_000
MAX_LIST_SIZE = MAX_BUCKETS // 20
"""Maximum number of buckets in a page; each contains up to 20 buckets itself."""


class Subject(NamedTuple):
    """Users or companies.

    Attributes:
        name: Name, in STATE and ids.
        field: The field of an event with the id.
        record_field: The field of a record with the id.
    """

    name: str
    field: str
    record_field: str


USER = Subject("user", "user_id", "userId")
COMPANY = Subject("company", "company_id", "companyId")
SUBJECTS = {"users": (USER,), "companies": (COMPANY,), "both": (USER, COMPANY)}
"""By the setting `usage_of`."""


class Interval(NamedTuple):
    """The length of a bucket; buckets are aligned to it, in UTC.

    Attributes:
        engine: The engine's notation.
        iso: The notation of ISO 8601.
        length: Length in milliseconds.
    """

    engine: str
    iso: str
    length: int

    def floor(self, time: str) -> int:
        """Return the start of the bucket that contains a time."""
        return to_milliseconds(time) // self.length * self.length

    def ceil(self, time: str) -> int:
        """Return the start of the first bucket that starts at or after a time."""
        return -(-to_milliseconds(time) // self.length) * self.length


INTERVALS = {
    "hour": Interval("1h", "PT1H", 3_600_000),
    "day": Interval("1d", "P1D", 86_400_000),
}
"""By the setting `usage_interval`."""


class Dialect(NamedTuple):
    """A variant of the engine's DSL.

    Attributes:
        interval: Name of a composite's interval; empty without composites.
        status: The field with the status codes.
    """

    interval: str
    status: str

    @property
    def words(self) -> str:
        """Description for the log."""
        buckets = f"a composite with {self.interval}" if self.interval else "terms"
        return f"{buckets} and {self.status}"


DIALECTS = tuple(
    Dialect(interval, status)
    for status, interval in product(
        (STATUS_FIELD, f"{STATUS_FIELD}.raw"), ("fixed_interval", "interval", "")
    )
)
"""All dialects, in the order in which they are tried."""


class Bucket(NamedTuple):
    """The API calls of a user or company in an interval.

    Attributes:
        key: The key.
        figures: The figures, as fields of a record.
    """

    key: Key
    figures: dict[str, Any]


class Listed(NamedTuple):
    """A page of buckets.

    Attributes:
        buckets: The buckets, in the order of their keys.
        calls: Number of calls in them.
        total: Number of calls in the time range of the query, if known.
    """

    buckets: list[Bucket]
    calls: int
    total: int | None


class Values(NamedTuple):
    """A page of a field's values in one interval.

    Attributes:
        values: The values, in order.
        buckets: Their buckets, if the field is the last of the key.
        complete: Whether it is the last page.
    """

    values: list[str]
    buckets: list[Bucket]
    complete: bool


@dataclass(frozen=True, slots=True)
class BucketSearch:
    """Queries for the usage of users or companies by hour or day.

    Attributes:
        subject: Users or companies.
        interval: The length of a bucket.
        by_route: Whether each bucket is for one route.
    """

    subject: Subject
    interval: Interval
    by_route: bool

    @property
    def name(self) -> str:
        """Unique name, for STATE."""
        return f"{self.subject.name}/{self.interval.iso}{'/route' if self.by_route else ''}"

    @property
    def fields(self) -> dict[str, str]:
        """The fields of an event that follow the start in a key, by short name."""
        route = {"route": ROUTE_FIELD} if self.by_route else {}
        return {**route, "id": f"{self.subject.field}.raw"}

    def first(self, start: int, end: int) -> Answer:
        """Return the query for the first call in a time range."""
        return self._body(start, end, [], {"first": {"min": {"field": TIME_FIELD}}})

    def listing(
        self, start: int, end: int, after: Key | None, size: int, dialect: Dialect
    ) -> Answer:
        """Return the query for a page of buckets.

        Args:
            start: Start of the first bucket.
            end: End of the last bucket.
            after: The key to start after, if any.
            size: Number of buckets.
            dialect: The engine's dialect.
        """
        histogram = {"field": TIME_FIELD, dialect.interval: self.interval.engine}
        sources = [
            {"start": {"date_histogram": histogram}},
            *({name: {"terms": {"field": field}}} for name, field in self.fields.items()),
        ]
        composite: Answer = {"size": size, "sources": sources}
        if after is not None:
            composite["after"] = dict(zip(("start", *self.fields), after, strict=True))
        listed = {"composite": composite, "aggs": self._figures(dialect)}
        return self._body(start, end, [], {"usage": listed})

    def values(
        self, start: int, known: Sequence[str], after: str | None, size: int, dialect: Dialect
    ) -> Answer:
        """Return the query for a page of a field's values in one interval.

        Args:
            start: Start of the interval.
            known: Values of the preceding fields of the key.
            after: The value to start after, if any.
            size: Number of values.
            dialect: The engine's dialect.
        """
        fields = [*self.fields.values()]
        field = fields[len(known)]
        filters: list[Answer] = [
            {"term": {name: value}} for name, value in zip(fields, known, strict=False)
        ]
        if after is not None:
            filters.append({"range": {field: {"gt": after}}})
        listed: Answer = {"terms": {"field": field, "size": size, "order": {"_key": "asc"}}}
        if self.is_last(known):
            listed["aggs"] = self._figures(dialect)
        return self._body(start, start + self.interval.length, filters, {"usage": listed})

    def is_last(self, known: Sequence[str]) -> bool:
        """Return whether only the last field of a key is unknown."""
        return len(known) + 1 == len(self.fields)

    def read_first(self, answer: Answer) -> int | None:
        """Read the start of the first bucket from the response to `first`."""
        first = answer["aggregations"]["first"]["value"]
        return None if first is None else self.interval.floor(utc(first))

    def read_listing(self, answer: Answer) -> Listed:
        """Read the response to `listing`.

        Raises:
            LookupError: A part of the response is missing.
            TypeError: A value has an unexpected type.
            ValueError: A value is out of range.
        """
        found = answer["aggregations"]["usage"]["buckets"]
        buckets = [self._bucket(bucket, self._key(bucket["key"])) for bucket in found]
        total = answer["hits"].get("total")
        if isinstance(total, dict):
            total = total["value"] if total.get("relation") == "eq" else None
        return Listed(buckets, sum(map(count_of, found)), total)

    def read_values(self, answer: Answer, start: int, known: Sequence[str]) -> Values:
        """Read the response to `values`; raises what `read_listing` raises."""
        listed = answer["aggregations"]["usage"]
        values = [text_of(bucket) for bucket in listed["buckets"]]
        buckets = [
            self._bucket(bucket, (start, *known, value))
            for bucket, value in zip(listed["buckets"], values, strict=True)
            if self.is_last(known)
        ]
        return Values(values, buckets, not listed.get("sum_other_doc_count"))

    def _key(self, key: Answer) -> Key:
        start = int(key["start"])
        if start % self.interval.length:
            raise ValueError("the bucket is not aligned to an hour or day")
        return (start, *(text_of({"key": key[name]}) for name in self.fields))

    def _bucket(self, bucket: Answer, key: Key) -> Bucket:
        figures = read_figures(bucket)
        for status in bucket["statuses"]["buckets"]:
            figures["statusCounts"][text_of(status)] = count_of(status)
        if not self.by_route:
            figures["topRoutes"] = read_routes(bucket)
        return Bucket(key, figures)

    def _figures(self, dialect: Dialect) -> Answer:
        statuses = {
            "terms": {
                "field": dialect.status,
                "size": TOP_STATUSES,
                "shard_size": STATUSES_OF_A_SHARD,
                "order": [{"_count": "desc"}, {"_key": "asc"}],
            }
        }
        return {**FIGURES, "statuses": statuses, **({} if self.by_route else ROUTES)}

    def _body(
        self, start: int, end: int, filters: Sequence[Answer], aggregations: Answer
    ) -> Answer:
        # The total excludes ids that cannot be listed, so it can be compared with the calls listed.
        known: list[Answer] = [{"exists": {"field": field}} for field in self.fields.values()]
        return aggregated(calls_in(utc(start), utc(end), *known, *filters), aggregations)


def to_milliseconds(time: str) -> int:
    """Convert a time, ISO 8601 in UTC with `Z`, to milliseconds since the epoch."""
    moment = datetime.fromisoformat(f"{time[:-1]}+00:00")
    return round(moment.timestamp() * 1000)
