"""Encodes the records of a stream by its route; events without an id stay distinct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from singer_delivery.errors import RecordRejected, RecordSkipped
from singer_delivery.removals.messages import removal_of
from singer_delivery.routing.binding import RowDeleted, StreamRoute
from singer_delivery.routing.calls import EVENTS, IDS
from singer_delivery.values import NULL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_delivery.reading.streams import InputStream
    from singer_delivery.removals.messages import Remover
    from singer_delivery.routing.route import Route
    from singer_delivery.sending.batching import Message
    from singer_delivery.values import Record

    Call = dict[str, Any]

WITHOUT_ID = frozenset({"no_user_anon_id", "id_required"})
"""The reject reasons of records without the id that their call requires."""


OWNER_IDS = IDS - {"messageId"}
"""The ids of the user or group that a call is about."""


class ToMessages(Protocol):
    """Turns a call into messages."""

    def __call__(self, call: Call, extracted: str | None, distinction: bytes) -> Sequence[Message]:
        """Turn a call into messages.

        Args:
            call: In the terms of `singer_delivery.routing.calls`; it is modified.
            extracted: The `time_extracted` of its record.
            distinction: Distinguishes an event without an id from others; part of its id.

        Raises:
            RecordRejected: The service would refuse it.
            RecordSkipped: It is skipped.
        """
        ...


class DeletedRows(NamedTuple):
    """How rows that are marked as deleted become removals.

    Attributes:
        describe: Makes the messages of a call, whose subjects are removed.
        remover: Makes the message for a removal.
    """

    describe: ToMessages
    remover: Remover


class RoutedStream:
    """Encodes the records of one stream that has a route.

    Args:
        stream: The stream.
        route: Its route.
        to_messages: Makes a call's messages.
        warn: Logs a warning for the operator.
        check: Called first with each record; may reject or skip it.
        remover: Makes the message for a removal that a complete read implies.
        rows: How rows that are marked as deleted become removals; if None, they are skipped.

    Attributes:
        remover: As above, unless the records are events.
    """

    def __init__(
        self,
        stream: InputStream,
        route: Route,
        to_messages: ToMessages,
        warn: Callable[[str], None],
        check: Callable[[Record], None] | None = None,
        remover: Remover | None = None,
        rows: DeletedRows | None = None,
    ) -> None:
        self._stream = stream
        self._to_call = StreamRoute(route, stream.schema, warn)
        self._to_messages = to_messages
        self._skips_without_id = route.without_id == "skip"
        self._may_be_event = route.by_type or route.call in EVENTS
        self._warn = warn
        self._check = check
        self._place = 0
        self.remover = None if route.call in EVENTS else remover
        self._rows = rows

    @property
    def call(self) -> str:
        """The call for its records, for `--check`."""
        return self._to_call.route.call or "their type implies"

    def __call__(self, record: Record, extracted: str | None) -> Sequence[Message]:
        """Encode a record.

        Args:
            record: The record, with its values still encoded; it is modified.
            extracted: The `time_extracted` of its line.

        Raises:
            RecordRejected: It cannot be sent.
            RecordSkipped: It is skipped.
        """
        self._place += 1
        if self._check:
            self._check(record)
        key = self._key_of(record) if self._may_be_event else b""
        try:
            try:
                return self._encoded(self._to_call(record), key, extracted)
            except RowDeleted as deleted:
                return self._removed(deleted)
        except RecordRejected as rejected:
            if self._skips_without_id and rejected.reason in WITHOUT_ID:
                raise RecordSkipped("without_id") from None
            raise

    def _encoded(self, call: Call, key: bytes, extracted: str | None) -> Sequence[Message]:
        if self._skips_without_id:
            _remove_empty_ids(call)
        distinction = b""
        if call["type"] in EVENTS and "messageId" not in call:
            distinction = key or self._distinction(call, extracted)
        return self._to_messages(call, extracted, distinction)

    def _removed(self, deleted: RowDeleted) -> Sequence[Message]:
        """Return the messages for the removal of a row's user or company."""
        if self._rows is None or (call := deleted.call())["type"] in EVENTS:
            raise deleted
        if self._skips_without_id:
            _remove_empty_ids(call)
        removals = [
            self._rows.remover(removal_of(message))
            for message in self._rows.describe(call, None, b"")
            if message.subject
        ]
        if not removals:
            raise deleted
        return removals

    def _key_of(self, record: Record) -> bytes:
        """Return the values of a record's key; empty if one is missing."""
        values = [record.get(name, NULL) for name in self._stream.key_properties]
        return b"" if NULL in values else b"\0".join(map(bytes, values))

    def _distinction(self, call: Call, extracted: str | None) -> bytes:
        """Return what distinguishes an event without a key, besides its time."""
        if "timestamp" in call:
            return b""
        self._warn(
            f"The events of stream '{self._stream.name}' have no id, no key and no time, so an "
            "event that a later run repeats arrives twice. Set message_id or timestamp under "
            f"streams.{self._stream.name}."
        )
        return f"{extracted} {self._place}".encode()


def _remove_empty_ids(call: Call) -> None:
    for name in OWNER_IDS:
        if call.get(name) == "":
            del call[name]
