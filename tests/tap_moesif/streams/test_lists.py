"""Streams of lists that are read whole, by what Moesif's reference shows of their documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from scripted import Reply
from tap_moesif.service import MoesifError
from tap_moesif.streams import STREAMS, ListStream
from tap_output import sync_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from account import Account

LISTS = [stream for stream in STREAMS if issubclass(stream, ListStream)]
EACH_LIST = pytest.mark.parametrize("stream", LISTS, ids=lambda stream: vars(stream)["name"])


class Example(NamedTuple):
    """A document, and the record that it becomes."""

    stream: str
    path: str
    document: dict[str, Any]
    record: dict[str, Any]


EXAMPLES = [
    Example(
        "governance_rules",
        "/~/governance/rules",
        {
            "_id": "g1",
            "name": "Block",
            "type": "user",
            "state": 2,
            "block": True,
            "applied_to": "matching",
            "applied_to_unidentified": False,
            "regex_config": [{"conditions": [{"path": "request.route", "value": "/a"}]}],
            "response": {"status": 402, "headers": {"X-A": "b"}, "body": {"error": "pay"}},
            "created_at": "2026-01-31T10:00:00.000",
            "app_id": "1:2",
            "org_id": "3:4",
            "new": 1,
        },
        {
            "id": "g1",
            "name": "Block",
            "type": "user",
            "state": 2,
            "block": True,
            "appliedTo": "matching",
            "appliedToUnidentified": False,
            "regexConfig": [{"conditions": [{"path": "request.route", "value": "/a"}]}],
            "response": {"status": 402, "headers": {"X-A": "b"}, "body": {"error": "pay"}},
            "createdAt": "2026-01-31T10:00:00.000Z",
            "appId": "1:2",
            "orgId": "3:4",
            "additionalFields": {"new": 1},
        },
    ),
    Example(
        "billing_meters",
        "/~/billing/meters",
        {
            "_id": "m1",
            "name": "Calls",
            "slug": "calls",
            "status": "active",
            "es_query": "{}",
            "billing_plan": {"provider_slug": "stripe", "params": {"usage_multiplier": 2.0}},
            "modified_at": "2026-01-31T10:00:00",
        },
        {
            "id": "m1",
            "name": "Calls",
            "slug": "calls",
            "status": "active",
            "esQuery": "{}",
            "billingPlan": {"provider_slug": "stripe", "params": {"usage_multiplier": 2.0}},
            "modifiedAt": "2026-01-31T10:00:00.000Z",
        },
    ),
    Example(
        "billing_reports",
        "/~/billing/reports",
        {
            "_id": "r1",
            "company_id": "c1",
            "subscription_id": "s1",
            "billing_meter_id": "m1",
            "provider": "stripe",
            "success": False,
            "meter_usage": 12,
            "usage_end_time": "2026-01-31T10:00:00",
            "amount": 1.5,
            "ending_balance": {"sequence_id": 1, "current_balance": 2.5},
            "provider_requests": [{"job_id": "j", "status_code": 402, "error_code": "card"}],
        },
        {
            "id": "r1",
            "companyId": "c1",
            "subscriptionId": "s1",
            "billingMeterId": "m1",
            "provider": "stripe",
            "success": False,
            "meterUsage": 12,
            "usageEndTime": "2026-01-31T10:00:00.000Z",
            "amount": 1.5,
            "endingBalance": {"sequenceId": 1, "currentBalance": 2.5},
            "providerRequests": [{"jobId": "j", "statusCode": 402, "errorCode": "card"}],
        },
    ),
    Example(
        "billing_plans",
        "/~/billing/catalog/plans",
        {
            "id": "p1",
            "name": "Pro",
            "provider": "stripe",
            "product_id": "prod1",
            "metadata": {"a": "b"},
            "prices": [{"id": "pr1", "price_in_decimal": "0.01", "tiers": [{"up_to": "inf"}]}],
        },
        {
            "id": "p1",
            "name": "Pro",
            "provider": "stripe",
            "productId": "prod1",
            "metadata": {"a": "b"},
            "prices": [{"id": "pr1", "priceInDecimal": "0.01", "tiers": [{"up_to": "inf"}]}],
        },
    ),
]
EACH_EXAMPLE = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stream)


@EACH_EXAMPLE
def test_a_document_becomes_a_record_in_the_words_of_the_readme(
    account: Account, example: Example
) -> None:
    account.lists[example.path] = [example.document]

    run = sync_stream(account, example.stream)

    assert run.records(example.stream) == [example.record]
    [schema] = [m["schema"] for m in run.messages if m["type"] == "SCHEMA"]
    Draft202012Validator(schema).validate(example.record)


FORMS: dict[str, Callable[[type[ListStream], dict[str, Any]], Any]] = {
    "bare": lambda _, document: [document],
    "named": lambda stream, document: {stream.list_name: [document]},
    "hits": lambda _, document: {"hits": {"hits": [{"_id": "d1", "_source": document}]}},
    "alone": lambda _, document: document,
}


@EACH_LIST
@pytest.mark.parametrize("form", FORMS)
def test_a_list_is_read_in_each_form(account: Account, stream: type[ListStream], form: str) -> None:
    account.lists[stream.path] = FORMS[form](stream, {"_id": "d1"})

    records = sync_stream(account, name_of(stream)).records(name_of(stream))

    assert records == [{"id": "d1"}] * len(stream.variants)


@EACH_LIST
@pytest.mark.parametrize("answer", ["text", {"hits": 5}, {}, None])
def test_a_list_that_is_none_is_an_error(
    account: Account, stream: type[ListStream], answer: Any
) -> None:
    account.lists[stream.path] = answer

    with pytest.raises(MoesifError, match="is not in Moesif's JSON form"):
        sync_stream(account, name_of(stream))


@EACH_LIST
def test_what_the_key_may_not_read_names_every_scope(
    account: Account, stream: type[ListStream]
) -> None:
    account.replies[stream.path] = Reply(403)

    with pytest.raises(MoesifError) as refused:
        sync_stream(account, name_of(stream))

    assert all(scope in str(refused.value) for scope in stream.scopes)


def name_of(stream: type[ListStream]) -> str:
    name: str = vars(stream)["name"]
    return name
