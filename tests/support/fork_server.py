"""Commands forked from a process that has imported their modules: in 20 ms instead of 700.

A forked command is a process of its own, with its own streams, environment, working directory, id
and exit code, and dies of signals like any other. Only its start differs from the installed
command's: it shares the hash seed, and all that Python reads from the environment at its start.

The server is this file run as a script. A request is one message on its socket with four file
descriptors: the command's three streams, and a socket on which the request's JSON is read and
answered with the process id and, when the command has ended, its wait status. The server has no
threads and keeps no state; for each request it forks a process that forks and awaits the command.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NUMBER = struct.Struct("!i")


def is_read_at_start(variable: str) -> bool:
    """Say whether an environment variable takes effect in a new interpreter only."""
    return variable.startswith(("PYTHON", "LANG", "LC_", "TZ"))


class ForkServer:
    """A process that has imported the modules of some commands.

    Args:
        names: Those of the commands, and of further modules.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno()), *names],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

    def fork(self, streams: Sequence[int], **request: Any) -> tuple[int, socket.socket]:
        """Start a command; give its process id, and the socket that will tell its wait status."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._socket, [b"f"], [*streams, theirs.fileno()])
            ours.sendall(json.dumps(request).encode() + b"\n")
            return _number(ours), ours
        except OSError as error:
            said = self._process.communicate()[1].decode()
            raise AssertionError(f"the fork server has ended: {said}") from error

    def close(self) -> None:
        """End the server; commands that still run go on."""
        self._socket.close()
        with self._process:
            pass


class Forked(subprocess.Popen[bytes]):
    """A command forked from a server, with all that `Popen` offers.

    The methods below are those by which `Popen` starts and awaits a process on POSIX, the same
    from Python 3.11 to 3.14.

    Args:
        server: Which has imported it.
        before: Code that the new process runs before the command.
        command: Its path and its arguments.
        options: Those of `Popen`; only streams, `cwd` and `env` have an effect.
    """

    def __init__(
        self, server: ForkServer, before: str, command: Sequence[str], **options: Any
    ) -> None:
        self._server = server
        self._before = before
        super().__init__(command, **options)

    def _execute_child(self, args: Sequence[str], *others: Any) -> None:
        _, _, _, _, cwd, env, _, _, _, *pipes = others[:15]
        streams = (own if end == -1 else end for own, end in enumerate(pipes[0:4:3] + pipes[5:]))
        self.pid, self._status = self._server.fork(
            tuple(streams),
            before=self._before,
            argv=[str(word) for word in args],
            cwd=str(cwd or "."),
            env=dict(env or os.environ),
        )
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        self._status.setblocking(not wait_flags & os.WNOHANG)
        try:
            status = _number(self._status)
        except BlockingIOError:
            return 0, 0
        self._status.close()
        return self.pid, status

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode


def _number(channel: socket.socket) -> int:
    answer = channel.recv(_NUMBER.size)
    if not answer:
        raise ConnectionError("the fork server has ended")
    number: int = _NUMBER.unpack(answer)[0]
    return number


def _serve(requests: socket.socket, *names: str) -> None:
    commands = {point.name: point for point in entry_points(group="console_scripts")}
    for name in names:
        with contextlib.suppress(Exception):  # the command itself will tell
            # `load` would also make singer-sdk log.
            import_module(commands[name].module if name in commands else name)
    gc.freeze()
    assert threading.active_count() == 1, "a forked thread is lost, and its locks stay locked"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while received := socket.recv_fds(requests, 1, 4)[1]:
        if os.fork() == 0:
            requests.close()
            *streams, channel = received
            _run(commands, streams, socket.socket(fileno=channel))
        for descriptor in received:
            os.close(descriptor)


def _run(commands: dict[str, EntryPoint], streams: list[int], channel: socket.socket) -> None:
    """Run a command in a process forked from this one, which tells how it ended."""
    with channel.makefile("rb") as lines:
        request = json.loads(lines.readline())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        channel.close()
        for own, stream in enumerate(streams):
            os.dup2(stream, own)
            os.close(stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv[:] = request["argv"]
        exec(request["before"], {})
        _end(commands[Path(sys.argv[0]).name].load())
    for stream in (*streams, 0, 1):
        os.close(stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal: the command has it too
    channel.sendall(_NUMBER.pack(pid))
    channel.sendall(_NUMBER.pack(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _end(command: Callable[[], Any]) -> None:
    """Run a command and end as Python does, but leave it to the kernel to take the memory back.

    Python itself touches each object once more, so that the pages shared with the server are
    copied: that costs as much as all that the command has done.
    """
    try:
        code = command()
    except SystemExit as ended:
        code = ended.code
    if code is None or isinstance(code, int):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):  # Python will try again, and tell
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit((code or 0) & 0xFF)
    sys.exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:])
