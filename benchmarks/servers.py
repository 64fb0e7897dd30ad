"""The servers of the comparisons: neutral, and faster than any contestant.

    sink [DELAY_MS]                 returns 200 for every batch, after a delay
    pages FILE [PAGES [DELAY_MS]]   returns prepared pages for searches

Each runs in its own process and prints its port. `GET /count` returns the counts since the last
call; bodies are decompressed and decoded only then, so counting does not affect the measured run.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import msgspec
from typing_extensions import override

HEAD_END = b"\r\n\r\n"
GZIP_MAGIC = b"\x1f\x8b"
_HITS = msgspec.json.encode({"took": 1, "timed_out": False, "hits": {"total": 0, "hits": []}})


class Site(Protocol):
    """The behaviour of a server."""

    delay_seconds: float

    def post(self, path: bytes, body: bytes) -> bytes:
        """Return the response to a request."""

    def count(self) -> dict[str, int]:
        """Return the counts since the last call."""


class Exchange(asyncio.Protocol):
    """A connection that reads requests with a Content-Length and responds to them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._buffer = bytearray()
        self._needed = 0  # bytes of a request whose headers were read

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101, for mypy
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < self._needed:
            return
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        self._needed = end + len(HEAD_END) + _content_length(head)
        if len(self._buffer) < self._needed:
            return
        body = bytes(self._buffer[end + len(HEAD_END) : self._needed])
        self._buffer.clear()
        self._needed = 0
        self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, path, _ = head.split(b" ", 2)
        if method == b"GET":
            self._write(msgspec.json.encode(self._site.count()))
            return
        content = self._site.post(path, body)
        if self._site.delay_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._site.delay_seconds, self._write, content)
        else:
            self._write(content)

    def _write(self, content: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(content) + content)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class SentMessage(msgspec.Struct):
    """The counted fields of a message for Segment."""

    userId: str  # noqa: N815, Segment's name


class SentBatch(msgspec.Struct):
    """The counted fields of a batch for Segment."""

    batch: list[SentMessage]


class SentDocument(msgspec.Struct):
    """The counted fields of a user or an action for Moesif."""

    user_id: str


class Sink:
    """Imitates Segment and Moesif's collector: accepts and stores everything."""

    def __init__(self, delay_ms: float = 0) -> None:
        self.delay_seconds = delay_ms / 1000
        self._bodies: list[bytes] = []

    def post(self, path: bytes, body: bytes) -> bytes:
        """Accept a batch."""
        del path
        self._bodies.append(body)
        return b'{"success":true}'

    def count(self) -> dict[str, int]:
        """Count the messages and their users."""
        bodies, self._bodies = self._bodies, []
        messages = 0
        users: set[str] = set()
        for body in bodies:
            batch = _users_in(gzip.decompress(body) if body.startswith(GZIP_MAGIC) else body)
            messages += len(batch)
            users.update(batch)
        size = sum(map(len, bodies))
        return {"requests": len(bodies), "bytes": size, "messages": messages, "users": len(users)}


def _users_in(body: bytes) -> list[str]:
    if body.startswith(b"["):
        return [each.user_id for each in msgspec.json.decode(body, type=list[SentDocument])]
    return [each.userId for each in msgspec.json.decode(body, type=SentBatch).batch]


class Hit(msgspec.Struct):
    """The sort key of a page: its user's modification time in milliseconds, and id."""

    sort: tuple[int, str]


class Hits(msgspec.Struct):
    """The list in a page."""

    hits: list[Hit]


class Page(msgspec.Struct):
    """A response to a search."""

    hits: Hits


def _last_of(page: bytes) -> bytes:
    """Return a response with only the last hit of a page."""
    answer = msgspec.json.decode(page)
    answer["hits"]["hits"] = answer["hits"]["hits"][-1:]
    return msgspec.json.encode(answer)


class Search(msgspec.Struct):
    """A search for users."""

    search_after: tuple[object, str] = (None, "")


class Between(msgspec.Struct):
    """The half-open time range of a search; empty means unbounded."""

    gte: str = ""
    lt: str = ""


_BETWEEN = re.compile(rb'"modified_time":({[^}]*})')


class Pages:
    """Imitates Moesif: finds a prepared page by the last id of the previous page.

    Pages are in the order of time. A search for a time range returns the pages that start in it, so
    it is exact if the range starts and ends between pages.
    """

    def __init__(self, file: Path, pages: int | None = None, delay_ms: float = 0) -> None:
        self.delay_seconds = delay_ms / 1000
        self._pages: list[bytes] = []
        self._begin: list[str] = []
        self._next: dict[str, int] = {"": 0}
        self._documents: list[int] = []
        self._served = 0
        self._last = _HITS
        with file.open("rb") as lines:
            for line in list(lines)[:pages]:
                hits = msgspec.json.decode(line, type=Page).hits.hits
                self._pages.append(line)
                self._begin.append(iso(hits[0].sort[0]))
                self._documents.append(len(hits))
                self._next[hits[-1].sort[1]] = len(self._pages)
        if self._pages:
            self._last = _last_of(self._pages[-1])

    def post(self, path: bytes, body: bytes) -> bytes:
        """Respond to a search; for events, with the usage of each requested user."""
        if b"/events" in path:
            return _usage(body, sum(self._documents))
        if b"/companies" in path:
            return _HITS
        found = _BETWEEN.search(body)
        between = msgspec.json.decode(found[1], type=Between) if found else Between()
        if b'"order":"desc"' in body:
            return self._last
        after = msgspec.json.decode(body, type=Search).search_after[1]
        number = self._next.get(after, len(self._pages))
        while number < len(self._pages) and self._begin[number] < between.gte:
            number += 1
        if number == len(self._pages) or (between.lt and self._begin[number] >= between.lt):
            return _HITS
        self._served += self._documents[number]
        return self._pages[number]

    def count(self) -> dict[str, int]:
        """Count the documents returned."""
        served, self._served = self._served, 0
        return {"users": served}


def iso(milliseconds: int) -> str:
    """Return a time in the format of tap-moesif's queries."""
    time = datetime.fromtimestamp(milliseconds / 1000, timezone.utc).replace(tzinfo=None)
    return time.isoformat(timespec="milliseconds") + "Z"


BUCKET = (
    '{"key":"%s","doc_count":42,"status":{"buckets":['
    '{"key":"2xx","from":200.0,"to":300.0,"doc_count":38},'
    '{"key":"3xx","from":300.0,"to":400.0,"doc_count":0},'
    '{"key":"4xx","from":400.0,"to":500.0,"doc_count":3},'
    '{"key":"5xx","from":500.0,"to":600.0,"doc_count":1},'
    '{"key":"error","from":400.0,"doc_count":4}]},'
    '"duration":{"value":81.25},"slow":{"values":{"90.0":212.5}},'
    '"routes":{"buckets":[{"key":"/v1/orders","doc_count":30},{"key":"/v1/items","doc_count":12}]},'
    '"last":{"value":1773147599999.0,"value_as_string":"2026-03-10T12:59:59.999Z"}}'
)


def _usage(body: bytes, users: int) -> bytes:
    """Return a response in which all users were active: those requested, or all, as a number."""
    search = msgspec.json.decode(body)
    if "active" in search["aggs"]:
        found = f'"active":{{"buckets":[]}},"estimate":{{"value":{users}}}'
    else:
        ids = search["query"]["bool"]["filter"][0]["terms"]["user_id.raw"]
        found = f'"usage":{{"buckets":[{",".join(BUCKET % user for user in ids)}]}}'
    start = '{"took":1,"timed_out":false,"hits":{"total":0,"hits":[]},"aggregations":{'
    return f"{start}{found}}}}}".encode()


async def serve(site: Site) -> None:
    """Serve on a free port of the loopback interface until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(site), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def site_of(kind: str, *arguments: str) -> Site:
    """Create the server of a command line."""
    if kind == "sink":
        return Sink(*map(float, arguments))
    return Pages(Path(arguments[0]), *map(int, arguments[1:]))


if __name__ == "__main__":
    asyncio.run(serve(site_of(*sys.argv[1:])))
