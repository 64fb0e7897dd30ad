"""A Segment that kills the target which sends to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from scripted import Reply, Request

if TYPE_CHECKING:
    import random
    import subprocess
    from collections.abc import Callable

SHORT_LEASE = """
import singer_delivery.fingerprints.lease as d
d.LEASE_SECONDS = 0.3
"""


class Reaper:
    """Takes messages as Segment does, and kills the target at a request drawn by chance.

    Args:
        chance: Draws it.
        arrived: Called with each message; Segment drops those whose id it knows.
        longest: Before how many requests, at most, a target dies.
    """

    def __init__(
        self, chance: random.Random, arrived: Callable[[dict[str, Any]], None], longest: int
    ) -> None:
        self.messages = 0
        self._ids: set[str] = set()
        self._chance = chance
        self._arrived = arrived
        self._longest = longest
        self._lock = threading.Lock()
        self._victim: subprocess.Popen[bytes] | None = None
        self._requests_left = 0

    def take(self, victim: subprocess.Popen[bytes] | None) -> None:
        """Choose when this one dies; None is left alone."""
        with self._lock:
            self._victim = victim
            self._requests_left = self._chance.randrange(self._longest)

    def answer(self, request: Request) -> Reply:
        with self._lock:
            for message in request.json["batch"]:
                self.messages += 1
                if message["messageId"] not in self._ids:
                    self._ids.add(message["messageId"])
                    self._arrived(message)
            self._requests_left -= 1
            if self._victim is not None and self._requests_left < 0:
                self._victim.kill()
                return Reply(closed=True)
        return Reply(body={"success": True})
