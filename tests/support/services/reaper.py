"""A Segment that kills the target which sends to it."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fingerprint_runs import end_leases
from scripted import Reply, Request
from segment_runs import SUCCESS, Segment

if TYPE_CHECKING:
    import random
    import subprocess
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from postgres import Database


class Reaper(Segment):
    """Takes messages as Segment does, and kills the target at a request drawn by chance.

    Args:
        folder: Takes the files of the runs.
        database: Where the fingerprints are, if not in a file.
        chance: Draws the request.
        arrived: Called with each message; Segment drops those whose id it knows.
        longest: Before how many requests, at most, a target dies.
    """

    def __init__(
        self,
        folder: Path,
        database: Database | None,
        chance: random.Random,
        arrived: Callable[[dict[str, Any]], None],
        longest: int,
    ) -> None:
        super().__init__(folder)
        self.answer = self._take
        self.settings |= {"changed_only": True, "lanes": 2, "batch_size_rows": 2}
        if database:
            self.settings["fingerprints_path"] = database.uri
        self._database = database
        self._ids: set[str] = set()
        self._chance = chance
        self._arrived = arrived
        self._longest = longest
        self._taking = threading.Lock()
        self._victim: subprocess.Popen[bytes] | None = None
        self._requests_left = 0

    def live(self, lines: Iterable[Mapping[str, Any]], *, mortal: bool) -> tuple[int, list[Any]]:
        """Run the target on some lines; give its exit code, and the states that it wrote."""
        text = "".join(json.dumps(line) + "\n" for line in lines).encode()
        out = b""
        with self.started() as process:
            with self._taking:
                self._victim = process if mortal else None
                self._requests_left = self._chance.randrange(self._longest)
            with suppress(BrokenPipeError):
                out, _ = process.communicate(text, 60)
            code = process.wait(60)
        if self._database:
            end_leases(self._database)
        return code, [json.loads(line) for line in out.splitlines() if line.endswith((b"}", b'"'))]

    def _take(self, request: Request) -> Reply:
        with self._taking:
            for message in request.json["batch"]:
                if message["messageId"] not in self._ids:
                    self._ids.add(message["messageId"])
                    self._arrived(message)
            self._requests_left -= 1
            if self._victim is not None and self._requests_left < 0:
                self._victim.kill()
                return Reply(closed=True)
        return SUCCESS
