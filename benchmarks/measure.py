"""Runs commands and measures their cost."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from resource import struct_rusage

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
TIMEOUT_SECONDS = 30
EXCERPT_CHARACTERS = 2_000


class CommandFailedError(Exception):
    """A contestant failed, so there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run of a command or a pipe.

    Attributes:
        seconds: Time until the end of the last process.
        cpu_seconds: CPU time of all processes, in user and system mode.
        peak_bytes: Sum of the peak resident memory of all processes.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int

    def __or__(self, other: Cost) -> Cost:
        """Return the lower times and the higher memory of two runs."""
        return Cost(
            min(self.seconds, other.seconds),
            min(self.cpu_seconds, other.cpu_seconds),
            max(self.peak_bytes, other.peak_bytes),
        )


def run(
    *pipe: Sequence[str | Path], folder: Path, stdin: Path | None = None, stdout: Path | None = None
) -> Cost:
    """Run commands as a pipe.

    Args:
        pipe: The commands.
        folder: The working folder.
        stdin: Input of the first command.
        stdout: Output of the last command.

    Raises:
        CommandFailedError: A command exited with another code than 0.
    """
    processes: list[subprocess.Popen[bytes]] = []
    with contextlib.ExitStack() as files:
        source = files.enter_context((stdin or Path(os.devnull)).open("rb"))
        sink = files.enter_context((stdout or Path(os.devnull)).open("wb"))
        started = time.perf_counter()
        for number, command in enumerate(pipe):
            errors = files.enter_context((folder / f"stderr-{number}").open("wb"))
            last = number == len(pipe) - 1
            process = subprocess.Popen(  # noqa: S603, our own contestants
                command,
                cwd=folder,
                env=_environment(),
                stdin=processes[-1].stdout if processes else source,
                stdout=sink if last else subprocess.PIPE,
                stderr=errors,
            )
            if processes and (pipe_end := processes[-1].stdout):
                pipe_end.close()  # only the next process keeps it open
            processes.append(process)
        usages = [_wait(process) for process in processes]
        seconds = time.perf_counter() - started
    _check(pipe, processes, folder)
    return Cost(
        seconds,
        sum(usage.ru_utime + usage.ru_stime for usage in usages),
        sum(usage.ru_maxrss * 1024 for usage in usages),  # Linux counts it in KiB
    )


def script(name: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command that runs a module of this folder."""
    return [sys.executable, "-m", f"benchmarks.{name}", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}  # to import `benchmarks`


def _wait(process: subprocess.Popen[bytes]) -> struct_rusage:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _check(
    pipe: Sequence[Sequence[str | Path]],
    processes: Sequence[subprocess.Popen[bytes]],
    folder: Path,
) -> None:
    for number, (command, process) in enumerate(zip(pipe, processes, strict=True)):
        if process.returncode:
            said = (folder / f"stderr-{number}").read_text(errors="replace")[-EXCERPT_CHARACTERS:]
            raise CommandFailedError(
                f"{' '.join(map(str, command))} ended with {process.returncode}:\n{said}"
            )


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of `servers.py`."""

    url: str

    def count(self) -> dict[str, int]:
        """Return the counts since the last call."""
        # Counting decodes everything that arrived, which takes some time.
        with urlopen(f"{self.url}/count", timeout=10 * TIMEOUT_SECONDS) as answer:  # noqa: S310, http
            return msgspec.json.decode(answer.read(), type=dict[str, int])


@contextlib.contextmanager
def server(*arguments: str | Path, module: str = "servers") -> Iterator[Server]:
    """Run a server of `servers.py`, or of another module with the same command line."""
    with subprocess.Popen(  # noqa: S603, our own
        script(module, *arguments), stdout=subprocess.PIPE, env=_environment()
    ) as process:
        assert process.stdout is not None  # noqa: S101, for mypy
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()
