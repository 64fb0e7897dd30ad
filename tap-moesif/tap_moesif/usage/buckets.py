"""The searches for usage by hour or day, and how their answers read; pure.

A bucket holds the API calls of one user or company in one hour or day, or those of one route
among them. Its key says which: the start, the route if it is of one, and the id. The search lists
buckets in the order of their keys, so the next list begins behind the last key.

Engines differ in how they are asked (engine, "Composite aggregation", "Date histogram"): before
6.1 there is no composite, and before 7.2 it takes no `fixed_interval` but an `interval`, which 8.0
has no more. Where there is no composite, the values are listed one field at a time, in one
bucket's time.
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
"""A bucket's start in milliseconds since the epoch, its route if it is of one, and its id."""

TOP_STATUSES = 5
STATUSES_OF_A_SHARD = 100

LISTED_FIRST = 1_000
MOST_LISTED = MAX_BUCKETS // 20
"""Buckets in one answer, with so many in each of them at most."""


class Subject(NamedTuple):
    """Whose usage it is.

    Attributes:
        name: What it is.
        field: The field of an event that holds its id.
        record_field: The field of a record that does.
    """

    name: str
    field: str
    record_field: str


USER = Subject("user", "user_id", "userId")
COMPANY = Subject("company", "company_id", "companyId")
SUBJECTS = {"users": (USER,), "companies": (COMPANY,), "both": (USER, COMPANY)}
"""By the setting `usage_of`."""


class Interval(NamedTuple):
    """The length of a bucket, which begins at a whole one of it in UTC.

    Attributes:
        engine: As the engine writes it.
        iso: As ISO 8601 writes it.
        length: In milliseconds.
    """

    engine: str
    iso: str
    length: int

    def floor(self, time: str) -> int:
        """Return the start of the bucket that a time is in."""
        return to_milliseconds(time) // self.length * self.length

    def ceil(self, time: str) -> int:
        """Return the start of the first bucket that does not begin before a time."""
        return -(-to_milliseconds(time) // self.length) * self.length


INTERVALS = {
    "hour": Interval("1h", "PT1H", 3_600_000),
    "day": Interval("1d", "P1D", 86_400_000),
}
"""By the setting `usage_interval`."""


class Dialect(NamedTuple):
    """A way in which an engine may be asked.

    Attributes:
        interval: How a composite's interval is called; empty where there is no composite.
        status: The field whose values are single statuses.
    """

    interval: str
    status: str

    @property
    def words(self) -> str:
        """What is asked for, for the log."""
        buckets = f"a composite with {self.interval}" if self.interval else "terms"
        return f"{buckets} and {self.status}"


DIALECTS = tuple(
    Dialect(interval, status)
    for status, interval in product(
        (STATUS_FIELD, f"{STATUS_FIELD}.raw"), ("fixed_interval", "interval", "")
    )
)
"""In the order in which they are tried."""


class Bucket(NamedTuple):
    """The API calls of a user or company in a time.

    Attributes:
        key: Which.
        figures: The record's fields that sum them up.
    """

    key: Key
    figures: dict[str, Any]


class Listed(NamedTuple):
    """A part of a list.

    Attributes:
        buckets: The buckets, in the order of their keys.
        calls: How many calls are in them.
        total: How many calls the search finds, if that is known.
    """

    buckets: list[Bucket]
    calls: int
    total: int | None


class Values(NamedTuple):
    """The values of a field in one bucket's time, in their order.

    Attributes:
        values: The values.
        buckets: What sums up the calls of each, where that was asked for.
        complete: Whether there are no more.
    """

    values: list[str]
    buckets: list[Bucket]
    complete: bool


@dataclass(frozen=True, slots=True)
class BucketSearch:
    """The searches for the usage of users or companies by hour or day.

    Attributes:
        subject: Whose usage.
        interval: The length of a bucket.
        by_route: Whether a bucket is of one route.
    """

    subject: Subject
    interval: Interval
    by_route: bool

    @property
    def name(self) -> str:
        """What tells it from the others, for STATE."""
        return f"{self.subject.name}/{self.interval.iso}{'/route' if self.by_route else ''}"

    @property
    def fields(self) -> dict[str, str]:
        """The fields of an event whose values follow the start in a key, by short names."""
        route = {"route": ROUTE_FIELD} if self.by_route else {}
        return {**route, "id": f"{self.subject.field}.raw"}

    def first(self, start: int, end: int) -> Answer:
        """Write the search for the first call of a time."""
        return self._body(start, end, [], {"first": {"min": {"field": TIME_FIELD}}})

    def listing(
        self, start: int, end: int, after: Key | None, size: int, dialect: Dialect
    ) -> Answer:
        """Write the search for some buckets of a time.

        Args:
            start: The start of the first bucket.
            end: The end of the last one.
            after: The key that the list begins behind.
            size: How many to list.
            dialect: How to ask.
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
        """Write the search for some values of a field, in the time of one bucket.

        Args:
            start: The bucket's start.
            known: The values of the fields before it.
            after: The value that the list begins behind.
            size: How many to list.
            dialect: How to ask.
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
        """Tell whether there is one more field in a key behind the values that are known."""
        return len(known) + 1 == len(self.fields)

    def read_first(self, answer: Answer) -> int | None:
        """Read the start of the first bucket out of the answer to `first`."""
        first = answer["aggregations"]["first"]["value"]
        return None if first is None else self.interval.floor(utc(first))

    def read_listing(self, answer: Answer) -> Listed:
        """Read the answer to `listing`.

        Raises:
            LookupError: The answer has not the shape of one.
            TypeError: A value is of another type.
            ValueError: A value is out of range.
        """
        found = answer["aggregations"]["usage"]["buckets"]
        buckets = [self._bucket(bucket, self._key(bucket["key"])) for bucket in found]
        total = answer["hits"].get("total")
        if isinstance(total, dict):
            total = total["value"] if total.get("relation") == "eq" else None
        return Listed(buckets, sum(map(count_of, found)), total)

    def read_values(self, answer: Answer, start: int, known: Sequence[str]) -> Values:
        """Read the answer to `values`; raises as `read_listing` does."""
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
            raise ValueError("A bucket begins at a whole hour or day")
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
        # Ids that cannot be listed are left out of the total too, so it tells what is left.
        known: list[Answer] = [{"exists": {"field": field}} for field in self.fields.values()]
        return aggregated(calls_in(utc(start), utc(end), *known, *filters), aggregations)


def to_milliseconds(time: str) -> int:
    """Return a time, ISO 8601 in UTC with `Z`, as milliseconds since the epoch."""
    moment = datetime.fromisoformat(f"{time[:-1]}+00:00")
    return round(moment.timestamp() * 1000)
