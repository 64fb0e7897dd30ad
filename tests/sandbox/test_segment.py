from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from moesif_sandbox.segment import SegmentLedger
from moesif_sandbox.segment.rules import (
    MAX_BODY_BYTES,
    MAX_MESSAGE_BYTES,
    judge,
    read,
)
from moesif_sandbox.settings import Settings
from moesif_sandbox.web import RefusedError, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

AT = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
SETTINGS = Settings(write_key="key")
JSON = {"content-type": "application/json; charset=utf-8"}
GOOD = {"type": "identify", "userId": "u", "traits": {"a": 1}}


class Verdict(NamedTuple):
    accepted: list[Any]
    discarded: list[Any]


def verdict_on(
    *messages: object, key: str | None = "key", region: str | None = None, **envelope: Any
) -> Verdict:
    batch = read(json.dumps({"batch": messages, **envelope}).encode())
    return Verdict(*judge(batch, key, region, AT, SETTINGS))


def sized(size: int) -> dict[str, object]:
    message = {**GOOD, "pad": ""}
    return {**message, "pad": "x" * (size - len(json.dumps(message)))}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "identify", "traits": {}}, "no_user_anon_id"),
        ({"type": "identify", "userId": None}, "no_user_anon_id"),
        ({"type": "identify", "userId": 5}, "id_not_string"),
        ({"type": "identify", "userId": ""}, "id_not_string"),
        ({"type": "identify", "userId": "u", "anonymousId": 1}, "id_not_string"),
        ({"type": "group", "userId": "u"}, "id_required"),
        ({"type": "group", "groupId": "g"}, "no_user_anon_id"),
        ({"type": "alias", "userId": "u"}, "id_required"),
        ({"type": "track", "userId": "u"}, "event_not_defined"),
        ({"type": "track", "userId": "u", "event": ""}, "event_not_defined"),
        ({"type": "track", "userId": "u", "event": 7}, "event_not_string"),
        ({"type": "identify", "userId": "u", "traits": []}, "traits_not_object"),
        ({"type": "group", "userId": "u", "groupId": "g", "traits": 1}, "traits_not_object"),
        (
            {"type": "track", "userId": "u", "event": "e", "properties": "p"},
            "properties_not_object",
        ),
        ({"type": "wave", "userId": "u"}, "type_unknown"),
        ({**GOOD, "messageId": "m" * 100}, "message_id_too_long"),
        ({**GOOD, "timestamp": "yesterday"}, "timestamp_invalid"),
        ({**GOOD, "context": "c"}, "context_not_object"),
        (sized(MAX_MESSAGE_BYTES), "message_too_large"),
        ("not a message", "not_object"),
    ],
)
def test_a_bad_message_is_discarded_with_segments_code_and_costs_only_itself(
    message: object, reason: str
) -> None:
    verdict = verdict_on(GOOD, message, GOOD)
    assert verdict.discarded == [{"reason": reason, "message": message}]
    assert len(verdict.accepted) == 2


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        {"type": "identify", "anonymousId": "a"},
        {"type": "group", "anonymousId": "a", "groupId": "g", "traits": None},
        {"type": "track", "userId": "u", "event": "e"},
        {"type": "page", "userId": "u", "name": "n"},
        {"type": "screen", "userId": "u"},
        {"type": "alias", "userId": "u", "previousId": "p"},
        {**GOOD, "messageId": "m" * 99},
        {**GOOD, "timestamp": "2015-02-02 00:30:08.276Z"},
        sized(MAX_MESSAGE_BYTES - 1),
    ],
)
def test_a_good_message_is_kept_whole(message: dict[str, object]) -> None:
    verdict = verdict_on(message)
    assert verdict.discarded == []
    changed = {"timestamp", "messageId"} - (message.keys() - {"timestamp"})
    kept = {name: value for name, value in message.items() if name not in changed}
    assert kept.items() <= verdict.accepted[0].items()


def test_the_write_key_may_be_in_the_body() -> None:
    assert len(verdict_on(GOOD, key=None, writeKey="key", region="us").accepted) == 1
    [wrong] = verdict_on(GOOD, key=None, writeKey="other").discarded
    assert wrong["reason"] == "unknown_write_key"


def test_one_message_too_many_and_the_batch_is_rejected_behind_a_200() -> None:
    assert len(verdict_on(*[GOOD] * 2500).accepted) == 2500
    verdict = verdict_on(*[GOOD] * 2501)
    assert (len(verdict.accepted), len(verdict.discarded)) == (0, 2501)
    assert verdict.discarded[0]["reason"] == "too_many_messages"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"batch": {}}',
        b'{"batch": [{"a": NaN}]}',
        b'{"batch": [{"a": 1}]} x',
        b'{"batch": ["\xff"]}',
        b'{"batch": [], "pad": "' + b"x" * MAX_BODY_BYTES + b'"}',
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(body: bytes) -> None:
    with pytest.raises(RefusedError):
        read(body)


def test_a_body_of_the_greatest_size_is_read() -> None:
    start = b'{"batch": [], "pad": "'
    assert read(start + b"x" * (MAX_BODY_BYTES - len(start) - 2) + b'"}').batch == []


def test_gzip_of_several_members_is_read_as_one() -> None:
    body = gzip.compress(b'{"batch"') + gzip.compress(b": []}")
    assert unpacked({**JSON, "content-encoding": "gzip"}, body) == b'{"batch": []}'


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"content-type": "text/plain"}, b"{}"),
        ({**JSON, "content-encoding": "br"}, b"{}"),
        ({**JSON, "content-encoding": "gzip"}, b"plain"),
        ({**JSON, "content-encoding": "gzip"}, gzip.compress(b"x" * 99, mtime=0)[:-3]),
    ],
)
def test_what_is_no_json_nor_its_gzip_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(RefusedError):
        unpacked(headers, body)


def test_the_stored_time_is_freed_from_the_senders_clock() -> None:
    times = {"timestamp": "2026-01-01T00:00:00Z"}
    stored = verdict_on({**GOOD, **times}, sentAt="2026-01-01T00:00:10Z").accepted[0]
    assert stored["timestamp"] == "2026-03-10T11:59:50.000Z"
    assert stored["originalTimestamp"] == "2026-01-01T00:00:00Z"
    assert stored["receivedAt"] == "2026-03-10T12:00:00.000Z"
    assert stored["sentAt"] == "2026-01-01T00:00:10.000Z"


@pytest.mark.parametrize(
    ("times", "stored"),
    [
        ({}, "2026-03-10T12:00:00.000Z"),
        ({"timestamp": "2026-01-01T02:00:00+02:00"}, "2026-01-01T00:00:00.000Z"),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"}, "0001-01-01"),
    ],
)
def test_a_time_that_can_not_be_corrected_stays(times: dict[str, str], stored: str) -> None:
    assert str(verdict_on({**GOOD, **times}).accepted[0]["timestamp"]).startswith(stored)


def test_a_message_without_an_id_gets_one_of_its_own() -> None:
    ids = [message["messageId"] for message in verdict_on(GOOD, GOOD).accepted]
    assert all(ids)
    assert ids[0] != ids[1]


def test_an_id_is_a_repeat_for_24_hours_after_it_was_first_seen() -> None:
    ledger = SegmentLedger()
    arrivals = [("a", 0), ("a", 0), ("b", 1), ("a", 23.9), ("a", 24), ("b", 24)]
    for id_, hours in arrivals:
        ledger.receive([{"messageId": id_}], [], AT + timedelta(hours=hours))
    assert [message["messageId"] for message in ledger.accepted] == ["a", "b", "a"]
    assert [message["messageId"] for message in ledger.duplicates] == ["a", "a", "b"]


# Over HTTP -----------------------------------------------------------------------------------


def test_what_segment_received_is_given_back_in_order(sandbox: Sandbox) -> None:
    track = {"type": "track", "userId": "u", "event": "e", "messageId": "m1"}
    answer = sandbox.batch({**GOOD, "messageId": "m0"}, track, {"type": "track"})
    assert answer.json() == {"success": True}
    sandbox.batch(
        {**GOOD, "messageId": "m1"}, {**GOOD, "traits": dict.fromkeys(map(str, range(300)))}
    )
    received = sandbox.segment()
    assert received["requests"] == 2
    assert received["counts"] == {"accepted": 3, "discarded": 1, "duplicates": 1}
    assert [m["messageId"] for m in received["accepted"]][:2] == ["m0", "m1"]
    assert received["discarded"] == [{"reason": "no_user_anon_id", "message": {"type": "track"}}]
    assert received["duplicates"][0]["type"] == "identify"
    assert received["flagged"][0]["reason"] == "too_many_traits"
    short = sandbox.get("/sandbox/segment?messages=false").json()
    assert "accepted" not in short
    assert short["counts"] == received["counts"]
    assert sandbox.get("/sandbox/segment?limit=1").json()["accepted"] == received["accepted"][-1:]
    assert sandbox.get("/sandbox/segment?limit=x").status_code == 400


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"auth": ("other", "")}, "unknown_write_key"), ({"auth": None}, "no_write_key"),
     ({"path": "/segment-eu/v1/batch"}, "wrong_region")],
)  # fmt: skip
def test_a_200_may_mean_that_all_is_lost(
    sandbox: Sandbox, options: dict[str, Any], reason: str
) -> None:
    answer = sandbox.batch(GOOD, **options)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert sandbox.segment()["discarded"] == [{"reason": reason, "message": GOOD}]


def test_a_request_that_can_not_be_read_is_a_400(sandbox: Sandbox) -> None:
    packed = gzip.compress(json.dumps({"batch": [], "pad": "x" * 600_000}).encode())
    for body, headers in (
        (b'{"batch": [', JSON),
        (b'{"batch": []}', {"content-type": "text/plain"}),
        (packed, {**JSON, "content-encoding": "gzip"}),  # the limit counts before compression
    ):
        assert sandbox.send("/segment/v1/batch", body, **headers).status_code == 400
    received = sandbox.segment()
    assert (received["requests"], len(received["refused"])) == (3, 3)


def test_the_cdn_knows_the_key_and_its_region(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--region", "eu", "--users", "0", "--companies", "0")
    settings = sandbox.get("/segment-cdn/v1/projects/sandbox-write-key/settings").json()
    assert settings["integrations"]["Segment.io"]["apiHost"] == "events.eu1.segmentapis.com/v1"
    assert sandbox.get("/segment-cdn/v1/projects/other/settings").status_code == 404
    sandbox.batch(GOOD, path="/segment-us/v1/batch")
    sandbox.batch(GOOD, path="/segment-eu/v1/batch")
    assert sandbox.segment()["counts"] == {"accepted": 1, "discarded": 1, "duplicates": 0}
