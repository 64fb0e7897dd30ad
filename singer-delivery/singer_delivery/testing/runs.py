"""Runs a target in this process."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import signal
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast
from unittest import mock

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from singer_delivery import DeliveryTarget

    Line = Mapping[str, Any] | str

BACKOFF_SECONDS = 0.001
"""The first backoff in these runs, so that retries take no time."""

OUTCOMES = ("delivered", "unchanged", "skipped", "rejected", "undelivered")


class StateRecorder(io.TextIOBase):
    """Records the STATE lines on a target's standard output.

    Args:
        on_state: Called with each value when it is written.

    Attributes:
        values: The values of the STATE lines so far.
    """

    def __init__(self, on_state: Callable[[Any], None] = lambda _: None) -> None:
        self.values: list[Any] = []
        self._on_state = on_state

    @override
    def write(self, text: str) -> int:
        for line in text.splitlines():
            value = json.loads(line)
            self._on_state(value)
            self.values.append(value)
        return len(text)


@dataclass(frozen=True)
class Ended:
    """The result of a run.

    Attributes:
        exit_code: The exit code that the command would have.
        states: The values of the STATE lines that were written.
        log: The log, at all levels.
        summary: The summary.
        rejects: The lines of the rejects file.
    """

    exit_code: int
    states: list[Any]
    log: str
    summary: dict[str, Any]
    rejects: list[dict[str, Any]]


def deliver(
    target: type[DeliveryTarget],
    config: Mapping[str, Any],
    lines: Iterable[Line],
    folder: Path,
    *,
    on_start: Callable[[DeliveryTarget], None] = lambda _: None,
    on_state: Callable[[Any], None] = lambda _: None,
) -> Ended:
    """Run a target on some lines of Singer input.

    Args:
        target: The target's class.
        config: Its settings; the paths of its files are set here.
        lines: The messages, or text as a tap would write it.
        folder: The folder for the summary and the rejects file, which may contain earlier rejects.
        on_start: Called with the target before the first line is read.
        on_state: Called with the value of each STATE line when it is written.
    """
    files = {
        "summary_path": str(folder / "summary.json"),
        "rejects_path": str(folder / "rejects.jsonl"),
    }
    recorder = StateRecorder(on_state)
    with (
        _kept_signal_handlers(),
        _recorded_log() as log,
        contextlib.redirect_stdout(recorder),
        mock.patch("singer_delivery.http.waits.BACKOFF_FIRST_SECONDS", BACKOFF_SECONDS),
    ):
        running = target(config={**files, **config})
        on_start(running)
        exit_code = running.run(cast("IO[str]", _Input(lines)))
    summary = json.loads((folder / "summary.json").read_bytes())
    assert summary["read"] == sum(summary[outcome] for outcome in OUTCOMES), summary
    rejects = folder / "rejects.jsonl"
    return Ended(
        exit_code,
        recorder.values,
        log.getvalue(),
        summary,
        [*map(json.loads, rejects.read_text().splitlines())] if rejects.exists() else [],
    )


class _Input:
    """An input that is read line by line, so that a test can see how far it was read."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines

    def fileno(self) -> int:
        """Raise, because there is no file descriptor."""
        raise io.UnsupportedOperation

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            yield line if isinstance(line, str) else json.dumps(line) + "\n"


@contextlib.contextmanager
def _kept_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers that a target changes in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    wakeup = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        # The file descriptor may be that of a closed target, and another file's by now.
        with contextlib.suppress(OSError, ValueError):
            signal.set_wakeup_fd(wakeup)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def _recorded_log() -> Iterator[io.StringIO]:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
