"""API calls for the tests of usage, and what a count of them one by one gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from account import Account


@dataclass(frozen=True)
class Call:
    """An event, and when it becomes searchable."""

    time: datetime
    user: str | None = "u1"
    company: str | None = "c1"
    route: str | None = "/a"
    method: str = "GET"
    status: int = 200
    duration: float | None = 1.0
    action: bool = False
    metadata: dict[str, Any] | None = None
    late: timedelta = timedelta(0)

    def put(self, account: Account, number: int) -> None:
        request = {"time": written(self.time), "route": self.route, "verb": self.method}
        event: dict[str, Any] = {
            "user_id": self.user,
            "company_id": self.company,
            "request": {name: value for name, value in request.items() if value is not None},
            "event_type": "user_action" if self.action else "api_call",
            "response": {"status": self.status},
            "duration_ms": self.duration,
            "metadata": self.metadata,
        }
        account.put_event(
            f"e{number}", **{name: value for name, value in event.items() if value is not None}
        )


def put(account: Account, calls: Iterable[Call]) -> None:
    for number, call in enumerate(calls):
        call.put(account, number)


def written(time: datetime) -> str:
    """Write a time as Moesif does: without a zone."""
    return time.replace(tzinfo=None).isoformat(timespec="milliseconds")


def percentile(ordered: list[float], percent: float) -> float:
    if not ordered:
        return 0
    rank = min(max(len(ordered) * percent / 100 - 0.5, 0), len(ordered) - 1)
    low, high = int(rank), min(int(rank) + 1, len(ordered) - 1)
    return round(ordered[low] + (ordered[high] - ordered[low]) * (rank - low), 1)
