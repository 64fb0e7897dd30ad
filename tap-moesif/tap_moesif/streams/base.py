"""What a stream is: a declaration of what it reads, on one of three bases.

A `SearchStream` is what a search finds, incremental by its times. A `ListStream` is a list that is
read whole in each run. An `IncrementalStream` finds by itself what is new since the last run. A
module beside this one that declares one is all that a stream takes: `tap_moesif.streams` finds it
there.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

import msgspec
from typing_extensions import override

from tap_moesif.records import RecordMaker, as_it_is, json_schema, plain, utc
from tap_moesif.sdk import SdkStream
from tap_moesif.service import (
    ForbiddenError,
    MoesifError,
    Pages,
    Request,
    RequiredScope,
    read_list,
)
from tap_moesif.service.errors import StateOfStreamError
from tap_moesif.service.page_size import PageSize
from tap_moesif.sync import Scan, StateError, StreamState, check_not_ahead, earlier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from singer_sdk import metrics
    from typing_extensions import Buffer

    from tap_moesif.records import Document, Field, Record
    from tap_moesif.service import Hit, Page, Search
    from tap_moesif.tap import TapMoesif

P = ParamSpec("P")
T = TypeVar("T")

MARK = "urn:tap-moesif:{stream}"
"""The `$id` of a stream's schema, by which targets know the stream under whatever name."""

SESSION_TOKEN = "session_token"  # noqa: S105, a field's name
"""Where Moesif keeps its users' session tokens: credentials of theirs."""

STATE_EVERY_RECORDS = 1_000
WRITTEN_AT_ONCE = 100
"""Records that are made and written in one go: of more, the first would have left the processor's
cache before they are written."""

FULL_TABLE = "FULL_TABLE"


class RecordMessage(msgspec.Struct, tag_field="type", tag="RECORD", omit_defaults=True, gc=False):
    """A RECORD line."""

    stream: str
    record: dict[str, Any]
    time_extracted: str
    version: int | None = None


class MoesifStream(SdkStream):
    """A stream of Moesif's: makes records of documents and writes them.

    A subclass declares what differs between streams, and nothing else.

    Attributes:
        scopes: What the management key must be allowed to do.
        fields: The fields of a record.
        contents: What is emitted in each run, for the README.
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
    def least_request(self) -> Request:
        """Return the cheapest request that needs what the stream needs, to check the key with."""

    @abstractmethod
    def read(self) -> Iterator[list[Record]]:
        """Read the stream, some records at a time."""

    @staticmethod
    def prepare(document: Document) -> Document:
        """Bring a document into the one form that the fields know; it may be changed."""
        return as_it_is(document)

    def store(self) -> None:
        """Bring into the state that what was read is written."""

    @property
    def dropped(self) -> tuple[str, ...]:
        """The raw fields of a document that are not emitted."""
        return () if self.config["emit_session_tokens"] else (SESSION_TOKEN,)

    @cached_property
    def make(self) -> RecordMaker:
        """Makes a record of a document."""
        return RecordMaker(
            self.fields,
            prepare=self.prepare,
            drop=self.dropped,
            type_mismatch=self.warn_of_type_mismatch,
        )

    @property
    def required(self) -> RequiredScope:
        """What the key must be allowed to do, and how to do without the stream."""
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
        """Mark what has the stream's key, however it was selected, mapped or flattened."""
        plain = {name: value for name, value in schema.items() if name != "$id"}
        if {*type(self).primary_keys} <= plain.get("properties", {}).keys():
            return {"$id": self.mark, **plain}
        return plain

    def with_id(self, records: Sequence[Record | None]) -> list[Record]:
        """Leave out what could not be made for want of an id."""
        found = [record for record in records if record is not None]
        for _ in range(len(records) - len(found)):
            self.logger.warning("A document without any id was left out of '%s'", self.name)
        return found

    @override
    def get_records(self, context: object) -> Iterator[Record]:
        """Read the stream's records, as singer-sdk's batch files take them."""
        try:
            for records in self.read():
                yield from map(plain, records)
                self.store()
            self.store()
        except ForbiddenError as error:
            self._tap.leave_out(self, error)

    @override
    def sync_records(self) -> bool:
        complete = self.record_limit is None
        with self.get_record_counter() as counter, self.get_sync_timer():
            try:
                for records in self._counted(counter):
                    self._write(records)
                    self.store()
            except ForbiddenError as error:  # the other streams may be readable
                self._tap.leave_out(self, error)
                complete = False
            except MoesifError:
                self.write_state()  # what is written need not be read again
                raise
        self.write_state()
        return complete

    @override
    def was_told(self) -> bool:
        return isinstance(sys.exc_info()[1], MoesifError)

    def _counted(self, counter: metrics.Counter) -> Iterator[list[Record]]:
        """Read the stream, or as many records of it as a test of the connection wants."""
        most, written = self.record_limit, 0
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
            self.write_state()
            self._unsaved = len(records)
        if records:
            self._tap.message_writer.write_lines(self._lines(records))

    @cached_property
    def _lines(self) -> Callable[[list[Record]], bytes]:
        """Writes records as lines, the short way where no map changes them."""
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
        """Select properties and apply stream maps, as singer-sdk does it."""
        write = self._tap.message_writer.format_message
        return b"".join(
            bytes(write(message))
            for record in records
            for message in self.mapped_messages(plain(record))
        )

    def warn_of_type_mismatch(self, path: str) -> None:
        """Warn once of a field whose values are of another type."""
        self._mismatches[path] += 1
        if self._mismatches[path] == 1:
            self.logger.warning(
                "Some '%s' in '%s' is of another type than expected; such values are kept under "
                "additionalFields",
                path,
                self.name,
            )


class ListStream(MoesifStream):
    """A stream of a list that is read whole in each run.

    Attributes:
        path: Path below the API's address.
        list_name: The name under which an answer may hold the list.
        variants: The parameters of each request that the list takes.
    """

    path: ClassVar[str]
    list_name: ClassVar[str]
    variants: ClassVar[tuple[dict[str, str], ...]] = ({},)

    @override
    def least_request(self) -> Request:
        return Request(self.path, self.required, params=self.variants[0])

    @override
    def read(self) -> Iterator[list[Record]]:
        moesif = self._tap.moesif
        requests = [Request(self.path, self.required, params=params) for params in self.variants]
        lists = [moesif.submit(moesif.fetch, request, self._read) for request in requests]
        for answered in lists:
            yield self.with_id([*map(self.make, answered.result().value)])

    def _read(self, content: Buffer) -> list[Any]:
        return read_list(content, self.path, self.list_name)


class IncrementalStream(MoesifStream):
    """A stream of which a run reads what is new, and that resumes where a killed run stood.

    Attributes:
        times: The record's times that are bookmarked, the replication key first.
        activates_versions: Whether a full table has a version unless the settings say no, by which
            a target finds out what is no longer there.
    """

    times: ClassVar[tuple[str, ...]]
    activates_versions: ClassVar[bool] = False

    def since(self, state: StreamState) -> dict[str, str]:
        """Return from when on each kind of time is to be searched for, after an earlier run."""
        late = timedelta(minutes=self.config["lookback_minutes"])
        bookmarks = {name: state.bookmark(name) for name in self.times}
        return {name: earlier(time, late) for name, time in bookmarks.items() if time}

    def arrived(self, hits: list[Hit]) -> None:
        """Prepare for the hits of a page that waits to be used; called in another thread."""

    def move(self, state: StreamState, scan: Scan) -> None:
        """Move the bookmarks, as a scan is complete."""
        state.move(scan, self.times[0])

    @abstractmethod
    def read_scan(self, scan: Scan) -> Iterator[list[Record]]:
        """Read what a scan is for, from where it stands; note in it what was read."""

    @override
    def read(self) -> Iterator[list[Record]]:
        scan = self._scan()
        self._state.unfinished = [scan]
        yield from self.read_scan(scan)
        self._state.unfinished = []
        self._state.version = scan.version or self._state.version
        if self.replication_method != FULL_TABLE:
            self.move(self._state, scan)

    def _scan(self) -> Scan:
        """Resume the scan that an earlier run did not finish, or begin one."""
        start, end = self.config.get("start_date"), self.config.get("end_date")
        full = self.replication_method == FULL_TABLE
        scan = self._state.resume(start, end, full=full)
        if scan is None or (self.version and not scan.version):
            # An activated version takes away what came without it.
            since = {} if full else self._checked(self.since, self._state)
            if self.version:  # two runs may begin within a second, and a clock may be set back
                self.version = max(self.version, (self._state.version or 0) + 1)
            return Scan(start, end, since, version=self.version)
        self.logger.info("Resuming '%s' after %d documents", self.name, scan.count)
        if self.version and scan.version:
            self.version = scan.version
        else:
            scan.version = None
        return scan

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        """Whether a full table has a version; what lies between two dates is no full table."""
        wanted = self.config.get("emit_activate_version_messages", self.activates_versions)
        return bool(wanted) and not (self.config.get("start_date") or self.config.get("end_date"))

    def begin(self, scan: Scan, asked_at: float) -> str:
        """Note when the scan began, if it did in this run; return when this run did."""
        now = utc(asked_at * 1000)
        scan.started_at = scan.started_at or now
        self._checked(check_not_ahead, scan.since, now)
        return now

    @cached_property
    def _state(self) -> StreamState:
        return self._checked(StreamState.read, self.stream_state)

    @override
    def store(self) -> None:
        self.stream_state.clear()
        self.stream_state.update(self._state.write())
        self.state_has_changed()

    def _checked(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read something of the state, or say that it cannot be read."""
        try:
            return read(*args, **kwargs)
        except StateError as error:
            raise StateOfStreamError(stream=self.name, what=error) from error


class SearchStream(IncrementalStream):
    """A stream of what a search finds."""

    @abstractmethod
    def search(self, scan: Scan) -> Search:
        """Return what to search for."""

    @override
    def least_request(self) -> Request:
        scan = Scan(self.config.get("start_date"), self.config.get("end_date"))
        return self.search(scan).request(1)

    def records_of(self, page: Page, scan: Scan, now: str) -> Iterator[tuple[int, list[Record]]]:
        """Make records of a page's hits, some at a time, with the number of hits they are of.

        Args:
            page: The page.
            scan: The scan that the page belongs to.
            now: When this run began, on Moesif's clock.
        """
        del scan, now
        for first in range(0, len(page.hits), WRITTEN_AT_ONCE):
            some = page.hits[first : first + WRITTEN_AT_ONCE]
            yield len(some), self.with_id([self._record(hit) for hit in some])

    def _record(self, hit: Hit) -> Record | None:
        try:
            return self.make.read(hit.source, hit.id)
        except (ValueError, RecursionError):  # it may still be read as a whole
            return self.make(hit.document(), hit.id)

    @override
    def read_scan(self, scan: Scan) -> Iterator[list[Record]]:
        size = PageSize(self.config["page_size"], self.config["max_page_size"])
        began = ""
        pages = Pages(
            self._tap.moesif, self.search(scan), size, scan.after, scan.count, self.arrived
        )
        for page in pages:
            began = began or self.begin(scan, page.asked_at)
            read = 0
            for count, records in self.records_of(page, scan, began):
                read += count
                scan.count += count
                scan.after = page.hits[read - 1].sort or []
                for name in self.times:
                    scan.observe(name, [record.get(name) for record in records])
                yield records
            page.hits.clear()  # or the answer would be held while the next one is read
