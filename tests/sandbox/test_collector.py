from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent / "examples"
ID = {"X-Moesif-Application-Id": "sandbox-application-id", "Content-Type": "application/json"}
BASE = "/moesif/collector/v1"
SHORT_UUID = "a3765025-46ec-45dd-bc83-b136c8d1d25"  # lacks its last digit
ACTION = {"action_name": "Clicked", "request": {"uri": "https://acme.example/pricing"}}
EVENT = {"request": {"uri": "https://api.acme.example/v1", "verb": "GET"}}
GOOD: dict[str, dict[str, Any]] = {
    "users": {"user_id": "u"},
    "companies": {"company_id": "c"},
    "subscriptions": {"subscription_id": "s", "company_id": "c", "status": "active"},
    "actions": ACTION,
    "events": EVENT,
}


def ago(**span: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(**span)).isoformat()


def good(kind: str, **changes: Any) -> dict[str, Any]:
    element = {**GOOD[kind], **changes}
    if kind == "events":
        element["request"] = {"time": ago(seconds=1), **element["request"]}
    return element


def refusals(sandbox: Sandbox) -> list[tuple[int, str]]:
    return [(entry["status"], entry["reason"]) for entry in sandbox.collector()["refused"]]


def accepted(sandbox: Sandbox) -> int:
    return sum(sandbox.collector()["counts"]["accepted"].values())


@pytest.mark.parametrize("kind", GOOD)
def test_one_element_and_a_batch_are_a_201_each(sandbox: Sandbox, kind: str) -> None:
    first, second, third = (good(kind) for _ in range(3))
    assert sandbox.write(kind, first).status_code == 201
    answer = sandbox.write(f"{kind}/batch", [second, third])
    assert (answer.status_code, answer.json()) == (201, {})
    received = sandbox.collector()
    assert received["accepted"][kind] == [first, second, third]
    assert [entry["elements"] for entry in received["requests"]] == [1, 2]
    short = sandbox.get("/sandbox/collector?elements=false").json()
    assert short.keys() == received.keys() - {"accepted", "duplicates"}
    assert received["refused"] == []


@pytest.mark.parametrize("kind", ["users", "companies", "actions"])
def test_the_published_examples_are_taken_as_they_are(sandbox: Sandbox, kind: str) -> None:
    batch = json.loads((EXAMPLES / f"moesif-{kind}-batch.json").read_text())
    assert sandbox.write(f"{kind}/batch", batch).status_code == 201
    assert sandbox.collector()["accepted"][kind] == batch


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), ({"X-Moesif-Application-Id": "other"}, 401), (ID, 201)]
)
def test_the_application_id_is_asked_for(
    sandbox: Sandbox, headers: dict[str, str], status: int
) -> None:
    assert sandbox.write("users", GOOD["users"], headers=headers).status_code == status
    assert accepted(sandbox) == (1 if status == 201 else 0)
    configuration = sandbox.get("/moesif/collector/v1/config", headers=headers)
    assert configuration.status_code == (200 if status == 201 else 401)


def test_a_gzip_body_is_unpacked_and_both_sizes_are_noted(sandbox: Sandbox) -> None:
    body = json.dumps([{"user_id": "u", "metadata": {"pad": "x" * 5_000}}]).encode()
    sent = gzip.compress(body)
    headers = {**ID, "Content-Encoding": "gzip"}
    assert sandbox.send(f"{BASE}/users/batch", sent, **headers).status_code == 201
    [entry] = sandbox.collector()["requests"]
    assert (entry["bytes"], entry["bytes_sent"]) == (len(body), len(sent))


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("users/batch", {"user_id": "u"}, "not_readable"),
        ("users", [{"user_id": "u"}], "not_readable"),
        ("users/batch", ["u"], "not_readable"),
        ("users/batch", [], "empty_batch"),
        ("users", {"company_id": "c"}, "missing_field"),
        ("users", {"user_id": None}, "missing_field"),
        ("users", {"user_id": ""}, "missing_field"),
        ("users", {"user_id": 12345}, "not_string"),
        ("users", {"anonymous_id": "a"}, "missing_field"),
        ("users", {"user_id": "u", "company_id": 6}, "not_string"),
        ("users", {"user_id": "u", "session_token": ["t"]}, "not_string"),
        ("users", {"user_id": "u", "metadata": "m"}, "not_object"),
        ("users", {"user_id": "u", "modified_time": 1_700_000_000}, "bad_time"),
        ("users", {"user_id": "u", "modified_time": "2023-13-01T00:00:00"}, "bad_time"),
        ("users", {"user_id": "u", "modified_time": "yesterday"}, "bad_time"),
        ("companies", {"company_domain": "acme.example"}, "missing_field"),
        ("subscriptions", {"subscription_id": "s", "company_id": "c"}, "missing_field"),
        ("subscriptions", good("subscriptions", cancel_time="never"), "bad_time"),
        ("actions", {"request": {"uri": "/"}}, "missing_field"),
        ("actions", {"action_name": "A"}, "missing_field"),
        ("actions", {"action_name": "A", "request": {}}, "missing_field"),
        ("actions", {"action_name": "A", "request": "/"}, "not_object"),
        ("actions", good("actions", transaction_id=SHORT_UUID), "bad_transaction_id"),
        ("actions", good("actions", transaction_id=SHORT_UUID + "77"), "bad_transaction_id"),
        ("actions", good("actions", transaction_id="a" * 36), "bad_transaction_id"),
        ("events", EVENT, "missing_field"),
        ("events", good("events", request={"time": "2000-01-01T00:00:00Z", **EVENT["request"]}),
         "too_late"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_a_400_that_names_it(
    sandbox: Sandbox, path: str, body: object, reason: str
) -> None:
    assert sandbox.write(path, body).status_code == 400
    assert refusals(sandbox) == [(400, reason)]
    assert accepted(sandbox) == 0


@pytest.mark.parametrize(
    "body", [b"[{", b'[{"user_id": "u", "metadata": {"a": NaN}}]', b'[{"user_id": "\xff"}]', b""]
)
def test_what_is_no_json_is_a_400(sandbox: Sandbox, body: bytes) -> None:
    assert sandbox.send(f"{BASE}/users/batch", body, **ID).status_code == 400
    assert refusals(sandbox) == [(400, "not_readable")]


@pytest.mark.parametrize("depth", [200, 150_000])
def test_what_is_nested_without_end_is_refused_and_nothing_breaks(
    sandbox: Sandbox, depth: int
) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    body = f'{{"action_name": "A", "request": {{"uri": "/"}}, "metadata": {deep}}}'.encode()
    assert sandbox.send(f"{BASE}/actions", body, **ID).status_code == 400
    assert refusals(sandbox) == [(400, "too_deep")]
    assert accepted(sandbox) == 0


def test_one_bad_element_costs_the_whole_batch(sandbox: Sandbox) -> None:
    batch = [{"user_id": "fresh"}, {"user_id": 7}]
    assert sandbox.write("users/batch", batch).status_code == 400
    assert "element 1" in sandbox.collector()["refused"][0]["detail"]
    assert sandbox.found("users", "fresh") is None


@pytest.mark.parametrize(
    ("path", "limit"),
    [("users/batch", 250_000), ("companies/batch", 250_000), ("actions", 1_000_000),
     ("actions/batch", 15_000_000), ("events", 1_000_000), ("events/batch", 50_000_000)],
)  # fmt: skip
def test_a_body_above_its_limit_is_a_413(sandbox: Sandbox, path: str, limit: int) -> None:
    kind = path.partition("/")[0]
    one = json.dumps(good(kind)).encode()
    body = b"[" + one + b"]" if path.endswith("batch") else one
    headers = {**ID, "Content-Encoding": "gzip"}

    def status(size: int) -> int:
        padded = gzip.compress(body + b" " * (size - len(body)), compresslevel=1)
        return sandbox.send(f"{BASE}/{path}", padded, **headers).status_code

    assert [status(limit), status(limit + 1)] == [201, 413]
    assert refusals(sandbox) == [(413, "too_large")]


def test_one_action_above_its_limit_costs_the_batch(sandbox: Sandbox) -> None:
    batch = [ACTION, good("actions", metadata={"pad": "x" * 1_000_000})]
    assert sandbox.write("actions/batch", batch).status_code == 413


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ({"a": 1}, {"a": "1"}, True),
        ({"a": 1}, {"a": 1.5}, False),
        ({"a": 1}, {"a": True}, True),
        ({"a": 1}, {"a": None}, False),
        ({"a": None}, {"a": "x"}, False),
        ({"a": {"b": 1}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": 1}}, {"a": "x"}, True),
        ({"a": [1]}, {"a": 1}, True),
        ({"a": [1]}, {"a": ["x"]}, True),
        ({"a": [{"b": 1}]}, {"a": [{"b": "x"}]}, True),
        ({"a": []}, {"a": [1]}, False),
        ({"a": {"b": 1}}, {"a.b": "x"}, False),
        ({"a": 1}, {"b": "x"}, False),
    ],
)
def test_a_metadata_key_keeps_its_type(
    sandbox: Sandbox, first: object, second: object, refused: bool
) -> None:
    kind = "users"
    assert sandbox.write(kind, good(kind, metadata=first)).status_code == 201
    answer = sandbox.write(f"{kind}/batch", [good(kind), good(kind, metadata=second)])
    assert answer.status_code == (400 if refused else 201)
    assert refusals(sandbox) == ([(400, "type_changed")] if refused else [])


@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_keeps_types(sandbox: Sandbox, kind: str) -> None:
    assert sandbox.write(kind, good(kind, metadata={"a": 1})).status_code == 201
    assert sandbox.write(kind, good(kind, metadata={"a": "x"})).status_code == 400


def test_types_are_kept_apart_by_kind_and_not_learnt_from_what_is_refused(
    sandbox: Sandbox,
) -> None:
    mixed = [{"user_id": "u", "metadata": {"a": 1}}, {"user_id": "u", "metadata": {"a": "x"}}]
    assert sandbox.write("users/batch", mixed).status_code == 400
    assert sandbox.write("users", {"user_id": "u", "metadata": {"a": "x"}}).status_code == 201
    assert sandbox.write("companies", {"company_id": "c", "metadata": {"a": 1}}).status_code == 201
    sandbox.reset()
    assert sandbox.write("users", {"user_id": "u", "metadata": {"a": 1}}).status_code == 201


def test_a_repeated_transaction_is_dropped_within_and_across_batches(sandbox: Sandbox) -> None:
    ids = [f"{SHORT_UUID}{digit}" for digit in "123"]
    first, second, third = (good("actions", transaction_id=one) for one in ids)
    for batch in ([first, first, second], [second, third], [first]):
        assert sandbox.write("actions/batch", batch).status_code == 201
    assert sandbox.write("events", good("events", transaction_id=ids[0])).status_code == 201
    received = sandbox.collector()
    assert received["accepted"]["actions"] == [first, second, third]
    assert received["counts"]["duplicates"]["actions"] == 3
    assert received["counts"]["duplicates"]["events"] == 1
    assert received["ids"]["actions"] == ids
    assert len(sandbox.hits("events", {"query": {"terms": {"_id": ids}}})) == 3


def test_actions_without_a_transaction_id_are_never_repeats(sandbox: Sandbox) -> None:
    before = sandbox.get("/sandbox/moesif").json()["events"]
    assert sandbox.write("actions/batch", [ACTION, ACTION]).status_code == 201
    assert sandbox.get("/sandbox/moesif").json()["events"] == before + 2


def test_what_is_older_than_thirty_days_needs_backfill(start: Callable[..., Sandbox]) -> None:
    old, young = (
        good("actions", request={"uri": "/", "time": ago(days=30, minutes=minutes)})
        for minutes in (5, -5)
    )
    strict, lenient = start("--users", "0"), start("--users", "0", "--allow-backfill")
    assert [strict.write("actions", each).status_code for each in (old, young)] == [400, 201]
    assert refusals(strict) == [(400, "too_late")]
    assert [lenient.write("actions", each).status_code for each in (old, young)] == [201, 201]


def test_an_anonymous_action_is_taken_and_an_anonymous_user_by_choice(
    start: Callable[..., Sandbox],
) -> None:
    sandbox = start("--users", "0", "--anonymous-users")
    assert sandbox.write("actions", good("actions", anonymous_id="a")).status_code == 201
    assert sandbox.collector()["accepted"]["actions"][0]["anonymous_id"] == "a"
    visitor = {"anonymous_id": "a", "metadata": {"email": "a@mail.example"}}
    assert sandbox.write("users", visitor).status_code == 201
    user = sandbox.found("users", "a")
    assert (user["anonymous_id"], user["email"]) == ("a", "a@mail.example")
    assert "user_id" not in user
    assert sandbox.write("users", {"metadata": {}}).status_code == 400


@pytest.mark.parametrize("status", [402, 429, 503])
def test_faults_reach_the_collector(sandbox: Sandbox, status: int) -> None:
    path = "/moesif/collector/v1/users"
    sandbox.own("faults", {"path": path, "kind": "status", "status": status})
    assert sandbox.write("users", GOOD["users"]).status_code == status
    assert accepted(sandbox) == 0
    sandbox.own("faults", {"path": path, "kind": "half_answer"})
    with pytest.raises(Exception, match="IncompleteRead"):
        sandbox.write("users", GOOD["users"])
    assert accepted(sandbox) == 1
