"""Opens the page in the desktop's browser, where there is one."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def has_desktop(environment: Mapping[str, str], platform: str) -> bool:
    """Say whether a browser has a screen; without one, it would be a text browser's terminal."""
    return platform in {"darwin", "win32"} or any(environment.get(name) for name in _DISPLAYS)


def open_page(address: str) -> None:
    """Open an address, without waiting for the browser and without minding that there is none."""
    if has_desktop(os.environ, sys.platform):
        threading.Thread(target=_open, args=(address,), daemon=True).start()


def _open(address: str) -> None:
    with suppress(OSError, webbrowser.Error):
        webbrowser.open(address)
