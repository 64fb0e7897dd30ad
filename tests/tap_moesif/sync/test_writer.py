"""What is on standard output where it cannot be written, or not all of it is wanted."""

from __future__ import annotations

import errno
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from account import settings
from tap_moesif import TapMoesif
from tap_moesif.errors import StandardOutputError
from tap_output import Output, Recorder

if TYPE_CHECKING:
    from account import Account


class FullDisk:
    """Takes some bytes, then none, and then has space again."""

    def __init__(self, size: int) -> None:
        self.content = b""
        self._size = size

    def write(self, data: memoryview) -> int:
        part = bytes(data[: self._size - len(self.content)])
        if not part:
            self._size = sys.maxsize
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.content += part
        return len(part)


def test_nothing_is_written_behind_half_a_line(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        account.user(f"u{number}", metadata={"x": "y" * 20_000})
    disk = FullDisk(50_000)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=disk, flush=lambda: None))

    with pytest.raises(StandardOutputError, match="No space left on device"):
        TapMoesif(config=settings(account, page_size=1)).sync_all()

    assert len(disk.content) == 50_000
    assert disk.content.endswith(b"yyy")
    assert "unhandled" not in caplog.text


def test_a_closed_output_is_said(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)

    with pytest.raises(StandardOutputError, match="it is closed"):
        TapMoesif(config=settings(account)).sync_all()


def test_a_test_of_the_connection_writes_no_state_past_the_records_that_it_leaves_out(
    account: Account,
) -> None:
    for number in range(3):
        account.user(f"u{number}")
    writer = Recorder()

    TapMoesif(config=settings(account), message_writer=writer).try_streams()

    output = Output(writer.messages)
    assert output.ids == ["u0"]
    states = [message["value"] for message in output.messages if message["type"] == "STATE"]
    assert all("users" not in state["bookmarks"] for state in states)
