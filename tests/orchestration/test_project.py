from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from airflow_service import DAGS
from meltano_airflow.errors import MeltanoError
from meltano_airflow.project import Project, Runs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "orchestrate" / "dags").mkdir(parents=True)
    (root / "meltano.yml").touch()
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "meltano").touch()
    return root


def test_a_project_is_found_around_the_dag_files_with_a_meltano_of_its_own(root: Path) -> None:
    found = Project.here({}, root / "orchestrate" / "dags")
    assert found.root == root
    assert found.executable == root / ".venv" / "bin" / "meltano"
    assert found.cache == root / ".meltano" / "airflow" / "schedules.json"
    assert found.environment["MELTANO_PROJECT_ROOT"] == str(root)


def test_variables_say_where_it_is_otherwise(root: Path, tmp_path: Path) -> None:
    variables = {
        "MELTANO_PROJECT_ROOT": str(root),
        "MELTANO_EXECUTABLE": "/opt/meltano",
        "MELTANO_SCHEDULES_CACHE": "/var/cache/schedules.json",
        "MELTANO_ENVIRONMENT": "prod",
    }
    found = Project.here(variables, tmp_path)
    assert (found.root, str(found.executable)) == (root, "/opt/meltano")
    assert str(found.cache) == "/var/cache/schedules.json"
    assert found.environment["MELTANO_ENVIRONMENT"] == "prod"


@pytest.mark.parametrize("variables", [{}, {"MELTANO_PROJECT_ROOT": "/nowhere"}])
def test_no_project_is_told_with_the_variable_to_set(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(MeltanoError, match="set MELTANO_PROJECT_ROOT"):
        Project.here(variables, tmp_path)


def test_no_meltano_is_told_with_the_variable_to_set(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".venv" / "bin" / "meltano").unlink()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MeltanoError, match="set MELTANO_EXECUTABLE"):
        Project.here({}, root)


def test_four_runs_share_moesifs_queries_unless_told_otherwise() -> None:
    assert Runs.of({}) == Runs(3, 60, "moesif", 125)
    told = {"MELTANO_RETRIES": "0", "MELTANO_RETRY_SECONDS": "5", "MOESIF_QUERIES_PER_RUN": "50"}
    assert Runs.of({**told, "MOESIF_POOL": "mine"}) == Runs(0, 5, "mine", 50)


@pytest.mark.parametrize("value", ["many", "-1", "1.5", "0", "501"])
def test_a_number_that_is_none_is_told(value: str) -> None:
    with pytest.raises(
        MeltanoError, match="MOESIF_QUERIES_PER_RUN must be an integer from 1 to 500"
    ):
        Runs.of({"MOESIF_QUERIES_PER_RUN": value})


def test_the_readme_names_every_variable_that_is_read() -> None:
    read = re.findall(
        r'"((?:MELTANO|MOESIF)_[A-Z_]+)"', (DAGS / "meltano_airflow" / "project.py").read_text()
    )
    readme = (DAGS.parent / "README.md").read_text("utf-8")
    assert len(read) > 5
    assert [name for name in read if f"`{name}`" not in readme] == []
