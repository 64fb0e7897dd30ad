"""The tables of `docs/failures.md`, and what of a command's log is one of their sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands import Ended

PAGE = PROJECT / "docs" / "failures.md"
ANYTHING = "…"
GOES_ON = "goes on"
_ROW = re.compile(r"^\| `(?P<sentence>.+?)` \| (?P<second>.+?) \| (?P<third>.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One row: a sentence of the log, in which `…` is anything, and the exit code behind it."""

    sentence: str
    exit_code: str

    def is_in(self, ended: Ended) -> bool:
        code = "0" if self.exit_code == GOES_ON else self.exit_code
        said = re.compile(pattern(self.sentence))
        return str(ended.code) == code and any(map(said.fullmatch, sentences(ended.stderr)))


@dataclass(frozen=True)
class Reason:
    """A row of the table of reasons: what a rejects file says of a record."""

    code: str
    detail: str


def rows() -> list[Row]:
    """Read what the page says of runs."""
    return [Row(text, code) for text, code, _ in _read() if re.fullmatch(rf"\d+|{GOES_ON}", code)]


def reasons() -> list[Reason]:
    """Read what the page says of rejected records."""
    return [Reason(text, detail.strip("`")) for text, detail, _ in _read() if _is_reason(text)]


def pattern(sentence: str) -> str:
    return ".*?".join(map(re.escape, sentence.split(ANYTHING)))


def sentences(log: str) -> Iterator[str]:
    """Take what was said out of the lines of a connector's log."""
    return (line.split(" | ", 3)[-1].strip() for line in log.splitlines())


def _read() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = _ROW.findall(PAGE.read_text().replace(r"\|", "|"))
    return found


def _is_reason(text: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", text) is not None
