"""Creates the pages that all taps read: users of 1.7 KB in the form of the sandbox.

    python -m benchmarks.workload FILE USERS

It runs in its own process, because the peak memory of a child process is never reported as smaller
than its parent's.
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from moesif_sandbox.moesif.search import Index, search
from moesif_sandbox.seed import SeedPlan, make_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)
PAGE_SIZE = 1_000


def pages(users: int) -> Iterator[bytes]:
    """Yield the responses to a search for all users, page by page."""
    seed = make_seed(SeedPlan(NOW, users=users, companies=100, events_per_user=0))
    for company in seed["companies"]:  # embedded in the users; without these they have 1.7 KB
        company.source.pop("subscriptions", None)
    index = Index(seed["users"])
    body: dict[str, Any] = {"sort": [{"modified_time": "asc"}, {"_id": "asc"}], "size": PAGE_SIZE}
    while hits := search(index, body).hits:
        yield msgspec.json.encode(
            {"took": 1, "timed_out": False, "hits": {"total": users, "hits": hits}}
        )
        body["search_after"] = hits[-1]["sort"]


def main(file: str, users: str) -> None:
    """Write one page per line."""
    with Path(file).open("wb") as lines:
        lines.writelines(page + b"\n" for page in pages(int(users)))


if __name__ == "__main__":
    main(*sys.argv[1:])
