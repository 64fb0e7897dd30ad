"""A full table of users or companies has a version, by which a target finds what is gone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from account import DAY, Account, settings
from tap_moesif import TapMoesif
from tap_output import Output, Recorder, catalog, killed, sync

full_table = partial(catalog, method="FULL_TABLE")


def versions(run: Output, stream: str = "users") -> list[tuple[str, int | None]]:
    """Give the kinds of a stream's messages behind its SCHEMA, and their versions."""
    return [
        (message["type"], message.get("version"))
        for message in run.messages
        if message.get("stream") == stream and message["type"] != "SCHEMA"
    ]


@pytest.fixture
def people(account: Account) -> Account:
    for number in range(6):
        account.user(f"u{number}", modified_time=90 * DAY)
    account.company("c0", modified_time=90 * DAY)
    return account


@pytest.mark.parametrize(("stream", "count"), [("users", 6), ("companies", 1)])
def test_a_full_table_ends_with_the_version_of_its_records(
    people: Account, stream: str, count: int
) -> None:
    config = settings(people, page_size=2)

    told = versions(sync(config, full_table()), stream)

    assert [kind for kind, _ in told] == [*["RECORD"] * count, "ACTIVATE_VERSION"]
    assert len({version for _, version in told}) == 1
    assert isinstance(told[0][1], int)


def test_an_empty_full_table_has_a_version_too(account: Account) -> None:
    config = settings(account)
    [(kind, version)] = versions(sync(config, full_table()))
    assert kind == "ACTIVATE_VERSION"
    assert version


def test_an_incremental_stream_and_the_lists_have_none(people: Account) -> None:
    run = sync(settings(people))
    assert {message["type"] for message in run.messages} == {"SCHEMA", "RECORD", "STATE"}
    assert not any("version" in message for message in run.messages)
    config = settings(people)
    run = sync(config, full_table())
    told = {message["stream"] for message in run.messages if "version" in message}
    assert told == {"users", "companies"}


@pytest.mark.parametrize(
    "dates", [{"start_date": "2020-01-01"}, {"end_date": "2030-01-01"}], ids=["start", "end"]
)
def test_what_lies_between_dates_is_no_full_table(people: Account, dates: dict[str, str]) -> None:
    config = settings(people, **dates)
    run = sync(config, full_table())
    assert len(run.ids) == 6
    assert {version for _, version in versions(run)} == {None}
    assert "ACTIVATE_VERSION" not in {kind for kind, _ in versions(run)}


def test_versions_can_be_turned_off(people: Account) -> None:
    config = settings(people, emit_activate_version_messages=False)
    assert versions(sync(config, full_table())) == [("RECORD", None)] * 6


def test_the_environment_turns_versions_off(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(people)
    monkeypatch.setenv("TAP_MOESIF_EMIT_ACTIVATE_VERSION_MESSAGES", "false")
    tap = TapMoesif(config=config, catalog=catalog(config), parse_env_config=True)
    assert not tap.streams["users"].emit_activate_version_messages


def test_part_of_a_table_is_not_activated(people: Account) -> None:
    config = settings(people)
    writer = Recorder()
    tap = TapMoesif(config=config, catalog=full_table(), message_writer=writer)
    tap.streams["users"].record_limit = 1  # type: ignore[attr-defined]
    tap.streams["users"].sync()
    tap.moesif.close()
    assert [kind for kind, _ in versions(Output(writer.messages))] == ["RECORD"]


def of_version(state: dict[str, Any], version: int | None) -> dict[str, Any]:
    [scan] = state["bookmarks"]["users"]["unfinished"]
    assert scan.pop("version", None) is not None
    if version:
        scan["version"] = version
    return state


def test_a_read_that_is_resumed_goes_on_with_its_version(people: Account) -> None:
    config = settings(people, page_size=2)
    people.break_off(search=people.searches + 3)
    first = killed(config, full_table())
    people.recover()

    second = sync(config, full_table(), of_version(first.state, 7))
    third = sync(config, full_table(), second.state)

    assert [kind for kind, _ in versions(first)] == ["RECORD"] * 4
    assert versions(second) == [("RECORD", 7), ("RECORD", 7), ("ACTIVATE_VERSION", 7)]
    assert second.state["bookmarks"]["users"]["unfinished"] == []
    assert [kind for kind, _ in versions(third)] == [*["RECORD"] * 6, "ACTIVATE_VERSION"]
    assert 7 not in {version for _, version in versions(third)}


def test_each_read_has_a_later_version_than_the_last_one(people: Account) -> None:
    config = settings(people)
    state: dict[str, Any] = {}
    numbers: list[int] = []
    for _ in range(3):
        run = sync(config, full_table(), state)
        numbers += {version for _, version in versions(run) if version}
        state = run.state
    assert numbers == sorted({*numbers})
    assert len(numbers) == 3
    run = sync(config, state=state)
    assert "version" not in {name for message in run.messages for name in message}


def test_a_read_that_began_without_a_version_begins_anew(people: Account) -> None:
    config = settings(people, page_size=2)
    people.break_off(search=people.searches + 3)
    first = killed(config, full_table())
    people.recover()

    second = sync(config, full_table(), of_version(first.state, None))

    assert len(second.ids) == 6
    assert versions(second)[-1][0] == "ACTIVATE_VERSION"


def test_a_read_that_went_on_without_its_version_is_not_activated(people: Account) -> None:
    """Part of its records came without: an activation would take them away."""
    config = settings(people, page_size=2)
    silent = {**config, "emit_activate_version_messages": False}
    people.break_off(search=people.searches + 2)
    first = killed(config, full_table())
    people.break_off(search=people.searches + 2)
    second = killed(silent, full_table(), first.state)
    people.recover()

    third = sync(config, full_table(), second.state)

    assert (first.ids, second.ids) == (["u0", "u1"], ["u2", "u3"])
    assert len(third.ids) == 6
