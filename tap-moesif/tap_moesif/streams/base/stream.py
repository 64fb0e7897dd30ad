"""`MoesifStream`, the base class of all streams: converts documents to records and writes them."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections import Counter
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from tap_moesif.errors import StandardOutputError
from tap_moesif.records import RecordMaker, json_schema, plain, unchanged
from tap_moesif.sdk import SdkStream
from tap_moesif.service import ForbiddenError, MoesifError, RequiredScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from singer_sdk import metrics

    from tap_moesif.records import Document, Field, Record
    from tap_moesif.service import Request
    from tap_moesif.tap import TapMoesif

MARK = "urn:tap-moesif:{stream}"
"""The `$id` of a stream's schema, by which targets recognise the stream under any alias."""

SESSION_TOKEN = "session_token"  # noqa: S105, a field's name
"""The raw field with users' session tokens, which are credentials."""

STATE_EVERY_RECORDS = 1_000
"""Maximum number of records between two STATE lines."""

WRITE_CHUNK = 100
"""Records to convert and write at a time, few enough to stay in the processor's cache."""


class RecordMessage(msgspec.Struct, tag_field="type", tag="RECORD", omit_defaults=True, gc=False):
    """A RECORD line."""

    stream: str
    record: dict[str, Any]
    time_extracted: str
    version: int | None = None


class MoesifStream(SdkStream):
    """A stream of Moesif's data.

    Attributes:
        scopes: The scopes that the Management API key needs.
        fields: The fields of a record.
        contents: What each run emits, for the README.
    """

    scopes: ClassVar[tuple[str, ...]]
    fields: tuple[Field, ...]
    contents: ClassVar[str]

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)

    _tap: TapMoesif

    def __init__(self, tap: TapMoesif) -> None:
        self.mark = MARK.format(stream=self.name)
        super().__init__(tap, schema={"$id": self.mark, **json_schema(self.fields)})
        self._mismatches: Counter[str] = Counter()
        self._unsaved = 0  # records written since the last STATE

    @abstractmethod
    def probe_request(self) -> Request:
        """Return a cheap request that needs the stream's scopes, to check the key."""

    @abstractmethod
    def read(self) -> Iterator[list[Record]]:
        """Read the stream, a batch of records at a time."""

    @staticmethod
    def prepare(document: Document) -> Document:
        """Normalise a document before its fields are converted; may change it in place."""
        return unchanged(document)

    def store(self) -> None:
        """Update the state after a batch has been written."""

    @property
    def excluded_fields(self) -> tuple[str, ...]:
        """Raw fields that are not emitted."""
        return () if self.config["emit_session_tokens"] else (SESSION_TOKEN,)

    @cached_property
    def make(self) -> RecordMaker:
        """Converts a document to a record."""
        return RecordMaker(
            self.fields,
            prepare=self.prepare,
            drop=self.excluded_fields,
            type_mismatch=self.warn_of_type_mismatch,
        )

    @property
    def required(self) -> RequiredScope:
        """The scopes that the key needs, and how to deselect the stream."""
        return RequiredScope(
            self.name,
            " and ".join(self.scopes),
            f"""deselect the stream: meltano select tap-moesif --exclude {self.name} "*", or """
            '"selected": false in the catalog',
        )

    @property
    @override
    def always_selected(self) -> Iterable[str]:
        return [field.name for field in self.fields if field.automatic]

    @override
    def schema_of_message(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Mark the schema, unless stream maps have removed the stream's key."""
        plain = {name: value for name, value in schema.items() if name != "$id"}
        if {*type(self).primary_keys} <= plain.get("properties", {}).keys():
            return {"$id": self.mark, **plain}
        return plain

    def with_id(self, records: Sequence[Record | None]) -> list[Record]:
        """Return the records without those that have no id."""
        found = [record for record in records if record is not None]
        for _ in range(len(records) - len(found)):
            self.logger.warning("Skipping a document without an id in '%s'", self.name)
        return found

    @override
    def get_records(self, context: object) -> Iterator[Record]:
        """Yield the stream's records, for singer-sdk's batch files."""
        try:
            for records in self.read():
                yield from map(plain, records)
                self.store()
            self.store()
        except ForbiddenError as error:
            self._tap.skip_stream(self, error)

    @override
    def sync_records(self) -> bool:
        complete = self.record_limit is None
        with self.get_record_counter() as counter, self.get_sync_timer():
            try:
                for records in self._counted(counter):
                    self._write(records)
                    if complete:
                        self.store()
            except ForbiddenError as error:  # the other streams may be readable
                self._tap.skip_stream(self, error)
                complete = False
            except StandardOutputError:  # nothing may follow half a line
                raise
            except MoesifError:
                self.write_state()  # the next run resumes here
                raise
        self.write_state()
        return complete

    @override
    def is_reported(self) -> bool:
        return isinstance(sys.exc_info()[1], MoesifError)

    def _counted(self, counter: metrics.Counter) -> Iterator[list[Record]]:
        """Read the stream up to the record limit, and count the records."""
        limit, written = self.record_limit, 0
        for read in self.read():
            records = read if limit is None else read[: limit - written]
            yield records
            written += len(records)
            counter.increment(len(records))
            if written == limit:
                return
        self.store()

    def _write(self, records: list[Record]) -> None:
        """Write records; write STATE first if it is due."""
        self._unsaved += len(records)
        if self._unsaved > STATE_EVERY_RECORDS:
            self.write_state()
            self._unsaved = len(records)
        if records:
            self._tap.message_writer.write_lines(self._lines(records))

    @cached_property
    def _lines(self) -> Callable[[list[Record]], bytes]:
        """Encodes records as RECORD lines; directly, unless stream maps apply."""
        if self.is_mapped:
            return self._mapped_lines
        encode = msgspec.json.Encoder().encode_lines
        deselected = [path[1] for path, chosen in self.mask.items() if path and not chosen]

        def lines(records: list[Record]) -> bytes:
            name, version = self.alias, self.version
            time = datetime.now(timezone.utc).isoformat()
            for field in deselected:
                for record in records:
                    record.pop(field, None)
            return encode([RecordMessage(name, record, time, version) for record in records])

        return lines

    def _mapped_lines(self, records: list[Record]) -> bytes:
        """Encode records as RECORD lines, with selection and stream maps by singer-sdk."""
        write = self._tap.message_writer.format_message
        return b"".join(
            bytes(write(message))
            for record in records
            for message in self.mapped_messages(plain(record))
        )

    def warn_of_type_mismatch(self, path: str) -> None:
        """Warn once for each field with values of an unexpected type."""
        self._mismatches[path] += 1
        if self._mismatches[path] == 1:
            self.logger.warning(
                "Field '%s' of '%s' has values of an unexpected type; they are kept in "
                "additionalFields",
                path,
                self.name,
            )
