from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from moesif_sandbox.bodies import RefusedError, decompress
from moesif_sandbox.segment import (
    MAX_BODY_BYTES,
    MAX_MESSAGE_BYTES,
    Arrival,
    DuplicateWindow,
    Source,
    Verdict,
    judge,
    read,
)

AT = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
SOURCE = Source("key", "us")
GOOD = {"type": "identify", "userId": "u", "traits": {"a": 1}}


def verdict_on(
    *messages: object, key: str | None = "key", region: str | None = None, **envelope: Any
) -> Verdict:
    batch = read(json.dumps({"batch": messages, **envelope}).encode(), None)
    return judge(batch, Arrival(AT, "192.0.2.9", key, region), SOURCE, lambda: "made-up")


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
    assert verdict.discarded == [(reason, message)]
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
        {**GOOD, "timestamp": "2015-2-02T00:30:08.276Z"},
        sized(MAX_MESSAGE_BYTES - 1),
    ],
)
def test_a_good_message_is_kept_whole(message: dict[str, object]) -> None:
    verdict = verdict_on(message)
    assert verdict.discarded == []
    changed = {"timestamp", "messageId"} - (message.keys() - {"timestamp"})
    kept = {name: value for name, value in message.items() if name not in changed}
    assert kept.items() <= verdict.accepted[0].items()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"key": "other"}, "unknown_write_key"),
        ({"key": None}, "no_write_key"),
        ({"key": None, "writeKey": "other"}, "unknown_write_key"),
        ({"region": "eu"}, "wrong_region"),
    ],
)
def test_what_the_edge_accepts_in_silence_is_dropped_behind_it(
    options: dict[str, Any], reason: str
) -> None:
    assert verdict_on(GOOD, **options).discarded == [(reason, GOOD)]


def test_the_write_key_may_be_in_the_body() -> None:
    assert len(verdict_on(GOOD, key=None, writeKey="key", region="us").accepted) == 1


def test_one_message_too_many_and_the_batch_is_rejected_behind_a_200() -> None:
    assert len(verdict_on(*[GOOD] * 2500).accepted) == 2500
    verdict = verdict_on(*[GOOD] * 2501)
    assert (len(verdict.accepted), len(verdict.discarded)) == (0, 2501)
    assert verdict.discarded[0][0] == "too_many_messages"


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
        read(body, None)


def test_a_body_of_the_greatest_size_is_read() -> None:
    start = b'{"batch": [], "pad": "'
    assert read(start + b"x" * (MAX_BODY_BYTES - len(start) - 2) + b'"}', None).messages == []


def test_gzip_of_several_members_is_read_as_one() -> None:
    assert decompress(gzip.compress(b'{"batch"') + gzip.compress(b": []}")) == b'{"batch": []}'


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"x" * 99, mtime=0)[:-3]])
def test_broken_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        decompress(body)


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


def test_a_message_inherits_what_the_batch_says_and_overrides_it() -> None:
    message = {**GOOD, "context": {"ip": "1.1.1.1"}}
    shared: dict[str, Any] = {
        "context": {"ip": "2.2.2.2", "os": "x"},
        "integrations": {"All": False},
    }
    stored = verdict_on(message, **shared).accepted[0]
    assert stored["context"] == {"ip": "1.1.1.1", "os": "x"}
    assert stored["integrations"] == {"All": False}


def test_a_direct_message_takes_the_senders_address() -> None:
    stored = verdict_on({**GOOD, "context": {"direct": True}}).accepted[0]
    assert stored["context"] == {"direct": True, "ip": "192.0.2.9"}


def test_a_message_without_an_id_gets_one() -> None:
    assert verdict_on(GOOD).accepted[0]["messageId"] == "made-up"


def test_an_id_is_a_repeat_for_24_hours_after_it_was_first_seen() -> None:
    window = DuplicateWindow()
    assert not window.is_repeat("a", AT)
    assert window.is_repeat("a", AT + timedelta(hours=23, minutes=59))
    assert not window.is_repeat("b", AT + timedelta(hours=1))
    assert not window.is_repeat("a", AT + timedelta(hours=24))
    assert window.is_repeat("b", AT + timedelta(hours=24))
