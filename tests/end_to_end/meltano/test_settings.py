"""Wherever settings, capabilities and addresses are listed, they are those of their one source."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import meltano.schemas
import pytest
import yaml
from jsonschema import Draft202012Validator

from commands import call
from project import CONNECTORS, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    *(
        f"{connector}/{name}"
        for connector in CONNECTORS
        for name in ("README.md", "meltano-hub.yml")
    ),
    "meltano.yml",
    *(str(path.relative_to(PROJECT)) for path in PROJECT.glob("*/pyproject.toml")),
    "README.md",
    ".env.example",
    "docs/failures.md",
]


def settings(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, PROJECT / "tools" / "settings.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def definition(connector: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((PROJECT / connector / "meltano-hub.yml").read_text())
    return read


def required(connector: str) -> list[str]:
    about = call(connector, "--about", "--format=json")
    names: list[str] = json.loads(about.stdout)["settings"]["required"]
    return names


def test_every_list_is_up_to_date() -> None:
    ended = settings("--check")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_list_that_differs_is_named_and_written_anew(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for file in FILES:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / file, tmp_path / file)
        spoilt = re.sub(r"(lanes|page_size)(.*\n)", r"\1_\2", (PROJECT / file).read_text())
        spoilt = spoilt.replace(", structured-logging]", "]").replace("git.example", "git.invalid")
        spoilt = spoilt.replace("read:users", "read:nobody").replace("add up: …", "add up")
        (tmp_path / file).write_text(spoilt)
    at = ("--root", tmp_path)
    said = settings("--check", *at)
    assert (said.returncode, sorted(said.stdout.split())) == (1, sorted(FILES))
    written = settings(*at)
    assert (written.returncode, written.stdout) == (0, said.stdout)
    for file in (
        "meltano.yml",
        "target-moesif/meltano-hub.yml",
        "sandbox/pyproject.toml",
        ".env.example",
    ):
        assert (tmp_path / file).read_text() == (PROJECT / file).read_text()


def test_a_setting_without_a_title_is_listed_by_its_name() -> None:
    url = {"type": ["string"], "description": "Where records go."}
    written = runpy.run_path(str(PROJECT / "tools" / "settings.py"))["entries"]({"url": url})
    assert [*written] == [
        "- name: url\n  label: url\n  kind: string\n  description: Where records go."
    ]


def test_the_example_environment_holds_what_must_be_set() -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    named = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    variables = {
        connector: {
            f"{connector}_{setting['name']}".upper().replace("-", "_")
            for setting in definition(connector)["settings"]
        }
        for connector in CONNECTORS
    }
    assert named <= set().union(*variables.values())
    for connector in CONNECTORS:
        for name in required(connector):
            assert f"{connector}_{name}".upper().replace("-", "_") in named


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_definition_is_whole_and_of_the_form_that_meltano_knows(connector: str) -> None:
    path = next(iter(meltano.schemas.__path__))
    with open(f"{path}/meltano.schema.json", encoding="utf-8") as file:  # noqa: PTH123
        validator = Draft202012Validator(json.load(file))
    whole = definition(connector)
    of_the_hub = ("domain_url", "keywords", "maintenance_status")
    plugin = {key: value for key, value in whole.items() if key not in of_the_hub}
    project = yaml.safe_load((PROJECT / "meltano.yml").read_text())
    kind = "extractors" if connector.startswith("tap-") else "loaders"
    for document in (project, {"plugins": {kind: [plugin]}}):
        assert [error.message for error in validator.iter_errors(document)] == []
    assert whole["settings_group_validation"] == [required(connector)]
    [ours] = [each for each in project["plugins"][kind] if each["name"] == connector]
    assert whole["commands"] == ours["commands"]
    assert whole["keywords"] == sorted(whole["keywords"])
    assert whole["pip_url"] == whole["name"] == connector
