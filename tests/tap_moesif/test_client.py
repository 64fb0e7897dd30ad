from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from typing_extensions import override

from scripted import Reply, ScriptedService
from tap_moesif.answers import read_search
from tap_moesif.client import (
    BACKOFF_MAX_SECONDS,
    MAX_FAILURES,
    MAX_FAILURES_UNANSWERED,
    MAX_REFUSALS_FOR_RATE,
    BearerAuth,
    Moesif,
    Need,
)
from tap_moesif.client import Request as Question
from tap_moesif.errors import MoesifError
from tap_moesif.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "management-key-nobody-may-see"
PATH = "/search/~/search/users"
NOW = 1_700_000_030.0  # 50 s into its calendar minute
EMPTY: dict[str, Any] = {"hits": {"hits": []}}


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(200, EMPTY)) as service:
        yield service


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def moesif(service: ScriptedService, slept: list[float]) -> Iterator[Moesif]:
    with requests.Session() as session:
        yield connection(service.url, session, slept.append)


def connection(
    url: str, session: requests.Session, sleep: Callable[[float], None], app_id: str | None = None
) -> Moesif:
    return Moesif(
        url,
        BearerAuth(KEY),
        Pace(10_000, lambda: 0.0, lambda _: pytest.fail("no wait is due")),
        app_id,
        session=session,
        sleep=sleep,
        wall=lambda: NOW,
        uniform=lambda: 0.5,
    )


def search(moesif: Moesif) -> dict[str, Any]:
    return moesif.ask(question(), lambda content: read_search(content, PATH))


def question(**more: Any) -> Question:
    need = Need("users", "read:users", "set usage_rollup: false")
    return Question(PATH, need, **{"body": {"size": 1}, **more})


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
    moesif: Moesif, service: ScriptedService, slept: list[float], failure: Reply
) -> None:
    service.script.extend([failure, failure])

    assert search(moesif) == EMPTY
    assert len(service.requests) == 3
    assert slept == [0.5, 1.0]


def test_half_an_answer_is_asked_for_again(
    moesif: Moesif, service: ScriptedService, slept: list[float]
) -> None:
    moesif.session.headers["Connection"] = "close"  # so the service ends it behind the half
    service.script.append(Reply(200, b'{"hits": {"hits": []}}', {"Content-Length": "90"}))

    assert search(moesif) == EMPTY
    assert slept == [0.5]


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
    moesif: Moesif, slept: list[float]
) -> None:
    adapter = SlowOnce()
    moesif.session.mount("http://", adapter)

    assert search(moesif) == EMPTY
    assert adapter.timeouts == [120, 120]
    assert slept == [0.5]


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


def test_waits_grow_to_a_limit_and_attempts_end(
    moesif: Moesif, service: ScriptedService, slept: list[float]
) -> None:
    service.answer = lambda _: Reply(503)

    with pytest.raises(MoesifError, match="HTTP 503"):
        search(moesif)

    assert len(service.requests) == MAX_FAILURES
    assert slept == [0.5, 1, 2, 4, 8, BACKOFF_MAX_SECONDS / 2, BACKOFF_MAX_SECONDS / 2]


def test_failures_count_for_one_search_only(moesif: Moesif, service: ScriptedService) -> None:
    for _ in range(3):
        service.script.extend([Reply(500)] * (MAX_FAILURES - 1) + [Reply(200, EMPTY)])

        assert search(moesif) == EMPTY


@pytest.mark.parametrize(
    ("reply", "question"),
    [
        (Reply(closed=True), "Is api_url right, and can this machine reach it"),
        (Reply(200, b"<html>"), "Does api_url lead to Moesif's API"),
    ],
)
def test_an_address_where_no_api_ever_answered_is_given_up_earlier(
    moesif: Moesif, service: ScriptedService, reply: Reply, question: str
) -> None:
    service.answer = lambda _: reply

    with pytest.raises(MoesifError, match=question):
        search(moesif)

    assert len(service.requests) == MAX_FAILURES_UNANSWERED


def test_an_api_that_goes_away_is_waited_for_longer(
    moesif: Moesif, service: ScriptedService
) -> None:
    search(moesif)
    service.answer = lambda _: Reply(closed=True)

    with pytest.raises(MoesifError, match="No answer from Moesif"):
        search(moesif)

    assert len(service.requests) == 1 + MAX_FAILURES


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(closed=True), "no connection, or closed without an answer"),
        (
            Reply(200, b"{", {"Content-Length": "90"}),
            "the connection was closed in the middle of the answer",
        ),
    ],
)
def test_why_there_was_no_answer_is_said_in_our_own_words(
    moesif: Moesif, service: ScriptedService, reply: Reply, reason: str
) -> None:
    moesif.session.headers["Connection"] = "close"
    service.answer = lambda _: reply

    with pytest.raises(MoesifError) as ended:
        search(moesif)

    assert f"No answer from Moesif at {service.url} ({reason}). Is" in str(ended.value)


def test_a_key_that_no_header_takes_is_not_shown(moesif: Moesif) -> None:
    moesif.auth = BearerAuth(f"{KEY}\n")  # what http.client complains of, with the header

    with pytest.raises(MoesifError) as ended:
        search(moesif)

    assert KEY not in str(ended.value)


@pytest.mark.parametrize("host", ["api..example", "a" * 64 + ".example", "[::1"])
def test_a_host_that_cannot_be_is_one_sentence(host: str, slept: list[float]) -> None:
    with requests.Session() as session, pytest.raises(MoesifError, match="Is api_url right"):
        search(connection(f"http://{host}", session, slept.append))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"Retry-After": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"Retry-After": "later"}, 10.0),
        ({}, 10.0),
    ],
)
def test_a_refusal_for_rate_is_waited_out(
    moesif: Moesif,
    service: ScriptedService,
    slept: list[float],
    headers: dict[str, str],
    wait: float,
) -> None:
    service.script.append(Reply(429, headers={"Date": "unknown", **headers}))

    assert search(moesif) == EMPTY
    assert slept == [wait]


def test_refusals_for_rate_are_no_failures_but_end_as_well(
    moesif: Moesif, service: ScriptedService
) -> None:
    service.answer = lambda _: Reply(429, headers={"Retry-After": "1"})

    with pytest.raises(MoesifError, match="limit of queries"):
        search(moesif)

    assert len(service.requests) == MAX_REFUSALS_FOR_RATE > MAX_FAILURES


@pytest.mark.parametrize("seconds", ["3601", "inf", "1e400"])
def test_a_wait_too_long_ends_the_run(
    moesif: Moesif, service: ScriptedService, slept: list[float], seconds: str
) -> None:
    service.script.append(Reply(429, headers={"Retry-After": seconds}))

    with pytest.raises(MoesifError, match="run again after that"):
        search(moesif)

    assert slept == []


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
        (400, "is app_id right?"),
        (404, "are api_url, users_path and companies_path right?"),
        (413, "smaller page_size"),
        (418, "is api_url right?"),
        (304, "is api_url right?"),
    ],
)
def test_an_answer_that_no_second_attempt_changes_ends_the_run(
    moesif: Moesif, service: ScriptedService, slept: list[float], status: int, advice: str
) -> None:
    service.script.append(Reply(status, b"" if status == 304 else {"secret": "body"}))

    with pytest.raises(MoesifError, match=f"HTTP {status}") as ended:
        search(moesif)

    assert advice in str(ended.value)
    assert slept == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(
    moesif: Moesif, service: ScriptedService, status: int
) -> None:
    with ScriptedService(lambda _: Reply(200, EMPTY)) as elsewhere:
        service.script.append(Reply(status, headers={"Location": elsewhere.url}))

        with pytest.raises(MoesifError, match="is api_url right"):
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
        Reply(401, {"key": KEY}),
        Reply(404),
        Reply(500, {"key": KEY}),
        Reply(200, {"key": KEY}),
        Reply(429, headers={"Retry-After": KEY}),
        Reply(closed=True),
    ],
)
def test_no_message_holds_the_key_or_what_was_answered(
    moesif: Moesif, service: ScriptedService, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    service.answer = lambda _: reply

    with pytest.raises(MoesifError) as ended:
        search(moesif)

    assert KEY not in str(ended.value) + caplog.text
    assert str(ended.value).endswith((".", "?", "reached"))


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


def test_the_app_is_named_in_every_query(service: ScriptedService, slept: list[float]) -> None:
    with requests.Session() as session:
        moesif = connection(service.url, session, slept.append, app_id="198:3 &x")
        search(moesif)
        moesif.ask(question(params={"from": "a", "to": "b"}), len)

    queries = [parse_qs(urlsplit(request.path).query) for request in service.requests]
    assert queries == [
        {"app_id": ["198:3 &x"]},
        {"from": ["a"], "to": ["b"], "app_id": ["198:3 &x"]},
    ]


def test_without_an_app_the_query_is_empty(moesif: Moesif, service: ScriptedService) -> None:
    search(moesif)

    assert service.requests[0].path == PATH


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += int(seconds)


def test_each_attempt_is_paced(service: ScriptedService, slept: list[float]) -> None:
    clock = Clock()
    service.script.extend([Reply(500), Reply(500)])
    with requests.Session() as session:
        moesif = connection(service.url, session, slept.append)
        moesif.pace = Pace(1, lambda: clock.now, clock.sleep)
        search(moesif)

    assert clock.now == 120
