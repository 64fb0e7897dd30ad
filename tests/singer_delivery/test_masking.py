from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.reporting.masking import LONGEST, masked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_the_types_stay_and_a_second_mask_changes_nothing(value: Any) -> None:
    shown = masked(value)
    assert type(shown) is type(value)
    assert masked(shown) == shown
    assert msgspec.json.decode(msgspec.json.encode(shown)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Zoë Łuczak", "xxx xxxxxx"),
        ("2026-01-31T12:00:05.000Z", "0000-00-00x00:00:00.000x"),
        ("٣❤\n", "0xx"),
        ("a" * 50, "x" * LONGEST + "…"),
        (-7, 0),
        (1.5, 0.0),
        (True, False),
        ([1, "a", None], [0, "x", None]),
        ([1, 2, 3, 4, 5], [0, 0, 0, "…"]),
        (
            {"first_name": "a", "Straße 1": 1, "$os": 1},
            {"first_name": "x", "Straße 1": 0, "xxx": 0},
        ),
        ({"jo@acme.example": 1, "6f1a": 1}, {"xx@xxxx.xxxxxxx": 0, "0x0x": 0}),
    ],
)
def test_the_form_is_shown_and_not_the_value(value: Any, shown: Any) -> None:
    assert masked(value) == shown
