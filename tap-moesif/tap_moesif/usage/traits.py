"""The setting `usage_traits`: custom figures of API usage; pure."""

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
"""The field of a user or company that contains the traits."""

LONGEST = timedelta(days=90)

_WINDOW = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII).fullmatch
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Trait:
    """A trait.

    Attributes:
        name: Name of the trait.
        window: Length of the window before a sync.
        metric: The metric of the calls in the window.
        filters: Queries that the calls must match.
        total: The number that the value is divided by, if any.
    """

    name: str
    window: timedelta
    metric: Metric
    filters: tuple[Query, ...] = ()
    total: float | None = None

    @property
    def field(self) -> Field:
        """The record's field."""
        kind = Kind.NUMBER if self.total else self.metric.kind
        hours = self.window // _UNITS["h"]
        share = f", as a share of {self.total:g}" if self.total else ""
        text = f"{self.metric.description}, in the {hours} hours before the sync{share}."
        return Field(self.name, kind, text)

    def value(self, found: Any) -> Any:  # noqa: ANN401, a number, a time or none
        """Divide a value of the metric by the total, if there is one."""
        return found / self.total if self.total else found


def traits_field(traits: Sequence[Trait]) -> Field:
    """Return the record's field that contains the traits."""
    return Field(
        NAME,
        Kind.OBJECT,
        "Usage figures of the setting usage_traits.",
        fields=tuple(trait.field for trait in traits),
    )


def traits_measure(traits: Sequence[Trait], began: datetime) -> Measure:
    """Return the measure of all traits, for a sync that started at a time."""
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

    empty = {trait.name: trait.value(trait.metric.empty) for trait in traits}
    return Measure(NAME, aggregations, read, empty, 1 + 2 * len(traits))


def read_traits(given: Mapping[str, Any] | None) -> tuple[list[Trait], list[str]]:
    """Read the setting `usage_traits`; return the traits, and a sentence for each error."""
    traits: list[Trait] = []
    errors: list[str] = []
    for name, trait in given.items() if isinstance(given, Mapping) else ():
        where = f"Setting usage_traits.{name}"
        if not name.isidentifier():
            errors.append(f"{where}: a name may contain only letters, digits and _.")
        elif not isinstance(trait, Mapping):
            errors.append(f"{where}: must be an object with {', '.join(_KEYS)}.")
        else:
            values, wrong = _values(trait)
            errors += [f"{where}{sentence}" for sentence in wrong]
            if not wrong:
                traits.append(_trait(name, values))
    return traits, errors


def _values(trait: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    known = ", ".join(_KEYS)
    wrong = [f".{key}: unknown key; use {known}." for key in trait if key not in _KEYS]
    for name, key in _KEYS.items():
        if name in trait or name in _NEEDED:
            try:
                values[name] = key.parse(trait[name])
            except (LookupError, TypeError, ValueError, AttributeError):
                wrong.append(f".{name}: {key.allowed}.")
    if not wrong and "of" in values and values["count"].kind is Kind.TIME:
        wrong.append(".of: not allowed for a time; remove it.")
    return values, wrong


def _trait(name: str, values: dict[str, Any]) -> Trait:
    filters = [query for key in _FILTERS for query in values.get(key, ())]
    return Trait(name, values["window"], values["count"], tuple(filters), values.get("of"))


class _Key(NamedTuple):
    """A key of a trait: the parser of its value, and the allowed values in words."""

    parse: Callable[[Any], Any]
    allowed: str


def _window(value: str) -> timedelta:
    match = _WINDOW(value)
    if match is None or (length := int(match[1]) * _UNITS[match[2]]) > LONGEST:
        raise ValueError("not a window")
    return length


def _status(value: object) -> list[Query]:
    if value in CLASSES:
        return [{"range": {STATUS_FIELD: CLASSES[str(value)]}}]
    status = int(value) if isinstance(value, str) else value
    if type(status) is not int or status not in range(100, 600):
        raise ValueError("not a status")
    return [{"term": {STATUS_FIELD: status}}]


def _route(value: object) -> list[Query]:
    if not isinstance(value, str) or not value:
        raise ValueError("not a route")
    start, *rest = value.split("*")
    if not rest:
        return [{"term": {ROUTE_FIELD: value}}]
    if rest == [""]:
        return [{"prefix": {ROUTE_FIELD: start}}]
    return [{"wildcard": {ROUTE_FIELD: {"value": re.sub(r"([\\?])", r"\\\1", value)}}}]


def _method(value: str) -> list[Query]:
    if not value.isalpha():
        raise ValueError("not a method")
    return [{"term": {"request.verb.raw": value.upper()}}]


def _metadata(value: Mapping[str, Any]) -> list[Query]:
    if not value or not all(isinstance(one, str | int | float) for one in value.values()):
        raise ValueError("not values")
    return [
        {"term": {f"metadata.{path}{'.raw' if isinstance(one, str) else ''}": one}}
        for path, one in value.items()
    ]


def _total(value: float) -> float:
    if isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError("not a positive number")
    return value


_NEEDED = frozenset({"window", "count"})
_FILTERS = ("status", "route", "method", "metadata")
_KEYS = {
    "window": _Key(_window, "must be a number of hours or days, from 1h to 90d"),
    "count": _Key(metric, f"must be one of {NAMES}"),
    "status": _Key(_status, f"must be a status such as 429, or one of {', '.join(CLASSES)}"),
    "route": _Key(_route, "must be a route such as /v1/orders; * matches anything"),
    "method": _Key(_method, "must be an HTTP method such as GET"),
    "metadata": _Key(_metadata, "must be an object of metadata fields and their values"),
    "of": _Key(_total, "must be a number greater than 0"),
}
