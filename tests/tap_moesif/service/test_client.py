from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from typing_extensions import override

from moesif_api import KEY, Clock, api
from scripted import Reply, ScriptedService
from tap_moesif.service import MoesifError, Request, RequiredScope, read_search
from tap_moesif.service import connection as connection_module
from tap_moesif.service.connection import Connection
from tap_moesif.service.retries import MAX_ATTEMPTS, MAX_ATTEMPTS_UNANSWERED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_moesif.service import Moesif

PATH = "/search/~/search/users"
EMPTY: dict[str, Any] = {"hits": {"hits": []}}


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(200, EMPTY)) as service:
        yield service


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connection(service: ScriptedService) -> Connection:
    return Connection(service.url, KEY)


@pytest.fixture
def moesif(service: ScriptedService, clock: Clock, connection: Connection) -> Iterator[Moesif]:
    with api(service.url, clock, connect=lambda: connection) as moesif:
        yield moesif


def host(service: ScriptedService) -> str:
    return urlsplit(service.url).netloc


def search(moesif: Moesif) -> dict[str, Any]:
    return moesif.request(question(), lambda content: read_search(content, PATH)).value


def question(**more: Any) -> Request:
    required = RequiredScope("users", "read:users", "set usage_rollup: false")
    return Request(PATH, required, **{"body": {"size": 1}, **more})


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Reply(500), id="500"),
        pytest.param(Reply(503, b"<html>"), id="503"),
        pytest.param(Reply(501), id="501"),
        pytest.param(Reply(408), id="408"),
        pytest.param(Reply(closed=True), id="closed_without_an_answer"),
        pytest.param(Reply(200, b'{"hits": {"hits": ['), id="broken_json"),
        pytest.param(Reply(200, b"<html>maintenance</html>"), id="html"),
        pytest.param(Reply(200, b"\xff"), id="no_text"),
        pytest.param(Reply(200, b""), id="nothing"),
        pytest.param(Reply(200, []), id="a_list"),
        pytest.param(Reply(200, {"hits": {}}), id="no_hits"),
        pytest.param(Reply(200, {"hits": {"hits": {}}}), id="hits_no_list"),
        pytest.param(Reply(200, {"hits": {"hits": [1]}}), id="a_hit_no_object"),
        pytest.param(Reply(200, {"timed_out": True, **EMPTY}), id="timed_out"),
    ],
)
def test_a_failed_attempt_is_made_again(
    moesif: Moesif, service: ScriptedService, clock: Clock, failure: Reply
) -> None:
    service.script.extend([failure, failure])

    assert search(moesif) == EMPTY
    assert len(service.requests) == 3
    assert clock.waits == [0.5, 1.0]


def test_half_an_answer_is_asked_for_again(
    moesif: Moesif, service: ScriptedService, clock: Clock, connection: Connection
) -> None:
    connection.session.headers["Connection"] = "close"  # so the service ends it after the half
    service.script.append(Reply(200, b'{"hits": {"hits": []}}', {"Content-Length": "90"}))

    assert search(moesif) == EMPTY
    assert clock.waits == [0.5]


class SlowOnce(requests.adapters.HTTPAdapter):
    """Times out, then works."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[object] = []

    @override
    def send(self, *args: Any, **options: Any) -> requests.Response:
        self.timeouts.append(options["timeout"])
        if len(self.timeouts) == 1:
            raise requests.ReadTimeout
        return super().send(*args, **options)


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
    moesif: Moesif, clock: Clock, connection: Connection
) -> None:
    adapter = SlowOnce()
    connection.session.mount("http://", adapter)

    search(moesif)
    search(moesif)

    assert adapter.timeouts == [(10, 50), (10, 50), (10, 120)]
    assert clock.waits == [0.5]


def test_failures_count_for_one_search_only(moesif: Moesif, service: ScriptedService) -> None:
    search(moesif)
    for _ in range(3):
        service.script.extend([Reply(500)] * (MAX_ATTEMPTS - 1) + [Reply(200, EMPTY)])

        assert search(moesif) == EMPTY


def test_an_api_that_goes_away_is_waited_for_longer(
    moesif: Moesif, service: ScriptedService
) -> None:
    search(moesif)
    service.answer = lambda _: Reply(closed=True)

    with pytest.raises(MoesifError, match="No response from Moesif"):
        search(moesif)

    assert len(service.requests) == 1 + MAX_ATTEMPTS


@pytest.mark.parametrize("status", [500, 503])
def test_the_last_sentence_names_the_host_and_what_was_tried(
    moesif: Moesif, service: ScriptedService, status: int
) -> None:
    service.answer = lambda _: Reply(status)

    with pytest.raises(MoesifError) as ended:
        search(moesif)

    sentence = (
        f"Moesif responded to {PATH} with HTTP {status}. Tried 8 times in 46 s. Run again later. "
    )
    assert str(ended.value) == f"{sentence}If it persists, check api_url ({host(service)})."


BROKEN_OFF = "(the connection was closed before an answer was complete). Tried 4 times in 4 s."


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(closed=True), f"{BROKEN_OFF} Check api_url, and that this machine can reach it"),
        (
            Reply(200, b"{", {"Content-Length": "90", "Connection": "close"}),
            f"{BROKEN_OFF} Check api_url",
        ),
        (Reply(200, b"<html>"), "Check that api_url leads to Moesif's API"),
    ],
)
def test_an_address_where_no_api_ever_answered_is_given_up_earlier_and_why(
    moesif: Moesif, service: ScriptedService, reply: Reply, told: str
) -> None:
    service.answer = lambda _: reply

    with pytest.raises(MoesifError) as ended:
        search(moesif)

    assert told in str(ended.value)
    assert len(service.requests) == MAX_ATTEMPTS_UNANSWERED


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\u2028"])
def test_a_key_that_no_header_takes_is_not_shown(
    service: ScriptedService, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    connected = api(service.url, connect=lambda: Connection(service.url, key))
    with connected as moesif, pytest.raises(MoesifError) as ended:
        search(moesif)

    assert KEY not in str(ended.value) + caplog.text


@pytest.mark.parametrize("nowhere", ["api..example", "a" * 64 + ".example", "[::1"])
def test_a_host_that_cannot_be_is_one_sentence(nowhere: str) -> None:
    with api(f"http://{nowhere}") as moesif, pytest.raises(MoesifError, match="Check api_url"):
        search(moesif)


def test_a_password_in_the_address_is_never_told(
    service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    address = service.url.replace("//", "//somebody:s3cret@") + "/v1?token=s3cret"
    service.answer = lambda _: Reply(closed=True)
    with (
        api(service.url, connect=lambda: Connection(address, KEY)) as moesif,
        pytest.raises(MoesifError) as ended,
    ):
        search(moesif)

    told = "".join(r.getMessage() for r in caplog.records if r.name.startswith("tap-moesif"))
    assert "s3cret" not in str(ended.value) + told
    assert f"Moesif at {host(service)} (" in str(ended.value)


@pytest.mark.parametrize(
    ("headers", "wait"), [({"Retry-After": "7"}, 7.0), ({}, 10.0)], ids=["asked for", "next minute"]
)
def test_a_refusal_for_rate_is_waited_out_and_holds_the_others_back(
    moesif: Moesif, service: ScriptedService, clock: Clock, headers: dict[str, str], wait: float
) -> None:
    service.script.append(Reply(429, headers={"Date": "unknown", **headers}))

    assert search(moesif) == EMPTY
    assert clock.waits == [wait]


def test_a_reset_of_a_rate_limit_means_nothing_to_a_server_error(
    moesif: Moesif, service: ScriptedService, clock: Clock
) -> None:
    service.script.append(Reply(500, headers={"X-RateLimit-Reset": "3000"}))

    assert search(moesif) == EMPTY
    assert clock.waits == [0.5]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_the_scope_and_where_to_get_it(
    moesif: Moesif, service: ScriptedService, status: int
) -> None:
    service.script.append(Reply(status, {"secret": "body"}))

    with pytest.raises(MoesifError) as refused:
        search(moesif)

    assert len(service.requests) == 1
    parts = (PATH, str(status), "'users'", "read:users", "Management API", "usage_rollup: false.")
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "Check app_id;"),
        (404, "), users_path and companies_path."),
        (413, "whether a proxy limits"),
        (418, "Check api_url (127.0.0.1:"),
        (304, "Check api_url (127.0.0.1:"),
    ],
)
def test_an_answer_that_no_second_attempt_changes_ends_the_run(
    moesif: Moesif, service: ScriptedService, clock: Clock, status: int, advice: str
) -> None:
    service.script.append(Reply(status, b"" if status == 304 else {"secret": "body"}))

    with pytest.raises(MoesifError, match=f"HTTP {status}") as ended:
        search(moesif)

    assert advice in str(ended.value)
    assert clock.waits == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(
    moesif: Moesif, service: ScriptedService, status: int
) -> None:
    with ScriptedService(lambda _: Reply(200, EMPTY)) as elsewhere:
        service.script.append(Reply(status, headers={"Location": elsewhere.url}))

        with pytest.raises(MoesifError, match="Check api_url"):
            search(moesif)

        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_is_one(moesif: Moesif, service: ScriptedService, status: int) -> None:
    service.script.append(Reply(status, EMPTY))

    assert search(moesif) == EMPTY


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"key": KEY}),
        Reply(400, {"error": {"type": KEY, "reason": f"field [{KEY}] is not [_id]"}}),
        Reply(401, {"key": KEY}),
        Reply(404),
        Reply(413, {"key": KEY}),
        Reply(500, {"key": KEY}),
        Reply(200, {"key": KEY}),
        Reply(429, headers={"Retry-After": KEY}),
        Reply(429, {"error": {"reason": f"Data too large: {KEY}"}}),
        Reply(closed=True),
    ],
)
def test_no_message_holds_the_key_or_what_was_answered(
    moesif: Moesif, service: ScriptedService, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    service.answer = lambda _: reply

    with pytest.raises(MoesifError) as ended:
        search(moesif)

    told = "".join(r.getMessage() for r in caplog.records if r.name.startswith("tap-moesif"))
    assert KEY not in str(ended.value) + told
    assert str(ended.value).endswith((".", "?"))


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_without_end_is_not_read_to_its_end(
    moesif: Moesif,
    service: ScriptedService,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
) -> None:
    monkeypatch.setattr(connection_module, "MAX_ANSWER_BYTES", 100_000)
    body = b" " * 200_000
    content = gzip.compress(body) if encoding == "gzip" else body
    service.answer = lambda _: Reply(200, content, {"Content-Encoding": encoding})

    with pytest.raises(MoesifError, match="larger than"):
        search(moesif)

    assert len(service.requests) == 1
    assert clock.waits == []


def test_the_key_goes_along_as_a_bearer_token(moesif: Moesif, service: ScriptedService) -> None:
    search(moesif)

    assert service.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert service.requests[0].headers["Content-Type"] == "application/json"


def test_a_netrc_file_does_not_replace_the_key(
    moesif: Moesif, service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    requests.post(service.url, timeout=10)

    search(moesif)

    plain, ours = (request.headers["Authorization"] for request in service.requests)
    assert plain.startswith("Basic")  # so the file is one that is read
    assert ours == f"Bearer {KEY}"


def test_the_app_is_named_in_every_query(service: ScriptedService) -> None:
    with api(
        service.url, connect=lambda: Connection(service.url, KEY, app_id="198:3 &x")
    ) as moesif:
        search(moesif)
        moesif.request(question(params={"from": "a", "to": "b"}), len)

    queries = [parse_qs(urlsplit(request.path).query) for request in service.requests]
    assert queries == [
        {"app_id": ["198:3 &x"]},
        {"from": ["a"], "to": ["b"], "app_id": ["198:3 &x"]},
    ]


def test_without_an_app_the_query_is_empty(moesif: Moesif, service: ScriptedService) -> None:
    search(moesif)

    assert service.requests[0].path == PATH


def test_each_attempt_is_paced(service: ScriptedService, clock: Clock) -> None:
    service.script.extend([Reply(500), Reply(500)])
    with api(service.url, clock, per_minute=1) as moesif:
        search(moesif)

    assert clock.waits == [0.5, 59.5, 1.0, 59.0]


def test_requests_that_are_sent_at_once_have_a_connection_each(service: ScriptedService) -> None:
    together = threading.Barrier(3)

    def answer(_: object) -> Reply:
        together.wait(10)
        return Reply(200, EMPTY)

    service.answer = answer
    with api(service.url, parallel=3) as moesif:
        service.script.append(Reply(200, EMPTY))
        search(moesif)  # alone, as the first one
        for asked in [moesif.submit(search_in_task, moesif) for _ in range(3)]:
            assert asked.result(10) == EMPTY

    assert len({request.client for request in service.requests[1:]}) == 3


def search_in_task(moesif: Moesif) -> dict[str, Any]:
    return moesif.fetch(question(), lambda content: read_search(content, PATH)).value


def test_the_time_of_a_request_is_moesifs(moesif: Moesif, service: ScriptedService) -> None:
    service.script.append(Reply(200, EMPTY, {"Date": "Tue, 14 Nov 2023 22:13:50"}))

    answered = moesif.request(question(), lambda _: None)

    assert 1_700_000_029 < answered.requested_at <= 1_700_000_030
    assert moesif.last_request_time == answered.requested_at
