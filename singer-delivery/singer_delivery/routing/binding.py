"""Applies a route to records, with one computation per set of field names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from singer_delivery.errors import RecordRejected, RecordSkipped
from singer_delivery.routing import paths, shapes
from singer_delivery.routing.calls import (
    FIELDS,
    GROUPED,
    IDS,
    KIND_BY_FIELD,
    SEGMENT_CALLS,
    content_of,
)
from singer_delivery.routing.context import ContextReader
from singer_delivery.routing.flattened import unflatten
from singer_delivery.routing.integrations import IntegrationsReader
from singer_delivery.values import (
    NULL,
    as_id,
    as_object,
    decode,
    object_in_text,
    object_or_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import msgspec

    from singer_delivery.routing.route import Route
    from singer_delivery.values import Record

    Call = dict[str, Any]

MAX_BINDINGS = 64
"""The maximum number of cached sets of field names, besides the schema's own."""

SUSPICIOUS_IDS = frozenset({"undefined", "null", "none", "nil", "nan", "[object object]"})
"""Strings that programs write for a missing id, in lower case."""


class RowDeleted(RecordSkipped):
    """The record is a row that is marked as deleted.

    Args:
        call: Returns the call for the row without that mark; may raise `RecordRejected`.
    """

    def __init__(self, call: Callable[[], Call]) -> None:
        super().__init__("deleted")
        self.call = call


class StreamRoute:
    """Turns the records of one stream into calls.

    Args:
        route: The route of the stream.
        schema: The schema of the records, after all stream maps.
        warn: Logs a warning for the operator.
    """

    def __init__(
        self, route: Route, schema: Mapping[str, Any], warn: Callable[[str], None]
    ) -> None:
        self.route = route
        self._schema = schema
        self._warn = warn
        properties = schema.get("properties")
        self._names = frozenset(properties) if isinstance(properties, dict) else frozenset()
        self._bound = self._bind(self._names)
        self._others: dict[frozenset[str], BoundRoute] = {}

    def __call__(self, record: Record) -> Call:
        """Turn a record into a call.

        Args:
            record: The record, with its values still encoded; it is modified.

        Raises:
            RecordRejected: A required value is missing.
            RowDeleted: The record is marked as deleted.
        """
        bound = self._bound
        if not record.keys() <= self._names:
            bound = self._bound_to(frozenset(record.keys() - self._names))
        return bound(record)

    def _bound_to(self, others: frozenset[str]) -> BoundRoute:
        if others not in self._others:
            if len(self._others) >= MAX_BINDINGS:
                self._others.clear()
            self._others[others] = self._bind(self._names | others)
        return self._others[others]

    def _bind(self, names: frozenset[str]) -> BoundRoute:
        return BoundRoute(self.route, self._schema, names, self._warn)


class _FieldSource(NamedTuple):
    """The path of a call's field in a record, and whether the value stays there."""

    field: str
    path: str
    kept: bool
    is_id: bool


class BoundRoute:
    """Turns records with a known set of field names into calls.

    Args:
        route: The route of the stream.
        schema: The schema of the records.
        names: The possible field names of the records.
        warn: Logs a warning for the operator.
    """

    def __init__(
        self,
        route: Route,
        schema: Mapping[str, Any],
        names: Collection[str],
        warn: Callable[[str], None],
    ) -> None:
        self._route = route
        self._warn = warn
        self._unflatten = unflatten(schema, names, route.objects)
        names = {*names, *route.objects} if self._unflatten else {*names}
        self._lowered = route.lower_case and any(name != name.lower() for name in names)
        if self._lowered:
            names = {name.lower() for name in names}
        self._fields = {
            field: [found for path in candidates if (found := paths.resolve(names, path))]
            for field, candidates in route.fields.items()
        }
        self._kept = {found for path in route.kept if (found := paths.resolve(names, path))}
        self._deleted = [name for name in names if shapes.marks_deleted(name)]
        self._dropped = {name for name in names if self._drops(name.lower())}
        self._type = paths.find(names, "type") if route.by_type else None
        recases = route.by_type and self._type is not None and "messageId" not in names
        self._context = ContextReader(route, names, recases=recases)
        self._complete_integrations = IntegrationsReader(route, names, recases=recases)
        self._content = {
            field: found
            for field in ("traits", "properties")
            if (found := paths.find(names, field)) is not None
        }
        self._sources = {call: self._sources_of(fields) for call, fields in FIELDS.items()}
        self._has_context = bool(self._context)
        self._restores = bool(self._unflatten or self._lowered or route.spread)
        self._edits = bool(route.own_content or self._dropped or route.exclude or route.rename)

    def _sources_of(self, fields: Sequence[str]) -> list[_FieldSource]:
        """Return the sources of a call's fields; a value stays until its last use."""
        sources: list[_FieldSource] = []
        used = {*self._kept, *self._context.paths}
        for field in reversed(fields):
            for path in reversed(self._fields.get(field, ())):
                sources.append(_FieldSource(field, path, path in used, field in IDS))
                used.add(path)
        return sources[::-1]

    def _drops(self, name: str) -> bool:
        return (
            name in self._route.dropped
            or shapes.is_bookkeeping(name)
            or shapes.marks_deleted(name)
            or name.startswith(self._route.dropped_prefixes)
        )

    def __call__(self, record: Record) -> Call:
        """Turn a record into a call, as `StreamRoute` does."""
        if self._restores:
            record = self._restored(record)
        for name in self._deleted:
            if shapes.is_deleted(decode(record.get(name, NULL))):
                raise RowDeleted(partial(self._call, record))
        return self._call(record)

    def _call(self, record: Record) -> Call:
        route = self._route
        kind = self._kind(record) if route.by_type else route.call
        selected = self._selected_content(record, kind) if route.content else None
        call = self._fields_of(record, kind)
        self._complete_integrations(call, record)
        if route.required:
            self._check_required(call)
        if self._has_context or "groupId" in call:
            self._add_context(call, record)
        if (content := content_of(kind)) is not None:
            source = record if selected is None else selected
            call[content] = self._content_of(source, content) if self._edits else source
        return call

    def _restored(self, record: Record) -> Record:
        """Undo flattening and the naming of a warehouse."""
        if self._unflatten:
            record = self._unflatten(record)
        if self._lowered:
            record = {name.lower(): raw for name, raw in record.items()}
        return _spread(record, self._route.spread) if self._route.spread else record

    def _fields_of(self, record: Record, kind: str) -> Call:
        """Remove the fields of a call, except context and content, from a record."""
        call: Call = {"type": kind}
        for field, path, kept, is_id in self._sources[kind]:
            raw = record.get(path) if kept else record.pop(path, None)
            if raw is None and "." in path:
                raw = (paths.get if kept else paths.pop)(record, path)
            if raw is not None and raw != NULL and field not in call:
                value = as_id(raw) if is_id else _value(field, raw)
                if value is not None:
                    call[field] = value
                    if is_id and isinstance(value, str) and value.lower() in SUSPICIOUS_IDS:
                        self._warn_of(field, value)
        if self._route.literals:
            call = {**self._route.literals, **call}
        if "userId" in call and "anonymousId" in call:
            _without_empty_id(call)
        return call

    def _warn_of(self, field: str, text: object) -> None:
        self._warn(
            f"Some records have the text '{text}' as their {field}. They are sent, but the source "
            "probably had no id there."
        )

    def _kind(self, record: Record) -> str:
        brought = decode(record.get(self._type, NULL)) if self._type else None
        if isinstance(brought, str) and brought.lower() in SEGMENT_CALLS:
            return brought.lower()
        if self._route.by_fields and (brought is None or brought == ""):
            for field, kind in KIND_BY_FIELD.items():
                names = self._fields.get(field) or [self._content.get(field, field)]
                if any(record.get(name, NULL) != NULL for name in names):
                    return kind
        raise RecordRejected(
            "type_not_known",
            f"Its type is none of {', '.join(SEGMENT_CALLS)}, and none of its fields implies one.",
        )

    def _selected_content(self, record: Record, kind: str) -> Record | None:
        """Return the content that the settings select, before fields are removed."""
        if (select := self._route.content.get(content_of(kind) or "")) is None:
            return None
        selected: Record = {}
        source = record
        if self._route.own_content:
            name = self._content.get(content_of(kind) or "", "")
            source = as_object(object_in_text(record.get(name, NULL))) or {}
        for path in select:
            if (value := paths.get(source, path)) is not None:
                paths.put(selected, path, value)
        return selected

    def _check_required(self, call: Call) -> None:
        for field, setting in self._route.required.items():
            if field not in call and not (field in _EITHER and not _EITHER.isdisjoint(call)):
                raise RecordRejected("path_not_found", f"{setting}, which it does not have.")

    def _add_context(self, call: Call, record: Record) -> None:
        context = self._context(record)
        if isinstance(context, dict) and "groupId" in call and call["type"] not in GROUPED:
            context.setdefault("groupId", call.pop("groupId"))
        if context:
            call["context"] = context

    def _content_of(self, record: Record, name: str) -> Record | object:
        """Return the traits or properties of a record, or a value there that is not an object."""
        route, content = self._route, record
        if name in route.content:
            pass
        elif route.own_content:
            raw = record.get(self._content.get(name, name), NULL)
            found = {} if raw == NULL else object_or_text(raw)
            if not isinstance(found, dict):
                return found
            content = found
        elif self._dropped:
            content = {key: raw for key, raw in record.items() if key not in self._dropped}
        for path in route.exclude:
            paths.pop(content, path)
        moved = [(place, paths.pop(content, path)) for path, place in route.rename.items()]
        for place, value in moved:
            if value is not None:
                paths.put(content, place, value)
        return content


_EITHER = frozenset({"userId", "anonymousId"})
"""The ids of which a call requires at least one."""


def _spread(record: Record, name: str) -> Record:
    """Replace an object by its fields; existing fields are kept."""
    inner = as_object(record.get(name, NULL))
    if inner is None:
        return record
    return {**inner, **{field: raw for field, raw in record.items() if field != name}}


def _value(field: str, raw: msgspec.Raw) -> object:
    return object_or_text(raw) if field == "integrations" else decode(raw)


def _without_empty_id(call: Call) -> None:
    """Remove an empty id if the other one is set."""
    for field, other in (("userId", "anonymousId"), ("anonymousId", "userId")):
        if call[field] == "" and call[other]:
            del call[field]
            return
