"""What the READMEs say is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from commands import COMMANDS, Sandbox
from scripted import Reply, ScriptedService

PROJECT = Path(__file__).resolve().parents[2]
READMES = [PROJECT / "README.md", *sorted(PROJECT.glob("*/README.md"))]


def blocks(readme: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("readme", READMES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_links_lead_somewhere(readme: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", readme.read_text()):
        assert link.startswith("https://") or (readme.parent / link).exists(), link


def test_every_make_target_a_readme_names_is_there() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    named = {
        target
        for readme in [*READMES, PROJECT / "CONTRIBUTING.md"]
        for target in re.findall(r"\bmake ([a-z]+)", readme.read_text())
    } & {"demo", "test", "sandbox", "install", "lint", "bench", "format", "constraints"}
    assert {"demo", "test", "sandbox"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_what_is_sent_is_as_large_as_the_example_and_of_its_shape() -> None:
    [example] = [json.loads(text) for text in blocks(PROJECT / "README.md", "json")]
    assert {"userId", "context", "traits", "messageId", "integrations"} <= example.keys()
    [usage] = [json.loads(t) for t in blocks(PROJECT / "tap-moesif" / "README.md", "json")]
    assert example["traits"]["last24HourAggResults"] == usage


def test_the_target_of_thirty_lines_delivers(tmp_path: Path) -> None:
    [source] = blocks(PROJECT / "singer-delivery" / "README.md", "python")
    (tmp_path / "target_webhook.py").write_text(source)
    lines = [
        {"type": "SCHEMA", "stream": "any", "schema": {"properties": {}}, "key_properties": []},
        {"type": "RECORD", "stream": "any", "record": {"id": 1}},
        {"type": "RECORD", "stream": "any", "record": {}},
        {"type": "STATE", "value": "end"},
    ]
    with ScriptedService(lambda _: Reply(201, b"ok")) as service:
        (tmp_path / "config.json").write_text(json.dumps({"url": service.url, "token": "t"}))
        ended = subprocess.run(
            [sys.executable, "target_webhook.py", "--config", "config.json"],
            cwd=tmp_path,
            input="\n".join(map(json.dumps, lines)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (3, '"end"\n')
    [request] = service.requests
    assert request.json == [{"id": 1}]
    assert request.headers["Authorization"] == "Bearer t"


@pytest.mark.timeout(600)
def test_the_smallest_meltano_project_runs(
    services: Sandbox, tmp_path: Path, meltano_environment: dict[str, str]
) -> None:
    [text] = blocks(PROJECT / "README.md", "yaml")
    project = yaml.safe_load(text.replace("/path/to/checkout", str(PROJECT)))
    tap, target = project["plugins"]["extractors"][0], project["plugins"]["loaders"][0]
    tap["settings"].append({"name": "api_url"})
    target["settings"] += [{"name": "host"}, {"name": "cdn_url"}]
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    environment = {**os.environ, **meltano_environment, "MELTANO_ENVIRONMENT": "prod"}
    for arguments in (["install"], ["run", "tap-moesif", "target-segment"]):
        subprocess.run(
            [COMMANDS / "meltano", *arguments],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            timeout=300,
        )
    assert services.segment()["counts"]["accepted"] == 60
