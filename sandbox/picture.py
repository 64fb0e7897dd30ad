"""`make picture`: the README's screenshot of the sandbox's page.

Starts a sandbox, runs a sync into a rate limit and recovery, changes some users, syncs again, and
takes a screenshot with Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import requests
from playwright.sync_api import Page, sync_playwright

from demo import COMMANDS, environment, sandbox

# Chromium's own sandbox does not work as root; the other flags disable background requests.
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
RATE_LIMIT = {"path": "/segment/v1/", "kind": "status", "status": 429, "skip": 30, "times": 24,
              "headers": {"Retry-After": "1"}}  # fmt: skip
RUN_SECONDS = 120


def sync(url: str, folder: Path) -> None:
    """Run the tap and the target as a pipe, with the state of the last run."""
    settings = {"TAP_MOESIF_PAGE_SIZE": "200", "TAP_MOESIF_LOOKBACK_MINUTES": "0",
                "TARGET_SEGMENT_BATCH_SIZE_ROWS": "20"}  # fmt: skip
    state = folder / "state.json"
    if not state.exists():
        state.write_text("{}")
    tap = f"{COMMANDS}/tap-moesif --config=ENV --state={state}"
    ended = subprocess.run(  # noqa: S602, our own commands
        f"{tap} | {COMMANDS}/target-segment --config=ENV", shell=True, cwd=folder,
        env={**environment(url), **settings}, capture_output=True, text=True, check=True,
        timeout=RUN_SECONDS,
    )  # fmt: skip
    state.write_text(ended.stdout.splitlines()[-1])


def happen(url: str, page: Page, folder: Path) -> None:
    """Do what the screenshot shows."""
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


def main() -> None:
    """Write the screenshot; the arguments are its path and, optionally, a port."""
    path, port = [*sys.argv[1:], "8700"][:2]
    with (
        tempfile.TemporaryDirectory(prefix="moesif-picture-") as folder,
        sandbox("--users=2000", "--latency=0.15", f"--port={port}") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(
            viewport={"width": 1280, "height": 920}, reduced_motion="reduce", color_scheme="light"
        )
        happen(url, page, Path(folder))
        Path(path).write_bytes(page.screenshot())
        browser.close()


if __name__ == "__main__":
    main()
