"""The base class of the targets.

The way of a record: `Lines` → `MessageReader` → `Encode` (messages) → `Lanes` (batch, request) →
`Report` → `Checkpoints` → STATE on standard output.

singer-sdk provides the command line, settings and stream maps. Its draining, STATE writing and
signal handling can lose data and are not used; see `sdk`.
"""

from __future__ import annotations

import abc
import logging
import os
import signal
import sys
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import RemoveRecordTransform
from typing_extensions import override

from singer_delivery.build import Sender, build_delivery
from singer_delivery.config import typed_config
from singer_delivery.delivery import STOP_SECONDS
from singer_delivery.errors import (
    DefectError,
    DeliveryError,
    Interrupted,
    NoSchemaError,
    OutputError,
    RecordRejected,
    RecordSkipped,
    SummaryFileError,
    place_of,
)
from singer_delivery.files import OWNER_ONLY
from singer_delivery.http import address_errors, key_errors
from singer_delivery.reading.lines import Wakeup
from singer_delivery.reading.mapped import MappedStream
from singer_delivery.reading.messages import MessageReader
from singer_delivery.reading.schemas import readable
from singer_delivery.reading.streams import Encode, InputStream, NotKnown, NotSent
from singer_delivery.rejects.reasons import REJECT_FIELD
from singer_delivery.sdk import RecordValidator, SdkTarget
from singer_delivery.settings import DeliverySettings, setting_errors
from singer_delivery.values import NULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.mapper import StreamMap

    from singer_delivery.delivery import Delivery
    from singer_delivery.sending.service import Service


class DeliveryTarget(SdkTarget):
    """A Singer target for an HTTP service.

    A target defines where its service is (`service`) and what records become (`encoder`). Order,
    batches, retries, checkpoints and rejects are handled here.

    Attributes:
        addresses: The names of the settings that hold a URL; they are checked.
        located_by: The names of the settings that an error about the address names, if they are
            not `addresses`.
    """

    addresses: ClassVar[Sequence[str]]
    located_by: ClassVar[Sequence[str]] = ()

    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401, those of singer-sdk's `Target`
        self._wakeup = Wakeup()
        self._signal: int | None = None
        self._mapped: dict[str, MappedStream] = {}
        self._said: set[str] = set()
        self._replaying = True  # until a record comes without a reject reason
        self._reader = MessageReader(
            self._poll, self._wakeup, self._read_unreadable, lambda: self._replaying
        )
        super().__init__(message_reader=self._reader, **kwargs)
        self.settings = DeliverySettings.of(self.config, self.config_jsonschema)

    # Defined by each target.

    @abc.abstractmethod
    def service(self) -> Service:
        """Return the service to write to."""

    @abc.abstractmethod
    def encoder(self, stream: InputStream) -> Encode | NotSent | NotKnown:
        """Return the function that encodes the records of a stream, or why there is none.

        Called for each SCHEMA message, once for each stream that the stream maps make of it. The
        function takes a record, whose values are still encoded (`msgspec.Raw`) and which it may
        modify, and the `time_extracted` of its message. It returns messages, or none to leave the
        record out, and may raise `RecordRejected` or `RecordSkipped`.
        """

    def check(self) -> None:
        """Check, before anything is read, what the service would not report; may raise."""

    # Messages.

    @cached_property
    def delivery(self) -> Delivery:
        """The delivery of this run; its lanes are started when it is first used."""
        return build_delivery(
            self.name,
            self.settings,
            self.service(),
            sender=Sender(
                user_agent=f"{self.name}/{self.plugin_version}",
                keys=self._keys(),
                secrets=[str(key) for name in self._keys() if (key := self.config.get(name))],
                addresses=self.located_by or self.addresses,
            ),
            max_body_bytes=self.config_jsonschema["properties"]["batch_max_bytes"]["maximum"],
            wakeup=self._wakeup,
            interrupt=self._interrupt,
            logger=self.logger,
        )

    @override
    def read_schema(self, message: dict[str, Any]) -> None:
        stream, schema = message.get("stream"), message.get("schema")
        if not isinstance(stream, str) or not isinstance(schema, dict):
            raise self._reader.wrong("a SCHEMA needs a stream and a schema")
        declares_properties = isinstance(schema.get("properties"), dict)
        schema = readable(schema)
        mark = schema.get("$id")
        self.mapper.register_raw_stream_schema(stream, schema, message.get("key_properties") or [])
        steps = [
            (stream_map, self._encoder(stream_map, mark if isinstance(mark, str) else None))
            for stream_map in self.mapper.stream_maps[stream]
        ]
        if not declares_properties and any(callable(encode) for _, encode in steps):
            raise self._reader.wrong("the schema of a SCHEMA needs properties")
        validator = RecordValidator(schema) if self.settings.validate_records else None
        self._mapped[stream] = MappedStream(stream, steps, validator)
        self.delivery.rejects.schema(stream, self._reader.line)

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
            self.say_once(logging.INFO, f"Stream '{stream.name}' is not sent: {encode.notice}")
        return encode

    def say_once(self, level: int, sentence: str) -> None:
        """Log a sentence once; SCHEMA messages may repeat."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.logger.log(level, "%s", sentence)

    def warn_once(self, sentence: str) -> None:
        """Log a warning once."""
        self.say_once(logging.WARNING, sentence)

    @override
    def read_record(self, message: dict[str, Any]) -> None:
        stream, record = message.get("stream"), message.get("record")
        mapped = self._stream(stream)
        if not isinstance(record, dict):
            raise self._reader.wrong("a RECORD needs a record")
        self._replaying = self._replaying and REJECT_FIELD in record
        handle = self.delivery.record(message["stream"], self._reader.line)
        try:
            messages = mapped.messages(record, message.get("time_extracted"))
        except RecordRejected as rejected:
            self.delivery.reject(handle, rejected)
        except RecordSkipped as skipped:
            self.delivery.skip(handle, skipped.reason)
        else:
            if messages:
                self.delivery.send(handle, messages)
            else:
                self.delivery.skip(handle, "left_out")
        self._interrupt()

    def _read_unreadable(self, message: dict[str, Any], rejected: RecordRejected) -> None:
        """Reject a RECORD that is not JSON in UTF-8, unless its stream is left out."""
        mapped = self._stream(message.get("stream"))
        handle = self.delivery.record(message["stream"], self._reader.line)
        try:
            mapped.check_sent()
        except RecordSkipped as skipped:
            self.delivery.skip(handle, skipped.reason)
        else:
            self.delivery.reject(handle, rejected)

    def _stream(self, name: object) -> MappedStream:
        mapped = self._mapped.get(name) if isinstance(name, str) else None
        if mapped is None:
            raise NoSchemaError(line=self._reader.number)
        return mapped

    @override
    def read_state(self, message: dict[str, Any]) -> None:
        if "value" not in message:
            raise self._reader.wrong("a STATE needs a value")
        if message["value"] != NULL:  # a null would overwrite the bookmarks
            self.delivery.state(message["value"])

    @override
    def read_batch(self, message: dict[str, Any]) -> None:
        raise self._reader.wrong(
            "BATCH files are not read by this target; take batch_config out of the tap's settings"
        )

    @override
    def finish(self) -> None:
        self.delivery.finish()

    def _poll(self) -> float | None:
        return self.delivery.poll()

    def _interrupt(self) -> None:
        if self._signal is not None:
            raise Interrupted(self._signal)

    @override
    def stop(self, signum: int) -> None:
        # Only noted here; the reading thread ends the run and writes the STATE.
        self._signal = self._signal or signum
        self._wakeup()

    # The run as a whole.

    def run(self, file_input: IO[str] | None) -> int:
        """Deliver all of an input.

        Returns:
            The exit code: 0, 3 if more was rejected than `max_rejects`, 1 if the run could not
            go on, 128 + n if signal n ended it.
        """
        failure: DeliveryError | None = None
        try:
            self.listen(file_input)
        except DeliveryError as error:
            failure = error
        except Exception as error:  # noqa: BLE001, its place is told
            failure = DefectError(place=place_of(error))
        code = self._report(failure.exit_code if failure else self._exit_code())
        if failure:  # last, where it is looked for
            self.logger.error("%s", failure)
        return code

    @override
    def deliver(self, file_input: IO[str] | None) -> None:
        """Deliver all of an input; called by `listen`.

        Raises:
            DeliveryError: The run could not go on. STATE is written for what is resolved.
        """
        self._wakeup.on_signals()
        try:
            if not self.settings.dry_run:
                self.check()
            self.delivery.open()
            self.read_input(file_input)
            self._interrupt()
        except Exception:
            self._abandon()
            raise

    def _abandon(self) -> None:
        try:
            if self.delivery.in_flight:
                self.logger.info(
                    "The run ends: waiting for the requests in flight, %d s at most.", STOP_SECONDS
                )
            self.delivery.abandon()
        except DeliveryError as another:
            self.logger.error("%s", another)  # noqa: TRY400

    def _exit_code(self) -> int:
        rejected, allowed = self.delivery.summary.total("rejected"), self.settings.max_rejects
        if rejected and self.settings.dry_run:
            self.logger.warning("%d records would be rejected.", rejected)
        elif rejected:
            self.logger.warning(
                "%d records were rejected; they are in %s with the reasons. Fix them and run "
                "%s < that file.",
                rejected,
                self.delivery.rejects.path,
                self.name,
            )
        return 3 if 0 <= allowed < rejected else 0

    def _report(self, code: int) -> int:
        if self.delivery.summary.read or not code:  # otherwise the error is enough
            self.logger.info("%s", self.delivery.sentence())
        if preview := self.delivery.preview:
            sys.stderr.write(f"\n{preview.text()}\n")
            self.logger.warning("This was a dry run: nothing was sent, and no state is written.")
        if self.settings.summary_path:
            path = Path(self.settings.summary_path).expanduser()
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(OWNER_ONLY)
                path.write_bytes(msgspec.json.encode(self.delivery.as_dict(code)) + b"\n")
            except OSError as error:
                failure = SummaryFileError(path=path, reason=error.strerror)
                self.logger.error("%s", failure)  # noqa: TRY400
                return code or failure.exit_code
        return code

    @override
    @classmethod
    def main(cls, config: dict[str, Any], *, parse_env: bool, file_input: IO[str] | None) -> int:
        # Its debug messages hold URLs, and a URL can hold a key.
        logging.getLogger("urllib3").setLevel(logging.INFO)
        try:
            target = cls(config=config, parse_env_config=parse_env)
        except OutputError as error:
            cls.logger.error("%s", error)  # noqa: TRY400
            return 1
        code = target.run(file_input)
        _leave_quietly()
        return code

    @override
    @classmethod
    def checked_config(cls, config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        config = typed_config(config, cls.config_jsonschema)
        errors = setting_errors(cls.config_jsonschema, config, cls.env_prefix())
        return config, errors or [
            *address_errors(config, cls.addresses),
            *key_errors(config, cls._keys()),
        ]

    @classmethod
    def _keys(cls) -> list[str]:
        """Return the names of the secret settings."""
        properties = cls.config_jsonschema["properties"]
        return [name for name, setting in properties.items() if setting.get("secret")]


def _leave_quietly() -> None:
    """Let nothing change the exit code while Python shuts down.

    A second signal would kill the process, and flushing a closed standard output would fail again.
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    if sys.stdout is None:  # it was closed from the start
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
