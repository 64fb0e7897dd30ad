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
        call: The call; with `by_type`, the call for records without a type.
        shape: The known shape of the records, as in the setting `as`; otherwise empty.
        fields: For each field of the call, the possible paths of its value, the preferred first.
        literals: For each field of the call, its value if no path has one.
        context: The path of the context, or paths in the context with the paths of their values.
        by_type: Whether a record's `type` is the call.
        by_fields: Whether a record's fields imply the call if it has no type.
        own_content: Whether a record has its traits and properties in fields of these names.
        spread: The name of an object whose fields are part of the content themselves.
        content: For `traits` or `properties`, the paths to send; by default, everything that is not
            used elsewhere.
        kept: Paths whose values stay in the content even if they are used elsewhere.
        dropped: Names, in lower case, that are never content.
        dropped_prefixes: Prefixes of such names.
        context_columns: Whether a warehouse's `context_*` columns are folded back into the context.
        lower_case: Whether names are lower-cased first, for example for Snowflake.
        objects: Names of objects, which flattening splits up or writes as text.
        exclude: Paths left out of the content.
        rename: Paths in the content, with their new paths.
        required: For each required field of the call, the setting that requires it.
        without_id: What to do with records without the id that their call requires.
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
