"""The README's picture of the page, and the command that makes it."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import struct
from typing import TYPE_CHECKING

import pytest

from project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox.conftest import Sandbox

PICTURE = PROJECT / "docs" / "sandbox.png"
MOST_BYTES = 200_000


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_readme_shows_it_and_it_is_small() -> None:
    assert "](docs/sandbox.png)" in (PROJECT / "README.md").read_text()
    assert len(PICTURE.read_bytes()) < MOST_BYTES


@pytest.mark.readmes
@pytest.mark.xdist_group("project")
def test_the_command_makes_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[..., Sandbox]
) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium")
    made = tmp_path / "sandbox.png"
    monkeypatch.syspath_prepend(PROJECT / "sandbox")
    picture = importlib.import_module("picture")
    few = start("--users", "700")  # enough to run into the rate limit
    monkeypatch.setattr(picture, "sandbox", lambda *_: contextlib.nullcontext(few.url))
    monkeypatch.setattr("sys.argv", ["picture.py", str(made)])
    picture.main()
    assert 429 in [entry["status"] for entry in few.requests()]
    assert few.segment()["counts"]["accepted"] > 700
    assert size(made.read_bytes()) == size(PICTURE.read_bytes())
    assert len(made.read_bytes()) < MOST_BYTES
