"""`IncrementalStream`: reads what is new since the last run, and resumes an unfinished scan."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, ParamSpec, TypeVar

from typing_extensions import override

from tap_moesif.errors import StateOfStreamError
from tap_moesif.records import utc
from tap_moesif.streams.base.stream import MoesifStream
from tap_moesif.sync import Scan, StateError, StreamState, check_not_ahead, earlier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_moesif.records import Record
    from tap_moesif.service import Hit

P = ParamSpec("P")
T = TypeVar("T")

FULL_TABLE = "FULL_TABLE"


class IncrementalStream(MoesifStream):
    """A stream that is read incrementally, or as a full table.

    Attributes:
        times: The bookmarked times of a record, the replication key first.
        activates_versions: Whether a full table has a version by default, by which targets find
            out what was removed.
    """

    times: ClassVar[tuple[str, ...]]
    activates_versions: ClassVar[bool] = False

    def since(self, state: StreamState) -> dict[str, str]:
        """Return the lower bound for each kind of time; empty without bookmarks."""
        late = timedelta(minutes=self.config["lookback_minutes"])
        bookmarks = {name: state.bookmark(name) for name in self.times}
        return {name: earlier(time, late) for name, time in bookmarks.items() if time}

    def prefetch(self, hits: list[Hit]) -> None:
        """Prepare for a page that was just received; called in a worker thread."""

    def move(self, state: StreamState, scan: Scan) -> None:
        """Move the bookmarks after a complete scan."""
        state.move(scan, self.times[0])

    @abstractmethod
    def read_scan(self, scan: Scan) -> Iterator[list[Record]]:
        """Read the rest of a scan, and update it."""

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
        """Resume an unfinished scan, or start a new one."""
        start, end = self.config.get("start_date"), self.config.get("end_date")
        full = self.replication_method == FULL_TABLE
        scan = self._state.resume(start, end, full=full)
        if scan is None or (self.version and not scan.version):
            # A scan without a version is not resumed: ACTIVATE_VERSION would remove its records.
            since = {} if full else self._checked(self.since, self._state)
            if self.version:  # two runs may start within a second, and a clock may be set back
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
        """Whether a full table has a version; with dates, it is not a full table."""
        wanted = self.config.get("emit_activate_version_messages", self.activates_versions)
        return bool(wanted) and not (self.config.get("start_date") or self.config.get("end_date"))

    def begin(self, scan: Scan, requested_at: float) -> str:
        """Set the start of a new scan; return the start of this run, on Moesif's clock."""
        now = utc(requested_at * 1000)
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
        """Call a function, and convert a `StateError` to an error that names the stream."""
        try:
            return read(*args, **kwargs)
        except StateError as error:
            raise StateOfStreamError(stream=self.name, what=error) from error
