"""Debian's Chromium, driven as a user would: what a page shows, and what it asks for."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Error, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

# Nothing of its own that would ask for other addresses; no sandbox, since it may run as root.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


PATIENCE = 20_000  # milliseconds; a busy machine may need them


class NoChromiumError(Exception):
    """There is no Chromium to be started here; the message says why."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run it, with an empty user data directory.

    Raises:
        NoChromiumError: It is not installed, or does not start.
    """
    path = shutil.which("chromium")
    if path is None:
        raise NoChromiumError("there is no chromium: the package is not installed")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            raise NoChromiumError(f"chromium does not start: {error.message}") from None
        with contextlib.closing(browser):
            yield browser


@dataclass
class Visit:
    """A page, with what it complained of and what it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.addresses.append(request.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@contextlib.contextmanager
def visit(browser: Browser, url: str, **context: Any) -> Iterator[Visit]:
    """Open a page with nothing left of earlier visits, and wait until it is live."""
    with contextlib.closing(browser.new_context(**context)) as opened:
        opened.set_default_timeout(PATIENCE)
        visited = Visit(opened.new_page())
        visited.page.goto(url)
        visited.page.locator("#live.live").wait_for()
        yield visited
