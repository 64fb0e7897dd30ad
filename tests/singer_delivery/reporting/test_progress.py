from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

from typing_extensions import override

from singer_delivery.reporting.progress import LiveLine, LogLines, progress_on

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_is_written_over() -> None:
    screen = Terminal()
    progress = progress_on(screen, logging.getLogger("any"))
    assert isinstance(progress, LiveLine)
    progress.show("1 read")
    progress.show("2 read")
    progress.end()
    assert screen.getvalue() == "\r\x1b[K1 read\r\x1b[K2 read\r\x1b[K"


def test_lines_of_the_log_go_above_it() -> None:
    screen = Terminal()
    handler = logging.StreamHandler(screen)
    logger = logging.getLogger("test.progress")
    logger.addHandler(handler)
    try:
        progress = LiveLine(screen, [handler])
        progress.show("1 read")
        logger.warning("look")
        progress.end()
        logger.warning("over")
    finally:
        logger.removeHandler(handler)
    assert screen.getvalue() == "\r\x1b[K1 read\r\x1b[Klook\n\r\x1b[Kover\n"


def test_anything_else_gets_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    progress = progress_on(io.StringIO(), logging.getLogger("any"))
    assert isinstance(progress, LogLines)
    progress.show("1 read")
    progress.end()
    assert caplog.messages == ["1 read"]
