from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import click
import pytest
import requests
from click.testing import CliRunner

from commands import READY, started
from moesif_sandbox.command import has_desktop, main

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

NOW = ("--now", "2026-03-10T15:30:00Z", "--users", "30")


def url_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert line.startswith(f"{READY}http://127.0.0.1:")
    return line.removeprefix(READY).strip()


@pytest.mark.fresh_process
def test_the_installed_command_announces_itself_and_ends_with_0() -> None:
    with started("moesif-sandbox", "--port", "0", "--users", "5") as process:
        url_of(process)
        process.terminate()
        rest, hints = process.communicate(timeout=10)
    assert (rest, process.returncode) == (b"", 0)
    assert b"/sandbox/segment" in hints
    assert b"Traceback" not in hints


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly_with_a_connection_open(number: signal.Signals) -> None:
    with (
        started("moesif-sandbox", "--port", "0", "--users", "5") as process,
        requests.Session() as session,
    ):
        session.get(f"{url_of(process)}/sandbox/moesif", timeout=10).raise_for_status()
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_the_numbers_asked_for_are_there_from_the_start(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "20", "--companies", "3", "--events-per-user", "2")
    counts = sandbox.get("/sandbox/moesif").json()
    assert counts == {"users": 20, "companies": 3, "events": 17 * 2 + 24}  # one is busy, two rest


def test_the_data_is_the_same_for_the_same_seed_and_time(start: Callable[..., Sandbox]) -> None:
    body = {"size": 100, "sort": [{"_id": "asc"}]}
    pages = [start(*NOW, *more).hits("users", body) for more in ([], [], ["--seed", "2"])]
    assert pages[0] == pages[1] != pages[2]


def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(main, ["--port", str(taken.getsockname()[1])])
    assert result.exit_code == 1
    assert "use another one with --port" in result.output


@pytest.mark.parametrize(
    "options",
    [
        ("--fault", "{"),
        ("--fault", '{"path": "/x", "kind": "explode"}'),
        ("--now", "soon"),
        ("--management-scopes", "read:everything"),
        ("--region", "mars"),
        ("--users", "-1"),
        ("--latency", "-1"),
        ("--nothing",),
    ],
)
def test_a_wrong_option_is_a_usage_message(options: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 2
    assert "Usage:" in result.output


@pytest.fixture
def browser(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a browser of a shell's line, which finds the address in $1."""

    def made(line: str) -> Path:
        path = tmp_path / "browser"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return path

    return made


def test_the_page_is_opened_where_it_is_asked_for(
    tmp_path: Path, browser: Callable[[str], Path]
) -> None:
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    env = {"BROWSER": str(browser(f'echo "$1" > {opened}')), "DISPLAY": ":0"}
    with started("moesif-sandbox", "--port", "0", "--users", "5", "--open", env=env) as process:
        url = url_of(process)
        assert opened.read_text() == f"{url}\n"
        assert requests.get(url, timeout=10).status_code == 200


@pytest.mark.parametrize("line", ["exit 1", "kill -9 $$", ""])
def test_a_browser_that_fails_is_no_trouble(
    tmp_path: Path, browser: Callable[[str], Path], line: str
) -> None:
    env = {"BROWSER": str(browser(line)) if line else "", "DISPLAY": ":0", "PATH": str(tmp_path)}
    broken = tmp_path / "firefox"
    broken.write_bytes(b"\x7fELF, or so it says")
    broken.chmod(0o755)
    with started("moesif-sandbox", "--port", "0", "--users", "5", "--open", env=env) as process:
        assert requests.get(url_of(process), timeout=10).status_code == 200
        process.terminate()
        _, hints = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"Traceback" not in hints


@pytest.mark.parametrize(
    ("environment", "platform", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": "", "BROWSER": "lynx"}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_a_browser_needs_a_screen(environment: dict[str, str], platform: str, there: bool) -> None:
    assert has_desktop(environment, platform) is there


def test_help_explains_every_option() -> None:
    text = CliRunner().invoke(main, ["--help"], terminal_width=100).output
    for parameter in main.params:
        assert isinstance(parameter, click.Option)
        assert parameter.help
        assert parameter.hidden or parameter.opts[0] in text
    assert main.make_context("moesif-sandbox", []).params["open"] is False, "unasked"
