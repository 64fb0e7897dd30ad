"""`SearchStream`: the results of a search, read incrementally."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_moesif.service import Pages
from tap_moesif.service.page_size import PageSize
from tap_moesif.streams.base.incremental import IncrementalStream
from tap_moesif.streams.base.stream import WRITE_CHUNK
from tap_moesif.sync import Scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_moesif.records import Record
    from tap_moesif.service import Hit, Page, Request, Search


class SearchStream(IncrementalStream):
    """A stream of search results."""

    @abstractmethod
    def search(self, scan: Scan) -> Search:
        """Return the search of a scan."""

    @override
    def probe_request(self) -> Request:
        scan = Scan(self.config.get("start_date"), self.config.get("end_date"))
        return self.search(scan).request(1)

    def records_of(self, page: Page, scan: Scan, now: str) -> Iterator[tuple[int, list[Record]]]:
        """Convert the hits of a page to records, in batches.

        Args:
            page: The page.
            scan: The scan that the page belongs to.
            now: Start of this run, on Moesif's clock.

        Yields:
            The number of hits, and their records.
        """
        del scan, now
        for first in range(0, len(page.hits), WRITE_CHUNK):
            some = page.hits[first : first + WRITE_CHUNK]
            yield len(some), self.with_id([self._record(hit) for hit in some])

    def _record(self, hit: Hit) -> Record | None:
        try:
            return self.make.read(hit.source, hit.id)
        except (ValueError, RecursionError):  # decode it as a whole instead
            return self.make(hit.document(), hit.id)

    @override
    def read_scan(self, scan: Scan) -> Iterator[list[Record]]:
        size = PageSize(self.config["page_size"], self.config["max_page_size"])
        began = ""
        pages = Pages(
            self._tap.moesif, self.search(scan), size, scan.after, scan.count, self.prefetch
        )
        for page in pages:
            began = began or self.begin(scan, page.requested_at)
            read = 0
            for count, records in self.records_of(page, scan, began):
                read += count
                scan.count += count
                scan.after = page.hits[read - 1].sort or []
                for name in self.times:
                    scan.observe(name, [record.get(name) for record in records])
                yield records
            page.hits.clear()  # free the response before the next one is read
