"""Detects refusals that are not about a record: by the answer's text, or many equal answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.errors import AllRefusedError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_delivery.sending.retry import Answer

ALIKE_REFUSALS = 20
"""The number of consecutive records refused with the same answer at which the run stops."""

_ERROR_FIELDS = frozenset(
    {
        *("code", "detail", "error", "error_description", "errors", "message", "msg", "reason"),
        *("title", "type"),
    }
)
"""The members of an answer that describe the error; others may repeat the record."""

_VARYING = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|\d+", re.IGNORECASE)
"""Ids, positions and times, in which otherwise equal answers may differ."""


def error_matches(content: bytes, words: re.Pattern[str]) -> bool:
    """Return whether the error message in the body of an answer matches a pattern.

    Args:
        content: The body: JSON or plain text. HTML never matches.
        words: The pattern.
    """
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = content.decode(errors="replace").strip()
        if answer.startswith("<"):
            return False
    return any(map(words.search, _error_texts(answer)))


def _error_texts(answer: Any, depth: int = 3) -> Iterator[str]:  # noqa: ANN401, JSON
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, list) and depth:
        for each in answer:
            yield from _error_texts(each, depth - 1)
    elif isinstance(answer, dict) and depth:
        for name in answer.keys() & _ERROR_FIELDS:
            yield from _error_texts(answer[name], depth - 1)


class RejectionStreak:
    """Counts consecutive records that are refused with the same answer.

    Args:
        max_rejects: The reject limit. If it is higher than `ALIKE_REFUSALS`, it is the limit of a
            streak too; -1 means no limit.
    """

    def __init__(self, max_rejects: int) -> None:
        self._limit = None if max_rejects < 0 else max(ALIKE_REFUSALS, max_rejects)
        self._answer: tuple[int, str] | None = None
        self._detail = ""
        self._count = 0
        self._uniform = True  # nothing in this run was acknowledged, or refused with another answer
        self.too_many = False

    @property
    def blocks_state(self) -> bool:
        """Whether everything in this run was refused with the same answer, so that STATE waits."""
        return self._uniform and self._count > 0 and self._limit is not None

    def add(self, answer: Answer) -> ServiceError | None:
        """Count a refused record; return the error that ends the run if the limit is reached."""
        alike = (answer.status, _VARYING.sub("#", answer.excerpt))
        if alike != self._answer:
            self._uniform = self._uniform and self._answer is None
            self._count = 0
        self._count += 1
        self._answer, self._detail = alike, answer.detail
        self.too_many = self._limit is not None and self._count >= self._limit
        return self._error(f"{self._count} records in a row were") if self.too_many else None

    def acknowledged(self) -> None:
        """End the streak at an acknowledgement."""
        self._count, self._uniform = 0, False

    def final_error(self) -> ServiceError | None:
        """Return the error of a run in which everything was refused with the same answer."""
        return self._error("All records that were sent were") if self.blocks_state else None

    def _error(self, what: str) -> ServiceError:
        if self._uniform:
            then = "run again (no state was written past them), or set max_rejects: -1"
        else:
            then = "replay that file, or set a larger max_rejects"
        return AllRefusedError(what=what, answer=self._detail, then=then)
