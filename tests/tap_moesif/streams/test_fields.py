from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tap_moesif.records import Field, Kind, json_schema
from tap_moesif.streams import STREAMS as ALL_STREAMS
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.users import Users
from tap_moesif.usage import USAGE, no_usage

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = {str(vars(stream)["name"]): stream.fields for stream in ALL_STREAMS}
STREAMS = pytest.mark.parametrize("fields", ALL.values(), ids=ALL.keys())
OF_DOCUMENTS = ALL.keys() - {"usage"}

# What Moesif documents for its Segment integration.
USER = {
    "id": "string",
    "createdAt": "string",
    "modifiedTime": "string",
    "firstSeenTime": "string",
    "lastSeenTime": "string",
    "name": "string",
    "email": "string",
    "username": "string",
    "company": "object",
    "campaign": "object",
    "enrichment": "object",
    "last24HourAggResults": "object",
    "metadata": "object",
    "userAgent": "object",
}
BESIDE_USER = {
    **dict.fromkeys(("firstName", "lastName", "phone", "avatar"), "string"),
    **dict.fromkeys(("context", "additionalFields"), "object"),
}
COMPANY = {
    "id": "string",
    "created": "string",
    "modifiedTime": "string",
    "firstSeenTime": "string",
    "lastSeenTime": "string",
    "ipAddress": "string",
    "companyDomain": "string",
    "ttfhw_s": "integer",
    "metadata": "object",
}
CONTEXT = {"ip": "string", "location": "object", "userAgent": "string"}
LEFT = {"additionalFields": "object"}


def types(schema: dict[str, Any]) -> dict[str, str]:
    """Give the types of an object's fields, but for null."""
    return {name: inner["type"][0] for name, inner in schema["properties"].items()}


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}{name}", inner
        yield from properties(inner, f"{path}{name}.")
        yield from properties(inner.get("items", {}), f"{path}{name}.")


def levels(fields: tuple[Field, ...]) -> Iterator[tuple[Field, ...]]:
    yield fields
    for field in fields:
        if field.fields:
            yield from levels(field.fields)


def test_a_user_has_the_traits_of_the_contract_and_those_beside_it() -> None:
    user = json_schema(Users.fields)

    assert types(user) == USER | BESIDE_USER
    assert types(user["properties"]["company"]) == COMPANY | LEFT
    assert types(user["properties"]["context"]) == CONTEXT


def test_a_company_has_the_fields_that_it_has_in_a_user_and_its_usage() -> None:
    ours = {"last24HourAggResults": "object", "lastSeenUserId": "string"}

    assert types(json_schema(Companies.fields)) == COMPANY | ours | LEFT


def test_every_time_is_declared_as_one() -> None:
    declared = {
        name
        for name, inner in properties(json_schema(Users.fields))
        if inner.get("format") == "date-time"
    }

    assert declared == {
        "createdAt",
        "modifiedTime",
        "firstSeenTime",
        "lastSeenTime",
        "company.created",
        "company.modifiedTime",
        "company.firstSeenTime",
        "company.lastSeenTime",
        "last24HourAggResults.lastEventTime",
    }


@STREAMS
def test_a_schema_is_one(fields: tuple[Field, ...]) -> None:
    Draft202012Validator.check_schema(json_schema(fields))


@STREAMS
def test_every_property_at_every_depth_is_described(fields: tuple[Field, ...]) -> None:
    for name, inner in properties(json_schema(fields)):
        assert inner["description"].endswith((".", "`.")), name


@STREAMS
def test_only_an_id_may_not_be_null(fields: tuple[Field, ...]) -> None:
    strict = {
        name for name, inner in properties(json_schema(fields)) if "null" not in inner["type"]
    }

    assert strict <= {"id", "company.id"}
    assert "id" in strict


@STREAMS
def test_no_two_fields_of_an_object_take_the_same_value(fields: tuple[Field, ...]) -> None:
    for level in levels(fields):
        taken = [name for field in level for name in field.raw]

        assert len(taken) == len(set(taken))


@pytest.mark.parametrize("stream", sorted(OF_DOCUMENTS))
def test_what_is_left_is_taken_last(stream: str) -> None:
    fields = ALL[stream]
    assert fields[-1].kind is Kind.REST
    for level in levels(fields):
        assert all(field.kind is not Kind.REST for field in level[:-1])


@STREAMS
def test_an_object_that_keeps_the_unknown_calls_its_fields_as_the_document_does(
    fields: tuple[Field, ...],
) -> None:
    for level in levels(fields):
        for field in level:
            if field.open:
                assert all(inner.raw == (inner.name,) for inner in field.fields)


@STREAMS
def test_what_has_no_place_for_the_unknown_hands_it_on(
    fields: tuple[Field, ...],
) -> None:
    closed = {
        field.name
        for level in levels(fields)
        for field in level
        if field.fields and not field.open and field.fields[-1].kind is not Kind.REST
    }

    assert closed <= {"context", "location"}


def test_the_roll_up_of_nothing_has_every_field_of_a_roll_up() -> None:
    schema = json_schema(USAGE.fields)

    Draft202012Validator(schema).validate(no_usage())
    assert no_usage().keys() == schema["properties"].keys()
    assert (
        no_usage()["statusCounts"].keys()
        == schema["properties"]["statusCounts"]["properties"].keys()
    )


def test_an_object_is_closed_unless_it_is_open_or_free() -> None:
    check = Draft202012Validator(json_schema(Users.fields))

    check.validate({"metadata": {"x": 1}, "last24HourAggResults": {"x": 1}})
    for wrong in ({"x": 1}, {"company": {"x": 1}}, {"context": {"x": 1}}):
        with pytest.raises(ValidationError):
            check.validate(wrong)
