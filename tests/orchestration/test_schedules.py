from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_service import DAGS
from meltano_airflow.errors import MeltanoError
from meltano_airflow.schedules import Listed, Schedule, listed, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.orchestration.conftest import Fake

    Job = Callable[..., dict[str, Any]]


class Meltano:
    """Lists schedules, and counts how often it is started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / ".meltano" / "airflow" / "schedules.json"
        self.jobs: list[dict[str, Any]] = []
        self.starts = 0
        self.broken = ""

    def ask(self) -> str:
        self.starts += 1
        if self.broken:
            raise MeltanoError(self.broken)
        return json.dumps({"schedules": {"job": self.jobs, "elt": []}})

    def listed(self) -> Listed:
        return listed(self.root, self.cache, self.ask)

    def names(self) -> list[str]:
        return [schedule.name for schedule in self.listed().schedules]


@pytest.fixture
def meltano(tmp_path: Path, job: Job) -> Meltano:
    (tmp_path / "meltano.yml").write_text("include_paths: ['./sub/*.meltano.yml']\n")
    (tmp_path / "sub").mkdir()
    meltano = Meltano(tmp_path)
    meltano.jobs = [job("a")]
    return meltano


def test_a_schedule_of_a_job_is_read(job: Job) -> None:
    entry = job("nightly", "0 3 * * *", env={"TAP_X": 1})
    entry["job"]["tasks"] = ["tap-a target-x", ["tap-b", "target-x"], "dbt-x:run"]
    assert read({"job": [entry]}) == [
        Schedule(
            "nightly",
            "0 3 * * *",
            ("run", "nightly-job"),
            ("tap-a", "target-x", "tap-b", "dbt-x:run"),
            {"TAP_X": "1"},
        )
    ]


def test_a_schedule_of_an_extractor_and_a_loader_is_read() -> None:
    arguments = ["tap-a", "target-x", "--transform=skip", "--state-id=old"]
    entry = {"name": "old", "interval": "@daily", "cron_interval": "0 0 * * *", "env": {}}
    assert read({"job": [], "elt": [{**entry, "elt_args": arguments}]}) == [
        Schedule("old", "0 0 * * *", ("elt", *arguments), ("tap-a", "target-x"), {})
    ]


@pytest.mark.parametrize(("interval", "cron"), [("@once", "@once"), ("@manual", None)])
def test_what_has_no_time_is_started_once_or_by_hand(
    job: Job, interval: str, cron: str | None
) -> None:
    assert read({"job": [job("x", interval)]})[0].cron == cron


def test_meltano_is_started_once_until_the_project_changes(meltano: Meltano, job: Job) -> None:
    assert [meltano.names() for _ in range(5)] == [["a"]] * 5
    assert meltano.starts == 1

    meltano.jobs.append(job("b"))
    (meltano.root / "meltano.yml").write_text("include_paths: ['./sub/*.meltano.yml'] # new\n")
    assert meltano.names() == ["a", "b"]
    (meltano.root / "meltano.yml").touch()
    assert meltano.names() == ["a", "b"]
    assert meltano.starts == 2


def test_included_files_count_too(meltano: Meltano) -> None:
    meltano.names()
    included = meltano.root / "sub" / "jobs.meltano.yml"
    for change in (
        lambda: included.write_text("jobs: []\n"),
        lambda: included.write_text("jobs: [ ]\n"),
        lambda: included.rename(included.with_name("other.meltano.yml")),
        lambda: included.with_name("other.meltano.yml").unlink(),
    ):
        change()
        before = meltano.starts
        meltano.names()
        meltano.names()
        assert meltano.starts == before + 1
    (meltano.root / "sub" / "unrelated.yml").write_text("")
    meltano.names()
    assert meltano.starts == before + 1


@pytest.mark.parametrize(
    "content", ["", "{", '{"made_of": 1}', "[]", '{"made_of": null, "schedules": {"job": []}}']
)
def test_a_cache_that_is_half_written_counts_as_none(meltano: Meltano, content: str) -> None:
    meltano.names()
    meltano.cache.write_text(content)
    assert meltano.names() == ["a"]
    assert meltano.starts == 2
    meltano.names()
    assert meltano.starts == 2


def test_a_cache_that_cannot_be_written_costs_only_starts(meltano: Meltano) -> None:
    meltano.cache.parent.parent.mkdir()
    meltano.cache.parent.touch()  # a file, where the folder should be
    assert [meltano.names(), meltano.names()] == [["a"], ["a"]]
    assert meltano.starts == 2


def test_where_meltano_fails_the_last_good_list_stands_with_a_warning(meltano: Meltano) -> None:
    meltano.names()
    (meltano.root / "meltano.yml").write_text("}")
    meltano.broken = "meltano.yml is no YAML"
    found = meltano.listed()
    assert [schedule.name for schedule in found.schedules] == ["a"]
    assert "these may be out of date" in found.warning
    assert "meltano.yml is no YAML" in found.warning

    meltano.broken = ""
    assert meltano.listed().warning == ""


def test_where_there_is_no_good_list_the_dag_file_says_why(meltano: Meltano) -> None:
    meltano.broken = "no such environment"
    with pytest.raises(MeltanoError, match=r"cannot list its schedules: no such environment"):
        meltano.listed()


@pytest.mark.parametrize(
    "printed", ["", "[]", "{}", '{"schedules": []}', '{"schedules": {"job": [{}]}}']
)
def test_a_list_of_another_form_is_told_as_one(meltano: Meltano, printed: str) -> None:
    with pytest.raises(MeltanoError, match="cannot list its schedules"):
        listed(meltano.root, meltano.cache, lambda: printed)
    assert not meltano.cache.exists()


LIST = """
import os, sys
from pathlib import Path
from meltano_airflow.project import Project
from meltano_airflow.runs import output_of
from meltano_airflow.schedules import listed
folder = Path(sys.argv[1])
here = Project.here({**os.environ, "MELTANO_EXECUTABLE": str(folder / "meltano")}, folder)
found = listed(here.root, here.cache, lambda: output_of(here, ["schedule", "list"], print))
print([schedule.name for schedule in found.schedules])
"""


def test_parsers_at_once_find_the_same_list(fake: Fake, job: Job) -> None:
    schedules = json.dumps({"schedules": {"job": [job("a"), job("b")], "elt": []}})
    fake.does(f"print({schedules!r})")
    command = [sys.executable, "-c", LIST, str(fake.folder)]
    parsers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(DAGS)})
        for _ in range(4)
    ]
    assert [parser.communicate(timeout=60)[0] for parser in parsers] == ["['a', 'b']\n"] * 4
    assert [file.name for file in (fake.folder / ".meltano" / "airflow").iterdir()] == [
        "schedules.json"
    ]
