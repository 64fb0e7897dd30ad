"""Each of Segment's discard codes that a sender can check, for every type of call."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import msgspec
import pytest

from project import PROJECT
from singer_delivery import RecordRejected
from target_segment.rules import check_call

TYPES = ("identify", "group", "track", "page", "screen", "alias")
NEEDED = {
    "group": {"groupId": "g"},
    "alias": {"previousId": "p"},
    "track": {"event": "Ordered"},
}
CONTENT = dict.fromkeys(("identify", "group"), "traits") | dict.fromkeys(
    ("track", "page", "screen"), "properties"
)
CONSENT_EVENT = "Segment Consent Preference Updated"


def call(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "userId": "u", **NEEDED.get(kind, {}), **fields}


def code(call: dict[str, Any]) -> str | None:
    """Check a call, and give the code with which it is rejected."""
    try:
        check_call(call)
    except RecordRejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("kind", TYPES)
def test_a_call_with_what_it_needs_is_taken(kind: str) -> None:
    assert code(call(kind)) is None
    assert code({**call(kind), "userId": None, "anonymousId": "a"}) is None


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("ids", [{}, {"userId": None}, {"userId": None, "anonymousId": None}])
def test_a_call_of_nobody_is_not(kind: str, ids: dict[str, Any]) -> None:
    assert code({**call(kind), "userId": None, **ids}) == "no_user_anon_id"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("value", ["", 5, 1.5, True, [], {}])
@pytest.mark.parametrize("name", ["userId", "anonymousId"])
def test_an_id_is_a_string_with_something_in_it(kind: str, name: str, value: object) -> None:
    assert code(call(kind, **{name: value})) == "id_not_string"


@pytest.mark.parametrize(("kind", "name"), [("group", "groupId"), ("alias", "previousId")])
def test_a_group_and_an_alias_need_an_id_of_their_own(kind: str, name: str) -> None:
    assert code(call(kind, **{name: None})) == "id_required"
    assert code(call(kind, **{name: ""})) == "id_not_string"


@pytest.mark.parametrize(
    ("event", "expected"),
    [(None, "event_not_defined"), ("", "event_not_defined"), (5, "event_not_string")],
)
def test_a_track_has_an_event(event: object, expected: str) -> None:
    assert code(call("track", event=event)) == expected


@pytest.mark.parametrize("kind", ["page", "screen"])
@pytest.mark.parametrize("name", ["name", "category"])
@pytest.mark.parametrize("value", ["", 5, True, ["Home"], {}, None])
def test_the_name_and_the_category_of_a_page_are_strings_with_something_in_them(
    kind: str, name: str, value: object
) -> None:
    assert code(call(kind, **{name: value})) == f"{name}_not_string"
    assert code(call(kind, **{name: "Home"})) is None


@pytest.mark.parametrize("kind", CONTENT)
@pytest.mark.parametrize("value", [None, 5, "text", []])
def test_traits_and_properties_are_objects(kind: str, value: object) -> None:
    content = CONTENT[kind]
    assert code(call(kind, **{content: value})) == f"{content}_not_object"
    assert code(call(kind, **{content: {}})) is None


def encoded(context: dict[str, Any]) -> dict[str, msgspec.Raw]:
    """Write a context as a route hands one out that stands in one place."""
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in context.items()}


CONSENTS: dict[str | None, list[Any]] = {
    "consent_categorypreferences_should_be_object": [
        *("yes", True, 5, []),
        *({"categoryPreferences": each} for each in (None, True, "all", ["Advertising"])),
    ],
    "consent_categorypreferences_fields_should_be_bool": [
        {"categoryPreferences": {"Advertising": each, "Analytics": True}}
        for each in cast("list[object]", ["true", 1, None, {}, []])
    ],
    None: [
        *(None, {}, {"categoryPreferences": {}}, {"more": 1}),
        {"categoryPreferences": {"Advertising": True, "Analytics": False}, "more": [1]},
    ],
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("expected", CONSENTS)
@pytest.mark.parametrize("write", [dict, encoded])
def test_a_consent_has_for_each_category_true_or_false(
    kind: str, expected: str | None, write: Any
) -> None:
    for consent in CONSENTS[expected]:
        context = write({"consent": consent, "ip": "10.0.0.1"})
        assert code(call(kind, context=context)) == expected, consent
        assert ("consent" in context) is (consent is not None)


CONSENT = {"consent": {"categoryPreferences": {"Advertising": True}}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "consent_categoryprefences_should_exist"),
        ({"context": {"consent": {}}}, "consent_categoryprefences_should_exist"),
        ({"context": {"consent": None}}, "consent_categoryprefences_should_exist"),
        ({"context": CONSENT}, "consent_needs_anonymous_id_set"),
        (
            {"context": {**CONSENT, "device": {"advertisingId": 5}}, "anonymousId": "a"},
            "device_advertisingid_should_be_string",
        ),
        ({"context": CONSENT, "anonymousId": ""}, "id_not_string"),
        ({"context": CONSENT, "anonymousId": "a"}, None),
        ({"context": {**CONSENT, "device": {"advertisingId": "x"}}, "anonymousId": "a"}, None),
        ({"context": {**CONSENT, "device": 5}, "anonymousId": "a"}, None),
    ],
)
@pytest.mark.parametrize("write", [dict, encoded])
def test_the_event_that_holds_a_consent_needs_one(
    fields: dict[str, Any], expected: str | None, write: Any
) -> None:
    context = {"context": write(fields["context"])} if "context" in fields else {}
    assert code(call("track", event=CONSENT_EVENT, **{**fields, **context})) == expected


def test_other_events_need_none() -> None:
    assert code(call("track", context={"device": {"advertisingId": 5}})) is None


def test_the_readmes_table_has_each_code_that_is_checked() -> None:
    readme = (PROJECT / "target-segment" / "README.md").read_text()
    rules = (PROJECT / "target-segment" / "target_segment" / "rules.py").read_text()
    codes = {*re.findall(r'"((?:[a-z]+_){2,}[a-z]+)"', rules)}
    codes |= {"id_required", "name_not_string", "category_not_string"}
    assert len(codes) > 15
    for each in sorted(codes):
        assert f"`{each}`" in readme, each
