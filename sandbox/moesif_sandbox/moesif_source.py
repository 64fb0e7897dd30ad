"""Cuts a document down to what a request's `_source` asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_dsl import Json, SearchError, as_list, as_string, only_keys, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moesif_sandbox.moesif_index import Document

_INCLUDES = ("includes", "include")
_EXCLUDES = ("excludes", "exclude")


@dataclass(frozen=True)
class SourceFilter:
    """Which fields of a document a hit shows: dotted paths, `*` stands for anything."""

    shown: bool = True
    includes: Sequence[re.Pattern[str]] = ()
    excludes: Sequence[re.Pattern[str]] = ()

    def apply(self, source: Json) -> Json:
        """Return the part of a document that passes."""
        if not self.includes and not self.excludes:
            return source
        return self._within(source, "", included=not self.includes)

    def _within(self, source: Json, prefix: str, *, included: bool) -> Json:
        kept: Json = {}
        for name, value in source.items():
            path = prefix + name
            if any(pattern.fullmatch(path) for pattern in self.excludes):
                continue
            here = included or any(pattern.fullmatch(path) for pattern in self.includes)
            part = self._part(value, f"{path}.", included=here)
            if here or part not in (None, {}, []):
                kept[name] = part
        return kept

    def _part(self, value: object, prefix: str, *, included: bool) -> object:
        if isinstance(value, dict):
            return self._within(value, prefix, included=included)
        if isinstance(value, list):
            parts = [self._part(element, prefix, included=included) for element in value]
            return parts if included else [part for part in parts if part not in (None, {}, [])]
        return value if included else None


def show_hit(document: Document, source: SourceFilter, sort: Sequence[object]) -> Json:
    """Return one hit: its id, what is wanted of its document, its sort values."""
    hit: Json = {"_id": document.id}
    if source.shown:
        hit["_source"] = source.apply(document.source)
    return hit | {"sort": list(sort)} if sort else hit


def parse_source(value: object) -> SourceFilter:
    """Return the filter of a `_source` in any of its forms.

    Raises:
        SearchError: it has a form the engine does not take.
    """
    if isinstance(value, bool):
        return SourceFilter(shown=value)
    if isinstance(value, dict):
        only_keys(value, {*_INCLUDES, *_EXCLUDES}, "_source")
        return SourceFilter(
            includes=_patterns(next((value[key] for key in _INCLUDES if key in value), [])),
            excludes=_patterns(next((value[key] for key in _EXCLUDES if key in value), [])),
        )
    if isinstance(value, (str, list)):
        return SourceFilter(includes=_patterns(value))
    raise SearchError(f"[_source] takes a boolean, fields or includes/excludes, not {shown(value)}")


def _patterns(value: object) -> list[re.Pattern[str]]:
    names = [as_string(name, "_source") for name in as_list(value)]
    return [re.compile(re.escape(name).replace(r"\*", ".*"), re.DOTALL) for name in names]
