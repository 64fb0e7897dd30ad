"""Which stream becomes which call, and a record's way through its stream's maps to messages."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import InvalidRecord, MappingError
from singer_sdk.mapper import SameRecordTransform

from singer_delivery.errors import RecordRejected
from singer_delivery.lines import decoded, encoded
from singer_delivery.rejects import REJECT_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.sinks.core import JSONSchemaValidator

    Record = dict[str, msgspec.Raw]
    Encode = Callable[[Record, str | None], Iterable[tuple[str, bytes]]]


class Shape(Enum):
    """A kind of stream that is known by its schema, without being told."""

    IDENTIFY = "identify"
    GROUP = "group"
    TRACK = "track"
    MOESIF_USERS = "users"
    MOESIF_COMPANIES = "companies"


ONLY_COMPANIES_HAVE = frozenset({"created", "ipAddress", "companyDomain", "ttfhw_s"})
ONLY_USERS_HAVE = frozenset({"firstSeenTime", "lastSeenTime", "last24HourAggResults"})


def shape_of(schema: Mapping[str, Any]) -> Shape | None:
    """Recognise a stream by its schema, whatever its name.

    Segment's calls have a user's or an anonymous id and what makes each what it is.

    tap-moesif's streams always have `id` and `modifiedTime` (key and replication key), which
    no selection can take away, and some field that only a user or only a company has. A
    foreign `users` table has not, and must never be sent unasked.
    """
    properties = schema.get("properties", {}).keys()
    if properties & {"userId", "anonymousId"}:
        return _call_shape(properties)
    if not {"id", "modifiedTime"} <= properties:
        return None
    if properties & ONLY_COMPANIES_HAVE:
        return Shape.MOESIF_COMPANIES
    if properties & ONLY_USERS_HAVE:
        return Shape.MOESIF_USERS
    return None


def _call_shape(properties: Any) -> Shape | None:  # noqa: ANN401, a view of a dict's keys
    for name, shape in (
        ("event", Shape.TRACK),
        ("groupId", Shape.GROUP),
        ("traits", Shape.IDENTIFY),
    ):
        if name in properties:
            return shape
    return None


class Route:
    """What happens to the records of one stream.

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

    def messages(self, record: Record, time_extracted: str | None) -> list[tuple[str, bytes]]:
        """Encode a record: the keys and bodies of its messages, none if it is left out.

        Args:
            record: Its values still encoded; on replay without the reason it was rejected for.
            time_extracted: Of its line.

        Raises:
            RecordRejected: It cannot be sent.
        """
        if not self.sends:
            return []
        record.pop(REJECT_FIELD, None)
        try:
            return self._encode(record, time_extracted)
        except (msgspec.DecodeError, RecursionError) as error:
            # What stays encoded is not looked into before: a number too large for any float, say.
            raise RecordRejected("not_json", "A value of it cannot be read.") from error

    def _encode(self, record: Record, time_extracted: str | None) -> list[tuple[str, bytes]]:
        if self._validator:
            self._validate(self._validator, decoded(record))
        messages: list[tuple[str, bytes]] = []
        for stream_map, encode in self._steps:
            mapped = {**record} if stream_map is None else self._map(stream_map, record)
            if mapped is not None:
                messages += encode(mapped, time_extracted)
        return messages

    @staticmethod
    def _validate(validator: JSONSchemaValidator, record: dict[str, Any]) -> None:
        try:
            validator.validate(record)
        except InvalidRecord as error:
            # Its message quotes the value, which must not reach a log: the file has the record.
            raise RecordRejected("invalid_record", "It does not follow its schema.") from error

    @staticmethod
    def _map(stream_map: StreamMap, record: Record) -> Record | None:
        try:
            mapped = stream_map.transform(decoded(record))
        except MappingError as error:
            raise RecordRejected("stream_map_failed", "A stream map failed on it.") from error
        return None if mapped is None else encoded(mapped)


def _changes_nothing(stream_map: StreamMap) -> bool:
    return isinstance(stream_map, SameRecordTransform) and not stream_map.flattening_enabled
