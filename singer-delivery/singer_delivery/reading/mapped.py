"""A record's way through its stream's maps to encoded messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.mapper import SameRecordTransform

from singer_delivery.errors import RecordRejected
from singer_delivery.reading.lines import decoded, encoded
from singer_delivery.rejects.file import REJECT_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.sinks.core import JSONSchemaValidator

    from singer_delivery.sending.batching import Message
    from singer_delivery.values import Record

    Encode = Callable[[Record, str | None], Sequence[Message]]


class NotSent(NamedTuple):
    """A stream whose records are left out.

    Attributes:
        advice: How to have them sent, in a sentence; empty where somebody wants it so.
    """

    advice: str = ""


class MappedStream:
    """What happens to the records of one stream of the input.

    Args:
        steps: For each stream that the stream maps make of this one: the map, and how its
            records are encoded.
        validator: Checks records against the stream's schema, where that is wanted.
    """

    def __init__(
        self,
        steps: Sequence[tuple[StreamMap, Encode]],
        validator: JSONSchemaValidator | None,
    ) -> None:
        self.sends = bool(steps)
        self._steps = [
            (None if _changes_nothing(stream_map) else stream_map, encode)
            for stream_map, encode in steps
        ]
        self._validator = validator

    def messages(self, record: Record, time_extracted: str | None) -> Sequence[Message]:
        """Encode a record: its messages, none if it is left out.

        Args:
            record: Its values still encoded; on replay without the reason it was rejected for.
            time_extracted: Of its line.

        Raises:
            RecordRejected: It cannot be sent.
        """
        if not self.sends:
            return ()
        record.pop(REJECT_FIELD, None)
        try:
            if self._validator:
                self._validate(self._validator, decoded(record))
            if len(self._steps) == 1:
                return self._encode(*self._steps[0], record, time_extracted)
            return [
                message
                for stream_map, encode in self._steps
                for message in self._encode(stream_map, encode, {**record}, time_extracted)
            ]
        except (msgspec.DecodeError, RecursionError) as error:
            # What stays encoded is not looked into before: a number too large for any float, say.
            raise RecordRejected("not_json", "A value of it cannot be read.") from error

    def _encode(
        self,
        stream_map: StreamMap | None,
        encode: Encode,
        record: Record,
        time_extracted: str | None,
    ) -> Sequence[Message]:
        mapped = record if stream_map is None else self._map(stream_map, record)
        return () if mapped is None else encode(mapped, time_extracted)

    @staticmethod
    def _validate(validator: JSONSchemaValidator, record: dict[str, Any]) -> None:
        try:
            validator.validate(record)
        except InvalidRecord as error:
            # Its message quotes the value, which must not reach a log: the file has the record.
            raise RecordRejected("invalid_record", "It does not follow its schema.") from error

    @staticmethod
    def _map(stream_map: StreamMap, record: Record) -> Record | None:
        values = decoded(record)
        try:
            mapped = stream_map.transform(values)
        except Exception as error:  # an expression of the user's may raise anything
            raise RecordRejected("stream_map_failed", "A stream map failed on it.") from error
        return None if mapped is None else encoded(mapped)


def _changes_nothing(stream_map: StreamMap) -> bool:
    return isinstance(stream_map, SameRecordTransform) and not stream_map.flattening_enabled
