"""A stream of the input, and its encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from singer_delivery.sending.batching import Message
from singer_delivery.values import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

Encode: TypeAlias = Callable[[Record, str | None], Sequence[Message]]
"""Turns a record, and the `time_extracted` of its line, into messages."""


@dataclass(frozen=True, slots=True)
class InputStream:
    """A stream of the input, after the target's own stream maps.

    Attributes:
        name: The name of the stream, or its alias.
        schema: The JSON schema of its records.
        key_properties: The names of its key properties.
        mark: The `$id` of the schema on the SCHEMA line, before any stream map.
    """

    name: str
    schema: Mapping[str, Any]
    key_properties: Sequence[str] = ()
    mark: str | None = None

    @property
    def fields(self) -> list[str]:
        """The names of the properties in the schema."""
        properties = self.schema.get("properties")
        return [*properties] if isinstance(properties, dict) else []


class NotSent(NamedTuple):
    """Why the records of a stream are skipped.

    Attributes:
        reason: A short code for the counts.
        notice: A sentence for the log; empty if the settings skip the stream.
    """

    reason: str = "ignored"
    notice: str = ""


class NotKnown(NamedTuple):
    """A stream without a route; its first record ends the run.

    Attributes:
        advice: The error message, with the route to add.
    """

    advice: str
