"""Reads the objects that runs have written to a bucket, to list or replay rejects."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from typing_extensions import override

from singer_delivery.buckets.urls import NoClientError, is_url, url_error
from singer_delivery.errors import ReplayError

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_SECONDS = 60.0
"""The timeout for listing the objects below a URL, and for reading a part of one."""


def object_lines(url: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Iterate over the objects below a URL in the order of their names, which is chronological.

    Args:
        url: An object, a folder, or a common prefix of objects.

    Yields:
        The URL of an object, and its lines.

    Raises:
        OSError: There are none, or one cannot be read; `strerror` is the reason.
    """
    if wrong := url_error(url):
        raise OSError(0, wrong.rstrip("."))
    from singer_delivery.buckets.store import Store  # noqa: PLC0415, an extra

    try:
        store = Store(url, READ_SECONDS)
    except NoClientError as error:
        reason = f"its client is missing; install singer-delivery[{error.extra}]"
        raise OSError(0, reason) from None
    names = store.find(url, READ_SECONDS)
    if not names:
        raise OSError(0, "there are no objects")
    for name in names:
        yield name, store.lines(name, READ_SECONDS)


class ReplayedObjects(io.IOBase):
    """The lines of all objects below a URL, as an input file."""

    def __init__(self, url: str) -> None:
        self._url = url

    @override
    def __iter__(self) -> Iterator[bytes]:
        try:
            for _, lines in object_lines(self._url):
                yield from lines
        except OSError as error:
            raise ReplayError(path=self._url, reason=error.strerror) from error


def replay_input(path: str) -> IO[str]:
    """Open the argument of `--replay` as an input.

    Raises:
        ReplayError: The file cannot be opened.
    """
    if is_url(path):
        return cast("IO[str]", ReplayedObjects(path))
    try:
        return cast("IO[str]", Path(path).open("rb"))
    except OSError as error:
        raise ReplayError(path=path, reason=error.strerror) from error
