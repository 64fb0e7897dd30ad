"""`--first-contact`: each question in both readings, and nothing of a document in the report."""

from __future__ import annotations

import base64
import json
import re
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from scripted import Reply, Request, ScriptedService
from tap_moesif.contact.scopes import scopes_in
from tap_moesif.contact.shapes import about, moves_with_calls, shape, type_of
from tap_moesif.tap import TapMoesif

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Changed = Callable[[str, Request], Reply | None]
    from tests.tap_moesif.conftest import Sandbox

pytestmark = pytest.mark.slow

KEY = "management-key-CANARY"
USER = {
    "user_id": "jane-canary",
    "name": "Jane Canary",
    "email": "jane@canary.example",
    "created": "2024-02-01T00:00:00.000Z",
    "modified_time": "2026-01-02T03:04:05.678",
    "last_seen_time": "2026-01-02T03:04:05.6780000Z",
    "metadata": {"canary_plan": "canary-gold"},
    "canary_field": "canary-value",
}
ORDERS = ("_id", "user_id.raw and _id", "modified_time, last_seen_time and _id")
AGGREGATIONS = ("terms", "cardinality", "percentiles", "composite", "date_histogram")


class Moesif:
    """Answers everything well, but for what a test changes.

    Attributes:
        users: The documents of users.
        answer: May answer a request in another way; None leaves it as it is.
        total: How the total is written.
    """

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = [USER]
        self.total: Any = 4321
        self.answer: Changed = lambda _path, _request: None

    def __call__(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        answer = self.answer(path, request)
        return answer or Reply(200, self._found(path, request))

    def _found(self, path: str, request: Request) -> Any:
        if request.method == "GET":
            return {"_id": "x", "_source": USER} if "/users/" in path else []
        body = request.json
        documents = self.users if path.endswith("/users") else [{"company_id": "c"}]
        if isinstance(body.get("_source"), list):
            documents = [{"user_id": each.get("user_id")} for each in documents]
        after = "search_after" in body
        hits = [
            {"_id": f"id-canary-{number}{after}", "_source": each, "sort": [number]}
            for number, each in enumerate(documents)
        ]
        aggregations = {name: {"value": 1} for name in body.get("aggs", ())}
        more = {"aggregations": aggregations} if aggregations else {}
        return {"hits": {"total": self.total, "hits": hits}, **more}


@pytest.fixture
def moesif() -> Moesif:
    return Moesif()


@pytest.fixture
def service(moesif: Moesif) -> Iterator[ScriptedService]:
    with ScriptedService(moesif) as service:
        yield service


def contact(service: ScriptedService, **settings: Any) -> str:
    config = {"management_api_key": KEY, "api_url": service.url, **settings}
    report = TapMoesif(config=config).first_contact()
    for secret in ("canary", "Canary", "CANARY", service.url):
        assert secret not in report
    return report


def answer_to(report: str, question: str) -> str:
    [line] = [line for line in report.splitlines() if line.startswith(f"| {question} |")]
    return line.removeprefix(f"| {question} | ").removesuffix(" |")


def settings_in(report: str) -> list[str]:
    found = re.search(r"```yaml\n(.*?)```", report, re.DOTALL)
    return found[1].splitlines() if found else []


def refused(*ends: str, status: int = 400, when: str = "") -> Changed:
    """Refuse requests to some paths, of those that hold a text."""

    def answer(path: str, request: Request) -> Reply | None:
        refuses = path.endswith(ends) and when.encode() in request.body
        return Reply(status, {"message": "Jane Canary"}) if refuses else None

    return answer


def test_where_all_is_as_supposed_nothing_is_to_be_changed(service: ScriptedService) -> None:
    report = contact(service)
    assert "Nothing: the defaults fit this account." in report
    assert settings_in(report) == []
    assert len(service.requests) <= 40, "a few dozen queries"
    assert answer_to(report, "How many queries did this take?") == str(len(service.requests))
    for name in AGGREGATIONS:
        assert answer_to(report, f"Is the aggregation {name} accepted?") == "yes"
    for order in ORDERS:
        answer = answer_to(report, f"Is sorting by {order} accepted?")
        assert answer == "yes; the next page: another document"
    for kind in ("events", "cohorts", "subscriptions"):
        assert answer_to(report, f"May this key read {kind}?") == "yes"


def test_it_only_reads(service: ScriptedService) -> None:
    contact(service)
    for request in service.requests:
        path = urlsplit(request.path).path
        assert (
            request.method == "GET"
            or "/search/" in path.removeprefix("/search")
            or ("/count/" in path)
        )


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("users", "/search/~/search/usermetrics/users"),
        ("companies", "/search/~/search/companymetrics/companies"),
    ],
)
def test_where_only_the_other_path_answers_it_is_to_be_set(
    service: ScriptedService, moesif: Moesif, kind: str, other: str
) -> None:
    moesif.answer = refused(f"search/{kind}", status=404)
    report = contact(service)
    assert settings_in(report) == [f"{kind}_path: {other}"]
    assert answer_to(report, f"Does /search/~/search/{kind} respond?").startswith(
        "without from and to: 404"
    )
    assert answer_to(report, f"Does {other} respond?") == (
        "without from and to: 200; with them: 200"
    )


def test_where_from_and_to_are_needed_it_is_told(service: ScriptedService, moesif: Moesif) -> None:
    moesif.answer = lambda path, request: (
        Reply(400, {"error": {"type": "parsing_exception"}})
        if path.endswith("usermetrics/users") and "from=" not in request.path
        else None
    )
    text = answer_to(contact(service), "Does /search/~/search/usermetrics/users respond?")
    assert text == "without from and to: 400 (parsing_exception); with them: 200"


def test_a_path_of_the_account_s_own_is_not_shown(service: ScriptedService) -> None:
    report = contact(service, users_path="/canary/users")
    assert "the configured users_path" in report


@pytest.mark.parametrize(
    ("total", "text"),
    [
        (4321, "integer"),
        ({"value": 4321, "relation": "eq"}, "{value: integer, relation: string}"),
        (None, "null"),
        ({"value": 5, "canary": 1}, "{value: integer, 1 other: integer}"),
    ],
)
def test_how_the_total_is_written(
    service: ScriptedService, moesif: Moesif, total: Any, text: str
) -> None:
    moesif.total = total
    report = contact(service)
    assert answer_to(report, "What is the form of the total?") == text
    assert "4321" not in report


@pytest.mark.parametrize(
    ("size", "settings"), [(10_000, ["max_page_size: 1000"]), (10_001, []), (1, [])]
)
def test_the_largest_page(
    service: ScriptedService, moesif: Moesif, size: int, settings: list[str]
) -> None:
    moesif.answer = lambda _, request: (
        Reply(400, b"") if request.body and request.json.get("size", 0) >= size > 100 else None
    )
    report = contact(service)
    assert settings_in(report) == settings
    expected = "no: 400" if 100 < size <= 10_001 else "yes"
    assert answer_to(report, "Is a page of 10,001 accepted?") == expected


@pytest.mark.parametrize("heeded", [True, False])
def test_whether_source_is_heeded(service: ScriptedService, moesif: Moesif, heeded: bool) -> None:
    whole = {"hits": {"total": 1, "hits": [{"_id": "a", "_source": USER, "sort": [1]}]}}
    if not heeded:
        moesif.answer = lambda path, request: (
            Reply(200, whole) if request.method == "POST" and path.endswith("/users") else None
        )
    assert answer_to(contact(service), "Is _source supported?") == ("yes" if heeded else "no")


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("the creation time", ("created", "created_at", "create_time")),
        ("the account's own metadata", ("metadata", "body")),
        ("the enrichment", ("enrichment", "enrichments", "clearbit")),
    ],
)
def test_under_which_names_fields_are(
    service: ScriptedService, moesif: Moesif, question: str, names: tuple[str, ...]
) -> None:
    bare = {name: value for name, value in USER.items() if name not in {"created", "metadata"}}
    for name in (*names, None):
        moesif.users = [{**bare, name: {"canary": 1}} if name else bare]
        text = answer_to(contact(service), f"Under which name do users have {question}?")
        assert text == (name or "no document in the sample has it")


@pytest.mark.parametrize(
    ("modified", "seen", "text"),
    [
        ("2026-01-01T00:00:00.000", "2026-01-01T00:00:01.0000000Z", "probably: all"),
        ("2026-01-01T00:00:00.000", "2026-01-03T00:00:00.0000000Z", "no: all"),
        ("2026-01-03T00:00:00.000", "2026-01-01T00:00:00.0000000Z", "unknown"),
        ("2026-01-03T00:00:00.000", None, "unknown: no profile has both times"),
        (5, "canary", "unknown"),
    ],
)
def test_whether_modified_time_moves_with_calls(modified: Any, seen: Any, text: str) -> None:
    documents = [{"modified_time": modified, "last_seen_time": seen}]
    assert moves_with_calls(documents).startswith(text)


def test_the_shape_of_the_plugin_s_roll_up(service: ScriptedService, moesif: Moesif) -> None:
    assert answer_to(contact(service), "Do users have the plugin's roll-up?") == "no"
    roll_up = {"count": 3, "/canary/route": [1.5], "buckets": [{"key": "canary", "doc_count": 1}]}
    for name in ("last24HourAggResults", "last_24_hour_agg_results"):
        moesif.users = [USER, {**USER, name: roll_up}]
        assert answer_to(contact(service), "Do users have the plugin's roll-up?") == (
            f"yes, as {name}: {{count: integer, buckets: [{{key: string, doc_count: integer}}], "
            "1 other: [number]}"
        )


@pytest.mark.parametrize(
    ("kind", "status"), [("events", 401), ("cohorts", 403), ("subscriptions", 401)]
)
def test_which_scopes_a_search_needs(
    service: ScriptedService, moesif: Moesif, kind: str, status: int
) -> None:
    moesif.answer = refused(kind, status=status)
    report = contact(service)
    assert answer_to(report, f"May this key read {kind}?") == f"no: {status}"
    assert settings_in(report) == (["usage_rollup: false"] if kind == "events" else [])


def test_a_key_that_may_read_nothing_still_gets_a_report(
    service: ScriptedService, moesif: Moesif
) -> None:
    moesif.answer = lambda _path, _request: Reply(401, {"message": KEY})
    report = contact(service)
    assert answer_to(report, "May this key read events?") == "no: 401"
    assert "## Fields of users" not in report


@pytest.mark.parametrize("sort", ORDERS)
def test_which_orders_are_accepted(service: ScriptedService, moesif: Moesif, sort: str) -> None:
    name = sort.split(maxsplit=1)[0].strip(",")
    moesif.answer = refused("/users", when=f'"sort":[{{"{name}"')
    report = contact(service)
    assert answer_to(report, f"Is sorting by {sort} accepted?").startswith("no: 400")
    full_table = any("replication-method: FULL_TABLE" in line for line in settings_in(report))
    assert full_table == (name == "modified_time")


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_which_aggregations_are_accepted(
    service: ScriptedService, moesif: Moesif, name: str
) -> None:
    question = f"Is the aggregation {name} accepted?"
    moesif.answer = refused("/events", when=f'"probe":{{"{name}"')
    assert answer_to(contact(service), question) == "no: 400"


def test_aggregations_that_are_left_out_of_the_answer_are_told(
    service: ScriptedService, moesif: Moesif
) -> None:
    moesif.answer = lambda path, request: (
        Reply(200, {"hits": {"hits": []}})
        if path.endswith("/events") and b'"probe"' in request.body
        else None
    )
    report = contact(service)
    for name in AGGREGATIONS:
        assert (
            answer_to(report, f"Is the aggregation {name} accepted?")
            == "no: missing in the response"
        )


def test_where_the_roll_up_is_refused_it_is_to_be_left_out(
    service: ScriptedService, moesif: Moesif
) -> None:
    moesif.answer = refused("/events", when='"active"')
    assert settings_in(contact(service)) == ["usage_rollup: false"]


@pytest.mark.parametrize(
    ("answer", "form"), [({"_id": "x", "_source": {"a": 1}}, "under _source"), ({"a": 1}, "flat")]
)
def test_how_a_single_user_is_answered(
    service: ScriptedService, moesif: Moesif, answer: Any, form: str
) -> None:
    moesif.answer = lambda path, _: Reply(200, answer) if "~/users/" in path else None
    assert answer_to(contact(service), "What is the form of a single user?") == form


@pytest.mark.parametrize("asks", [True, False])
def test_too_many_queries_are_waited_for_and_told(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(
        "tap_moesif.service.rate_limit.RateLimiter.pause", lambda _, wait: waits.append(wait)
    )
    service.script.append(Reply(429, b"", {"Retry-After": "7"} if asks else {}))
    report = contact(service)
    assert answer_to(report, "Does a 429 have Retry-After?") == ("yes" if asks else "no")
    [wait] = waits
    assert wait == 7 if asks else 0 < wait <= 60
    assert answer_to(report, "Does /search/~/search/users respond?").startswith(
        "without from and to: 200"
    )


@pytest.mark.parametrize(
    ("date", "text"),
    [
        (None, "yes; within a minute of this machine's clock"),
        (formatdate(0, usegmt=True), "yes; more than a minute off this machine's clock"),
        ("noon", "no"),
    ],
)
def test_whether_answers_are_dated(
    service: ScriptedService, moesif: Moesif, date: str | None, text: str
) -> None:
    if date:
        found = {"hits": {"total": 0, "hits": []}}
        moesif.answer = lambda _path, _request: Reply(200, found, {"Date": date})
    assert answer_to(contact(service), "Do responses have a Date header?") == text


def test_a_moesif_that_does_not_answer_is_an_error(
    service: ScriptedService, moesif: Moesif
) -> None:
    moesif.answer = lambda _path, _request: Reply(closed=True)
    with pytest.raises(Exception, match="No response from Moesif"):
        contact(service)


@pytest.mark.parametrize(
    "body", [b"<html>canary</html>", b"[]", b"5", b'{"hits": 5}', b"[" * 10**5]
)
def test_whatever_is_answered_there_is_a_report(
    service: ScriptedService, moesif: Moesif, body: bytes
) -> None:
    moesif.answer = lambda _path, _request: Reply(200, body)
    assert contact(service).startswith("# First contact of tap-moesif")


def test_the_scopes_of_a_token_are_read_and_nothing_else_of_it() -> None:
    def token(payload: Any) -> str:
        text = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
        return f"e30.{text}.signature"

    assert scopes_in(token({"scopes": ["read:users", "read:canary"]})) == ["read:users"]
    assert scopes_in(token({"scope": "read:events read:users"})) == ["read:events", "read:users"]
    assert scopes_in(token({"sub": "jane"})) == []
    assert scopes_in("no token") == scopes_in("a.b.c") == scopes_in("a.é.c") == []


def test_shapes_hold_types_and_known_names_only() -> None:
    assert type_of("2026-01-02T03:04:05.678") == "time as 0000-00-00T00:00:00.000"
    assert type_of("2026-01-02 canary") == "string"
    assert shape({"a": {"b": [1, "x", None]}, "canary": True}, {"a", "b"}) == (
        "{a: {b: [integer or string or null]}, 1 other: boolean}"
    )
    deep: Any = 1
    for _ in range(50):
        deep = {"canary": deep}
    assert "canary" not in shape(deep, set())
    assert [about(n) for n in (0, 9, 10, 99, 4321)] == [
        "none", "fewer than 10", "about 10", "about 90", "about 4,000",
    ]  # fmt: skip


def test_on_the_sandbox(sandbox: Sandbox) -> None:
    sandbox.hold(users=[{"_id": "u", **USER}])
    report = TapMoesif(config=sandbox.config).first_contact()
    assert answer_to(report, "Is the query for this tap's roll-up accepted?") == "yes"
    assert "canary" not in report.lower()
