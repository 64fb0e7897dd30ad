"""The README's picture of the sandbox's page: `make picture`.

Starts a sandbox, lets a sync run into a rate limit and recover, changes some users, syncs again,
and takes the page as Chromium shows it then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import requests
from playwright.sync_api import Page, ViewportSize, sync_playwright

from demo import COMMANDS, READY

# No sandbox of its own, since it may run as root; and nothing that asks for other addresses.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZE: ViewportSize = {"width": 1280, "height": 920}
RATE_LIMIT = {
    "path": "/segment/v1/",
    "kind": "status",
    "status": 429,
    "headers": {"Retry-After": "1"},
    "skip": 30,
    "times": 24,
}
RUN_SECONDS = 120


def sync(url: str, folder: Path) -> None:
    """Run the two commands as a pipe, from where the last run ended."""
    environment = {
        **os.environ,
        "TAP_MOESIF_API_URL": f"{url}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
        "TAP_MOESIF_PAGE_SIZE": "200",
        "TAP_MOESIF_LOOKBACK_MINUTES": "0",
        "TARGET_SEGMENT_HOST": f"{url}/segment",
        "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
        "TARGET_SEGMENT_BATCH_SIZE_ROWS": "20",
    }
    state = folder / "state.json"
    if not state.exists():
        state.write_text("{}")
    with subprocess.Popen(  # noqa: S603, our own command
        [COMMANDS / "tap-moesif", "--config=ENV", f"--state={state}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as tap:
        target = subprocess.run(  # noqa: S603, our own command
            [COMMANDS / "target-segment", "--config=ENV"],
            stdin=tap.stdout,
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=RUN_SECONDS,
            check=True,
        )
    state.write_text(target.stdout.splitlines()[-1])


def happen(url: str, page: Page, folder: Path) -> None:
    """Do what is to be seen on the picture."""
    page.goto(url)
    requests.post(f"{url}/sandbox/faults", json=RATE_LIMIT, timeout=30).raise_for_status()
    sync(url, folder)
    page.get_by_role("button", name="Change them in Moesif").click()
    sync(url, folder)
    page.get_by_role("switch", name="lost answers").click()
    page.locator(".segment .lines summary").first.click()
    page.locator(".segment .lines pre").first.wait_for()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    count = requests.get(f"{url}/sandbox/segment?messages=false", timeout=30).json()["counts"]
    page.get_by_text(f"{count['accepted']:,}", exact=True).first.wait_for()


def taken(url: str, folder: Path) -> bytes:
    """Return the picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
        )
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce", color_scheme="light")
        happen(url, page, folder)
        picture = page.screenshot()
        browser.close()
    return picture


def main() -> str | None:
    """Write the picture to the file that is named; a port may follow."""
    path, port = [*sys.argv[1:], "8700"][:2]
    command = [str(COMMANDS / "moesif-sandbox"), "--users=2000", "--latency-ms=150"]
    with (
        tempfile.TemporaryDirectory(prefix="moesif-picture-") as folder,
        subprocess.Popen(  # noqa: S603, our own command
            [*command, f"--port={port}"], stdout=subprocess.PIPE, text=True
        ) as sandbox,
    ):
        try:
            url = sandbox.stdout.readline().removeprefix(READY).strip() if sandbox.stdout else ""
            if not url:
                return "The sandbox did not start."
            Path(path).write_bytes(taken(url, Path(folder)))
        finally:
            sandbox.terminate()
    return None


if __name__ == "__main__":
    sys.exit(main())
