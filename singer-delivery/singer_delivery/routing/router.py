"""Which record becomes which call: by the `streams` setting, else by its stream's shape."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from singer_delivery.errors import RecordRejected
from singer_delivery.reading.mapped import NotSent
from singer_delivery.routing import paths, shapes
from singer_delivery.routing.calls import (
    BOOKKEEPING,
    FIELDS,
    GROUPED,
    IDS,
    SEGMENT_CALLS,
    content_of,
)
from singer_delivery.routing.settings import ALL, IGNORE, SETTINGS, did_you_mean
from singer_delivery.routing.shapes import MoesifStream
from singer_delivery.values import NULL, as_id, as_object, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from singer_delivery.values import Record

    Call = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the records of one stream become calls.

    Attributes:
        kind: Which call.
        fields: For a field of the call, the paths where its value may be.
        literals: For a field of the call, its value.
        context: Where the context is, or for paths in it where their values are.
        typed: Whether a record's own `type` wins over `kind`.
        own: Whether a field of the content's name holds the content, where a record has one.
        select: Paths of the content's fields, or None for all that is not used elsewhere.
        dropped: Names that belong to no content.
        folded: Whether columns of a warehouse are folded back into the context.
        exclude: Paths left out of the content.
        rename: Paths in the content, and where to their values go.
        needed: Paths that the schema does not know, and the settings that name them.
    """

    kind: str
    fields: Mapping[str, tuple[str, ...]]
    literals: Mapping[str, str] = field(default_factory=dict)
    context: str | Mapping[str, str] | None = None
    typed: bool = False
    own: bool = False
    select: tuple[str, ...] | None = None
    dropped: frozenset[str] = frozenset()
    folded: bool = False
    exclude: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    needed: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, record: Record) -> Call | None:
        """Make a record into a call, or None where the record says that it is gone.

        Args:
            record: Its values still encoded; it is changed.

        Raises:
            RecordRejected: It has not what the settings say it has.
        """
        if record.get(shapes.DELETED_AT, NULL) != NULL:
            return None
        if self.needed:
            self._check_paths(record)
        kind = self._kind(record) if self.typed else self.kind
        selected = self._selected(record)
        call: Call = {"type": kind, **self.literals}
        for name in FIELDS[kind]:
            for path in self.fields.get(name, ()):
                raw = record.pop(path, None)
                if raw is None and "." in path:
                    raw = paths.take(record, path)
                if raw is not None and raw != NULL:
                    value = decode(raw)
                    call.setdefault(name, as_id(value) if name in IDS else value)
        self._add_context(call, record)
        if (content := content_of(kind)) is not None:
            call[content] = self._content(record if selected is None else selected, content)
        return call

    def _check_paths(self, record: Record) -> None:
        for path, setting in self.needed.items():
            if paths.get(record, path) is None:
                detail = f"{setting} names '{path}', which it does not have."
                raise RecordRejected("path_not_found", detail)

    def _kind(self, record: Record) -> str:
        brought = decode(record.get("type", NULL))
        return brought if isinstance(brought, str) and brought in SEGMENT_CALLS else self.kind

    def _selected(self, record: Record) -> Record | None:
        """Give those fields that the settings name, in their places, before any is taken."""
        if self.select is None:
            return None
        selected: Record = {}
        for path in self.select:
            if (value := paths.get(record, path)) is not None:
                paths.put(selected, path, value)
        return selected

    def _add_context(self, call: Call, record: Record) -> None:
        context = self._context(record)
        if isinstance(context, dict) and call["type"] not in GROUPED and "groupId" in call:
            context.setdefault("groupId", call.pop("groupId"))
        if context:
            call["context"] = context

    def _context(self, record: Record) -> Any:  # noqa: ANN401, whatever stands in its place
        if isinstance(self.context, str):
            return decode(paths.take(record, self.context) or NULL) or {}
        context: dict[str, Any] = {}
        for place, path in (self.context or {}).items():
            _set(context, place.split("."), decode(paths.take(record, path) or NULL))
        if self.folded:
            for name in [name for name in record if name.startswith(shapes.CONTEXT)]:
                _set(context, shapes.context_path(name), decode(record.pop(name)))
        return context

    def _content(self, record: Record, name: str) -> Record | object:
        """The traits or properties of a record, or what is no object in their place."""
        content = record
        if self.own and name in record:
            own = as_object(record[name])
            if own is None:
                return {} if record[name] == NULL else decode(record[name])
            content = own
        elif self.select is None:
            content = {
                key: raw
                for key, raw in record.items()
                if key not in self.dropped and not key.startswith(shapes.TAP_COLUMNS)
            }
        for path in self.exclude:
            paths.take(content, path)
        moved = [(place, paths.take(content, path)) for path, place in self.rename.items()]
        for place, value in moved:
            if value is not None:
                paths.put(content, place, value)
        return content


def _set(context: Any, place: tuple[str, ...] | list[str], value: object) -> None:  # noqa: ANN401
    """Put a value into a context; a null, or what does not fit, leaves it as it is."""
    *parents, name = place
    if value is None:
        return
    for parent in parents:
        context = context.setdefault(parent, {}) if isinstance(context, dict) else None
    if isinstance(context, dict):
        context.setdefault(name, value)


# Plans for the shapes that are known.

_SEGMENT_FIELDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("userId", "anonymousId", "groupId", "previousId", "event")},
    **{name: (name,) for name in ("name", "category", "messageId", "integrations")},
    "timestamp": ("timestamp", "originalTimestamp"),
}
_TABLE_FIELDS: dict[str, tuple[str, ...]] = {
    "userId": ("user_id",),
    "anonymousId": ("anonymous_id",),
    "event": ("event_text", "event"),
    "timestamp": ("timestamp", "original_timestamp", "received_at"),
    "messageId": ("id",),
}
_TABLE_FIELDS_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "users": {"userId": ("id",), "messageId": ()},
    "accounts": {"groupId": ("id",), "messageId": ()},
    "groups": {"groupId": ("group_id",)},
    "aliases": {"previousId": ("previous_id",)},
    "pages": {"name": ("name",), "category": ("category",)},
    "screens": {"name": ("name",), "category": ("category",)},
}
_FOREIGN_FIELDS: dict[str, tuple[str, ...]] = {
    "userId": ("userId", "user_id"),
    "anonymousId": ("anonymousId", "anonymous_id"),
    "groupId": ("groupId", "group_id"),
    "previousId": ("previousId", "previous_id"),
    "event": ("event",),
}
"""Where ids and events are looked for in a stream that only the settings route."""

MOESIF_FIELDS: dict[MoesifStream, dict[str, tuple[str, ...]]] = {
    MoesifStream.USERS: {"userId": ("id",)},
    MoesifStream.COMPANIES: {"groupId": ("id",)},
    MoesifStream.SUBSCRIPTIONS: {"groupId": ("companyId",)},
    MoesifStream.COHORTS: {},
    MoesifStream.EVENTS: {
        "userId": ("userId",),
        "groupId": ("companyId",),
        "event": ("actionName",),
        "timestamp": ("requestTime",),
        "messageId": ("id",),
    },
}


def segment_plan(kind: str) -> Plan:
    """Plan for a stream whose records are Segment's calls already."""
    return Plan(
        kind,
        _SEGMENT_FIELDS,
        context="context",
        typed=True,
        own=True,
        dropped=BOOKKEEPING,
    )


def table_plan(table: str) -> Plan:
    """Plan for a table of a Segment warehouse."""
    return Plan(
        shapes.TABLES.get(table, "track"),
        {**_TABLE_FIELDS, **_TABLE_FIELDS_OF.get(table, {})},
        folded=True,
        dropped=shapes.TABLE_BOOKKEEPING,
    )


class Router:
    """Says what becomes of each stream.

    Args:
        streams: The `streams` setting: for a stream's name, or a pattern of names, its route.
        warn: Takes a sentence for the operator.
    """

    def __init__(
        self, streams: Mapping[str, Mapping[str, Any]] | None, warn: Callable[[str], None]
    ) -> None:
        self._streams = streams or {}
        self._warn = warn
        self._tables: set[str] = set()

    def route(self, stream: str, schema: Mapping[str, Any]) -> Plan | MoesifStream | NotSent:
        """Find a stream's route: in the settings, else by its shape.

        Returns:
            How its records become calls, or which stream of tap-moesif it is, or that nothing
            is known of it.
        """
        plan, moesif = self._plan(stream, schema), shapes.moesif_stream_of(schema)
        if (pattern := self._pattern(stream)) is not None:
            base = plan or Plan("", MOESIF_FIELDS[moesif] if moesif else _FOREIGN_FIELDS)
            return self._explicit(pattern, stream, schema, base)
        if plan is not None:
            return plan
        return moesif or NotSent(
            "nothing in its schema says which call its records become. Say so in the settings, "
            f"such as streams: {{{stream}: {{call: identify, user_id: id}}}}, or silence this with "
            f"streams: {{{stream}: {{call: ignore}}}}."
        )

    def _plan(self, stream: str, schema: Mapping[str, Any]) -> Plan | None:
        if (kind := shapes.call_of(schema)) is not None:
            return segment_plan(kind)
        if (table := shapes.table_of(stream, schema)) is None:
            return None
        self._tables.add("tracks" if table == "tracks" else shapes.TABLES.get(table, "track"))
        if self._tables >= {"tracks", "track"}:
            self._warn(
                "The table 'tracks' holds the same calls, with the same ids, as the tables of the "
                "events, but without their properties; of two with one id the first stays. Take "
                "'tracks' out of the tap, or set its call to ignore under streams."
            )
        return table_plan(table)

    def _pattern(self, stream: str) -> str | None:
        if stream in self._streams:
            return stream
        return next((name for name in self._streams if fnmatchcase(stream, name)), None)

    def _explicit(
        self, pattern: str, stream: str, schema: Mapping[str, Any], base: Plan
    ) -> Plan | NotSent:
        settings = self._streams[pattern]
        kind = settings["call"]
        if kind == IGNORE:
            return NotSent()
        missing = {
            path: f"streams.{pattern}.{setting}"
            for setting, value in settings.items()
            for path in _paths_of(setting, value)
            if not paths.declared(schema, path)
        }
        for path, setting in missing.items():
            self._warn(
                f"{setting} names '{path}', which is not in the schema of '{stream}'"
                f"{did_you_mean(path, schema.get('properties', {}))}; "
                "records without it are rejected."
            )
        chosen = {SETTINGS[name]: value for name, value in settings.items() if name in SETTINGS}
        select = settings.get(content_of(kind) or "", ALL)
        return replace(
            base,
            kind=kind,
            typed=False,
            fields={
                **base.fields,
                **{name: (path,) for name, path in chosen.items() if isinstance(path, str)},
                **{name: () for name, path in chosen.items() if not isinstance(path, str)},
            },
            literals={
                name: value["literal"] for name, value in chosen.items() if isinstance(value, dict)
            },
            context=settings.get("context", base.context),
            select=None if select == ALL else tuple(select),
            exclude=tuple(settings.get("exclude", ())),
            rename=settings.get("rename", {}),
            needed=missing,
        )


def _paths_of(setting: str, value: object) -> list[str]:
    """Give the paths that a record must have for a setting of its route."""
    if setting in {"call", "exclude", "rename"} or value == ALL:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [] if setting in SETTINGS else [*value.values()]
    return [cast("str", value)]
