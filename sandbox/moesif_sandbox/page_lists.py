"""The lists of the page: what each is made of, and how a part of it is found.

A list may have any length: only the part that is shown is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from moesif_sandbox import page_rows
from moesif_sandbox.moesif_collector import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moesif_sandbox.moesif_index import Index
    from moesif_sandbox.page_rows import Row
    from moesif_sandbox.request_log import RequestLog
    from moesif_sandbox.store import Store


@dataclass(frozen=True)
class Listing:
    """One list, oldest first; a place in it is the number of what came before.

    Args:
        label: What it is called.
        start: The first place that is still kept.
        end: The place behind the newest.
        between: Gives what stands between two places, each with a key that stays.
        find: Gives what has a key, or None.
        row: Says in a line what stands there.
    """

    label: str
    start: int
    end: int
    between: Callable[[int, int], Sequence[Entry]]
    find: Callable[[str], object]
    row: Callable[[object], Row]


class Entry(NamedTuple):
    """What stands in a list; the version changes where the key stays and the content doesn't."""

    key: str
    content: object
    version: str = ""


class Panel(NamedTuple):
    """Lists of which one is shown at a time."""

    name: str
    title: str
    lists: Mapping[str, Listing]


def panels(store: Store, log: RequestLog) -> Sequence[Panel]:
    """Return all lists of the page."""
    segment, collector = store.segment, store.collector
    return (
        Panel(
            "segment",
            "Segment received",
            {
                "accepted": _appended("accepted", segment.accepted, page_rows.message),
                "repeats": _appended("repeats", segment.duplicates, page_rows.message),
                "discarded": _appended("discarded", segment.discarded, page_rows.discarded),
                "refused": _appended("requests refused", segment.refused, page_rows.refusal),
            },
        ),
        Panel("requests", "Requests", {"all": _logged(log)}),
        Panel(
            "moesif",
            "Moesif holds",
            {
                "users": _documents("users", store.users, page_rows.user),
                "companies": _documents("companies", store.companies, page_rows.company),
            },
        ),
        Panel(
            "collector",
            "Moesif’s collector received",  # noqa: RUF001 - it is read by people
            {
                **{
                    kind.name: _appended(
                        kind.name, collector.accepted[kind.name], page_rows.element
                    )
                    for kind in KINDS
                },
                "refused": _appended(
                    "requests refused", collector.refused, page_rows.collector_refusal
                ),
            },
        ),
    )


def _appended(label: str, things: Sequence[object], row: Callable[[object], Row]) -> Listing:
    def between(first: int, last: int) -> list[Entry]:
        return [Entry(str(place), things[place]) for place in range(first, last)]

    def find(key: str) -> object:
        place = int(key) if key.isascii() and key.isdecimal() else len(things)
        return things[place] if place < len(things) else None

    return Listing(label, 0, len(things), between, find, row)


def _logged(log: RequestLog) -> Listing:
    start = log.logged - len(log.entries)

    def between(first: int, last: int) -> list[Entry]:
        kept = islice(log.entries, first - start, last - start)
        return [Entry(str(place), entry) for place, entry in enumerate(kept, first)]

    def find(key: str) -> object:
        place = int(key) if key.isascii() and key.isdecimal() else -1
        return log.entries[place - start] if start <= place < log.logged else None

    return Listing("all", start, log.logged, between, find, page_rows.request)


def _documents(label: str, index: Index, row: Callable[[dict[str, object]], Row]) -> Listing:
    """Return the documents of an index, in the order in which they were modified."""
    order = index.cached(("page", "by modified_time"), lambda: _by_modified_time(index))

    def between(first: int, last: int) -> list[Entry]:
        shown = [index.documents[position] for position in order[first:last]]
        return [
            Entry(document.id, document.source, _version(document.source)) for document in shown
        ]

    def find(key: str) -> object:
        document = index.get(key)
        return None if document is None else document.source

    return Listing(
        label, 0, len(order), between, find, lambda source: row(page_rows.fields_of(source))
    )


def _by_modified_time(index: Index) -> list[int]:
    field = index.field("modified_time")
    times = index.column(field) if field is not None else [()] * len(index)
    return sorted(range(len(index)), key=times.__getitem__)


def _version(source: dict[str, object]) -> str:
    return f"{crc32(msgspec.json.encode(source)):x}"
