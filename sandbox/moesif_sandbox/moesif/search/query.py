"""Compilation of queries in the search DSL to predicates on documents."""

import re
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Literal

from moesif_sandbox.moesif.search.dsl import Clause, Json, SearchError, read, single_entry
from moesif_sandbox.moesif.search.index import Index, Value, is_exact, value_of

Predicate = Callable[[int], bool]  # takes a document's position in the index
Test = Callable[[Value], bool]

_BOUNDS = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


class _Bool(Clause, frozen=True):
    must: Json | list[Json] = ()  # type: ignore[assignment]  # no clause
    filter: Json | list[Json] = ()  # type: ignore[assignment]
    should: Json | list[Json] = ()  # type: ignore[assignment]
    must_not: Json | list[Json] = ()  # type: ignore[assignment]
    minimum_should_match: int | None = None


class _Range(Clause, frozen=True):
    gt: object = None  # null means unbounded
    gte: object = None
    lt: object = None
    lte: object = None
    format: Literal[
        "strict_date_optional_time", "epoch_millis", "strict_date_optional_time||epoch_millis"
    ] = "strict_date_optional_time||epoch_millis"


class _Exists(Clause, frozen=True):
    field: str


def compile_query(query: object, index: Index) -> Predicate:
    """Return the predicate of a query."""
    name, clause = single_entry(query, "query")
    if name in _TESTS:
        field, given = single_entry(clause, name)
        test, column = _TESTS[name](given, field), index.tokens(field)
        return lambda position: any(map(test, column[position]))
    if name not in _QUERIES:
        known = ", ".join([*_QUERIES, *_TESTS])
        raise SearchError(f"unknown query [{name}]; the sandbox supports {known}")
    return _QUERIES[name](clause, index)


def _bool(clause: object, index: Index) -> Predicate:
    given = read(clause, _Bool, "bool")
    must, also, should, excluded = (
        [compile_query(part, index) for part in ([parts] if isinstance(parts, dict) else parts)]
        for parts in (given.must, given.filter, given.should, given.must_not)
    )
    least = given.minimum_should_match
    if least is None:
        least = 1 if should and not must + also else 0

    def matches(position: int) -> bool:
        return (
            all(part(position) for part in must + also)
            and not any(part(position) for part in excluded)
            and (not least or sum(part(position) for part in should) >= least)
        )

    return matches


def _exists(clause: object, index: Index) -> Predicate:
    column = index.tokens(read(clause, _Exists, "exists").field)
    return lambda position: bool(column[position])


def _match_all(clause: object, index: Index) -> Predicate:  # noqa: ARG001
    read(clause, Clause, "match_all")
    return lambda _position: True


def _term(given: object, field: str) -> Test:
    return {value_of(field, _value(given))}.__contains__


def _terms(given: object, field: str) -> Test:
    return {value_of(field, value) for value in read(given, list[object], field)}.__contains__


def _prefix(given: object, field: str) -> Test:
    return _fits(re.escape(read(_value(given), str, field)) + ".*", field)


def _wildcard(given: object, field: str) -> Test:
    pattern = re.escape(read(_value(given), str, field))
    return _fits(pattern.replace(r"\*", ".*").replace(r"\?", "."), field)


def _value(given: object) -> object:
    """Return the value of a clause: `value` or `{"value": value}`."""
    return given["value"] if isinstance(given, dict) and [*given] == ["value"] else given


def _fits(pattern: str, field: str) -> Test:
    if field == "_id":
        raise SearchError("[_id] cannot be searched by wildcard or prefix")
    fits = re.compile(pattern, re.DOTALL).fullmatch
    return lambda value: isinstance(value, str) and fits(value) is not None


def _range(given: object, field: str) -> Test:
    spec = read(given, _Range, field)
    limits = [
        (compare, value_of(field, limit))
        for key, compare in _BOUNDS.items()
        if (limit := getattr(spec, key)) is not None
    ]
    strings = {isinstance(limit, str) for _, limit in limits}
    if field == "_id" or (True in strings and not is_exact(field)):
        raise SearchError(f"[range] compares exact values, which [{field}] does not have")
    return lambda value: (
        not strings - {isinstance(value, str)}
        and all(compare(value, limit) for compare, limit in limits)
    )


_QUERIES = {"bool": _bool, "exists": _exists, "match_all": _match_all}
_TESTS = {"term": _term, "terms": _terms, "prefix": _prefix, "wildcard": _wildcard, "range": _range}
