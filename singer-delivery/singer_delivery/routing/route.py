"""A route: how the records of one stream become calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How the records of one stream become calls.

    Paths are dotted; their letter case does not matter if only one name matches.

    Attributes:
        call: Which call; with `by_type`, the call for records that do not have a type.
        shape: The known shape the records have, as `as` in the settings names it; else empty.
        fields: For a field of the call, the paths where its value may be, the first choice first.
        literals: For a field of the call, its value where no path gives one.
        context: Where the context is, or for paths in it where their values are.
        by_type: Whether a record's own `type` says which call it is.
        by_fields: Whether its fields say so if it has no type.
        own_content: Whether a record has its traits and properties in fields of these names.
        spread: The field whose object's fields stand in the content themselves.
        content: For `traits` or `properties`, the paths that go along; without, all that is not
            used elsewhere.
        kept: Paths whose values stay in the content, used elsewhere or not.
        dropped: Names, in lower case, that belong to no content.
        dropped_prefixes: The beginnings of such names.
        context_columns: Whether a warehouse's `context_*` columns are folded back into the context.
        lower_case: Whether names are lower-cased first, as for Snowflake, which has upper case.
        objects: Names of fields that hold objects, which flattening takes apart or writes as text.
        exclude: Paths left out of the content.
        rename: Paths in the content, and the paths to which their values move.
        required: For a field of the call that must be there, the setting that says so.
        without_id: What happens to a record that lacks the id that its call needs.
    """

    call: str
    shape: str = ""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    literals: Mapping[str, str] = field(default_factory=dict)
    context: str | Mapping[str, str] | None = None
    by_type: bool = False
    by_fields: bool = False
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
