"""Turns a query of the search DSL into a predicate on documents."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_dsl import (
    Json,
    SearchError,
    as_list,
    as_number,
    as_object,
    as_string,
    only_keys,
    shown,
    single_entry,
)
from moesif_sandbox.moesif_index import Field, Index, Kind, Value, as_text, tokens
from moesif_sandbox.moesif_times import DEFAULT_FORMAT, UTC, parse_time, zone_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Predicate = Callable[[int], bool]  # takes a document's position in the index

_BOUNDS = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
_ROUNDED_UP = {"gt", "lte"}  # how the engine completes dates such as `2024-01-31`
_MAX_DEPTH = 100  # far above any query written on purpose; keeps recursion bounded
_SHOULD_MATCH = re.compile(r"(-?\d+)(%?)")


@dataclass(frozen=True)
class QueryContext:
    """What a query is read against: the documents, and what `now` means."""

    index: Index
    now: datetime


def compile_query(query: object, context: QueryContext, depth: int = 0) -> Predicate:
    """Return the predicate that says whether the document at a position matches.

    Raises:
        SearchError: something in the query is not understood.
    """
    if depth > _MAX_DEPTH:
        raise SearchError(f"[query] is nested more than {_MAX_DEPTH} levels deep")
    name, clause = single_entry(query, "query")
    if name == "bool":
        return _bool(as_object(clause, name), context, depth)
    if name not in _LEAVES:
        listed = ", ".join(sorted([*_LEAVES, "bool"]))
        raise SearchError(f"[query] does not understand [{name}]; it knows {listed}")
    return _LEAVES[name](as_object(clause, name), context)


def _bool(clause: Json, context: QueryContext, depth: int) -> Predicate:
    kinds = ("must", "filter", "should", "must_not")
    only_keys(clause, {*kinds, "minimum_should_match", "boost"}, "bool")
    parts = {
        kind: [compile_query(part, context, depth + 1) for part in as_list(clause.get(kind, []))]
        for kind in kinds
    }
    required, should, excluded = parts["must"] + parts["filter"], parts["should"], parts["must_not"]
    least = _least(clause.get("minimum_should_match"), len(should), default=not required)

    def matches(position: int) -> bool:
        return (
            all(part(position) for part in required)
            and not any(part(position) for part in excluded)
            and (least <= 0 or sum(part(position) for part in should) >= least)
        )

    return matches


def _least(value: object, count: int, *, default: bool) -> int:
    """Return how many of the `should` clauses must match; negative means all but so many."""
    if value is None:
        return int(default and count > 0)
    match = _SHOULD_MATCH.fullmatch(as_text(value))
    if match is None:
        raise SearchError(f"[minimum_should_match] is not understood: {shown(value)}")
    number = int(match[1])
    if match[2]:
        number = math.trunc(count * number / 100)
    negative = match[1].startswith("-")
    return max(count + number, 0) if negative else number


def _term(clause: Json, context: QueryContext) -> Predicate:
    name, value = single_entry(clause, "term")
    if isinstance(value, dict):
        value = only_keys(value, {"value", "boost"}, f"term.{name}").get("value")
    return _equals_any(name, [value], context)


def _terms(clause: Json, context: QueryContext) -> Predicate:
    fields = {name: values for name, values in clause.items() if name != "boost"}
    name, values = single_entry(fields, "terms")
    if not isinstance(values, list):
        raise SearchError(f"[terms.{name}] must be a list, but is {shown(values)}")
    return _equals_any(name, values, context)


def _equals_any(name: str, values: list[object], context: QueryContext) -> Predicate:
    field = context.index.field(name)
    if field is None:
        return _nothing
    wanted = {value_for(field, value, context.now) for value in values}
    column = context.index.column(field)
    if field.kind is Kind.TEXT:  # text is found by its tokens, and the value is not analysed
        return lambda position: any(
            not wanted.isdisjoint(tokens(str(value))) for value in column[position]
        )
    return lambda position: not wanted.isdisjoint(column[position])


def value_for(field: Field, value: object, now: datetime) -> Value:
    """Return a value of a request by the type of the field that it is compared with."""
    if value is None or isinstance(value, (dict, list)):
        raise SearchError(f"[{field.name}] is compared with {shown(value)}, which is no value")
    if field.kind.is_string:
        return as_text(value)
    if field.kind is Kind.DATE:
        return parse_time(value, now)
    if field.kind is Kind.BOOLEAN:
        return _boolean(value, field.name)
    if field.kind is Kind.OBJECT:
        raise SearchError(f"[{field.name}] is an object: name one of the fields within it")
    return as_number(value, field.name)


def _boolean(value: object, where: str) -> int:
    known = {"true": 1, "false": 0}
    if as_text(value) not in known:
        raise SearchError(f"[{where}] takes true or false, not {shown(value)}")
    return known[as_text(value)]


def _range(clause: Json, context: QueryContext) -> Predicate:
    name, value = single_entry(clause, "range")
    limits = only_keys(
        as_object(value, f"range.{name}"),
        {*_BOUNDS, "format", "time_zone", "boost"},
        f"range.{name}",
    )
    if name == "_id":
        raise SearchError("[range] is not supported on [_id]; page with sort and search_after")
    field = context.index.field(name)
    if field is None:
        return _nothing
    if field.kind is Kind.TEXT:
        raise SearchError(f"[range] compares whole strings: use [{name}.raw], not [{name}]")
    tests = [
        (_BOUNDS[key], _limit(field, key, limits, context.now))
        for key in _BOUNDS
        if limits.get(key) is not None  # null is no limit
    ]
    column = context.index.column(field)

    def matches(position: int) -> bool:
        return any(all(test(value, limit) for test, limit in tests) for value in column[position])

    return matches


def _limit(field: Field, key: str, limits: Json, now: datetime) -> Value:
    if field.kind is not Kind.DATE:
        return value_for(field, limits[key], now)
    formats = as_string(limits.get("format", DEFAULT_FORMAT), "format")
    zone = zone_of(limits["time_zone"]) if "time_zone" in limits else UTC
    return parse_time(limits[key], now, zone, formats, round_up=key in _ROUNDED_UP)


def _exists(clause: Json, context: QueryContext) -> Predicate:
    only_keys(clause, {"field", "boost"}, "exists")
    field = context.index.field(as_string(clause.get("field"), "exists.field"))
    if field is None:
        return _nothing
    column = context.index.column(field)
    return lambda position: bool(column[position])


def _ids(clause: Json, context: QueryContext) -> Predicate:
    only_keys(clause, {"values", "boost"}, "ids")
    wanted = {as_text(value) for value in as_list(clause.get("values"))}
    documents = context.index.documents
    return lambda position: documents[position].id in wanted


def _match_all(clause: Json, _context: QueryContext) -> Predicate:
    only_keys(clause, {"boost"}, "match_all")
    return lambda _position: True


def _match_none(clause: Json, _context: QueryContext) -> Predicate:
    only_keys(clause, {"boost"}, "match_none")
    return _nothing


def _nothing(_position: int) -> bool:
    return False


_LEAVES: dict[str, Callable[[Json, QueryContext], Predicate]] = {
    "term": _term,
    "terms": _terms,
    "range": _range,
    "exists": _exists,
    "ids": _ids,
    "match_all": _match_all,
    "match_none": _match_none,
}
