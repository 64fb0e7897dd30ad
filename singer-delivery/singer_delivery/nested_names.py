"""Reads objects whose members have names with dots, such as routes, as Meltano writes them.

Meltano takes a dot for nesting. In the file that it makes of its settings it nests such names, and
in the environment, where the commands of a plugin find them, it writes every name with dots.
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
    """Return the members of an object by their whole names, and so the names inside of them.

    >>> settings = {"call": {}, "context": {"type": "object", "additionalProperties": {}}}
    >>> members({"crm": {"orders": {"call": "x", "context": {"page": {"url": "y"}}}}}, settings)
    {'crm.orders': {'call': 'x', 'context': {'page.url': 'y'}}}
    >>> members({"crm.orders.call": "x", "crm.orders.context.page.url": "y"}, settings)
    {'crm.orders': {'call': 'x', 'context': {'page.url': 'y'}}}

    Args:
        value: The object; the names of its members may hold dots themselves.
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
    """Return stream maps by the whole names of their streams.

    Of a name with dots, in the environment, the last part is the field.

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
    """Return whether another name with dots gives a field of a stream a value."""
    return any(
        name.rpartition(".")[0] == stream and each not in _REMOVED for name, each in value.items()
    )


def _collect_map(found: dict[str, Any], stream: str, fields: Mapping[str, Any]) -> None:
    """Add the map of a stream, or those of streams that are nested below its name."""
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
    """Add a member, or those that are nested below its name."""
    if not content:
        found.setdefault(_unescaped(member), {})
    for name, each in content.items():
        if _takes(settings.get(name), each):
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
        if parts[position] in settings and _takes(
            settings[parts[position]], {path: 0} if path else 0
        ):
            return ".".join(parts[:position]), parts[position], path
    return None


def _takes(setting: Schema | None, value: object) -> bool:
    """Return whether a value has its place in a setting; any value that is no object has."""
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
        _takes(settings.get(name), each)
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
    """Return a name without the backslashes by which Meltano keeps a dot from nesting."""
    return name.replace("\\.", ".")
