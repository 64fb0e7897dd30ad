"""The lists of the page: their lines, and the part that is shown.

A list may have any length: only the lines shown are computed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote
from zlib import crc32

import msgspec

from moesif_sandbox.moesif.collector import KINDS
from moesif_sandbox.moesif.collector.rules import value_at
from moesif_sandbox.moesif.search import Index
from moesif_sandbox.page.view import View, counted
from moesif_sandbox.state import State
from moesif_sandbox.times import moment_of, parse_stored
from moesif_sandbox.traffic import has_failed

LINES = 15
_LONGEST = 120  # characters
_KB = 1_000
_ID = "userId|anonymousId|groupId|user_id|anonymous_id|subscription_id|company_id"
_CLOCK, _DATE = "%H:%M:%S", "%Y-%m-%d %H:%M:%S"
_NOTHING = "Nothing yet: start a run."
_NOTHING_WRITTEN = "Nothing yet. What writes: .venv/bin/meltano run tap-moesif target-moesif"


class Row(NamedTuple):
    """A line of a list."""

    title: str
    facts: Sequence[str] = ()
    mark: str = ""
    time: str = ""
    failed: bool = False


Line = Callable[[Any], Row]  # returns the line of an item


class Listing(NamedTuple):
    """A list, oldest first; the place of an item is the number of items before it."""

    start: int  # the first place still available
    end: int  # the place after the newest
    keys: Callable[[int, int], Sequence[str]]  # returns the keys between two places
    find: Callable[[str], object]  # returns the item with a key, or None
    line: Line


class Panel(NamedTuple):
    """A panel with several lists, one of which is shown."""

    name: str
    title: str
    lists: Mapping[str, Listing]
    empty: str = "None."  # shown if all lists are empty


def panels(state: State) -> Sequence[Panel]:
    """Return all lists of the page."""
    segment, collector, account, log = state.segment, state.collector, state.account, state.log
    received = {
        "accepted": _numbered(segment.accepted, _message),
        "repeats": _numbered(segment.duplicates, _message),
        "discarded": _numbered(segment.discarded, _discarded),
        "refused": _numbered(segment.refused, lambda why: Row(_text(why), (), "400", failed=True)),
    }
    requests = {"all": _numbered(log.entries, _request, log.logged - len(log.entries))}
    users, companies = account.users, account.companies
    held = {"users": _documents(users, _user), "companies": _documents(companies, _company)}
    taken = {kind.name: _numbered(collector.accepted[kind.name], _element) for kind in KINDS}
    written = {**taken, "refused": _numbered(collector.refused, _refused)}
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
    """Return a list of the documents of an index, in order of modification."""

    def ordered() -> list[int]:
        found = index.tokens("modified_time")
        times = [[time for time in times if isinstance(time, int)] for times in found]
        return sorted(range(len(index)), key=times.__getitem__)

    order = index.cached("by modified_time", ordered)

    def keys(first: int, last: int) -> list[str]:
        return [index.documents[position].id for position in order[first:last]]

    return Listing(0, len(order), keys, index.get, line)


def shown(panel: Panel, view: View) -> dict[str, Any]:
    """Return the template's variables for a panel: a part of the chosen list, newest first."""
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
        "lines": [_shown_line(panel, chosen, key) for key in reversed(listing.keys(first, last))],
        "empty": "None." if any(one.end for one in panel.lists.values()) else panel.empty,
        "steps": steps if end - start > LINES else [],
        "span": f"{end - last + 1:,}–{end - first:,} of {end:,}",  # noqa: RUF001
    }


def _shown_line(panel: Panel, chosen: str, key: str) -> tuple[str, str, Row]:
    """Return a line's key, the URL of its content, which changes with it, and the line."""
    content = panel.lists[chosen].find(key)
    version = f"{crc32(msgspec.json.encode(content)):x}"
    address = f"/page/content/{panel.name}/{chosen}?key={quote(key, safe='')}&version={version}"
    return key, address, panel.lists[chosen].line(content)


def _line(title: str, facts: Sequence[str], time: str, form: str, mark: str = "") -> Line:
    """Return a function for the line of an item; `|` separates alternative paths."""

    def line(given: object) -> Row:
        def first(paths: str) -> str:
            fields = given if isinstance(given, dict) else {}
            return next(filter(None, (_text(value_at(fields, p)) for p in paths.split("|"))), "")

        found = [*filter(None, map(first, facts))]
        return Row(first(title), found, first(mark), _time(first(time), form))

    return line


_facts = [_ID, "traits.email|properties.endTime", "properties.count"]  # of a user, of an hour
_message = _line(f"event|traits.name|{_ID}", _facts, "receivedAt", _CLOCK, "type")
_element = _line(f"action_name|metadata.name|company_domain|{_ID}", [_ID, "metadata.email"],
                 "modified_time|request.time", _CLOCK)  # fmt: skip
_user = _line(f"name|email|{_ID}", [_ID, "company.name|company_id"], "modified_time", _DATE)
_company = _line(f"name|company_domain|{_ID}", ["company_id", "company_domain"], "modified_time",
                 _DATE)  # fmt: skip


def _discarded(given: Any) -> Row:  # noqa: ANN401, the ledger's entry
    row = _message(given["message"])
    title = row.title or _text(given["message"])
    return row._replace(title=title, mark=given["reason"], failed=True)


def _refused(given: Any) -> Row:  # noqa: ANN401, the ledger's entry
    facts = (given["path"], _text(given["detail"]))
    return Row(given["reason"], facts, str(given["status"]), failed=True)


def _request(entry: Any) -> Row:  # noqa: ANN401, the log's entry
    records, fault = entry["records"], entry["fault"]
    facts = [
        counted(records, "record") if records else "", f"{entry['milliseconds']:,.0f} ms",
        f"{_size(entry['bytes_in'])} in", f"{_size(entry['bytes_out'])} out",
        f"fault: {fault}" if fault else "",
    ]  # fmt: skip
    title, mark = f"{entry['method']} {_text(entry['path'])}", str(entry["status"] or "no answer")
    time = _time(entry["at"], _CLOCK)
    return Row(title, [*filter(None, facts)], mark, time, has_failed(entry))


def _text(value: object) -> str:
    """Convert a value to a short text."""
    if value is None:
        return ""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _size(number: int) -> str:
    if number < _KB:
        return f"{number} B"
    return f"{number / _KB:,.0f} kB" if number < _KB * _KB else f"{number / _KB / _KB:,.1f} MB"


def _time(text: str, form: str) -> str:
    stored = parse_stored(text)
    try:
        return "" if stored is None else f"{moment_of(stored):{form}}"
    except OverflowError:  # beyond the calendar
        return ""
