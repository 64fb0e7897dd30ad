"""`--send-only` and `--send-id`: a few records for real, and STATE stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from people import EMAIL, PEOPLE, REFUSED
from singer_delivery.reading.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from singer_delivery import DeliveryTarget
    from singer_delivery.testing import Ended
    from singer_delivery.testing.subject import Trial


def send(trial: Trial, lines: Any, selection: Selection, **settings: Any) -> Ended:
    def choose(target: DeliveryTarget) -> None:
        target.selection = selection

    return trial.run(lines, on_start=choose, **settings)


def test_so_many_records_are_sent_and_no_state_is_written(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = send(trial, PEOPLE.lines(range(50)), Selection(3))
    assert (ended.exit_code, ended.states) == (0, [])
    assert trial.acknowledged == {0, 1, 2}
    assert ended.summary["read"] == ended.summary["delivered"] == 3
    assert "no state is written" in ended.log
    shown = capsys.readouterr().err
    assert "record  stream  call     id to look for" in shown
    assert shown.count("people") == 3


def test_the_rest_of_the_input_is_not_waited_for(trial: Trial) -> None:
    def endless() -> Iterator[Any]:
        yield PEOPLE.schema
        number = 0
        while True:
            yield PEOPLE.line(PEOPLE.record(number))
            number += 1

    ended = send(trial, endless(), Selection(2))
    assert (ended.exit_code, trial.acknowledged) == (0, {0, 1})


def test_records_are_chosen_by_their_key(trial: Trial) -> None:
    lines = [*PEOPLE.lines(range(20)), PEOPLE.line(PEOPLE.wrong)]
    ended = send(trial, lines, Selection(None, frozenset({"7", "13", "99"})), max_rejects=-1)
    assert (ended.exit_code, ended.states) == (0, [])
    assert trial.acknowledged == {7, 13}
    assert ended.summary["skipped_by_reason"] == {"not_chosen": 18}


def test_records_are_chosen_by_the_user_that_they_are_about_too(trial: Trial) -> None:
    """The key of this target's messages is `[b'7']`, as that of others is a user's id."""
    ended = send(trial, PEOPLE.lines(range(20)), Selection(1, frozenset({"[b'7']"})))
    assert (ended.exit_code, trial.acknowledged) == (0, {7})


def test_only_what_was_acknowledged_is_to_be_looked_for(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.answer = lambda request: REFUSED if 1 in trial.numbers(request) else PEOPLE.success
    ended = send(trial, PEOPLE.lines(range(9)), Selection(3), max_rejects=-1)
    assert (ended.exit_code, ended.summary["rejected"]) == (0, 1)
    assert capsys.readouterr().err.count("people") == 2


def test_nothing_chosen_is_said(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    ended = send(trial, PEOPLE.lines(range(9)), Selection(None, frozenset({"nobody"})))
    assert (ended.exit_code, trial.acknowledged) == (0, set())
    assert "Nothing was sent." in capsys.readouterr().err


def test_no_id_of_a_user_and_no_value_is_shown(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [PEOPLE.schema, PEOPLE.line({"id": "user-canary", "email": EMAIL})]
    ended = send(trial, lines, Selection(1))
    said = capsys.readouterr().err + ended.log
    assert ended.exit_code == 0
    assert "user-canary" not in said
    assert EMAIL not in said
