"""`singer-rejects FILE…` lists the records in rejects files or in objects of a bucket.

It prints the number of records by stream and reason, and the keys of the first ones, in one pass
over files of any size. Nothing else from a record is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_delivery.buckets.urls import is_url
from singer_delivery.rejects.reasons import REJECT_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST = 3
"""The number of records of each kind whose keys are shown."""

LONGEST_KEY = 40
NO_REASON = "(none given)"


class Listing:
    """Counts the records of rejects files."""

    def __init__(self) -> None:
        self.records = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], list[str]] = {}
        self._keys: dict[str, list[str]] = {}

    def add(self, line: bytes, number: int) -> bool:
        """Add one line; return whether it is a Singer message."""
        message = _read(line)
        if message is None:
            return False
        stream = str(message.get("stream"))
        if message["type"] == "SCHEMA":
            self._keys[stream] = [str(name) for name in message.get("key_properties") or []]
        elif message["type"] == "RECORD":
            self.records += 1
            record = message.get("record")
            kind = (stream, _reason(message, record))
            self._counts[kind] += 1
            first = self._first.setdefault(kind, [])
            if len(first) < FIRST:
                first.append(self._key(stream, record) or f"line {number}")
        return True

    def text(self) -> str:
        """Return the table, with the highest counts first."""
        rows = [("count", "stream", "reason", "first")]
        rows += [
            (str(count), *kind, ", ".join(self._first[kind]))
            for kind, count in self._counts.most_common()
        ]
        count, stream, reason, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "".join(f"{a:>{count}}  {b:{stream}}  {c:{reason}}  {d}\n" for a, b, c, d in rows)

    def _key(self, stream: str, record: object) -> str:
        """Return the key of a record as text, or an empty text."""
        names = self._keys.get(stream, [])
        if not isinstance(record, dict) or not names or any(name not in record for name in names):
            return ""
        key = " ".join(f"{name}={json.dumps(record[name])}" for name in names)
        return key if len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}…"


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        # Records may be rejected for NaN, Infinity or their encoding.
        message = json.loads(line.decode(errors="replace"))
    except RecursionError:
        message = _read_around_the_record(line)
    except ValueError:
        return None
    known = isinstance(message, dict) and isinstance(message.get("type"), str)
    return message if known else None


def _read_around_the_record(line: bytes) -> dict[str, Any] | None:
    """Read a line that is nested too deeply; its reason is at its end."""
    head, _, _ = line.partition(b'"record"')
    _, _, tail = line.rpartition(b'"%b":' % REJECT_FIELD.encode())
    try:
        start = json.loads(head.rstrip().rstrip(b",") + b"}")
        return {**start, REJECT_FIELD: json.loads(tail.rstrip().removesuffix(b"}"))}
    except (ValueError, RecursionError):
        return None


def _reason(message: dict[str, Any], record: object) -> str:
    inside = record.get(REJECT_FIELD) if isinstance(record, dict) else None
    found = inside or message.get(REJECT_FIELD)
    reason = found.get("reason") if isinstance(found, dict) else None
    return reason if isinstance(reason, str) else NO_REASON


def _list(path: str, listing: Listing) -> bool:
    """Add a file, or the objects below a URL; return whether everything could be read."""
    complete = True
    try:
        for place, lines in _files(path):
            complete &= _add(place, lines, listing)
    except OSError as error:
        _print_error(f"Cannot read {path}: {error.strerror}.")
        return False
    return complete


def _files(path: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    if is_url(path):
        from singer_delivery.buckets.reading import object_lines  # noqa: PLC0415, slow to import

        yield from object_lines(path)
    else:
        with Path(path).open("rb") as file:
            yield path, file


def _add(place: str, lines: Iterator[bytes], listing: Listing) -> bool:
    complete = True
    for number, line in enumerate(lines, 1):
        if not line.strip() or listing.add(line, number):
            continue
        if line.endswith(b"\n"):
            complete = False
            _print_error(f"{place}: line {number} is not a Singer message; a replay stops there.")
        else:
            _print_error(f"{place} ends with an incomplete line, which a replay skips.")
    return complete


def _print_error(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 if everything was read, else 1.
    """
    parser = argparse.ArgumentParser(
        prog="singer-rejects",
        description="List the records in rejects files: counts by stream and reason, and the keys "
        "of the first records of each.",
        epilog="Exit codes: 0 everything was read, 1 a file or a line was not, 2 wrong usage.",
    )
    parser.add_argument(
        "file", nargs="+", help="a rejects file, or the URL of objects in a bucket (s3://, gs://)"
    )
    listing = Listing()
    complete = [_list(path, listing) for path in parser.parse_args(arguments).file]
    try:
        sys.stdout.write(listing.text() if listing.records else "No rejected records.\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # otherwise Python reports an error at its exit
        return 1
    return 0 if all(complete) else 1
