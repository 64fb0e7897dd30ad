"""The two commands as one pipe, against a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

    from commands import Sandbox


@dataclass(frozen=True)
class Sync:
    """A sync of a sandbox's users that goes on from where the last one ended."""

    sandbox: Sandbox
    folder: Path

    def start(self) -> subprocess.Popen[str]:
        """Start a run; its standard output are the states of `target-segment`."""
        state = self.folder / "state.json"
        if not state.exists():
            state.write_text("{}")
        url = self.sandbox.url
        environment = {
            **os.environ,
            "TAP_MOESIF_API_URL": f"{url}/moesif/api/v1",
            "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
            "TAP_MOESIF_LOOKBACK_MINUTES": "0",
            "TAP_MOESIF_USAGE_ROLLUP": "false",
            "TARGET_SEGMENT_HOST": f"{url}/segment",
            "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
            "TARGET_SEGMENT_BATCH_SIZE_ROWS": "10",
            "TARGET_SEGMENT_LANES": "1",
        }
        tap = f"{COMMANDS}/tap-moesif --config=ENV --state=state.json"
        target = f"{COMMANDS}/target-segment --config=ENV"
        return subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", f"{tap} | {target}"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, started: subprocess.Popen[str]) -> int:
        """Wait for a run's end, keep its state, and give its exit code."""
        states, _ = started.communicate(timeout=60)
        if states:
            last = states.splitlines()[-1]
            assert json.loads(last)
            (self.folder / "state.json").write_text(last)
        return started.returncode

    def run(self) -> int:
        return self.end(self.start())
