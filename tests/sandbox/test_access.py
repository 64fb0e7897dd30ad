from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.app import Settings, create_app
from moesif_sandbox.moesif_access import Access, MinuteLimit
from moesif_sandbox.seed import SeedData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message

AT = datetime(2026, 3, 10, 12, 0, 30, tzinfo=timezone.utc)
USERS = "/moesif/api/v1/search/~/search/users"


def test_the_limit_counts_by_calendar_minute() -> None:
    limit = MinuteLimit(500)
    assert [limit.allows(AT) for _ in range(501)] == [True] * 500 + [False]
    assert not limit.allows(AT + timedelta(seconds=29))
    assert limit.allows(AT + timedelta(seconds=30))


def test_without_a_limit_all_may_pass() -> None:
    limit = MinuteLimit(None)
    assert all(limit.allows(AT) for _ in range(1000))


@pytest.mark.parametrize(
    ("scopes", "refused"), [(["read:users"], False), (["read:companies"], True), ([], True)]
)
def test_a_key_may_do_what_its_scopes_say(scopes: Sequence[str], refused: bool) -> None:
    access = Access("key", scopes)
    assert (access.refusal("Bearer key", "read:users") is not None) is refused


def call(app: ASGIApp, method: str, path: str, body: object = None) -> tuple[int, set[str], Any]:
    """Return an answer's status, the names of its headers, and its content."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [
            (b"authorization", b"Bearer sandbox-management-key"),
            (b"content-type", b"application/json"),
        ],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body or {}).encode()}

    async def send(message: Message) -> None:
        sent.append(message)

    async def exchange() -> None:
        await app(scope, receive, send)

    asyncio.run(exchange())
    names = {name.decode() for name, _ in sent[0]["headers"]}
    return sent[0]["status"], names, json.loads(sent[1]["body"])


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


def test_a_minute_with_too_many_queries_is_a_429_without_advice() -> None:
    clock = Clock()
    app = create_app(Settings(requests_per_minute=2), SeedData(), clock)
    assert [call(app, "POST", USERS)[0] for _ in range(2)] == [200, 200]
    status, headers, _ = call(app, "POST", USERS)
    assert status == 429
    assert "retry-after" not in headers
    clock.now += timedelta(seconds=30)
    assert call(app, "POST", USERS)[0] == 200


def test_messages_are_repeats_for_a_day_of_the_clock() -> None:
    clock = Clock()
    app = create_app(Settings(), SeedData(), clock)
    message = {"type": "identify", "userId": "u", "messageId": "m"}
    for hours in (0, 23, 1):
        clock.now += timedelta(hours=hours)
        body = {"batch": [message], "writeKey": "sandbox-write-key"}
        assert call(app, "POST", "/segment/v1/batch", body)[0] == 200
    _, _, received = call(app, "GET", "/sandbox/segment")
    assert received["counts"] == {"accepted": 2, "discarded": 0, "duplicates": 1}
