"""A server that imitates Moesif with a latency: searches of any page size, and aggregations.

    account FILE USERS DELAY_MS

FILE is the output of `workload.py`. One user in fifty is active. `POST /touch` changes one user in
twenty, for an hour. Like `servers.py` it runs in its own process, and `GET /count` returns the
counts since the last call.
"""

from __future__ import annotations

import asyncio
import re
import sys
from bisect import bisect_left, bisect_right
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
from benchmarks.servers import BUCKET, serve

ACTIVE_EVERY = 50
TOUCHED_EVERY = 20

_MODIFIED = re.compile(rb'"modified_time":"[^"]*"')
_RANGE = re.compile(rb'"(?:modified_time|last_seen_time)":\{"gte":"([^"]*)"')


class Hit(msgspec.Struct):
    """A hit of a prepared page."""

    source: msgspec.Raw = msgspec.field(name="_source")
    sort: tuple[int, str]


class Hits(msgspec.Struct):
    """The list in a page."""

    hits: list[Hit]


class Page(msgspec.Struct):
    """A prepared page."""

    hits: Hits


class Account:
    """Users in the order of their ids, which is also the order of modification."""

    def __init__(self, file: Path, users: int, delay_ms: float) -> None:
        self.delay_seconds = delay_ms / 1000
        self._queries = self._served = 0
        found: list[tuple[str, int, bytes]] = []
        with file.open("rb") as lines:
            for line in lines:
                for hit in msgspec.json.decode(line, type=Page).hits.hits:
                    found.append((f"{len(found):08d}", hit.sort[0], bytes(hit.source)))
                if len(found) >= users:
                    break
        self._users = found[:users]
        self._ids = [identifier for identifier, _, _ in self._users]
        names = [_user_id(*user) for user in self._users[::ACTIVE_EVERY]]
        self._active = sorted(names)
        self._known = {*names}
        self._touched: set[int] = set()

    def post(self, path: bytes, body: bytes) -> bytes:
        """Respond to a search."""
        if path == b"/touch":
            return self._touch()
        self._queries += 1
        if b"/events" in path:
            return self._usage(msgspec.json.decode(body))
        if b"/users" not in path:
            return _answer(0, [])
        return self._search(msgspec.json.decode(body), body)

    def count(self) -> dict[str, int]:
        """Count the queries and the documents returned."""
        counted = {"queries": self._queries, "users": self._served}
        self._queries = self._served = 0
        return counted

    def _touch(self) -> bytes:
        now = datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds")
        for number in range(0, len(self._users), TOUCHED_EVERY):
            identifier, modified, source = self._users[number]
            touched = _MODIFIED.sub(b'"modified_time":"%s"' % now.encode(), source)
            self._users[number] = identifier, modified, touched
            self._touched.add(number)
        return b"{}"

    def _search(self, search: dict[str, Any], body: bytes) -> bytes:
        """Find users: all, or the touched ones if the search has a time range."""
        by_time = b'"sort":[{"modified_time"' in body
        numbers: Any = range(len(self._users))
        if _RANGE.search(body):
            numbers = sorted(self._touched | {*range(0, len(self._users), ACTIVE_EVERY)})
        total = len(numbers)
        backwards = b'"order":"desc"' in body  # for the last one, which is in a page as well
        if backwards:
            numbers = numbers[-1:]
        elif after := search.get("search_after"):
            behind = bisect_right(self._ids, after[-1])
            numbers = numbers[bisect_left(numbers, behind) :]
        hits = []
        for number in numbers[: search["size"]]:
            identifier, modified, source = self._users[number]
            sort = b'[%d,"%s"]' % (modified, identifier.encode())
            hits.append(
                b'{"_id":"%s","_source":%s,"sort":%s}'
                % (
                    identifier.encode(),
                    source,
                    sort if by_time else b'["%s"]' % identifier.encode(),
                )
            )
        self._served += 0 if backwards else len(hits)
        return _answer(total, hits)

    def _usage(self, search: dict[str, Any]) -> bytes:
        """Return roll-ups of some users, or the list of active ones."""
        aggregations = search.get("aggs", {})
        if "active" not in aggregations:
            terms = search["query"]["bool"]["filter"][0].get("terms", {}) if aggregations else {}
            ids = [one for one in terms.get("user_id.raw", ()) if one in self._known]
            buckets = ",".join(BUCKET % one for one in ids)
            return _answer(0, [], f'{{"usage":{{"buckets":[{buckets}]}}}}')
        composite = aggregations["active"]["composite"]
        first = bisect_right(self._active, composite["after"]["id"]) if "after" in composite else 0
        found = self._active[first : first + composite["size"]]
        keys = [BUCKET.replace('"key":"%s"', '"key":{"id":"%s"}') % one for one in found]
        after = f',"after_key":{{"id":"{found[-1]}"}}' if found else ""
        estimate = f'"estimate":{{"value":{len(self._active)}}}'
        listed = f'{{"active":{{"buckets":[{",".join(keys)}]{after}}},{estimate}}}'
        return _answer(0, [], listed)


def _user_id(identifier: str, _: int, source: bytes) -> str:
    found = msgspec.json.decode(source)
    return str(found.get("user_id") or found.get("identified_user_id") or identifier)


def _answer(total: int, hits: list[bytes], aggregations: str = "{}") -> bytes:
    head = b'{"took":1,"timed_out":false,"hits":{"total":%d,"hits":[' % total
    return head + b",".join(hits) + b']},"aggregations":' + aggregations.encode() + b"}"


if __name__ == "__main__":
    asyncio.run(serve(Account(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
