"""Who is told when something is wrong: by Prometheus' rules, and by apprise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from commands import COMMANDS
from people import PEOPLE
from project import PROJECT
from scripted import Reply, ScriptedService
from singer_delivery.testing.subject import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = PROJECT / "orchestrate" / "prometheus"


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool: Debian's package prometheus is not installed")
    return found


def checked(*command: str | Path, text: str = "") -> None:
    ended = subprocess.run(
        command, input=text, cwd=RULES, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_rules_alert_when_they_should_and_only_then(promtool: str) -> None:
    checked(promtool, "check", "rules", "alerts.yml")
    checked(promtool, "test", "rules", "alerts_test.yml")


def test_every_alert_is_tested_both_ways() -> None:
    rules, tests = (RULES / name for name in ("alerts.yml", "alerts_test.yml"))
    for line in rules.read_text().splitlines():
        if name := line.strip().removeprefix("- alert: ") if "- alert: " in line else "":
            assert tests.read_text().count(f"alertname: {name}\n") >= 1, name
            assert tests.read_text().count(f"alertname: {name},") >= 1, name


def test_what_a_target_writes_are_metrics_as_prometheus_wants_them(
    promtool: str, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.prom"
    with Trial(PEOPLE, tmp_path) as trial:
        trial.script.append(Reply(503))
        lines = [*PEOPLE.lines(range(3)), PEOPLE.line(PEOPLE.wrong)]
        trial.run(lines, metrics_path=str(path))
    checked(promtool, "check", "metrics", text=path.read_text())


def test_the_rules_name_metrics_that_a_target_writes(tmp_path: Path) -> None:
    path = tmp_path / "metrics.prom"
    with Trial(PEOPLE, tmp_path) as trial:
        trial.run(PEOPLE.lines([1]), metrics_path=str(path))
    rules = (RULES / "alerts.yml").read_text()
    named = {word for word in rules.replace("(", " ").split() if "singer_delivery_run_" in word}
    metrics = {word.partition("[")[0].strip("),") for word in named}
    assert len(metrics) >= 5
    for metric in metrics:
        assert f"\n{metric}{{" in path.read_text(), metric


class Job:
    """A project whose job is said to have ended."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._urls = url.replace("http://", "json://")
        (folder / "orchestrate").mkdir()
        shutil.copy(PROJECT / "orchestrate" / "tell", folder / "orchestrate")
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "apprise").symlink_to(COMMANDS / "apprise")

    def ended(self, code: int, sentence: str | None = None) -> int:
        """Tell of a run, with what its target has left in the history; give the exit code."""
        if sentence is not None:
            (self.folder / "output").mkdir(exist_ok=True)
            record = {"run_id": "r", "ended_at": "2026-01-31T12:00:00", "sentence": sentence}
            line = json.dumps(
                {"type": "RECORD", "record": {**record, "exit_code": code}}, separators=(",", ":")
            )
            with (self.folder / "output" / "history.singer.jsonl").open("a") as file:
                file.write(f"{line}\n")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        return subprocess.run(
            [self.folder / "orchestrate" / "tell", "crm", str(code)],
            env={**environment, "APPRISE_URLS": self._urls},
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode


@pytest.fixture
def webhook() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(200, b"")) as service:
        yield service


@pytest.fixture
def job(webhook: ScriptedService, tmp_path: Path) -> Job:
    return Job(tmp_path, webhook.url)


def told(webhook: ScriptedService) -> list[tuple[str, str]]:
    found: list[Any] = [request.json for request in webhook.requests]
    return [(each["title"], each["message"]) for each in found]


def test_each_change_is_told_once_with_the_last_sentence_of_the_history(
    job: Job, webhook: ScriptedService
) -> None:
    for code, sentence in (
        (0, "9 records read."),
        (1, 'It is "so" \\ wrong.'),
        (1, "Still."),
        (0, "9 records read."),
        (0, "9 records read."),
    ):
        assert job.ended(code, sentence) == 0
    (first, why), (second, again) = told(webhook)
    assert first == "crm exited with 1"
    assert why.startswith("2026-01-31T12:00:00: It is ")
    assert second == "crm exited with 0"
    assert again.endswith("9 records read.")


def test_what_could_not_be_told_is_told_by_the_next_run(job: Job, webhook: ScriptedService) -> None:
    """And without a history, too."""
    webhook.script.append(Reply(500))
    assert job.ended(1) != 0
    assert job.ended(1) == 0
    assert told(webhook) == 2 * [("crm exited with 1", "See its log.")]


def test_without_apprise_nothing_is_told_and_nothing_fails(
    job: Job, webhook: ScriptedService
) -> None:
    (job.folder / ".venv" / "bin" / "apprise").unlink()
    assert job.ended(1) == 0
    assert told(webhook) == []


def test_the_history_is_as_a_target_writes_it(job: Job, webhook: ScriptedService) -> None:
    (job.folder / "output").mkdir()
    with Trial(PEOPLE, job.folder) as trial:
        trial.answer = lambda _: Reply(403)
        history = job.folder / "output" / "history.singer.jsonl"
        trial.run(PEOPLE.lines([1]), history_path=str(history))
    assert job.ended(1) == 0
    [(_, message)] = told(webhook)
    assert "refuses this sender: HTTP 403 Forbidden" in message


def test_cron_systemd_and_airflow_call_it() -> None:
    for path in ("cron/run-job", "systemd/moesif-to-segment.service"):
        assert "orchestrate/tell" in (PROJECT / "orchestrate" / path).read_text()
    assert os.access(PROJECT / "orchestrate" / "tell", os.X_OK)
