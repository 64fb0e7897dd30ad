"""Finds the route of a stream: by the settings, by its mark, or as raw Segment calls.

A route is never guessed from the fields that a stream happens to have. A stream without one ends
the run at its first record.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from singer_delivery.reading.streams import NotKnown, NotSent
from singer_delivery.routing import paths, shapes
from singer_delivery.routing.calls import FIELDS, IDS, OF_A_USER
from singer_delivery.routing.flattened import SEPARATOR, is_flattened_by_underscore
from singer_delivery.routing.route import Route
from singer_delivery.routing.settings import ALL, IGNORE, SETTINGS, TEXTS, did_you_mean
from singer_delivery.routing.unknown_stream import (
    unknown_stream_message,
    with_byte_order_mark,
)
from singer_delivery.routing.yaml import flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_delivery.reading.streams import InputStream

EVERY_STREAM = "*"
"""The pattern whose `call: ignore` skips all streams without a route."""

_USER_IDS = frozenset({"userId", "anonymousId"})

LOADER_TEST_STREAM = "meltano_test_stream"
"""The stream of `meltano config test`, which has no route."""


class KnownShape(NamedTuple):
    """A known shape of records.

    Attributes:
        route: How its records become calls.
        not_sent: Why they are skipped, unless the settings name a call.
        stream: The usual name of such a stream.
        fields: The names of its fields.
        typical: The names of fields that identify it.
        key: The name of its key property.
        sends_key: Whether the target reads the key from the content, by this name.
    """

    route: Route
    not_sent: NotSent | None = None
    stream: str = ""
    fields: frozenset[str] = frozenset()
    typical: frozenset[str] = frozenset()
    key: str = "id"
    sends_key: bool = False

    def route_of(self, stream: InputStream) -> Route:
        """Return the route of a stream of this shape, with the actual name of its key."""
        if self.key in stream.fields or len(stream.key_properties) != 1:
            return self.route
        [key] = stream.key_properties
        return replace(
            self.route,
            fields={
                field: tuple(key if path == self.key else path for path in candidates)
                for field, candidates in self.route.fields.items()
            },
            rename={key: self.key} if self.sends_key else {},
        )

    def fits(self, stream: InputStream) -> bool:
        """Return whether a stream looks like this shape; for error messages only."""
        names = {name.partition(SEPARATOR)[0] for name in stream.fields}
        if not names <= self.fields and not (names & self.fields and stream.name == self.stream):
            return False
        return len(names & self.typical) > (0 if stream.name == self.stream else 1)


class Router:
    """Finds the route of each stream.

    Args:
        streams: The `streams` setting: a route for each name or pattern of names.
        known: The target's shapes, by their names in `as`.
        marked: Returns the shape for a mark, or None if it is unknown.
        calls: The calls that the target can make.
        warn: Logs a warning for the operator.
    """

    def __init__(
        self,
        streams: Mapping[str, Mapping[str, Any]] | None,
        *,
        known: Mapping[str, KnownShape],
        marked: Callable[[str], KnownShape | None],
        calls: Sequence[str],
        warn: Callable[[str], None],
    ) -> None:
        self._streams = streams or {}
        self._known = known
        self._marked = marked
        self._calls = calls
        self._warn = warn
        self._tables: set[str] = set()

    def route(self, stream: InputStream) -> Route | NotSent | NotKnown:
        """Return the route of a stream, or why it has none."""
        pattern = self._pattern(stream.name)
        settings = self._streams[pattern] if pattern is not None else {}
        if settings.get("call") == IGNORE:
            if pattern != EVERY_STREAM or self._known_shape(stream, {}) is None:
                return NotSent()
            pattern, settings = None, {}
        known = self._known_shape(stream, settings)
        if known is None:
            if "call" in settings:
                known = KnownShape(_configured_route(stream, self._warn))
            elif stream.name == LOADER_TEST_STREAM:
                return NotSent("loader_test")
            else:
                return NotKnown(
                    unknown_stream_message(stream, self._calls, self._known, pattern, settings)
                )
        if known.not_sent and "call" not in settings:
            return known.not_sent
        route = known.route_of(stream)
        if is_flattened_by_underscore(stream.fields, route.objects):
            self._warn(
                f"Stream '{stream.name}' looks flattened with the separator '_', which cannot be "
                f"undone. Set flattening_separator to '{SEPARATOR}' in the plugin that flattens it."
            )
        return route if pattern is None else self._with_settings(route, pattern, settings, stream)

    def _pattern(self, stream: str) -> str | None:
        if stream in self._streams:
            return stream
        return next((name for name in self._streams if fnmatchcase(stream, name)), None)

    def _known_shape(self, stream: InputStream, settings: Mapping[str, Any]) -> KnownShape | None:
        """Return the shape of a stream, by the settings, its mark, or its fields."""
        named = settings.get("as", "")
        if named in self._known:
            return self._known[named]
        if named == "segment.warehouse":
            self._note_table(shapes.table_of(stream.name))
            return KnownShape(shapes.warehouse_route(stream.name))
        if named == "segment.calls":
            return KnownShape(shapes.SEGMENT_CALLS)
        if stream.mark and (marked := self._marked(stream.mark)) is not None:
            return marked
        return KnownShape(shapes.RAW_CALLS) if shapes.is_raw_call(stream.fields) else None

    def _note_table(self, table: str) -> None:
        self._tables.add("tracks" if table == "tracks" else shapes.TABLES.get(table, "track"))
        if self._tables >= {"tracks", "track"}:
            self._warn(
                "The table 'tracks' contains the same calls, with the same ids, as the tables of "
                "the events, but without their properties; of two calls with one id the first is "
                "kept. Deselect 'tracks' in the tap, or set its call to ignore under streams."
            )

    def _with_settings(
        self, route: Route, pattern: str, settings: Mapping[str, Any], stream: InputStream
    ) -> Route:
        """Return a route with the changes from the settings."""
        selected = {SETTINGS[name]: value for name, value in settings.items() if name in SETTINGS}
        named = {path.lower() for path in selected.values() if isinstance(path, str)} - route.kept
        missing = dict(self._missing(pattern, settings, stream))
        call = settings.get("call", route.call)
        changed = replace(
            route,
            call=call,
            by_type=route.by_type and "call" not in settings,
            fields={
                **{
                    name: tuple(path for path in candidates if path.lower() not in named)
                    for name, candidates in route.fields.items()
                },
                **{name: (path,) for name, path in selected.items() if isinstance(path, str)},
                **{name: () for name, path in selected.items() if not isinstance(path, str)},
            },
            literals={
                **{name: text for name, text in route.literals.items() if name not in selected},
                **{
                    name: value["literal"]
                    for name, value in selected.items()
                    if isinstance(value, dict)
                },
            },
            context=settings.get("context", route.context),
            content={
                name: tuple(path for path in settings[name] if not _is_bookkeeping(path))
                for name in ("traits", "properties")
                if settings.get(name, ALL) != ALL
            },
            exclude=tuple(settings.get("exclude", ())),
            rename={**route.rename, **settings.get("rename", {})},
            required={name: text for name, text in missing.items() if name in FIELDS[call]}
            if call
            else missing,
            without_id=settings.get("without_id", route.without_id),
        )
        if "call" in settings:
            self._check_has_user(changed, pattern, stream)
        return changed

    def _check_has_user(self, route: Route, pattern: str, stream: InputStream) -> None:
        """Log a warning if no record can have the id of a user that its call requires."""
        if route.call not in OF_A_USER or not _USER_IDS.isdisjoint(route.required):
            return
        candidates = [path for field in _USER_IDS for path in route.fields.get(field, ())]
        if not any(paths.is_declared(stream.schema, path) for path in candidates):
            self._warn(
                f"streams.{pattern} has no user_id, and '{stream.name}' has no field of that name. "
                f"Set user_id to the field that contains it; until then all records are "
                f"{'skipped' if route.without_id == 'skip' else 'rejected'}."
            )

    def _missing(
        self, pattern: str, settings: Mapping[str, Any], stream: InputStream
    ) -> Iterator[tuple[str, str]]:
        """Log a warning for each path that no record can have.

        Yields:
            For each id or event among them, the field of the call and the setting that names it.
        """
        for setting, path in _paths_in(settings):
            if paths.is_declared(stream.schema, path):
                continue
            named = f"streams.{pattern}.{setting} names '{path}'"
            hint = _flattened(path, stream.fields) or with_byte_order_mark(path, stream.fields)
            hint = hint or did_you_mean(path, stream.fields)
            if not hint and setting in TEXTS:
                hint = f" (for a text that is always the same, set {flow({'literal': path})})"
            field = SETTINGS.get(setting)
            needed = field in IDS or field == "event"
            consequence = "records without it are rejected" if needed else "it is left out"
            self._warn(
                f"{named}, which is not in the schema of '{stream.name}'{hint}; {consequence}."
            )
            if needed:
                yield cast("str", field), named


def _is_bookkeeping(path: str) -> bool:
    return any(map(shapes.is_bookkeeping, path.split(".")))


def _configured_route(stream: InputStream, warn: Callable[[str], None]) -> Route:
    """Return the route of a stream with no known shape.

    If it looks like a call or a warehouse's table, metadata about the row is not content.
    """
    names = stream.fields
    if envelope := shapes.envelope_of(names):
        lower = {name.lower() for name in names}
        return replace(
            shapes.SEGMENT_CALLS,
            shape="",
            by_type=False,
            own_content=not lower.isdisjoint({"traits", "properties"}),
            dropped=envelope,
        )
    ids = {field: shapes.SEGMENT_CALLS.fields[field] for field in _CONFIGURED_FIELDS}
    if not shapes.looks_like_a_warehouse(stream.name, names):
        return Route(call="", fields=ids)
    warn(
        f"Stream '{stream.name}' looks like a table of a Segment warehouse. With as: "
        "segment.warehouse, its calls also have their times, ids and context."
    )
    return Route(
        call="",
        fields=ids,
        dropped=shapes.TABLE_BOOKKEEPING,
        dropped_prefixes=(shapes.CONTEXT_PREFIX,),
    )


_CONFIGURED_FIELDS = ("userId", "anonymousId", "groupId", "previousId", "event")


def _flattened(path: str, fields: Sequence[str]) -> str:
    """Return a hint at the flattened name of a path, or an empty text."""
    flat = path.replace(".", SEPARATOR)
    if found := paths.find(fields, flat):
        return f": it was flattened to '{found}', so use that name, or do not flatten"
    part = next(
        (name for name in fields if name.lower().startswith(f"{flat}{SEPARATOR}".lower())), ""
    )
    return part and f": it was flattened to columns such as '{part}', so do not flatten"


def _paths_in(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the paths into records in a route's settings, each with its setting."""
    for setting, value in settings.items():
        if setting in SETTINGS or setting == "context":
            if isinstance(value, str):
                yield setting, value
            elif setting == "context":
                yield from ((setting, path) for path in value.values())
        elif setting in {"traits", "properties"} and value != ALL:
            yield from ((setting, path) for path in value)
