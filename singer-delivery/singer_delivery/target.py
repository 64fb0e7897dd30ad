"""The base class of the targets.

The path of a record: `Lines` → `MessageReader` → `Encode` (messages) → `Lanes` (batch, request) →
`Report` → `Checkpoints` → STATE on standard output.

singer-sdk provides the command line, settings and stream maps. Its draining, STATE writing and
signal handling can lose data and are not used; see `sdk`.
"""

from __future__ import annotations

import abc
import logging
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import RemoveRecordTransform
from typing_extensions import override

from singer_delivery.errors import (
    NoSchemaError,
    RecordRejected,
    RecordSkipped,
    StreamMapError,
    UncheckableError,
)
from singer_delivery.reading.lines import Wakeup
from singer_delivery.reading.mapped import MappedStream
from singer_delivery.reading.messages import MessageReader
from singer_delivery.reading.schemas import normalized
from singer_delivery.reading.selection import NOT_SELECTED
from singer_delivery.reading.stream_maps import stream_map_error
from singer_delivery.reading.streams import Encode, InputStream, NotKnown, NotSent
from singer_delivery.rejects.reasons import REJECT_FIELD
from singer_delivery.running import RunTarget
from singer_delivery.sdk import RecordValidator
from singer_delivery.values import NULL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.mapper import StreamMap

    from singer_delivery.sending.batching import Message, RecordHandle


VERSION_LIMIT = 1 << 63
"""The limit of versions, which are stored as 64-bit integers."""


class DeliveryTarget(RunTarget):
    """A Singer target for an HTTP service.

    A target defines its service (`service`) and how records become messages (`encoder`). Order,
    batches, retries, checkpoints and rejects are handled here.
    """

    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401, those of singer-sdk's `Target`
        wakeup = Wakeup()
        self._mapped: dict[str, MappedStream] = {}
        self._logged: set[str] = set()
        self._replaying = True  # until a record has no reject reason
        self._reader = MessageReader(
            self._poll, wakeup, self._read_unreadable, lambda: self._replaying
        )
        super().__init__(wakeup, message_reader=self._reader, **kwargs)

    @abc.abstractmethod
    def encoder(self, stream: InputStream) -> Encode | NotSent | NotKnown:
        """Return the function that encodes the records of a stream, or why there is none.

        Called for each SCHEMA message, once for each stream that results from the stream maps. The
        function takes a record, whose values are still encoded (`msgspec.Raw`) and which it may
        modify, and the `time_extracted` of its message. It returns messages, or none to skip the
        record, and may raise `RecordRejected` or `RecordSkipped`.
        """

    @override
    def read_schema(self, message: dict[str, Any]) -> None:
        stream, schema = message.get("stream"), message.get("schema")
        schema = {} if schema is True else schema  # JSON Schema for any value
        if not isinstance(stream, str) or not isinstance(schema, dict):
            raise self._reader.input_error("a SCHEMA needs a stream and a schema")
        declares_properties = isinstance(schema.get("properties"), dict)
        schema = normalized(schema)
        key_properties = message.get("key_properties") or []
        steps = self._steps(stream, schema, key_properties)
        if not declares_properties and any(callable(encode) for _, encode in steps):
            raise self._reader.input_error("the schema of a SCHEMA needs properties")
        validator = self._validator(stream, schema) if self.settings.validate_records else None
        mapped = MappedStream(stream, steps, validator, key_properties)
        self._mapped[stream] = mapped
        self.delivery.records.schema(stream, self._reader.line, mapped.removers)

    def _validator(self, stream: str, schema: dict[str, Any]) -> RecordValidator:
        try:
            return RecordValidator(schema)
        except Exception as error:
            raise UncheckableError(stream=stream, kind=type(error).__name__) from error

    def _steps(
        self, stream: str, schema: dict[str, Any], key_properties: Sequence[str]
    ) -> list[tuple[StreamMap, Encode | NotSent | NotKnown]]:
        """Return the stream maps of a stream, each with the encoder of its records."""
        mark = schema.get("$id")
        try:
            self.mapper.register_raw_stream_schema(stream, schema, key_properties)
        except Exception as error:  # singer-sdk's own, or one of its dependencies'
            if (what := stream_map_error(error)) is None:
                raise
            raise StreamMapError(stream=stream, what=what) from error
        return [
            (stream_map, self._encoder(stream_map, mark if isinstance(mark, str) else None))
            for stream_map in self.mapper.stream_maps[stream]
        ]

    @override
    def routes_of(
        self, message: Mapping[str, Any]
    ) -> list[tuple[str, Encode | NotSent | NotKnown]]:
        """Return the encoders of a SCHEMA message's stream, by its names after the stream maps."""
        schema, keys = normalized(message["schema"]), message["key_properties"] or []
        steps = self._steps(message["stream"], schema, keys)
        return [(stream_map.stream_alias, encode) for stream_map, encode in steps]

    def _encoder(self, stream_map: StreamMap, mark: str | None) -> Encode | NotSent | NotKnown:
        if isinstance(stream_map, RemoveRecordTransform):
            return NotSent()
        stream = InputStream(
            stream_map.stream_alias,
            stream_map.transformed_schema,
            tuple(stream_map.transformed_key_properties or ()),
            mark,
        )
        encode = self.encoder(stream)
        if isinstance(encode, NotSent) and encode.notice:
            self.log_once(logging.INFO, f"Stream '{stream.name}' is not sent: {encode.notice}")
        return encode

    def log_once(self, level: int, sentence: str) -> None:
        """Log a sentence once, since SCHEMA messages may repeat."""
        if sentence not in self._logged:
            self._logged.add(sentence)
            self.logger.log(level, "%s", sentence)

    def warn_once(self, sentence: str) -> None:
        """Log a warning once."""
        self.log_once(logging.WARNING, sentence)

    @override
    def read_record(self, message: dict[str, Any]) -> None:
        stream, record = message.get("stream"), message.get("record")
        mapped = self._stream(stream)
        if not isinstance(record, dict):
            raise self._reader.input_error("a RECORD needs a record")
        self._replaying = self._replaying and REJECT_FIELD in record
        selection = self.selection
        key = mapped.key(record) if selection or self.delivery.records.needs_keys else None
        version = _version(message)
        handle = self.delivery.records.read(message["stream"], self._reader.line, key, version)
        try:
            messages = mapped.messages(record, message.get("time_extracted"))
        except RecordRejected as rejected:
            if selection and not selection.may_include(key):
                self.delivery.records.skip(handle, NOT_SELECTED)
            else:
                self.delivery.records.reject(handle, rejected)
        except RecordSkipped as skipped:
            self.delivery.records.skip(handle, skipped.reason)
        else:
            self._send(handle, messages)
        self._interrupt()

    def _send(self, handle: RecordHandle, messages: Sequence[Message]) -> None:
        selection = self.selection
        if not messages:
            self.delivery.records.skip(handle, "left_out")
        elif selection and not selection.includes(handle.key, messages):
            self.delivery.records.skip(handle, NOT_SELECTED)
        else:
            self.delivery.send(handle, messages)
            if selection:
                selection.sent(handle, messages)

    def _read_unreadable(self, message: dict[str, Any], rejected: RecordRejected) -> None:
        """Reject a RECORD that is not JSON in UTF-8, unless its stream is skipped."""
        mapped = self._stream(message.get("stream"))
        key = mapped.key_of(message.get("record")) if self.settings.removes else None
        handle = self.delivery.records.read(
            message["stream"], self._reader.line, key, _version(message)
        )
        try:
            mapped.check_sent()
        except RecordSkipped as skipped:
            self.delivery.records.skip(handle, skipped.reason)
        else:
            self.delivery.records.reject(handle, rejected)

    def _stream(self, name: object) -> MappedStream:
        mapped = self._mapped.get(name) if isinstance(name, str) else None
        if mapped is None:
            raise NoSchemaError(line=self._reader.number)
        return mapped

    @override
    def read_activate_version(self, message: dict[str, Any]) -> None:
        stream = message.get("stream")
        if stream in self._mapped:
            self.delivery.records.activate(stream, _version(message))

    @override
    def read_state(self, message: dict[str, Any]) -> None:
        if "value" not in message:
            raise self._reader.input_error("a STATE needs a value")
        if message["value"] != NULL:  # a null would overwrite the bookmarks
            self.delivery.state(message["value"])

    @override
    def read_batch(self, message: dict[str, Any]) -> None:
        raise self._reader.input_error(
            "this target does not read BATCH files; remove batch_config from the tap's settings"
        )

    @override
    def finish(self) -> None:
        self.delivery.finish()

    def _poll(self) -> float | None:
        return self.delivery.poll()


def _version(message: Mapping[str, Any]) -> int | None:
    """Return the version in a message, if it can be stored."""
    version = message.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        return None
    return version if abs(version) < VERSION_LIMIT else None
