"""One line of a list on the page: what is said in it of a message, a document or a request."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from moesif_sandbox.log import has_failed
from moesif_sandbox.moesif.collector.rules import value_at
from moesif_sandbox.times import moment_of, parse_stored

_LONGEST = 120  # characters
_KB = 1_000
_ID = "userId|anonymousId|groupId|user_id|anonymous_id|subscription_id|company_id"
_CLOCK, _DATE = "%H:%M:%S", "%Y-%m-%d %H:%M:%S"


class Row(NamedTuple):
    """One line: what it is about, some facts, a word in front, and when it was."""

    title: str
    facts: tuple[str, ...] = ()
    mark: str = ""
    time: str = ""
    failed: bool = False


Line = Callable[[Any], Row]  # gives the line of anything in a list


def _line(title: str, facts: Sequence[str], time: str, form: str, mark: str = "") -> Line:
    """Return what gives the line of an object; the first path of each that leads to a text counts.

    Paths are dotted, with a `|` between them.
    """

    def first(fields: dict[str, object], paths: str) -> str:
        texts = (text(value_at(fields, path)) for path in paths.split("|"))
        return next(filter(None, texts), "")

    def line(given: object) -> Row:
        fields = given if isinstance(given, dict) else {}
        shown = tuple(filter(None, (first(fields, fact) for fact in facts)))
        when = _time(first(fields, time), form)
        return Row(first(fields, title), shown, first(fields, mark), when)

    return line


message = _line(f"event|traits.name|{_ID}", [_ID, "traits.email"], "receivedAt", _CLOCK, "type")
element = _line(f"action_name|metadata.name|company_domain|{_ID}", [_ID, "metadata.email"],
                "modified_time|request.time", _CLOCK)  # fmt: skip
user = _line(f"name|email|{_ID}", [_ID, "company.name|company_id"], "modified_time", _DATE)
company = _line(f"name|company_domain|{_ID}", ["company_id", "company_domain"], "modified_time",
                _DATE)  # fmt: skip


def discarded(given: Any) -> Row:  # noqa: ANN401, the ledger's entry
    """Return the line of a message that Segment dropped in silence, with the reason."""
    row = message(given["message"])
    title = row.title or text(given["message"])
    return row._replace(title=title, mark=given["reason"], failed=True)


def refusal(given: object) -> Row:
    """Return the line of a request that Segment refused as a whole."""
    return Row(text(given), mark="400", failed=True)


def collector_refusal(given: Any) -> Row:  # noqa: ANN401, the ledger's entry
    """Return the line of a request that Moesif's collector refused as a whole."""
    facts = (given["path"], text(given["detail"]))
    return Row(given["reason"], facts, str(given["status"]), failed=True)


def request(entry: Any) -> Row:  # noqa: ANN401, the log's entry
    """Return the line of a logged request."""
    records, fault = entry["records"], entry["fault"]
    facts = (
        counted(records, "record") if records else "", f"{entry['milliseconds']:,.0f} ms",
        f"{_size(entry['bytes_in'])} in", f"{_size(entry['bytes_out'])} out",
        f"fault: {fault}" if fault else "",
    )  # fmt: skip
    title, mark = f"{entry['method']} {text(entry['path'])}", text(entry["status"]) or "no answer"
    return Row(
        title, tuple(filter(None, facts)), mark, _time(entry["at"], _CLOCK), has_failed(entry)
    )


def text(value: object) -> str:
    """Return anything as a short text."""
    if value is None:
        return ""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(number: int) -> str:
    if number < _KB:
        return f"{number} B"
    return f"{number / _KB:,.0f} kB" if number < _KB * _KB else f"{number / _KB / _KB:,.1f} MB"


def _time(value: object, form: str) -> str:
    stored = parse_stored(value)
    try:
        return "" if stored is None else f"{moment_of(stored):{form}}"
    except OverflowError:  # beyond the calendar
        return ""
