from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest

from tap_moesif.records.fields import Kind
from tap_moesif.records.values import CONVERSIONS, scrubber

scrub = scrubber(frozenset({"token", "key"}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"token": 1, "a": 2}, {"a": 2}),
        ({"a": {"key": 1}}, {"a": {}}),
        ([{"token": 1}, [{"key": 1, "a": [3]}]], [{}, [{"a": [3]}]]),
        ({"a": [[{"b": {"token": {"key": 1}}}]]}, {"a": [[{"b": {}}]]}),
        ({"token": 1, "metadata": {"token": 1}}, {"metadata": {"token": 1}}),
        ([{"key": 1, "body": [{"key": 1}]}], [{"body": [{"key": 1}]}]),
    ],
)
def test_names_are_taken_out_at_any_depth_but_of_the_accounts_own(
    value: Any, expected: object
) -> None:
    before = deepcopy(value)

    assert scrub(value) == expected
    assert value == before


@pytest.mark.parametrize("value", [{}, [], {"a": [{"to": 1}]}, [["x", {"a": "y"}]], "token", 5])
def test_what_holds_no_such_name_is_given_itself(value: object) -> None:
    assert scrub(value) is value


@pytest.mark.parametrize("value", [{"tokens": 1}, [["token", {"a": "key"}]], {"a": "\ud800"}])
def test_what_only_mentions_such_a_name_is_given_whole(value: object) -> None:
    assert scrub(value) == value


def test_names_are_taken_out_beside_half_a_character() -> None:
    assert scrub({"a": "\ud800", "token": 1}) == {"a": "\ud800"}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.ID, 0, "0"),
        (Kind.ID, 2**64, "18446744073709551616"),
        (Kind.REFERENCE, 7, "7"),
        (Kind.INTEGER, 5.0, 5),
        (Kind.INTEGER, -(2**63), -(2**63)),
        (Kind.NUMBER, 5, 5),
        (Kind.NUMBER, -0.5, -0.5),
        (Kind.BOOLEAN, False, False),
        (Kind.ANY, None, None),
        (Kind.ANY, [1], [1]),
    ],
)
def test_a_value_is_converted_where_nothing_of_it_is_lost(
    kind: Kind, value: object, expected: object
) -> None:
    assert repr(CONVERSIONS[kind](value)) == repr(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.ID, ""),
        (Kind.ID, True),
        (Kind.ID, 4.2),
        pytest.param(Kind.ID, 10**5_000, id="too_long_an_id"),
        (Kind.REFERENCE, []),
        (Kind.STRING, 5),
        (Kind.INTEGER, "5"),
        (Kind.INTEGER, 5.5),
        (Kind.INTEGER, True),
        (Kind.INTEGER, 2**63),
        (Kind.INTEGER, 1e300),
        (Kind.INTEGER, math.inf),
        (Kind.NUMBER, math.inf),
        (Kind.NUMBER, math.nan),
        pytest.param(Kind.NUMBER, 10**400, id="too_large_a_number"),
        (Kind.NUMBER, False),
        (Kind.NUMBER, "1.5"),
        (Kind.BOOLEAN, 0),
        (Kind.BOOLEAN, "true"),
        (Kind.FREE, []),
        (Kind.LIST, {}),
        (Kind.TIME, "soon"),
        (Kind.TIME, 10**30),
    ],
)
def test_a_value_of_another_type_is_refused(kind: Kind, value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        CONVERSIONS[kind](value)
