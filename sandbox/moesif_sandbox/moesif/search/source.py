"""Reduces a document to what a request's `_source` asks for."""

import re
from collections.abc import Callable

from moesif_sandbox.moesif.search.dsl import Clause, Json, read

_NOTHING: tuple[object, ...] = (None, {}, [])


class _Filter(Clause, frozen=True):
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


def parse_source(value: object) -> Callable[[Json], Json]:
    """Return what reduces a document to the fields that are included and not excluded."""
    given = read(value if isinstance(value, dict) else {"includes": value}, _Filter, "_source")
    includes, excludes = _pattern(given.includes), _pattern(given.excludes)
    if given == _Filter():
        return dict

    def reduced(value: object, path: str, *, included: bool) -> object:
        if isinstance(value, list):
            parts = [reduced(element, path, included=included) for element in value]
            return parts if included else [part for part in parts if part not in _NOTHING]
        if not isinstance(value, dict):
            return value if included else None
        kept: Json = {}
        for name, part in value.items():
            own = f"{path}.{name}".removeprefix(".")
            shown = included or includes.fullmatch(own) is not None
            inside = reduced(part, own, included=shown)
            if not excludes.fullmatch(own) and (shown or inside not in _NOTHING):
                kept[name] = inside
        return kept

    return lambda source: reduced(source, "", included=not given.includes)  # type: ignore[return-value]


def _pattern(fields: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern of dotted paths, in which `*` stands for anything."""
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in fields or ["\n"]))
