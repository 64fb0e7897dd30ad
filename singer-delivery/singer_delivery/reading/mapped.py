"""Applies stream maps to records and encodes the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.mapper import SameRecordTransform

from singer_delivery.errors import (
    RecordRejected,
    RecordSkipped,
    UncheckableError,
    UnknownStreamError,
)
from singer_delivery.fingerprints.subjects import Removal
from singer_delivery.reading.messages import decoded, encoded
from singer_delivery.reading.stream_maps import failed_field
from singer_delivery.reading.streams import NotKnown, NotSent
from singer_delivery.rejects.reasons import REJECT_FIELD
from singer_delivery.removals.messages import REMOVAL_FIELD
from singer_delivery.values import NULL, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.mapper import StreamMap

    from singer_delivery.reading.streams import Encode
    from singer_delivery.removals.messages import Remover
    from singer_delivery.sdk import RecordValidator
    from singer_delivery.sending.batching import Message
    from singer_delivery.values import Record


class MappedStream:
    """Encodes the records of one stream of the input.

    Args:
        name: The name of the stream.
        steps: For each stream that results from the stream maps, the map, and the encoder of its
            records or why they are not sent.
        validator: Checks records against the schema, with `validate_records`.
        key_properties: The names of its key properties.

    Attributes:
        removers: The functions that make messages for removals, by the names after the stream maps.
    """

    def __init__(
        self,
        name: str,
        steps: Sequence[tuple[StreamMap, Encode | NotSent | NotKnown]],
        validator: RecordValidator | None,
        key_properties: Sequence[str] = (),
    ) -> None:
        self._name = name
        self._steps: list[tuple[StreamMap | None, Encode]] = []
        self._not_sent = NotSent()
        self._not_known: NotKnown | None = None
        self.removers: dict[str, Remover] = {}
        for stream_map, encode in steps:
            if isinstance(encode, NotKnown):
                self._not_known = self._not_known or encode
            elif isinstance(encode, NotSent):
                self._not_sent = encode
            else:
                if (remover := getattr(encode, "remover", None)) is not None:
                    self.removers[stream_map.stream_alias] = remover
                plain = _is_identity(stream_map)
                self._steps.append((None if plain else stream_map, encode))
        self._validator = validator
        self._key_properties = key_properties

    def key(self, record: Record) -> str | None:
        """Return the values of a record's key properties as text, or None if it has none.

        A single value is returned as it is, or as JSON if it is not a string; several as a JSON
        list.
        """
        values = [record.get(name, NULL) for name in self._key_properties]
        if len(values) > 1:
            return f"[{b','.join(map(bytes, values)).decode(errors='replace')}]"
        if not values or values == [NULL]:
            return None
        try:
            value = decode(values[0])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return value if isinstance(value, str) else bytes(values[0]).decode(errors="replace")

    def key_of(self, record: object) -> str | None:
        """Return the key of a leniently decoded record, as `key` does.

        Returns:
            None if it is not certain what `key` would return.
        """
        if not isinstance(record, dict) or len(self._key_properties) != 1:
            return None
        value = record.get(self._key_properties[0])
        if isinstance(value, str) and "\ufffd" not in value:  # the replacement for invalid bytes
            return value
        return str(value) if type(value) is int else None

    def check_sent(self) -> None:
        """Check that the records of the stream are sent.

        Raises:
            UnknownStreamError: The stream has no route.
            RecordSkipped: They are skipped.
        """
        if self._not_known:
            raise UnknownStreamError(self._not_known.advice)
        if not self._steps:
            raise RecordSkipped(self._not_sent.reason)

    def messages(self, record: Record, time_extracted: str | None) -> Sequence[Message]:
        """Encode a record as messages.

        Args:
            record: The record, with its values still encoded. The reject reason of a replayed
                record is removed.
            time_extracted: The `time_extracted` of its message.

        Raises:
            RecordRejected: It cannot be sent.
            RecordSkipped: It is skipped.
            UnknownStreamError: Its stream has no route.
        """
        self.check_sent()
        record.pop(REJECT_FIELD, None)
        if REMOVAL_FIELD in record:
            return [self._removal(record[REMOVAL_FIELD])]
        try:
            if self._validator:
                self._validate(self._validator, decoded(record))
            if len(self._steps) == 1:
                return self._encode(*self._steps[0], record, time_extracted)
            return self._of_all_steps(record, time_extracted)
        except (msgspec.DecodeError, RecursionError) as error:
            # Values are decoded here for the first time: a number may be too large for a float.
            raise RecordRejected("not_json", "One of its values cannot be read.") from error

    def _removal(self, raw: msgspec.Raw) -> Message:
        """Return the message of a removal that was rejected in an earlier run."""
        try:
            removal = msgspec.json.decode(raw, type=Removal)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordRejected("not_json", f"Its {REMOVAL_FIELD} cannot be read.") from error
        if (remover := self.removers.get(removal.stream)) is None:
            raise RecordSkipped("removal")
        return remover(removal)

    def _of_all_steps(self, record: Record, time_extracted: str | None) -> Sequence[Message]:
        """Encode a record for each of several stream maps; it is skipped if all skip it."""
        messages: list[Message] = []
        skipped: RecordSkipped | None = None
        for stream_map, encode in self._steps:
            try:
                messages += self._encode(stream_map, encode, {**record}, time_extracted)
            except RecordSkipped as each:
                skipped = each
        if not messages and skipped:
            raise skipped
        return messages

    def _encode(
        self,
        stream_map: StreamMap | None,
        encode: Encode,
        record: Record,
        time_extracted: str | None,
    ) -> Sequence[Message]:
        mapped = record if stream_map is None else self._map(stream_map, record)
        return encode(mapped, time_extracted)

    def _validate(self, validator: RecordValidator, record: dict[str, Any]) -> None:
        try:
            validator.validate(record)
        except InvalidRecord as error:
            # The error's message contains the value, which must not be logged.
            raise RecordRejected("invalid_record", "It does not match its schema.") from error
        except Exception as error:  # for example a `$ref` without a target
            raise UncheckableError(stream=self._name, kind=type(error).__name__) from error

    def _map(self, stream_map: StreamMap, record: Record) -> Record:
        values = decoded(record)
        try:
            mapped = stream_map.transform(values)
        except Exception as error:  # a user's expression may raise anything
            field, kind = failed_field(error)
            detail = f"The stream map of '{self._name}' failed on '{field}' ({kind})."
            raise RecordRejected("stream_map_failed", detail) from error
        if mapped is None:
            raise RecordSkipped("filtered")
        return encoded(mapped)


def _is_identity(stream_map: StreamMap) -> bool:
    return isinstance(stream_map, SameRecordTransform) and not stream_map.flattening_enabled
