"""The lists of the page; of each, however long, only the part that is shown is looked at."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote
from zlib import crc32

import msgspec

from moesif_sandbox.moesif.collector import KINDS
from moesif_sandbox.moesif.search import Index
from moesif_sandbox.page import rows
from moesif_sandbox.page.rows import Line, Row
from moesif_sandbox.page.view import View
from moesif_sandbox.state import State

LINES = 15
_NOTHING = "Nothing yet: start a run."
_NOTHING_WRITTEN = "Nothing yet. What writes: .venv/bin/meltano run tap-moesif target-moesif"


class Listing(NamedTuple):
    """One list, oldest first; a place in it is the number of what came before."""

    start: int  # the first place that is still kept
    end: int  # the place after the newest
    keys: Callable[[int, int], Sequence[str]]  # of what is between two places
    find: Callable[[str], object]  # what has a key, or None
    line: Line


class Panel(NamedTuple):
    """Lists, by their labels' names, of which one is shown at a time."""

    name: str
    title: str
    lists: Mapping[str, Listing]
    empty: str = "None."  # is said where nothing has come yet


def panels(state: State) -> Sequence[Panel]:
    """Return all lists of the page."""
    segment, collector, account, log = state.segment, state.collector, state.account, state.log
    received = {
        "accepted": _numbered(segment.accepted, rows.message),
        "repeats": _numbered(segment.duplicates, rows.message),
        "discarded": _numbered(segment.discarded, rows.discarded),
        "refused": _numbered(segment.refused, rows.refusal),
    }
    requests = {"all": _numbered(log.entries, rows.request, log.logged - len(log.entries))}
    held = {
        "users": _documents(account.users, rows.user),
        "companies": _documents(account.companies, rows.company),
    }
    taken = {kind.name: _numbered(collector.accepted[kind.name], rows.element) for kind in KINDS}
    written = {**taken, "refused": _numbered(collector.refused, rows.collector_refusal)}
    return (
        Panel("segment", "Segment received", received, _NOTHING),
        Panel("requests", "Requests", requests, _NOTHING),
        Panel("moesif", "Moesif holds", held),
        Panel("collector", "Moesif’s collector received", written, _NOTHING_WRITTEN),  # noqa: RUF001
    )


def _numbered(things: Sequence[object], line: Line, start: int = 0) -> Listing:
    end = start + len(things)

    def find(key: str) -> object:
        place = int(key) if key.isascii() and key.isdecimal() else end
        return things[place - start] if start <= place < end else None

    return Listing(start, end, lambda *ends: [*map(str, range(*ends))], find, line)


def _documents(index: Index, line: Line) -> Listing:
    """Return the documents of an index, in the order in which they were modified."""

    def ordered() -> list[int]:
        found = index.tokens("modified_time")
        times = [[time for time in times if isinstance(time, int)] for times in found]
        return sorted(range(len(index)), key=times.__getitem__)

    order = index.cached("by modified_time", ordered)

    def keys(first: int, last: int) -> list[str]:
        return [index.documents[position].id for position in order[first:last]]

    return Listing(0, len(order), keys, index.get, line)


def shown(panel: Panel, view: View) -> dict[str, Any]:
    """Return what the page shows of a panel: the chosen list's part, newest first."""
    chosen, before = view.choice(panel.name, panel.lists), f"{panel.name}-before"
    listing = panel.lists[chosen]
    start, end, asked = listing.start, listing.end, view.number(before)
    last = end if asked is None else min(asked if asked > start else start + LINES, end)
    first = max(start, last - LINES)
    newer = last + LINES if last + LINES < end else None
    steps = [
        ("Newest", view.address(**{before: None}), last < end),
        ("Newer", view.address(**{before: newer}), last < end),
        ("Older", view.address(**{before: first}), first > start),
    ]
    return {
        "panel": panel,
        "tabs": [
            (name, one.end, view.address(**{panel.name: name, before: None}), name == chosen)
            for name, one in panel.lists.items()
        ],
        "key": f"{chosen}-{'live' if last == end else last}",
        "lines": [_line(panel, chosen, key) for key in reversed(listing.keys(first, last))],
        "empty": "None." if any(one.end for one in panel.lists.values()) else panel.empty,
        "steps": steps if end - start > LINES else [],
        "span": f"{end - last + 1:,}–{end - first:,} of {end:,}",  # noqa: RUF001
    }


def _line(panel: Panel, chosen: str, key: str) -> tuple[str, str, Row]:
    """Return a line's key, the address of its content, which changes with it, and the line."""
    content = panel.lists[chosen].find(key)
    version = f"{crc32(msgspec.json.encode(content)):x}"
    address = f"/page/content/{panel.name}/{chosen}?key={quote(key, safe='')}&version={version}"
    return key, address, panel.lists[chosen].line(content)
