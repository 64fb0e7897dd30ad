"""A route: how the records of one stream become calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the records of one stream become calls.

    Paths are dotted, and fit in any letter case where exactly one name does.

    Attributes:
        call: Which call; with `by_type` that of records that do not say.
        shape: The known shape the records have, as `as` in the settings names it; else empty.
        fields: For a field of the call, the paths where its value may be, the first choice first.
        literals: For a field of the call, its value where no path gives one.
        context: Where the context is, or for paths in it where their values are.
        by_type: Whether a record's own `type`, or else its fields, say which call it is.
        own_content: Whether a record has its traits and properties in fields of these names.
        spread: The field whose object's fields stand in the content themselves.
        content: For `traits` or `properties`, the paths that go along; without, all that is not
            used elsewhere.
        kept: Paths whose values stay in the content, used elsewhere or not.
        dropped: Names, in lower case, that belong to no content.
        dropped_prefixes: The beginnings of such names.
        context_columns: Whether a warehouse's `context_*` columns are folded back into the context.
        lower_case: Whether names are written in lower case first, as Snowflake's are not.
        objects: Names of fields that hold objects, which flattening takes apart or writes as text.
        exclude: Paths left out of the content.
        rename: Paths in the content, and where to their values go.
        required: For a field of the call that must be there, the setting that says so.
        without_id: What becomes of a record that has not the id that its call needs.
    """

    call: str
    shape: str = ""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    literals: Mapping[str, str] = field(default_factory=dict)
    context: str | Mapping[str, str] | None = None
    by_type: bool = False
    own_content: bool = False
    spread: str = ""
    content: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    dropped_prefixes: tuple[str, ...] = ()
    context_columns: bool = False
    lower_case: bool = False
    objects: frozenset[str] = frozenset()
    exclude: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    required: Mapping[str, str] = field(default_factory=dict)
    without_id: Literal["reject", "skip"] = "reject"
