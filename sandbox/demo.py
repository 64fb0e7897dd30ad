"""The main job on the sandbox, from nothing to what arrived: `make demo`.

Starts the sandbox on a free port, runs `meltano run tap-moesif target-segment`, changes some
users, runs it again, and prints what Segment received. Needs no account, leaves no state behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
COMMANDS = Path(sys.executable).parent
USERS, COMPANIES, CHANGED = 1000, 100, 25
STEP_SECONDS = 600  # installing takes longest, where the network is slow
READY = "moesif-sandbox ready on "


class StepError(Exception):
    """A step failed; the message says which and why."""


class Demo:
    """Runs commands against one sandbox.

    Args:
        url: The sandbox's.
        folder: For state and logs.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.log = folder / "meltano.log"
        self.environment = {
            **os.environ,
            "MELTANO_ENVIRONMENT": "sandbox",
            "MELTANO_STATE_BACKEND_URI": f"file://{folder}/state",
            "TAP_MOESIF_API_URL": f"{url}/moesif/api/v1",
            "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
            "TARGET_SEGMENT_HOST": f"{url}/segment",
            "TARGET_SEGMENT_CDN_URL": f"{url}/segment-cdn",
            "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
            "TARGET_SEGMENT_REGION": "us",
            "TARGET_SEGMENT_SUMMARY_PATH": str(folder / "summary.json"),
        }
        self._summary = folder / "summary.json"

    def meltano(self, *arguments: str) -> None:
        """Run Meltano; its log is shown only where it fails."""
        command = [str(COMMANDS / "meltano"), *arguments]
        with self.log.open("w") as log:
            code = subprocess.run(  # noqa: S603, our own command
                command,
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=STEP_SECONDS,
                check=False,
            ).returncode
        if code:
            tail = "\n".join(self.log.read_text().splitlines()[-25:])
            raise StepError(f"`meltano {' '.join(arguments)}` ended with {code}:\n{tail}")

    def sync(self) -> dict[str, Any]:
        """Run the main job; give the target's summary and how long it took."""
        began = time.monotonic()
        self.meltano("run", "tap-moesif", "target-segment")
        summary: dict[str, Any] = json.loads(self._summary.read_text())
        return {**summary, "meltano_seconds": time.monotonic() - began}

    def received(self) -> dict[str, Any]:
        """Ask the sandbox what Segment received."""
        answer = requests.get(f"{self.url}/sandbox/segment", timeout=30)
        answer.raise_for_status()
        received: dict[str, Any] = answer.json()
        return received

    def change_users(self) -> list[str]:
        """Change some users in the sandbox's Moesif; give their ids."""
        answer = requests.post(f"{self.url}/sandbox/touch", json={"users": CHANGED}, timeout=30)
        answer.raise_for_status()
        changed: list[str] = answer.json()["users"]
        return changed


@contextlib.contextmanager
def sandbox() -> Iterator[str]:
    """Run the sandbox on a free port; give its address."""
    command = [str(COMMANDS / "moesif-sandbox"), "--port", "0"]
    command += ["--users", str(USERS), "--companies", str(COMPANIES)]
    with subprocess.Popen(  # noqa: S603, our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(READY):
                process.kill()
                reason = process.stderr.read() if process.stderr else ""
                raise StepError(f"the sandbox did not start:\n{line}{reason}")
            yield line.removeprefix(READY).strip()
        finally:
            process.terminate()


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)  # noqa: T201, a demo talks


def run(folder: Path) -> None:
    """Go through the steps."""
    say("1. Starting the sandbox: Moesif and Segment in one local process ...")
    with sandbox() as url:
        demo = Demo(url, folder)
        say(f"   {USERS} users and {COMPANIES} companies at {url}")
        say("2. Installing the connectors into Meltano (quick from the second time on) ...")
        demo.meltano("install")
        say("3. meltano run tap-moesif target-segment ...")
        report(demo.sync())
        first = demo.received()
        say(f"4. Changing {CHANGED} users in Moesif and running it again ...")
        changed = demo.change_users()
        report(demo.sync())
        again = demo.received()
        news = again["accepted"][len(first["accepted"]) :]
        check(first, again, news, changed)
        say("\nOne of them, as Segment received it:\n")
        say(json.dumps(richest(news), indent=2, ensure_ascii=False))
        say("\nSegment received, all told:")
        counts = again["counts"]
        say(f"   {counts['accepted']:>6} messages accepted, in {again['requests']} requests")
        say(
            f"   {counts['duplicates']:>6} dropped as repeats, known by their messageId (the second"
        )
        say("          run looks back a little, for what Moesif shows late)")
        say(f"   {counts['discarded']:>6} discarded")


def report(summary: dict[str, Any]) -> None:
    """Say what one run did."""
    streams = summary["streams"]
    read = ", ".join(f"{counts['read']} {stream}" for stream, counts in streams.items())
    say(
        f"   read {read}; {summary['delivered']} delivered to Segment as identify in "
        f"{summary['requests']} requests (companies go along with their users); "
        f"{summary['meltano_seconds']:.0f} s with Meltano's start"
    )


def check(
    first: dict[str, Any], again: dict[str, Any], news: list[dict[str, Any]], changed: list[str]
) -> None:
    """Make sure that what is shown is so."""
    if len({message["userId"] for message in first["accepted"]}) != USERS:
        raise StepError(f"Segment did not receive all {USERS} users in the first run.")
    missing = set(changed) - {message["userId"] for message in news}
    if missing:
        raise StepError(f"{len(missing)} changed users did not arrive in the second run.")
    if again["counts"]["discarded"]:
        raise StepError("Segment discarded messages.")
    say(f"   {len(changed)} users were changed and {len(news)} messages are new to Segment")


def richest(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Choose the message with the most traits, and of those the shortest."""
    return max(messages, key=lambda m: (len(m["traits"]), -len(json.dumps(m)), m["userId"]))


def main() -> int:
    """Run the demo; 0 if all went well."""
    with tempfile.TemporaryDirectory(prefix="moesif-demo-") as folder:
        try:
            run(Path(folder))
        except (StepError, requests.RequestException, subprocess.TimeoutExpired) as error:
            print(f"\nThe demo stopped: {error}", file=sys.stderr)  # noqa: T201
            return 1
    say("\nNext: the README says how to run this with your own account.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
