"""The README's picture of the page, and the command that makes it."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from chromium import NoChromiumError, chromium
from project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = PROJECT / "docs" / "sandbox.png"
MOST_BYTES = 200_000


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_readme_shows_it_and_it_is_small() -> None:
    assert "](docs/sandbox.png)" in (PROJECT / "README.md").read_text()
    assert len(PICTURE.read_bytes()) < MOST_BYTES


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_command_makes_it_anew(tmp_path: Path) -> None:
    try:
        with chromium():
            pass
    except NoChromiumError as error:
        pytest.skip(str(error))
    made = tmp_path / "sandbox.png"
    command: list[str | Path] = [sys.executable, PROJECT / "sandbox" / "picture.py", made, "0"]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    assert size(made.read_bytes()) == size(PICTURE.read_bytes())
    assert len(made.read_bytes()) < MOST_BYTES
