"""`make demo`: a complete sync in the sandbox.

Starts the sandbox on a free port, runs `meltano run tap-moesif target-segment`, changes some users,
runs it again, reads their usage, and prints what Segment received. Leaves no state behind.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests

PROJECT = Path(__file__).resolve().parent.parent
COMMANDS = Path(sys.executable).parent
USERS, COMPANIES, CHANGED = 1000, 100, 25
STEP_SECONDS = 600  # enough to install with a slow network
READY = "moesif-sandbox ready on "
say = partial(print, flush=True)


class StepError(Exception):
    """A step failed."""


@contextlib.contextmanager
def sandbox(*options: str) -> Iterator[str]:
    """Run the sandbox; yield its URL."""
    with subprocess.Popen(  # noqa: S603, our own command
        [COMMANDS / "moesif-sandbox", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(READY):
                process.kill()
                raise StepError(f"the sandbox did not start:\n{process.communicate()[1]}")
            yield line.removeprefix(READY).strip()
        finally:
            process.terminate()


def environment(url: str) -> dict[str, str]:
    """Return the connectors' settings for a sandbox."""
    return {
        **os.environ,
        "TAP_MOESIF_API_URL": f"{url}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
        "TARGET_SEGMENT_HOST": f"{url}/segment", "TARGET_SEGMENT_CDN_URL": f"{url}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key", "TARGET_SEGMENT_REGION": "us",
    }  # fmt: skip


def meltano(url: str, folder: Path, *arguments: str, **more: str) -> None:
    """Run Meltano with a sandbox, with its state in a folder; show its log if it fails."""
    settings = {
        **environment(url), **more, "MELTANO_ENVIRONMENT": "sandbox",
        "MELTANO_STATE_BACKEND_URI": f"file://{folder}/state",
        "TARGET_SEGMENT_SUMMARY_PATH": str(folder / "summary.json"),
    }  # fmt: skip
    ended = subprocess.run(  # noqa: S603, our own command
        [COMMANDS / "meltano", *arguments], cwd=PROJECT, env=settings, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=STEP_SECONDS,
    )  # fmt: skip
    if ended.returncode:
        tail = "\n".join(ended.stdout.splitlines()[-25:])
        raise StepError(f"`meltano {' '.join(arguments)}` ended with {ended.returncode}:\n{tail}")


def sync(url: str, folder: Path, kind: str = "identify", **more: str) -> dict[str, Any]:
    """Run the main job, print a summary, and return everything that Segment has received."""
    began = time.monotonic()
    meltano(url, folder, "run", "tap-moesif", "target-segment", **more)
    summary = json.loads((folder / "summary.json").read_text())
    read = ", ".join(f"{counts['read']} {stream}" for stream, counts in summary["streams"].items())
    say(
        f"   read {read}; {summary['delivered']} delivered to Segment as {kind} in "
        f"{summary['requests']} requests; {time.monotonic() - began:.0f} s including Meltano"
    )
    received: dict[str, Any] = requests.get(f"{url}/sandbox/segment", timeout=30).json()
    return received


def run(folder: Path) -> None:
    """Run all steps and check their results."""
    say("1. Starting the sandbox: Moesif and Segment in one local process ...")
    with sandbox("--port=0", f"--users={USERS}", f"--companies={COMPANIES}") as url:
        say(f"   {USERS} users and {COMPANIES} companies at {url}")
        say("2. Installing the connectors into Meltano (faster after the first time) ...")
        meltano(url, folder, "install")
        say("3. meltano run tap-moesif target-segment ...")
        first = sync(url, folder)["accepted"]
        if len({message["userId"] for message in first}) != USERS:
            raise StepError(f"Segment did not receive all {USERS} users in the first run.")
        say(f"4. Changing {CHANGED} users in Moesif and running it again ...")
        touch = requests.post(f"{url}/sandbox/touch", json={"users": CHANGED}, timeout=30).json()
        again = sync(url, folder)
        say("5. Reading API usage by hour: the stream usage ...")
        whole = sync(url, folder, "track", TAP_MOESIF__SELECT='["usage.*"]')
    counts, news = whole["counts"], again["accepted"][len(first) :]
    missing = {*touch["users"]} - {message["userId"] for message in news}
    if missing or counts["discarded"]:
        raise StepError(f"{len(missing)} changed users did not arrive in the second run.")
    richest = max(news, key=lambda m: (len(m["traits"]), -len(json.dumps(m)), m["userId"]))
    busiest = max(whole["accepted"], key=lambda m: m.get("properties", {}).get("count", 0))
    say(
        f"   {CHANGED} users were changed and {len(news)} messages are new to Segment\n\n"
        "One of them, as Segment received it:\n\n"
        f"{json.dumps(richest, indent=2, ensure_ascii=False)}\n\nSegment received in total:\n"
        f"   {counts['accepted']:>6} messages accepted, in {whole['requests']} requests\n"
        f"   {counts['duplicates']:>6} dropped as repeats, by their messageId\n"
        f"   {counts['discarded']:>6} discarded\n\nNext: the README describes how to run this with "
        "your own account. The user and hour with the most API calls:\n\n"
        f"{json.dumps(busiest, indent=2, ensure_ascii=False)}"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="moesif-demo-") as temporary:
        try:
            run(Path(temporary))
        except (StepError, requests.RequestException, subprocess.TimeoutExpired) as stopped:
            sys.exit(f"\nThe demo stopped: {stopped}")
