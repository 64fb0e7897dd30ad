from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from scripted import Reply, Request, ScriptedService
from tap_moesif.client import (
    BACKOFF_MAX_SECONDS,
    MAX_FAILURES,
    MAX_FAILURES_UNANSWERED,
    MAX_REFUSALS_FOR_RATE,
    BearerAuth,
    Moesif,
    MoesifError,
    Pace,
    changed_between,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
    return moesif.search(PATH, {"size": 1}, scope="read:users")


def documents(ties: Sequence[int]) -> list[dict[str, Any]]:
    """Write hits whose times tie, as many as each number says, with ids that break the ties."""
    return [
        {"_id": f"{time}_{tie}", "sort": [time, f"{time}_{tie}"]}
        for time, count in enumerate(ties)
        for tie in range(count)
    ]


def engine(found: list[dict[str, Any]], most: int = 10_000) -> Callable[[Request], Reply]:
    """Answer as the engine does: what sorts behind `search_after`, and never more than `most`."""

    def answer(request: Request) -> Reply:
        body = request.json
        after = body.get("search_after", [-1, ""])
        behind = [hit for hit in found if hit["sort"] > after]
        return Reply(200, {"hits": {"hits": behind[: min(body["size"], most)]}})

    return answer


def walk(moesif: Moesif, size: int) -> list[list[str]]:
    pages = moesif.pages(PATH, {"match_all": {}}, sort=["t", "_id"], size=size, scope="read:users")
    return [[hit["_id"] for hit in page] for page in pages]


@pytest.mark.parametrize("ties", [[1, 1, 1, 1], [4], [2, 2], [1, 3], [3, 1, 2], [5], []])
@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_every_hit_is_read_once_over_ties_and_page_borders(
    moesif: Moesif, service: ScriptedService, ties: list[int], size: int
) -> None:
    found = documents(ties)
    service.answer = engine(found)

    pages = walk(moesif, size)

    assert [hit for page in pages for hit in page] == [hit["_id"] for hit in found]
    assert len(service.requests) == len(pages) + 1


def test_a_page_smaller_than_asked_for_is_not_the_end(
    moesif: Moesif, service: ScriptedService
) -> None:
    service.answer = engine(documents([1] * 5), most=2)

    assert [len(page) for page in walk(moesif, 4)] == [2, 2, 1]


def test_the_next_page_is_the_same_request_behind_the_last_hit(
    moesif: Moesif, service: ScriptedService
) -> None:
    service.answer = engine(documents([2, 1]))

    walk(moesif, 2)

    first = {"query": {"match_all": {}}, "sort": ["t", "_id"], "size": 2}
    assert [request.json for request in service.requests] == [
        first,
        {**first, "search_after": [0, "0_1"]},
        {**first, "search_after": [1, "1_0"]},
    ]


@pytest.mark.parametrize("sort", [{}, {"sort": []}, {"sort": [1]}])
def test_a_service_that_does_not_page_is_not_read_for_ever(
    moesif: Moesif, service: ScriptedService, sort: dict[str, Any]
) -> None:
    service.answer = lambda _: Reply(200, {"hits": {"hits": [{"_id": "u1", **sort}]}})

    with pytest.raises(MoesifError, match="does not say where the next page begins"):
        walk(moesif, 1)


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
    service.script.append(Reply(429, headers=headers))

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
        moesif.search(PATH, {}, scope="read:users", otherwise=", or set usage_rollup: false")

    assert len(service.requests) == 1
    for part in (PATH, str(status), "read:users", "Management API", "or set usage_rollup: false."):
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
        moesif.search(PATH, {}, scope="read:events", params={"from": "a", "to": "b"})

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


@given(st.integers(1, 5), st.lists(st.integers(0, 90), max_size=40))
def test_no_sixty_seconds_see_more_requests_than_the_limit(
    per_minute: int, pauses: list[int]
) -> None:
    clock = Clock()
    pace = Pace(per_minute, lambda: clock.now, clock.sleep)
    sent = []
    for pause in pauses:
        clock.now += pause
        pace.take()
        sent.append(clock.now)

    assert all(later - first >= 60 for first, later in zip(sent, sent[per_minute:], strict=False))


@given(st.integers(1, 5), st.lists(st.integers(0, 90), max_size=40))
def test_nobody_waits_who_need_not(per_minute: int, pauses: list[int]) -> None:
    clock = Clock()
    pace = Pace(per_minute, lambda: clock.now, clock.sleep)
    sent: list[int] = []
    for pause in pauses:
        clock.now += pause
        earliest = clock.now
        if len(sent) >= per_minute:
            earliest = max(earliest, sent[-per_minute] + 60)
        pace.take()
        sent.append(clock.now)

        assert clock.now == earliest


def test_each_attempt_is_paced(service: ScriptedService, slept: list[float]) -> None:
    clock = Clock()
    service.script.extend([Reply(500), Reply(500)])
    with requests.Session() as session:
        moesif = connection(service.url, session, slept.append)
        moesif.pace = Pace(1, lambda: clock.now, clock.sleep)
        search(moesif)

    assert clock.now == 120


def test_everything_is_asked_for_without_bounds() -> None:
    assert changed_between("t", None, None) == {"match_all": {}}


def test_documents_without_a_time_belong_to_the_run_without_a_start() -> None:
    until = changed_between("t", None, "2026-01-01T00:00:00.000Z")

    assert {"bool": {"must_not": [{"exists": {"field": "t"}}]}} in until["bool"]["should"]
    assert until["bool"]["minimum_should_match"] == 1


def test_a_stretch_of_time_is_half_open() -> None:
    assert changed_between("t", "A", "B") == {
        "range": {"t": {"gte": "A", "lt": "B", "format": "strict_date_optional_time"}}
    }
