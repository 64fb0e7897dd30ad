"""The target, fed lines as a tap feeds it, writing to a scripted Moesif."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from moesif_runs import KEY, Moesif
from scripted import Reply
from target_moesif import TargetMoesif
from target_runs import EMAIL, schema, state
from target_runs import record as row

if TYPE_CHECKING:
    from singer_delivery.testing import Ended

pytestmark = pytest.mark.slow

CALLS = schema("calls", "type", "userId", "anonymousId", "groupId", "event", "traits", "properties")
USERS = schema("users", "id", "modifiedTime", "firstSeenTime", "email", mark="users")
COMPANIES = schema("companies", "id", "modifiedTime", "companyDomain", mark="companies")
SUBSCRIPTIONS = schema(
    "subscriptions", "id", "companyId", "status", "trialStart", mark="subscriptions"
)
EVENTS = schema("events", "id", "requestTime", "eventType", "actionName", "request", mark="events")
COHORTS = schema("cohorts", "id", "cohortType", mark="cohorts")


def record(stream: str, **fields: Any) -> dict[str, Any]:
    return {**row(stream, **fields), "time_extracted": "2026-01-01T00:00:00Z"}


def identify(**traits: Any) -> dict[str, Any]:
    return record("calls", type="identify", userId="u", traits=traits)


def deliver(moesif: Moesif, *lines: dict[str, Any], **settings: Any) -> Ended:
    return moesif.deliver(lines, **settings)


ALL_OF_A_COMPANY = [
    EVENTS,
    record("events", id="e", eventType="user_action", actionName="Clicked", companyId="c"),
    SUBSCRIPTIONS,
    record("subscriptions", id="s", companyId="c", status="active"),
    CALLS,
    record("calls", type="identify", userId="c", traits={"email": EMAIL}),
    COMPANIES,
    record("companies", id="c", companyDomain="acme.example"),
]


def test_each_document_goes_to_its_own_address_and_then_the_state_is_written(
    moesif: Moesif,
) -> None:
    ended = deliver(moesif, *ALL_OF_A_COMPANY, state("end"))
    assert (ended.exit_code, ended.states) == (0, ["end"])
    assert [request.path for request in moesif.requests] == [
        f"/collector/v1/{kind}/batch" for kind in ("companies", "users", "subscriptions", "actions")
    ]
    assert {request.headers["X-Moesif-Application-Id"] for request in moesif.requests} == {KEY}
    assert moesif.documents("companies") == [{"company_id": "c", "company_domain": "acme.example"}]
    assert moesif.documents("users") == [{"user_id": "c", "metadata": {"email": EMAIL}}]
    assert moesif.summary()["delivered"] == 4


def test_a_group_with_a_user_is_two_documents_and_one_record(moesif: Moesif) -> None:
    group = record("calls", type="group", userId="u", groupId="g", traits={"plan": "paid"})
    assert deliver(moesif, CALLS, group, state("end")).states == ["end"]
    assert moesif.documents("companies") == [{"company_id": "g", "metadata": {"plan": "paid"}}]
    assert moesif.documents("users") == [{"user_id": "u", "company_id": "g"}]
    assert moesif.summary()["delivered"] == 1


def test_what_is_left_out_on_purpose_is_counted_and_quiet(moesif: Moesif) -> None:
    lines = [
        CALLS,
        record("calls", type="identify", anonymousId="a", traits={"plan": "x"}),
        EVENTS,
        record("events", id="1", eventType="api_call", request={"uri": "/"}),
        COHORTS,
        record("cohorts", id="1", cohortType="user"),
        schema("meltano_test_stream", "id", "name", "created_at"),
        record("meltano_test_stream", id=1, name="n", created_at="2026-01-01T00:00:00Z"),
    ]
    ended = deliver(moesif, *lines, state("end"))
    assert (ended.exit_code, ended.states, moesif.requests) == (0, ["end"], [])
    assert moesif.summary()["skipped_by_reason"] == {
        "anonymous_identify": 1,
        "api_call": 1,
        "no_call": 1,
        "loader_test": 1,
    }
    assert "'cohorts' is not sent" in ended.log
    assert "error" not in ended.log.lower()
    assert "exception" not in ended.log.lower()


BUCKET = {
    "id": "5ea1",
    "userId": "zoe",
    "startTime": "2026-01-31T11:00:00.000Z",
    "endTime": "2026-01-31T12:00:00.000Z",
    "count": 12,
    "statusCounts": {"2xx": 12},
}
USAGE = schema("usage", *BUCKET, mark="usage")


def test_what_moesif_counts_itself_is_not_sent_back_unless_a_route_says_so(moesif: Moesif) -> None:
    ended = deliver(moesif, USAGE, record("usage", **BUCKET), state("end"))
    assert (ended.exit_code, ended.states, moesif.requests) == (0, ["end"], [])
    assert ended.log.count("'usage' is not sent: it would return Moesif's own counts") == 1
    assert moesif.summary()["skipped_by_reason"] == {"no_call": 1}

    wanted = {"usage": {"call": "action"}}
    ended = deliver(moesif, USAGE, record("usage", **BUCKET), streams=wanted)
    assert ended.exit_code == 0, ended.log
    [action] = moesif.documents("actions")
    assert (action["action_name"], action["user_id"]) == ("API Usage", "zoe")
    assert action["request"]["time"] == BUCKET["endTime"]
    assert action["metadata"] == {name: BUCKET[name] for name in BUCKET if name != "userId"}


def test_an_application_id_that_is_refused_by_400_rejects_nothing(moesif: Moesif) -> None:
    moesif.answer = lambda _: Reply(400, {"message": "Invalid Application Id"})
    ended = deliver(moesif, USERS, record("users", id="u"), state("end"))
    assert (ended.exit_code, ended.states, ended.rejects) == (1, [], [])
    assert "Check application_id and api_url" in ended.log


def test_an_action_without_an_address_is_sent_with_the_one_that_is_set(moesif: Moesif) -> None:
    lines = [schema("calls", "userId", "event"), record("calls", userId="u", event="e")]

    def request(**settings: Any) -> dict[str, Any]:
        deliver(moesif, *lines, **settings)
        [action] = moesif.documents("actions")
        found: dict[str, Any] = action["request"]
        return found

    assert request()["ip_address"] == "0.0.0.0"
    set_to = request(missing_ip_address="192.0.2.1", action_uri="https://a.example")
    assert (set_to["ip_address"], set_to["uri"]) == ("192.0.2.1", "https://a.example")
    for nothing in (None, ""):
        assert "ip_address" not in request(missing_ip_address=nothing)


def test_keys_that_may_change_their_type_are_named_once(moesif: Moesif) -> None:
    drifting = schema(
        "calls",
        "userId",
        traits={"properties": {"zip": {"type": ["string", "integer", "null"]}}},
        plan={"type": ["string", "null"]},
    )
    lines = [drifting, record("calls", userId="u", traits={}), drifting]
    ended = deliver(moesif, *lines)
    assert ended.exit_code == 0
    [warning] = [line for line in ended.log.splitlines() if "several types" in line]
    assert "'calls'" in warning
    assert "traits.zip" in warning
    assert "plan" not in warning


def test_what_never_becomes_metadata_may_be_of_any_type(moesif: Moesif) -> None:
    events = schema(
        "events",
        "id",
        "requestTime",
        "eventType",
        mark="events",
        body={"type": ["string", "object"]},
    )
    ended = deliver(moesif, events)
    assert "several types" not in ended.log


def test_nulls_are_sent_where_that_is_wanted(moesif: Moesif) -> None:
    for null_traits, metadata in (("omit", {"n": 1}), ("send", {"plan": None, "n": 1})):
        deliver(moesif, CALLS, identify(plan=None, n=1), null_traits=null_traits)
        assert [user["metadata"] for user in moesif.documents("users")] == [metadata]


def test_a_foreign_stream_is_sent_as_the_settings_say(moesif: Moesif) -> None:
    accounts = schema("crm-accounts", "id", "site", "tier", "owner")
    route = {"call": "company", "group_id": "id", "rename": {"site": "company_domain"}}
    ended = deliver(
        moesif,
        accounts,
        record("crm-accounts", id=5, site="acme.example", tier="gold", owner=None),
        streams={"crm-*": route},
    )
    assert ended.exit_code == 0, ended.log
    assert moesif.documents("companies") == [
        {"company_id": "5", "company_domain": "acme.example", "metadata": {"tier": "gold"}}
    ]


@pytest.mark.parametrize(
    ("settings", "actions"),
    [({}, (200_000, 250_000)), ({"batch_max_bytes": 15_000_000}, (1_000_000, 15_000_000))],
)
def test_only_actions_come_in_large_batches_and_only_where_that_is_set(
    moesif: Moesif, settings: dict[str, Any], actions: tuple[int, int]
) -> None:
    lines = [
        record("calls", type=kind, userId="u", event="e", **{content: {"n": n, "x": "x" * 20_000}})
        for n in range(60)
        for kind, content in (("identify", "traits"), ("track", "properties"))
    ]
    assert deliver(moesif, CALLS, *lines, lanes=1, **settings).exit_code == 0
    for kind, (least, most) in {"users": (200_000, 250_000), "actions": actions}.items():
        assert len(moesif.documents(kind)) == 60
        sizes = [len(each.body) for each in moesif.requests if f"/{kind}/" in each.path]
        assert least < max(sizes) <= most


def test_a_missing_application_id_is_said() -> None:
    with pytest.raises(ConfigValidationError) as refused:
        TargetMoesif(config={})
    assert refused.value.errors[0].startswith("Setting application_id is missing")


def test_only_what_changed_is_merged_again(moesif: Moesif) -> None:
    others = [
        record("calls", type="group", userId="u", groupId="c", traits={"plan": "free"}),
        record("calls", type="track", userId="u", event="Ordered"),
    ]
    for plan in ("free", "paid"):
        deliver(moesif, CALLS, identify(plan=plan), *others, changed_only=True)
    assert [user.get("metadata") for user in moesif.documents("users")] == [{"plan": "paid"}]
    assert moesif.documents("companies") == []
    assert len(moesif.documents("actions")) == 1


def test_a_later_time_alone_is_no_change(moesif: Moesif) -> None:
    for time, expected in (("2026-01-01T00:00:00Z", 1), ("2026-01-02T00:00:00Z", 0)):
        user = record("users", id="u", modifiedTime=time)
        deliver(moesif, USERS, user, changed_only=True)
        assert len(moesif.documents("users")) == expected


def test_an_unknown_application_id_is_found_before_anything_is_read(moesif: Moesif) -> None:
    moesif.answer = lambda _: Reply(401)
    ended = deliver(moesif, CALLS, identify(), state("end"), verify_application_id=True)
    assert (ended.exit_code, ended.states) == (1, [])
    assert "application_id" in ended.log
    assert [request.method for request in moesif.requests] == ["GET"]


def test_an_application_id_that_cannot_be_verified_is_a_warning(moesif: Moesif) -> None:
    moesif.script.append(Reply(404))
    ended = deliver(moesif, CALLS, identify(), state("end"), verify_application_id=True)
    assert (ended.exit_code, ended.states, len(moesif.documents("users"))) == (0, ["end"], 1)
    assert "could not be verified: HTTP 404" in ended.log


def test_a_proxy_before_moesif_is_not_asked(moesif: Moesif) -> None:
    assert deliver(moesif, CALLS).exit_code == 0
    assert moesif.requests == []


def test_a_dry_run_shows_documents_and_asks_nobody(
    moesif: Moesif, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        CALLS,
        identify(email=EMAIL),
        record("calls", type="group", userId="u-77", groupId="c", traits={"plan": "free"}),
        record("calls", type="alias", userId="u-77"),
        state("end"),
    ]
    path = moesif.folder / "bodies"
    settings = {"dry_run": True, "dry_run_path": str(path), "verify_application_id": True}
    dry = deliver(moesif, *lines, lanes=1, **settings)
    assert (dry.exit_code, dry.states, moesif.requests) == (0, [], [])
    shown = capsys.readouterr().err
    rows = [line.split() for line in shown.splitlines() if line.startswith("calls ")]
    assert rows == [["calls", "company", "1"], ["calls", "skipped", "1"], ["calls", "user", "2"]]
    assert not any(secret in shown + dry.log for secret in (KEY, EMAIL, "u-77"))
    bodies = [json.loads(line) for line in path.read_text().splitlines()]
    deliver(moesif, *lines, lanes=1)
    assert bodies == [request.json for request in moesif.requests]


def test_an_action_has_its_transaction_id_among_the_outcomes_and_a_user_has_none(
    moesif: Moesif,
) -> None:
    path = moesif.folder / "outcomes.jsonl"
    event = {"id": "e1", "userId": "u", "eventType": "user_action", "actionName": "Signed up"}
    lines = [USERS, record("users", id="u", email="e"), EVENTS, record("events", **event)]
    deliver(moesif, *lines, outcomes_path=str(path))
    [action] = moesif.documents("actions")
    outcomes = [json.loads(line)["record"] for line in path.read_text().splitlines()[1:]]
    found = {each["call"]: (each["key"], each["message_id"]) for each in outcomes}
    assert found == {"action": ("e1", action["transaction_id"]), "user": ("u", None)}
