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
from typing_extensions import override

from tap_moesif import schemas
from tap_moesif.bookmarks import Progress, StateError, Walk, check_not_ahead, earlier
from tap_moesif.client import Need
from tap_moesif.documents import SESSION_TOKEN, RecordMaker, as_it_is
from tap_moesif.errors import MoesifError
from tap_moesif.pace import PageSize
from tap_moesif.paging import Pages
from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_moesif.answers import Hit
    from tap_moesif.paging import Page, Search
    from tap_moesif.tap import TapMoesif

P = ParamSpec("P")
T = TypeVar("T")

STATE_EVERY_RECORDS = 1_000
FULL_TABLE = "FULL_TABLE"


class MoesifStream(Stream):
    """A stream of Moesif's: makes records of documents and writes them.

    A subclass declares what differs between streams, and nothing else.

    Attributes:
        scope: What the management key must be allowed to do.
        fields: Of a record.
        prepare: Brings a document into the one form that they know.
        searched: Whether documents come as a search's hits.
    """

    scope: ClassVar[str]
    fields: ClassVar[tuple[schemas.Field, ...]]
    prepare = staticmethod(as_it_is)
    searched: ClassVar[bool] = True

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # `RecordMaker` conforms, and loses nothing

    _tap: TapMoesif

    def __init__(self, tap: TapMoesif) -> None:
        super().__init__(tap, schema=schemas.json_schema(self.fields))
        self._misfits: Counter[str] = Counter()

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
            searched=self.searched,
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
        for records in self.read():
            yield from records

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        lines = self._line_maker()
        written = 0
        with self.get_record_counter() as counter, self.get_sync_timer():
            for read in self.read():
                records = self._within_limit(read, written)
                if write_messages and records:
                    self._tap.message_writer.write_lines(lines(records))
                written += len(records)
                counter.increment(len(records))
                if not write_messages:
                    yield from records
                self._check_max_record_limit(written + len(read) - len(records))
                self.store()
                if write_messages:
                    self._write_state_message()
        self.store()
        if write_messages:
            self._write_state_message()

    def _within_limit(self, records: list[Record], written: int) -> list[Record]:
        """Take as many records as a test of the connection wants."""
        most = self.ABORT_AT_RECORD_COUNT
        return records if most is None else records[: most - written]

    def _line_maker(self) -> Callable[[list[Record]], bytes]:
        """Give what writes records as lines, the short way where nothing is to be changed."""
        [first, *more] = self.stream_maps
        plain = type(first) is SameRecordTransform and not first.flattening_enabled
        if more or not plain or not all(self.mask.values()):
            return self._mapped_lines
        encode = msgspec.json.Encoder().encode_lines

        def lines(records: list[Record]) -> bytes:
            frame: dict[str, Any] = {"type": "RECORD", "stream": first.stream_alias}
            if self._stream_version is not None:
                frame["version"] = self._stream_version
            time = datetime.now(timezone.utc).isoformat()
            return encode([{**frame, "record": r, "time_extracted": time} for r in records])

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

    def of_hit(self, hit: Hit) -> Any:  # noqa: ANN401, `chunks` knows
        """Make of a hit, as its page is read, what `chunks` needs of it."""
        return self.make(hit)

    def chunks(self, page: Page[Any], walk: Walk, began: str) -> Iterator[tuple[int, list[Record]]]:
        """Give a page's records, a part at a time, with the number of hits that each is of.

        Args:
            page: Of what `of_hit` has made.
            walk: That it is of.
            began: When this run did, on Moesif's clock.
        """
        del walk
        self.complete(self.with_id(page.made), began)
        for first in range(0, len(page.made), STATE_EVERY_RECORDS):
            some = page.made[first : first + STATE_EVERY_RECORDS]
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
        pages = Pages(self._tap.moesif, search, self.of_hit, size, walk.after, walk.count)
        began = ""
        for page in pages:
            began = began or self._began(walk)
            read = 0
            for count, records in self.chunks(page, walk, began):
                read += count
                walk.count += count
                walk.after = page.sorts[read - 1]
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
