"""The commands of this repository's packages, run to their end or started in the background.

They are forked from a process that has imported them (see `fork_server`), which costs a twentieth
of a fresh start. The installed commands themselves are started, as a user's shell does it, in
tests marked `fresh_process`; with FRESH_PROCESSES=1 in the environment, in all tests.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from fork_server import Forked, ForkServer, is_read_at_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

COMMANDS = Path(sys.executable).parent
FORKED = (
    (
        *("tap-moesif", "target-segment", "target-moesif", "moesif-sandbox"),
        *("singer-rejects", "singer-fingerprints"),
        *("importlib_metadata._adapters", "singer_delivery.fingerprints.database"),
    ),
    (
        "meltano",
        *("meltano.core.meltano_file", "meltano.migrations.utils.dialect_typing"),
        *("sqlalchemy.dialects.sqlite", "anyio._backends._asyncio", "smart_open"),
    ),
)
"""The commands that are forked, and modules that they import later; a process for each line."""

READY = "moesif-sandbox ready on "


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """Its output's lines; other than `splitlines`, a line separator in a text is none."""
        return self.stdout.removesuffix("\n").split("\n") if self.stdout else []

    @property
    def messages(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]

    def says_plainly(self, *secrets: str) -> bool:
        """Whether it told its trouble without a traceback and without these words."""
        said = self.stdout + self.stderr
        return "Traceback" not in said and not any(secret in said for secret in secrets)


@contextlib.contextmanager
def started(
    name: str, *arguments: str, stdin: int = subprocess.PIPE, before: str = "", **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command with its streams in pipes; nothing of it is left afterwards.

    Args:
        name: The command's, or the path of one that is installed elsewhere.
        arguments: Its arguments.
        stdin: Its standard input.
        before: Code to run before it, in its process.
        options: Those of `Popen`; `env` is added to the environment.
    """
    more: Mapping[str, str] = options.pop("env", {})
    start, command = _way(name, before, more)
    process = start(
        [*command, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **more},
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def _way(
    name: str, before: str, environment: Mapping[str, str]
) -> tuple[Callable[..., subprocess.Popen[bytes]], list[str]]:
    """Choose how to start a command: with which function, and by which words."""
    path = str(COMMANDS / name)
    fresh = "FRESH_PROCESSES" in os.environ or any(map(is_read_at_start, environment))
    for together in FORKED:
        if name in together and not fresh:
            return partial(Forked, fork_server(together), before), [path]
    if not before:
        return subprocess.Popen, [path]
    run = "import runpy, sys; sys.argv[:1] = []; runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.Popen, [sys.executable, "-c", f"{before}\n{run}", path]


@cache
def fork_server(names: tuple[str, ...]) -> ForkServer:
    """Start the process that commands are forked from."""
    server = ForkServer(names)
    atexit.register(server.close)
    return server


def call(name: str, *arguments: str, text: str = "", timeout: float = 100, **options: Any) -> Ended:
    """Run a command on a text to its end."""
    with started(name, *arguments, **options) as process:
        stdout, stderr = process.communicate(text.encode(errors="surrogateescape"), timeout)
    return Ended(process.returncode, stdout.decode(), stderr.decode())


def feed(process: subprocess.Popen[bytes], *lines: Mapping[str, Any]) -> None:
    """Write lines to a command's standard input, which stays open."""
    assert process.stdin is not None
    process.stdin.write("".join(json.dumps(line) + "\n" for line in lines).encode())
    process.stdin.flush()


def next_line(process: subprocess.Popen[bytes]) -> Any:
    """Wait for the next line of a command's standard output; take nothing behind it."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, "the command has closed its standard output"
        line += byte
    return json.loads(line)


def run(
    name: str,
    folder: Path,
    config: Mapping[str, Any],
    *arguments: str,
    lines: Iterable[Mapping[str, Any] | str] = (),
    **options: Any,
) -> Ended:
    """Run a command with a configuration, in a folder, on lines of input, to its end.

    A byte of a line that is no UTF-8 is written as `surrogateescape` reads it.
    """
    (folder / "config.json").write_text(json.dumps(config))
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return call(name, "--config", "config.json", *arguments, text=text, cwd=folder, **options)


@dataclass(frozen=True)
class Sandbox:
    """A running moesif-sandbox and what it can be asked."""

    url: str

    def segment(self) -> dict[str, Any]:
        received: dict[str, Any] = self._get("/sandbox/segment")
        return received

    def collector(self) -> dict[str, Any]:
        received: dict[str, Any] = self._get("/sandbox/collector")
        return received

    def requests(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self._get("/sandbox/requests")
        return log

    def touch(self, **counts: int) -> dict[str, list[str]]:
        touched: dict[str, list[str]] = self._post("/sandbox/touch", counts)
        return touched

    def put(self, **documents: Any) -> None:
        self._post("/sandbox/documents", documents)

    def index(self) -> None:
        """Let documents be found that were put with `searchable_after`."""
        self._post("/sandbox/index", {})

    def fault(self, *faults: dict[str, Any]) -> None:
        self._post("/sandbox/faults", list(faults))

    def shift_clock(self, seconds: float) -> None:
        """Set how far the sandbox's clock is off."""
        self._post("/sandbox/clock", {"offset_seconds": seconds})

    def reset(self) -> None:
        self._post("/sandbox/reset", {})

    def _get(self, path: str) -> Any:
        answer = requests.get(f"{self.url}{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self.url}{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def sandbox(*arguments: str, command: str = "moesif-sandbox") -> Iterator[Sandbox]:
    """Run a sandbox on a free port."""
    with started(command, "--port", "0", *arguments, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line.startswith(READY), line
        yield Sandbox(line.removeprefix(READY).strip())
