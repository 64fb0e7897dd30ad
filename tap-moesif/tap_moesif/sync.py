"""How a stream is synced: read page by page, written line by line, its progress kept in STATE."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

import msgspec
from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import Metadata, Schema
from typing_extensions import override

from tap_moesif import schemas
from tap_moesif.bookmarks import Progress, StateError, Walk, check_not_ahead, earlier
from tap_moesif.client import Need
from tap_moesif.documents import SESSION_TOKEN, RecordMaker, as_it_is
from tap_moesif.errors import MoesifError, NotAllowedError
from tap_moesif.pace import PageSize
from tap_moesif.paging import Pages
from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from singer_sdk import metrics
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, MetadataMapping, SchemaMessage

    from tap_moesif.answers import Hit
    from tap_moesif.paging import Search
    from tap_moesif.tap import TapMoesif

P = ParamSpec("P")
T = TypeVar("T")

STATE_EVERY_RECORDS = 1_000
WRITTEN_AT_ONCE = 100
"""Records that are made and written in one go: of more, the first would have left the processor's
cache before they are written."""

FULL_TABLE = "FULL_TABLE"

MARK = "urn:tap-moesif:{stream}"
"""The `$id` of a stream's schema, by which targets know the stream under whatever name."""

NESTED = "x-nested"
"""The schema keyword that lists the dotted paths of objects and lists, which flattening hides."""


class RecordMessage(msgspec.Struct, tag_field="type", tag="RECORD", omit_defaults=True, gc=False):
    """A RECORD line."""

    stream: str
    record: Record
    time_extracted: str
    version: int | None = None


class MoesifStream(Stream):
    """A stream of Moesif's: makes records of documents and writes them.

    A subclass declares what differs between streams, and nothing else.

    Attributes:
        scope: What the management key must be allowed to do.
        fields: Of a record.
        prepare: Brings a document into the one form that they know.
    """

    scope: ClassVar[str]
    fields: ClassVar[tuple[schemas.Field, ...]]
    prepare = staticmethod(as_it_is)

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # `RecordMaker` conforms, and loses nothing

    _tap: TapMoesif

    def __init__(self, tap: TapMoesif) -> None:
        self.mark = MARK.format(stream=self.name)
        super().__init__(tap, schema={"$id": self.mark, **schemas.json_schema(self.fields)})
        self._misfits: Counter[str] = Counter()
        self._unsaved = 0  # records written since the last STATE

    @property
    @override
    def metadata(self) -> MetadataMapping:
        metadata = super().metadata
        for field in self.fields:
            if field.automatic:
                metadata["properties", field.name].inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take a catalog over, and complete it where an earlier version has made it."""
        super().apply_catalog(catalog)
        if entry := catalog.get_stream(self.name):
            entry.metadata = self.metadata
            own = Schema.from_dict(self.schema)
            entry.schema.id = own.id
            entry.schema.properties = {**(own.properties or {}), **(entry.schema.properties or {})}
            self._input_schema = entry.schema.to_dict()

    @override
    def _generate_schema_messages(self) -> Generator[SchemaMessage, None, None]:
        """Mark what has the stream's key, however it was selected, mapped or flattened."""
        for message in super()._generate_schema_messages():
            schema = {name: value for name, value in message.schema.items() if name != "$id"}
            if {*type(self).primary_keys} <= schema.get("properties", {}).keys():
                schema = {"$id": self.mark, NESTED: schemas.nested_paths(self.fields), **schema}
            message.schema = schema
            yield message

    def read(self) -> Iterator[list[Record]]:
        """Read the stream, some records at a time."""
        raise NotImplementedError

    def store(self) -> None:
        """Bring into the state that what was read is written."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """What of a document is not emitted."""
        return () if self.config["emit_session_tokens"] else (SESSION_TOKEN,)

    @cached_property
    def make(self) -> RecordMaker:
        """What makes records of documents."""
        return RecordMaker(
            self.fields,
            prepare=self.prepare,
            drop=self.dropped,
            misfit=self.warn_of_misfit,
        )

    @property
    def need(self) -> Need:
        """What the key must be allowed to, and how to do without."""
        return Need(
            self.name,
            self.scope,
            f"""deselect the stream: meltano select tap-moesif --exclude {self.name} "*", or """
            '"selected": false in the catalog',
        )

    def with_id(self, records: list[Record | None]) -> list[Record]:
        """Leave out what could not be made for want of an id."""
        found = [record for record in records if record is not None]
        for _ in range(len(records) - len(found)):
            self.logger.warning("A document without any id was left out of '%s'", self.name)
        return found

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Bookmarks come from Moesif's times only; this machine's clock has no part in them."""

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        try:
            for records in self.read():
                yield from records
        except NotAllowedError as error:
            self._tap.leave_out(self, error)

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        with self.get_record_counter() as counter, self.get_sync_timer():
            try:
                for records in self._counted(counter):
                    if write_messages:
                        self._write(records)
                    else:
                        yield from records
                    self.store()
            except NotAllowedError as error:  # the other streams may be readable
                self._tap.leave_out(self, error)
            except MoesifError:
                if write_messages:
                    self._write_state_message()  # what is written need not be read again
                raise
        if write_messages:
            self._write_state_message()

    def _counted(self, counter: metrics.Counter) -> Iterator[list[Record]]:
        """Read the stream, or as many records of it as a test of the connection wants."""
        most, written = self.ABORT_AT_RECORD_COUNT, 0
        for read in self.read():
            records = read if most is None else read[: most - written]
            yield records
            written += len(records)
            counter.increment(len(records))
            if written == most:
                return
        self.store()

    def _write(self, records: list[Record]) -> None:
        """Write records, and STATE before them where they would be too many without."""
        self._unsaved += len(records)
        if self._unsaved > STATE_EVERY_RECORDS:
            self._write_state_message()
            self._unsaved = len(records)
        if records:
            self._tap.message_writer.write_lines(self._lines(records))

    @cached_property
    def _lines(self) -> Callable[[list[Record]], bytes]:
        """What writes records as lines, the short way where nothing is to be changed."""
        [first, *more] = self.stream_maps
        plain = type(first) is SameRecordTransform and not first.flattening_enabled
        if more or not plain or not all(self.mask.values()):
            return self._mapped_lines
        encode = msgspec.json.Encoder().encode_lines

        def lines(records: list[Record]) -> bytes:
            name, version = first.stream_alias, self._stream_version
            time = datetime.now(timezone.utc).isoformat()
            return encode([RecordMessage(name, record, time, version) for record in records])

        return lines

    def _mapped_lines(self, records: list[Record]) -> bytes:
        """Select properties and apply stream maps, as singer-sdk does it."""
        write = self._tap.message_writer.format_message
        return b"".join(
            bytes(write(message))
            for record in records
            for message in self._generate_record_messages(record)
        )

    def warn_of_misfit(self, path: str) -> None:
        """Say once a field that its values are of another type."""
        self._misfits[path] += 1
        if self._misfits[path] == 1:
            self.logger.warning(
                "Some '%s' in '%s' is of another type than expected; such values are kept under "
                "additionalFields",
                path,
                self.name,
            )


class SearchStream(MoesifStream):
    """A stream of what a search finds.

    Attributes:
        times: The record's times that are bookmarked, the replication key first.
    """

    times: ClassVar[tuple[str, ...]]

    def search(self, walk: Walk) -> Search:
        """Say what to ask for."""
        raise NotImplementedError

    def since(self, progress: Progress) -> dict[str, str]:
        """Say where each kind of time is to be asked for from, after an earlier run."""
        late = timedelta(minutes=self.config["lookback_minutes"])
        bookmarks = {name: progress.bookmark(name) for name in self.times}
        return {name: earlier(time, late) for name, time in bookmarks.items() if time}

    @property
    def completes(self) -> bool:
        """Whether `complete` is to be given a page's records together."""
        return False

    def chunks(self, hits: list[Hit], walk: Walk, began: str) -> Iterator[tuple[int, list[Record]]]:
        """Make records of a page's hits, a part at a time, with the number of hits it is of.

        Args:
            hits: The page's.
            walk: That it is of.
            began: When this run did, on Moesif's clock.
        """
        del walk
        together = len(hits) if self.completes else WRITTEN_AT_ONCE
        for first in range(0, len(hits), together):
            made = [self.make(hit.document(), hit.id) for hit in hits[first : first + together]]
            self.complete(self.with_id(made), began)
            for start in range(0, len(made), WRITTEN_AT_ONCE):
                some = made[start : start + WRITTEN_AT_ONCE]
                yield len(some), [record for record in some if record is not None]

    def complete(self, records: list[Record], began: str) -> None:
        """Add to a page's records what is not in their documents."""

    def move(self, progress: Progress, walk: Walk) -> None:
        """Move the bookmarks, as a walk is complete."""
        progress.move(walk, self.times[0])

    @override
    def read(self) -> Iterator[list[Record]]:
        walk = self._walk()
        self._progress.unfinished = [walk]
        search = self.search(walk)
        size = PageSize(self.config["page_size"])
        began = ""
        for hits in Pages(self._tap.moesif, search, size, walk.after, walk.count):
            began = began or self._began(walk)
            read = 0
            for count, records in self.chunks(hits, walk, began):
                read += count
                walk.count += count
                walk.after = hits[read - 1].sort or []
                for name in self.times:
                    walk.see(name, [record.get(name) for record in records])
                yield records
        began = began or self._began(walk)
        self._progress.unfinished = []
        if self.replication_method != FULL_TABLE:
            self.move(self._progress, walk)

    def _walk(self) -> Walk:
        """Go on with the walk that an earlier run did not finish, or begin one."""
        start, end = self.config.get("start_date"), self.config.get("end_date")
        full = self.replication_method == FULL_TABLE
        walk = self._progress.resume(start, end, full=full)
        if walk is None or (full and self.emit_activate_version_messages):
            # An activated version takes away what earlier runs have written.
            return Walk(start, end, {} if full else self._checked(self.since, self._progress))
        self.logger.info("Going on with '%s' behind %d documents", self.name, walk.count)
        return walk

    def _began(self, walk: Walk) -> str:
        """Note when the walk began, if it did in this run; say when this run did."""
        now = utc(self._tap.moesif.asked * 1000)
        walk.began = walk.began or now
        self._checked(check_not_ahead, walk.since, now)
        return now

    @cached_property
    def _progress(self) -> Progress:
        return self._checked(Progress.read, self.stream_state)

    @override
    def store(self) -> None:
        self.stream_state.clear()
        self.stream_state.update(self._progress.write())
        self.state_manager.is_flushed = False

    def _checked(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read something of the state, or say that it cannot be read."""
        try:
            return read(*args, **kwargs)
        except StateError as error:
            raise MoesifError(
                f"The state of '{self.name}' {error}. Take this stream out of the state, or run "
                "with --full-refresh, to read everything again."
            ) from error
