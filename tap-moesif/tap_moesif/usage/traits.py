"""Traits of usage that a user names: what each counts, of which calls, in which time; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_moesif.records import Field, Kind
from tap_moesif.usage.measure import ROUTE_FIELD, Measure
from tap_moesif.usage.metrics import NAMES, Metric, metric
from tap_moesif.usage.reading import CLASSES, STATUS_FIELD
from tap_moesif.usage.rollup import window
from tap_moesif.usage.search import calls_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_moesif.service.queries import Query

NAME = "usage"
"""The field of a user's and a company's record that holds the traits."""

LONGEST = timedelta(days=90)

_WINDOW = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII).fullmatch
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Trait:
    """A trait.

    Attributes:
        name: Its name.
        window: The time before a sync whose calls it is made of.
        metric: What is made of them.
        filters: Queries that find them.
        whole: What its value is a share of, if it is one.
    """

    name: str
    window: timedelta
    metric: Metric
    filters: tuple[Query, ...] = ()
    whole: float | None = None

    @property
    def field(self) -> Field:
        """Its field in a record."""
        kind = Kind.NUMBER if self.whole else self.metric.kind
        hours = self.window // _UNITS["h"]
        share = f", as a share of {self.whole:g}" if self.whole else ""
        text = f"{self.metric.description}, in the {hours} hours before the sync{share}."
        return Field(self.name, kind, text)

    def value(self, found: Any) -> Any:  # noqa: ANN401, a number, a time or none
        """Make a share of what was found, where it is one."""
        return found / self.whole if self.whole else found


def traits_field(traits: Sequence[Trait]) -> Field:
    """Return the field of a record that holds traits."""
    return Field(
        NAME,
        Kind.OBJECT,
        "Usage as the setting usage_traits names it.",
        fields=tuple(trait.field for trait in traits),
    )


def traits_measure(traits: Sequence[Trait], began: datetime) -> Measure:
    """Return what all traits together are made of, for a sync that began then."""
    aggregations = {}
    for number, trait in enumerate(traits):
        own: dict[str, Any] = {"filter": calls_in(*window(began, trait.window), *trait.filters)}
        if trait.metric.aggregation:
            own["aggs"] = {"value": trait.metric.aggregation}
        aggregations[f"trait{number}"] = own

    def read(bucket: dict[str, Any]) -> dict[str, Any]:
        return {
            trait.name: trait.value(trait.metric.read(bucket[f"trait{number}"]))
            for number, trait in enumerate(traits)
        }

    none = {trait.name: trait.value(trait.metric.none) for trait in traits}
    return Measure(NAME, aggregations, read, none, 1 + 2 * len(traits))


def read_traits(given: Mapping[str, Any] | None) -> tuple[list[Trait], list[str]]:
    """Read the setting `usage_traits`; return also a sentence for each thing that is wrong."""
    traits: list[Trait] = []
    errors: list[str] = []
    for name, trait in given.items() if isinstance(given, Mapping) else ():
        where = f"Setting usage_traits.{name}"
        if not name.isidentifier():
            errors.append(f"{where}: a name has letters, digits and _ only.")
        elif not isinstance(trait, Mapping):
            errors.append(f"{where}: write it as an object with {', '.join(_KEYS)}.")
        else:
            values, wrong = _values(trait)
            errors += [f"{where}{sentence}" for sentence in wrong]
            if not wrong:
                traits.append(_trait(name, values))
    return traits, errors


def _values(trait: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    known = ", ".join(_KEYS)
    wrong = [
        f".{key}: there is no such key; there are {known}." for key in trait if key not in _KEYS
    ]
    for name, key in _KEYS.items():
        if name in trait or name in _NEEDED:
            try:
                values[name] = key.parse(trait[name])
            except (LookupError, TypeError, ValueError, AttributeError):
                wrong.append(f".{name}: {key.allowed}.")
    if not wrong and "of" in values and values["count"].kind is Kind.TIME:
        wrong.append(".of: a time is no share of anything; leave it out.")
    return values, wrong


def _trait(name: str, values: dict[str, Any]) -> Trait:
    filters = [query for key in _FILTERS for query in values.get(key, ())]
    return Trait(name, values["window"], values["count"], tuple(filters), values.get("of"))


class _Key(NamedTuple):
    """A key of a trait: how its value is read, and a sentence on what it may be."""

    parse: Callable[[Any], Any]
    allowed: str


def _window(value: str) -> timedelta:
    match = _WINDOW(value)
    if match is None or (length := int(match[1]) * _UNITS[match[2]]) > LONGEST:
        raise ValueError("no window")
    return length


def _status(value: object) -> list[Query]:
    if value in CLASSES:
        return [{"range": {STATUS_FIELD: CLASSES[str(value)]}}]
    status = int(value) if isinstance(value, str) else value
    if type(status) is not int or status not in range(100, 600):
        raise ValueError("no status")
    return [{"term": {STATUS_FIELD: status}}]


def _route(value: object) -> list[Query]:
    if not isinstance(value, str) or not value:
        raise ValueError("no route")
    start, *rest = value.split("*")
    if not rest:
        return [{"term": {ROUTE_FIELD: value}}]
    if rest == [""]:
        return [{"prefix": {ROUTE_FIELD: start}}]
    return [{"wildcard": {ROUTE_FIELD: {"value": re.sub(r"([\\?])", r"\\\1", value)}}}]


def _method(value: str) -> list[Query]:
    if not value.isalpha():
        raise ValueError("no method")
    return [{"term": {"request.verb.raw": value.upper()}}]


def _metadata(value: Mapping[str, Any]) -> list[Query]:
    if not value or not all(isinstance(one, str | int | float) for one in value.values()):
        raise ValueError("no values")
    return [
        {"term": {f"metadata.{path}{'.raw' if isinstance(one, str) else ''}": one}}
        for path, one in value.items()
    ]


def _whole(value: float) -> float:
    if isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError("no whole")
    return value


_NEEDED = frozenset({"window", "count"})
_FILTERS = ("status", "route", "method", "metadata")
_KEYS = {
    "window": _Key(_window, "write it in hours or days, from 1h to 90d"),
    "count": _Key(metric, f"it is one of {NAMES}"),
    "status": _Key(_status, f"it is a status such as 429, or one of {', '.join(CLASSES)}"),
    "route": _Key(_route, "it is a route such as /v1/orders, in which * stands for anything"),
    "method": _Key(_method, "it is an HTTP method such as GET"),
    "metadata": _Key(
        _metadata, "it is an object: fields of the events' metadata, and what each is equal to"
    ),
    "of": _Key(_whole, "it is a number greater than 0, of which the value is a share"),
}
