"""Documents of each of the tap's streams, most of them nearly right, and their records."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from record_checks import checker
from tap_moesif.records import Field, Kind, RecordMaker, plain, unchanged
from tap_moesif.service.queries import REQUEST_TIME
from tap_moesif.streams.cohorts import Cohorts
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.events import Events
from tap_moesif.streams.subscriptions import Subscriptions
from tap_moesif.streams.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy
    from jsonschema import Draft202012Validator

    Document = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Stream:
    """How a stream's documents are made into records."""

    fields: tuple[Field, ...]
    prepare: Callable[[Document], Document] = unchanged

    def maker(self, *drop: str, mismatches: list[str] | None = None) -> RecordMaker:
        """Make what makes its records."""
        seen: list[str] = []
        return RecordMaker(
            self.fields,
            prepare=self.prepare,
            drop=drop,
            type_mismatch=(seen if mismatches is None else mismatches).append,
        )

    @cached_property
    def check(self) -> Draft202012Validator:
        """What checks its records."""
        return checker(self.fields)

    def record(
        self,
        document: Document,
        *drop: str,
        hit_id: object = None,
        mismatches: Sequence[str] = (),
    ) -> Document:
        """Make a record, which follows the schema and is the same where its objects stay encoded.

        Args:
            document: The document, which stays as it is.
            drop: What is not emitted.
            hit_id: The id of the hit that it came in.
            mismatches: The values in it that are of a wrong type, by their paths in any order.
        """
        seen: list[str] = []
        record = self.maker(*drop, mismatches=seen)(deepcopy(document), hit_id)
        assert record is not None
        assert sorted(seen) == sorted(mismatches)
        self.check.validate(record)
        with suppress(ValueError):  # one that has to be decoded
            source = msgspec.Raw(json.dumps(document).encode())
            assert plain(self.maker(*drop).read(source, hit_id)) == record
        return record


STREAMS = {
    "users": Stream(Users.fields, Users.prepare),
    "companies": Stream(Companies.fields),
    "subscriptions": Stream(Subscriptions.fields, unchanged),
    "cohorts": Stream(Cohorts.fields, Cohorts.prepare),
    "events": Stream(Events.fields, Events.prepare),
}
EACH_STREAM = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
MANY = settings(
    max_examples=settings().max_examples // 2,  # that of the profile: each is checked for much
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)

TIMES = st.sampled_from(
    ["2023-07-27T21:52:58.0990000Z", "2023-07-27T21:52:58.099", "2023-07-27", 1690494778099]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, 2**63, -(2**63) - 1, 1e300])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["2023-02-30T00:00:00.000Z", "now", "\ud800"])
    | TIMES
)
NAMES = st.sampled_from(["id", "metadata", "body", "time", "lat", "lon", "_source"]) | st.text(
    max_size=3
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=6,
)
RIGHT: dict[Kind, SearchStrategy[Any]] = {
    Kind.ID: st.text(min_size=1, max_size=3) | st.integers(0, 99),
    Kind.REFERENCE: st.text(min_size=1, max_size=3) | st.integers(0, 99),
    Kind.STRING: st.text(max_size=5),
    Kind.TIME: TIMES,
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1) | st.just(5.0),
    Kind.NUMBER: st.integers(0, 9) | st.floats(-180, 180),
    Kind.BOOLEAN: st.booleans(),
    Kind.ANY: ANYTHING,
    Kind.FREE: st.dictionaries(NAMES, ANYTHING, max_size=3),
    Kind.LIST: st.lists(ANYTHING, max_size=3),
}


def nearly_right(fields: tuple[Field, ...]) -> SearchStrategy[Document]:
    """Make documents whose fields mostly are of their types."""
    named = {raw: mostly(right(field), ANYTHING) for field in flat(fields) for raw in field.raw}
    named |= {
        "company_id": mostly(st.text(max_size=3), ANYTHING),
        "user_agent": st.dictionaries(NAMES, st.text(max_size=3)) | st.text() | ANYTHING,
        "location": st.lists(st.floats(-180, 180), min_size=2, max_size=2)
        | st.fixed_dictionaries({"lat": st.just(1.5), "lon": st.just(2.5)})
        | ANYTHING,
        "ip": st.just("192.0.2.1") | ANYTHING,
    }
    named.pop("_id", None)
    named.pop(REQUEST_TIME, None)
    some = st.lists(st.sampled_from(sorted(named)), max_size=8, unique=True)
    known = some.flatmap(lambda names: st.fixed_dictionaries({n: named[n] for n in names}))
    unknown = st.dictionaries(st.text(max_size=3), ANYTHING, max_size=2)
    return st.builds(lambda one, other: {**one, **other}, unknown, known).filter(
        lambda document: not document.keys() & {"_id", "_source", REQUEST_TIME}
    )


def flat(fields: tuple[Field, ...]) -> Iterator[Field]:
    for field in fields:
        yield from flat(field.fields) if field.kind is Kind.GROUP else [field]


def right(field: Field) -> SearchStrategy[Any]:
    if field.kind is Kind.OBJECT:
        return nearly_right(field.fields)
    if field.kind is Kind.OBJECTS:
        return st.lists(mostly(nearly_right(field.fields), ANYTHING), max_size=2)
    return RIGHT[field.kind]


def mostly(one: SearchStrategy[Any], other: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.integers(0, 5).flatmap(lambda number: one if number else other)


NEARLY_RIGHT = {name: nearly_right(stream.fields) for name, stream in STREAMS.items()}
DOCUMENTS = st.sampled_from(sorted(STREAMS)).flatmap(
    lambda name: st.tuples(st.just(STREAMS[name]), NEARLY_RIGHT[name])
)
