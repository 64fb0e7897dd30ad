"""Reads the context of a call from an object, single fields, or a warehouse's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery.routing import paths, shapes
from singer_delivery.values import NULL, as_id, decode_exactly, object_or_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from singer_delivery.routing.route import Route
    from singer_delivery.values import Record


class ContextReader:
    """Removes the context from records and returns it.

    Args:
        route: The route of the stream.
        names: The possible field names of the records.
        recases: Whether the names in a context may differ from Segment's in letter case.
    """

    def __init__(self, route: Route, names: Collection[str], *, recases: bool) -> None:
        selected = route.context
        self._whole = paths.resolve(names, selected) if isinstance(selected, str) else None
        self._paths = (
            {place: paths.resolve(names, path) or path for place, path in selected.items()}
            if selected and not isinstance(selected, str)
            else {}
        )
        self._columns = [
            (name, shapes.context_path(name))
            for name in sorted(names)
            if route.context_columns and name.startswith(shapes.CONTEXT_PREFIX)
        ]
        self._recases = recases

    @property
    def paths(self) -> Collection[str]:
        """The single fields of a record that it reads."""
        return self._paths.values()

    def __bool__(self) -> bool:
        """Whether the records may have a context."""
        return bool(self._whole or self._paths or self._columns)

    def __call__(self, record: Record) -> dict[str, Any] | object:
        """Remove and return the context of a record; the values of an object stay encoded."""
        context = self._of_whole(record) if self._whole else self._of_parts(record)
        if isinstance(context, dict) and "groupId" in context:
            group = as_id(context["groupId"])
            context["groupId"] = group if isinstance(group, str) else context["groupId"]
        return context

    def _of_whole(self, record: Record) -> dict[str, Any] | object:
        raw = paths.pop(record, self._whole or "")
        context = {} if raw is None or raw == NULL else object_or_text(raw)
        if not self._recases or not isinstance(context, dict):
            return context
        fields = shapes.CONTEXT_FIELDS
        return {fields.get(name.lower(), name): value for name, value in context.items()}

    def _of_parts(self, record: Record) -> dict[str, Any]:
        context: dict[str, Any] = {}
        for place, path in self._paths.items():
            _set(context, place.split("."), decode_exactly(paths.pop(record, path) or NULL))
        for column, column_path in self._columns:
            if (raw := record.pop(column, None)) is not None:
                _set(context, column_path, decode_exactly(raw))
        return context


def _set(context: Any, place: Sequence[str], value: object) -> None:  # noqa: ANN401
    """Set a value in a context, unless it is null or a parent is not an object."""
    *parents, name = place
    if value is None:
        return
    for parent in parents:
        context = context.setdefault(parent, {}) if isinstance(context, dict) else None
    if isinstance(context, dict):
        context.setdefault(name, value)
