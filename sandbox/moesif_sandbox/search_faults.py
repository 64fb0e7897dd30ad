"""What goes wrong with the pages of a search: cut, empty, repeated, or leading back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from moesif_sandbox.moesif_dsl import Json

MAX_PERIOD = 4  # so many pages of a path are remembered


class PageHistory:
    """The newest pages that were answered on each path."""

    def __init__(self) -> None:
        self._pages: dict[str, deque[bytes]] = {}

    def remember(self, path: str, page: bytes) -> None:
        """Take note of a page as it was sent."""
        self._pages.setdefault(path, deque(maxlen=MAX_PERIOD)).append(page)

    def earlier(self, path: str, period: int) -> bytes | None:
        """Return the page of so many searches ago, or None where there were not as many."""
        pages = self._pages.get(path, ())
        return pages[-period] if len(pages) >= period else None

    def clear(self) -> None:
        """Forget all pages."""
        self._pages.clear()


def cut(page: bytes) -> bytes:
    """Return a page as an engine that ran out of time gives it: half the hits, flagged."""
    answer = _read(page)
    if answer is None:
        return page
    hits = _hits(answer)
    return _written(answer | {"timed_out": True}, hits[: len(hits) // 2])


def emptied(page: bytes) -> bytes:
    """Return a page without its hits, as if it were the end."""
    answer = _read(page)
    return page if answer is None else _written(answer, [])


def led_back(page: bytes, earlier: bytes) -> bytes:
    """Return a page whose last hit has the `sort` of an earlier page: what follows goes round."""
    answer, before = _read(page), _read(earlier)
    if not answer or not before or not _hits(answer) or not _hits(before):
        return page
    *hits, last = _hits(answer)
    return _written(answer, [*hits, {**last, "sort": _hits(before)[-1].get("sort")}])


def _read(page: bytes) -> Json | None:
    """Return a search's answer; None where it is something else, such as a list of cohorts."""
    answer = msgspec.json.decode(page)
    return answer if isinstance(answer, dict) and isinstance(answer.get("hits"), dict) else None


def _hits(answer: Json) -> list[Json]:
    return answer["hits"]["hits"]  # type: ignore[index, no-any-return]  # the sandbox's own form


def _written(answer: Json, hits: list[Json]) -> bytes:
    return msgspec.json.encode(answer | {"hits": {**answer["hits"], "hits": hits}})  # type: ignore[dict-item]
