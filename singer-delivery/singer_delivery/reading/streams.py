"""A stream of the input, and what may become of it as a whole."""

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
    """A stream of the input, as the target's own stream maps have left it.

    Attributes:
        name: The stream's, or its alias.
        schema: The JSON schema of its records.
        key_properties: Names of the fields that tell its records apart.
        mark: The `$id` of the schema on the SCHEMA line, before any stream map.
    """

    name: str
    schema: Mapping[str, Any]
    key_properties: Sequence[str] = ()
    mark: str | None = None

    @property
    def fields(self) -> list[str]:
        """The names that the schema lists."""
        properties = self.schema.get("properties")
        return [*properties] if isinstance(properties, dict) else []


class NotSent(NamedTuple):
    """A stream whose records are left out.

    Attributes:
        reason: A short code under which they are counted.
        notice: Why, in a sentence for the operator; empty where somebody wants it so.
    """

    reason: str = "ignored"
    notice: str = ""


class NotKnown(NamedTuple):
    """A stream of which nothing says what its records become: the first of them ends the run.

    Attributes:
        advice: What to do, in a sentence for the operator.
    """

    advice: str
