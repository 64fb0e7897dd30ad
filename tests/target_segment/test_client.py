from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply, ScriptedService
from singer_delivery import ServiceError
from target_segment.client import HOSTS, SegmentApi, region_of, verify_write_key, versioned

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    "written",
    [
        "https://api.segment.io",
        "https://api.segment.io/",
        "https://api.segment.io/v1",
        "https://api.segment.io/v1/",
        "api.segment.io",
        " api.segment.io/v1 ",
    ],
)
def test_a_host_may_be_written_in_every_way(written: str) -> None:
    assert versioned(written) == "https://api.segment.io/v1"


def test_a_path_before_v1_is_kept() -> None:
    assert versioned("http://127.0.0.1:8700/segment") == "http://127.0.0.1:8700/segment/v1"


def test_a_batch_is_segments_envelope_with_the_time_of_each_attempt() -> None:
    times = iter(["2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:09.000+00:00"])
    api = SegmentApi("key", "https://api.segment.io/v1", lambda: next(times))
    first, second = (json.loads(api.body([b'{"a":1}', b'{"b":2}'])) for _ in range(2))
    assert [endpoint.url for endpoint in api.endpoints] == ["https://api.segment.io/v1/batch"]
    assert first == {"batch": [{"a": 1}, {"b": 2}], "sentAt": "2026-01-01T00:00:00.000+00:00"}
    assert second["sentAt"] == "2026-01-01T00:00:09.000+00:00"


def test_the_write_key_is_the_user_name_and_the_colon_counts() -> None:
    api = SegmentApi("key", "https://api.segment.io/v1", lambda: "")
    credentials = api.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == b"key:"
    assert {*api.secrets} == {credentials}


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    ("content", "accepted"),
    [
        (b'{"success": true}', True),
        (b'{"success": true, "more": 1}', True),
        (b'{"success": false}', False),
        (b'{"success": 1}', False),
        (b"{}", False),
        (b"[]", False),
        (b"", False),
        (b"\xff", False),
    ],
)
def test_only_success_true_is_success(content: bytes, accepted: bool) -> None:
    for address in ("https://api.segment.io/v1", "https://rudder.example/v1"):
        assert SegmentApi("key", address, lambda: "").accepts(content) is accepted


@pytest.mark.parametrize("content", [b"OK", b"OK\n", b'"OK"'])
def test_rudderstack_says_ok_and_segment_never_does(content: bytes) -> None:
    assert SegmentApi("key", "https://rudder.example/v1", lambda: "").accepts(content)
    for host in HOSTS.values():
        assert not SegmentApi("key", f"{host}/v1", lambda: "").accepts(content)


@pytest.mark.parametrize("content", [b"<html>OK</html>", b"OK, sign in first", b"ok", b"OKAY"])
def test_no_page_in_between_is_taken_for_rudderstack(content: bytes) -> None:
    assert not SegmentApi("key", "https://rudder.example/v1", lambda: "").accepts(content)


@pytest.mark.parametrize(
    "answer",
    [
        {
            "success": False,
            "code": "invalid_request",
            "message": "An invalid write key was provided",
        },
        {"success": False, "code": "project_not_found"},
        {"success": False, "message": "Source is disabled"},
        {"error": {"code": "source_disabled"}},
        {"success": False, "message": "Workspace is locked out"},
        {"success": False, "message": "This source belongs to another region"},
        {"message": "Missing writeKey"},
        {"msg": "Invalid Write Key"},
        {"message": "Unauthorized"},
    ],
)
def test_a_refusal_of_the_key_the_source_or_the_workspace_is_known(answer: dict[str, Any]) -> None:
    api = SegmentApi("key", "https://api.segment.io/v1", lambda: "")
    assert api.blames_sender(json.dumps(answer).encode())


@pytest.mark.parametrize(
    "message",
    [
        "Exceed payload limit",
        "Invalid JSON",
        "Event is not a valid rudder event",
        "Request neither has anonymousId nor userId",
        "traits must be an object",
        "the data source sent no name",
        "context.location.region must be a string",
        "properties.write_key must be a string",
        "properties.workspace is not valid",
        "traits.source is unknown",
        "forbidden property name",
        "traits.api_key is too long",
    ],
)
def test_a_refusal_of_a_message_is_no_refusal_of_the_sender(message: str) -> None:
    api = SegmentApi("key", "https://api.segment.io/v1", lambda: "")
    assert not api.blames_sender(json.dumps({"success": False, "message": message}).encode())


@pytest.fixture
def cdn() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(body={})) as service:
        yield service


def home(host: str) -> Reply:
    return Reply(body={"integrations": {"Segment.io": {"apiHost": host}}})


US, EU = home("api.segment.io/v1"), home("events.eu1.segmentapis.com/v1")


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("https://api.segment.io/v1", "us"),
        ("https://API.segment.io:443/v1", "us"),
        ("https://events.eu1.segmentapis.com/v1", "eu"),
        ("https://rudder.example/v1", None),
        ("http://127.0.0.1:8700/segment/v1", None),
    ],
)
def test_segments_own_hosts_are_known(written: str, region: str | None) -> None:
    assert region_of(written) == region


NO_HOST = Reply(body={"integrations": {"Segment.io": {"apiKey": "key", "apiHost": None}}})
NOTHING_OF_A_HOST = Reply(body={"integrations": {"Segment.io": {}}})


@pytest.mark.parametrize(
    ("reply", "region"),
    [
        *((US, "us"), (EU, "eu"), (home("proxy.example"), "us")),
        *((NO_HOST, "us"), (NOTHING_OF_A_HOST, "us")),
    ],
)
def test_a_key_of_this_region_is_verified(cdn: ScriptedService, reply: Reply, region: str) -> None:
    cdn.script.append(reply)
    assert verify_write_key("k/é y", region, cdn.url) is None
    assert cdn.requests[0].path == "/projects/k%2F%C3%A9%20y/settings"


@pytest.mark.parametrize(
    ("reply", "region"), [(US, "eu"), (EU, "us"), (NO_HOST, "eu"), (NOTHING_OF_A_HOST, "eu")]
)
def test_a_key_of_the_other_region_is_said_with_what_to_set(
    cdn: ScriptedService, reply: Reply, region: str
) -> None:
    cdn.script.append(reply)
    with pytest.raises(ServiceError, match=f"Set region: {'us' if region == 'eu' else 'eu'}"):
        verify_write_key("key", region, cdn.url)


def test_an_unknown_key_is_said(cdn: ScriptedService) -> None:
    cdn.script.append(Reply(404, b"Cannot GET /projects/SECRET/settings"))
    with pytest.raises(ServiceError, match="write_key") as caught:
        verify_write_key("SECRET", "us", cdn.url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(403),
        Reply(closed=True),
        Reply(302, headers={"Location": "https://elsewhere.invalid/"}),
        Reply(204),
        Reply(body=b"<html>"),
        Reply(body=b"\xff"),
        Reply(body=[]),
        Reply(body=5),
        Reply(body=b"{}", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_no_answer_to_the_question_is_only_a_warning(cdn: ScriptedService, reply: Reply) -> None:
    cdn.answer = lambda _: reply
    assert verify_write_key("key", "us", cdn.url)


@pytest.mark.parametrize(
    "body",
    [{}, {"integrations": []}, {"integrations": None}, {"integrations": {"Segment.io": True}}],
)
def test_an_answer_that_does_not_name_a_region_claims_nothing(
    cdn: ScriptedService, body: object
) -> None:
    cdn.script.append(Reply(body=body))
    assert verify_write_key("key", "us", cdn.url) is None


@pytest.mark.parametrize("reply", [Reply(body={}), home("proxy.example"), home("")])
def test_a_region_that_is_not_named_is_a_warning_where_it_matters(
    cdn: ScriptedService, reply: Reply
) -> None:
    cdn.script.append(reply)
    assert "region" in (verify_write_key("key", "eu", cdn.url) or "")
