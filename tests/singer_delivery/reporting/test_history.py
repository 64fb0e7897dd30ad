"""The history of runs: one line for each, with the sentence that it ended with."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jsonschema

from people import EMAIL, PEOPLE, REFUSED, TOKEN
from singer_delivery.errors import HistoryFileError
from singer_delivery.files import SharedLines
from singer_delivery.reporting import history
from singer_delivery.reporting.run import Run
from singer_delivery.testing import Reply

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from singer_delivery.testing.subject import Trial


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [*map(json.loads, path.read_text().splitlines())]


def runs_in(path: Path) -> list[dict[str, Any]]:
    return [line["record"] for line in lines_of(path) if line["type"] == "RECORD"]


def test_each_run_adds_its_summary_and_its_sentence(trial: Trial) -> None:
    path = trial.folder / "new" / "history.jsonl"
    good = trial.run(PEOPLE.lines(range(3)), history_path=str(path))
    trial.answer = lambda _: REFUSED
    rejected = trial.run(PEOPLE.lines([1]), history_path=str(path))
    trial.answer = lambda _: Reply(403)
    stopped = trial.run(PEOPLE.lines([1]), history_path=str(path))

    schema, *_ = lines_of(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second, third = runs_in(path)
    for run, ended in ((first, good), (second, rejected), (third, stopped)):
        jsonschema.validate(run, schema["schema"])
        assert run.keys() == schema["schema"]["properties"].keys()
        assert run | ended.summary == run, "the summary is in it"
        assert run["started_at"] <= run["ended_at"]
        assert run["sentence"] in ended.log
    assert [run["exit_code"] for run in (first, second, third)] == [0, 1, 1]
    assert first["sentence"].startswith("3 records read: 3 delivered.")
    assert "refused with the same answer" in second["sentence"]
    assert "refuses this sender: HTTP 403 Forbidden" in third["sentence"]
    assert len({run["run_id"] for run in (first, second, third)}) == 3


def test_a_run_with_rejects_says_where_they_are(trial: Trial) -> None:
    path = trial.folder / "history.jsonl"
    trial.run([*PEOPLE.lines([1]), PEOPLE.line(PEOPLE.wrong)], history_path=str(path))
    [run] = runs_in(path)
    assert run["exit_code"] == 3
    assert run["sentence"].startswith(f"1 records were rejected; they are in {trial.folder}")


def test_neither_a_key_nor_a_value_of_a_record_is_in_it(trial: Trial) -> None:
    path = trial.folder / "history.jsonl"
    for reply in (PEOPLE.success, Reply(400, {"message": f"{EMAIL} {TOKEN}"}), Reply(401)):
        trial.script.append(reply)
        trial.run([*PEOPLE.lines([1]), PEOPLE.line(PEOPLE.wrong)], history_path=str(path))
    text = path.read_text()
    assert EMAIL not in text
    assert TOKEN not in text


def test_a_full_file_is_put_aside_and_begun_anew(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 3_000)
    path = trial.folder / "history.jsonl"
    ids = []
    for _ in range(6):
        trial.run(PEOPLE.lines([1]), history_path=str(path))
        files = [each for each in (path, trial.folder / "history.jsonl.1") if each.exists()]
        assert all(lines_of(each)[0]["type"] == "SCHEMA" for each in files)
        assert all(each.stat().st_size < 5_000 for each in files)
        ids = [run["run_id"] for each in reversed(files) for run in runs_in(each)]
    assert len({*ids}) == len(ids)
    assert 2 <= len(ids) <= 6


def test_runs_that_end_together_keep_each_other_s_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_BYTES", 20_000)
    path = tmp_path / "history.jsonl"
    runs = [Run("target", "1") for _ in range(60)]
    with ThreadPoolExecutor(6) as pool:
        [
            *pool.map(
                lambda run: history.add_to_history(
                    SharedLines(path, HistoryFileError), run, {"read": 1}, "ended"
                ),
                runs,
            )
        ]
    kept = [path.with_name("history.jsonl.1"), path]
    found = [run["run_id"] for each in kept if each.exists() for run in runs_in(each)]
    assert sorted(found) == sorted(run.id for run in runs)


def test_a_dry_run_is_no_part_of_it(trial: Trial) -> None:
    trial.run(PEOPLE.lines([1]), history_path=str(trial.folder / "history.jsonl"), dry_run=True)
    assert not (trial.folder / "history.jsonl").exists()


def test_a_history_that_cannot_be_written_fails_the_run_but_costs_no_delivery(trial: Trial) -> None:
    ended = trial.run(PEOPLE.lines(range(3)), history_path=str(trial.folder))
    assert (ended.exit_code, ended.states[-1], trial.acknowledged) == (1, 2, {0, 1, 2})
    assert f"Cannot write history_path {trial.folder}: Is a directory." in ended.log
