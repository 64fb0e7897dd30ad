"""The `streams` setting: its JSON schema, and further checks."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from singer_delivery.routing.calls import FIELDS, content_of
from singer_delivery.routing.yaml import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SETTINGS = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "event": "event",
    "name": "name",
    "category": "category",
    "timestamp": "timestamp",
    "message_id": "messageId",
}
"""The settings for the fields of a call."""

TEXTS = ("event", "name", "category")
"""Those that may be a literal as well."""

_OF_ANY_CALL = frozenset({"call", "as", "context", "without_id"})

IGNORE = "ignore"
ALL = "*"

_PATH = {"type": "string", "minLength": 1}
_PATHS = {"type": "array", "items": _PATH}
_PATH_OR_LITERAL = {
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {"literal": _PATH},
    "required": ["literal"],
    "additionalProperties": False,
}
_CONTENT = {"type": ["array", "string"], "items": _PATH, "pattern": r"^\*$"}


SHAPES = ("segment.calls", "segment.warehouse")
"""The shapes of every target."""


def streams_setting(calls: Sequence[str], shapes: Iterable[str]) -> th.Property[Any]:
    """Declare the `streams` setting.

    Args:
        calls: The calls that the target can make.
        shapes: The names of its shapes besides Segment's.
    """
    route = {
        "type": "object",
        "properties": {
            "call": {"enum": [*calls, IGNORE], "description": "The call for its records."},
            "as": {
                "enum": [*shapes, *SHAPES],
                "description": "The known shape of its records; other keys override parts of it.",
            },
            **{name: {**_PATH, "description": "Its path in a record."} for name in SETTINGS},
            **{
                name: {**_PATH_OR_LITERAL, "description": "Its path in a record, or {literal: …}."}
                for name in TEXTS
            },
            "context": {
                "type": ["string", "object"],
                "minLength": 1,
                "additionalProperties": _PATH,
                "description": "The path of the context in a record; or paths in the context, with "
                "the paths of their values.",
            },
            **{
                name: {
                    **_CONTENT,
                    "description": "The paths to send, or * for all remaining fields.",
                }
                for name in ("traits", "properties")
            },
            "exclude": {**_PATHS, "description": "Paths left out of the traits or properties."},
            "rename": {
                "type": "object",
                "additionalProperties": _PATH,
                "description": "Paths in the traits or properties, with their new paths.",
            },
            "without_id": {
                "enum": ["reject", "skip"],
                "description": "What to do with records without the id that their call requires.",
            },
        },
        "additionalProperties": False,
    }
    return th.Property(
        "streams",
        th.CustomType({"type": ["object", "null"], "additionalProperties": route}),
        title="Routes",
        description="Routes by stream name, or by a pattern such as crm-*: a call or a known "
        "shape, and the paths of its fields. A stream without a route stops the run, unless its "
        "schema has a known mark or is that of raw Segment calls.",
    )


def ineffective_settings(streams: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each setting without an effect on its call.

    Args:
        streams: The setting, which is valid by its JSON schema.
    """
    for stream, route in streams.items():
        if (call := route.get("call")) is None:
            continue
        known = settings_of(call)
        for name in route.keys() - known:
            yield (
                f"Setting streams.{stream}.{name}: it has no effect for call {call}"
                f"{did_you_mean(name, known - route.keys())}"
            )


def settings_of(call: str | None) -> set[str]:
    """Return the settings of a route that have an effect for a call; all of them for None."""
    if call is None:
        return {*SETTINGS, *_OF_ANY_CALL, "traits", "properties", "exclude", "rename"}
    if call == IGNORE:
        return {"call"}
    known = {name for name, field in SETTINGS.items() if field in FIELDS[call]} | _OF_ANY_CALL
    content = content_of(call)
    return known | {content, "exclude", "rename"} if content else known


def did_you_mean(name: str, names: Iterable[str | None]) -> str:
    """Return a hint with the most similar name, or an empty text."""
    near = get_close_matches(name, [known for known in names if known], n=1)
    return f"; did you mean '{printable(near[0])}'?" if near else ""
