"""Restores dotted names in objects, such as routes by stream, as Meltano writes them.

For Meltano a dot means nesting. It nests such names in the file of a plugin's settings, and writes
every name with dots in the environment of a plugin's commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema: TypeAlias = Mapping[str, Any]
Settings: TypeAlias = Mapping[str, Schema]
"""The settings that a member may have, each with its schema."""


def members(value: Mapping[str, Any], settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the members of an object by their full names, with full names inside of them.

    >>> settings = {"call": {}, "context": {"type": "object", "additionalProperties": {}}}
    >>> members({"crm": {"orders": {"call": "x", "context": {"page": {"url": "y"}}}}}, settings)
    {'crm.orders': {'call': 'x', 'context': {'page.url': 'y'}}}
    >>> members({"crm.orders.call": "x", "crm.orders.context.page.url": "y"}, settings)
    {'crm.orders': {'call': 'x', 'context': {'page.url': 'y'}}}

    Args:
        value: The object; the names of its members may contain dots.
        settings: The settings that a member may have, each with its schema.
    """
    found: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, dict):
            _collect(found, name, each, settings)
        elif (split := _split(name, settings)) is not None:
            _put(found, *split, each)
        else:
            others[name] = each
    return {**{name: each for name, each in others.items() if name not in found}, **found}


def stream_maps(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return stream maps by the full names of their streams.

    In a dotted name from the environment, the last part is the field.

    >>> stream_maps({"crm": {"orders": {"total": "round(total)"}}, "gone": None})
    {'crm.orders': {'total': 'round(total)'}, 'gone': None}
    >>> stream_maps({"crm.orders.total": "round(total)", "crm.orders.note": None, "crm.gone": None})
    {'crm.orders': {'total': 'round(total)', 'note': None}, 'crm.gone': None}
    """
    found: dict[str, Any] = {}
    for name, each in value.items():
        stream, _, field = name.rpartition(".")
        if isinstance(each, dict):
            _collect_map(found, name, each)
        elif stream and (each not in _REMOVED or _is_mapped(stream, value)):
            _put(found, stream, field, "", each)
        else:
            found[_unescaped(name)] = each
    return found


_REMOVED = (None, "__NULL__")


def _is_mapped(stream: str, value: Mapping[str, Any]) -> bool:
    """Return whether another dotted name maps a field of a stream to a value."""
    return any(
        name.rpartition(".")[0] == stream and each not in _REMOVED for name, each in value.items()
    )


def _collect_map(found: dict[str, Any], stream: str, fields: Mapping[str, Any]) -> None:
    """Add the map of a stream, or the maps of streams nested below its name."""
    if not fields:
        found.setdefault(_unescaped(stream), {})
    for name, each in fields.items():
        if isinstance(each, dict):
            _collect_map(found, f"{stream}.{name}", each)
        else:
            _put(found, stream, name, "", each)


def _collect(
    found: dict[str, Any], member: str, content: Mapping[str, Any], settings: Settings
) -> None:
    """Add a member, or the members nested below its name."""
    if not content:
        found.setdefault(_unescaped(member), {})
    for name, each in content.items():
        if _accepts(settings.get(name), each):
            leaves = _leaves(each) if isinstance(each, dict) else [("", each)]
            for path, leaf in leaves:
                _put(found, member, name, path, leaf)
        elif isinstance(each, dict) and _holds_settings(each, settings):
            _collect(found, f"{member}.{name}", each, settings)
        else:  # the validation reports it
            found.setdefault(_unescaped(member), {})[name] = each


def _put(found: dict[str, Any], member: str, setting: str, path: str, value: object) -> None:
    content = found.setdefault(_unescaped(member), {})
    if not path:
        content[setting] = value
    elif isinstance(place := content.setdefault(setting, {}), dict):
        place[_unescaped(path)] = value


def _split(name: str, settings: Settings) -> tuple[str, str, str] | None:
    """Split a dotted name into a member, its setting, and a path in that setting."""
    parts = name.split(".")
    for position in range(1, len(parts)):
        path = ".".join(parts[position + 1 :])
        if parts[position] in settings and _accepts(
            settings[parts[position]], {path: 0} if path else 0
        ):
            return ".".join(parts[:position]), parts[position], path
    return None


def _accepts(setting: Schema | None, value: object) -> bool:
    """Return whether a setting accepts a value; it accepts any that is not an object."""
    if setting is None:
        return False
    if not isinstance(value, dict):
        return True
    more = setting.get("additionalProperties", True) is not False
    return "object" in setting.get("type", ()) and (
        more or value.keys() <= setting["properties"].keys()
    )


def _holds_settings(value: Mapping[str, Any], settings: Settings) -> bool:
    return any(
        _accepts(settings.get(name), each)
        or (isinstance(each, dict) and _holds_settings(each, settings))
        for name, each in value.items()
    )


def _leaves(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """Return the values in an object, each with its dotted name."""
    for name, each in value.items():
        if isinstance(each, dict) and each:
            yield from _leaves(each, f"{before}{name}.")
        else:
            yield f"{before}{name}", each


def _unescaped(name: str) -> str:
    """Return a name without the backslashes that escape dots for Meltano."""
    return name.replace("\\.", ".")
