"""What `docs/schedule.md` says of running on a schedule, and on more than one machine, is so."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from meltano.core.job.job import HEARTBEAT_VALID_MINUTES

from commands import Ended, Sandbox, run
from machine import (
    CRON,
    JOB,
    STATE,
    SYSTEMD,
    Machine,
    cron_command,
    end,
    exec_start,
    settings_of,
    unit,
)
from pages import blocks
from project import PROJECT
from scripted import Reply, Request, ScriptedService
from segment_runs import SUCCESS, deliver, record, schema, sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgres import Database

pytestmark = [
    pytest.mark.orchestration,
    pytest.mark.timeout(300),  # the first one also sets the machine up
]

PAGE = PROJECT / "docs" / "schedule.md"
RUNNING = f"Another '{STATE}' pipeline is already running"
REFUSED = {"path": "/segment/v1/batch", "kind": "status", "status": 401, "times": -1}
TOO_LARGE = {"user_id": "large", "metadata": {"text": "x" * 40_000}}


def by_cron(machine: Machine) -> Ended:
    return end(machine.start(["/bin/sh", "-c", cron_command()], CRON))


def accepted(services: Sandbox) -> int:
    count: int = services.segment()["counts"]["accepted"]
    return count


def accepted_users(services: Sandbox) -> set[str]:
    return {message["userId"] for message in services.segment()["accepted"]}


def summary(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machine.project / "output/summary.json").read_text())
    return found


def test_the_pages_commands_run_one_after_the_other(machine: Machine, services: Sandbox) -> None:
    assert machine.meltano("run", JOB).code == 0
    (rejects := machine.project / "output" / "rejects").mkdir()
    fixed, old = (
        rejects / f"target-segment-{date}.singer.jsonl" for date in ("2026-01-31", "2025-01-31")
    )
    fields = {"messageId": "m", "type": "identify", "userId": "fixed"}
    lines = (schema("calls", *fields), record("calls", **fields))
    fixed.write_text("".join(json.dumps(line) + "\n" for line in lines))
    old.write_text("")
    os.utime(old, (0, 0))
    for block in blocks(PAGE, "sh"):
        if "database.example" in block:  # there is none; fingerprints/test_moving.py moves
            continue
        ended = end(machine.start(["/bin/sh", "-e", "-c", block], os.environ))
        assert ended.code == 0, block + ended.stderr
    assert "fixed" in accepted_users(services)
    assert [*rejects.iterdir()] == [fixed]
    assert "bookmarks" in (machine.project / "output" / "state.json").read_text()


def test_the_pages_summary_has_what_a_summary_has(tmp_path: Path) -> None:
    [shown] = [json.loads(text) for text in blocks(PAGE, "json")]
    with ScriptedService(lambda _: SUCCESS) as segment:
        routes = {"users": {"as": "segment.calls"}}
        lines = [schema("users", "userId", "traits"), record("users")]
        deliver(segment, tmp_path, lines, streams=routes)
    written = json.loads((tmp_path / "summary.json").read_text())
    assert [*shown] == [*written]
    assert [*shown["streams"]["users"]] == [*written["streams"]["users"]]


@pytest.mark.parametrize(
    "file",
    [
        "cron/crontab",
        "cron/run-job",
        "systemd/moesif-to-segment.service",
        "systemd/moesif-to-segment.timer",
    ],
)
def test_the_page_shows_the_file(file: str) -> None:
    text = (PROJECT / "orchestrate" / file).read_text()
    assert f"`orchestrate/{file}`" in PAGE.read_text()
    assert f"\n{text}```\n" in PAGE.read_text()


def test_cron_reads_the_line() -> None:
    crontab = shutil.which("crontab")
    if crontab is None:
        pytest.skip("there is no crontab: Debian's package cron is not installed")
    checked = subprocess.run(
        [crontab, "-n", PROJECT / "orchestrate/cron/crontab"], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_by_cron_the_job_runs_and_says_nothing(machine: Machine, services: Sandbox) -> None:
    ended = by_cron(machine)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "")
    assert accepted(services) == 60
    assert "60 delivered" in (machine.project / f"output/{JOB}.log").read_text()


def test_of_two_runs_at_once_the_second_does_nothing_and_says_so(
    machine: Machine, services: Sandbox
) -> None:
    services.fault({"path": "/segment/v1/batch", "kind": "delay", "seconds": 1, "times": -1})
    both = [machine.start(["/bin/sh", "-c", cron_command()], CRON) for _ in range(2)]
    first, second = sorted(map(end, both), key=lambda ended: ended.code)
    assert (first.code, first.stdout, first.stderr) == (0, "", "")
    assert second.code == 75
    assert "is still running, so this run was skipped" in second.stdout
    assert len(services.segment()["accepted"]) == 60
    assert not services.segment()["duplicates"]


def test_a_run_that_is_kept_out_leaves_the_log_of_the_other_alone(machine: Machine) -> None:
    (machine.project / "output").mkdir()
    log = machine.project / f"output/{JOB}.log"
    log.write_text("the other's")
    with (machine.project / f"output/{JOB}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert by_cron(machine).code == 75
    assert log.read_text() == "the other's"


def test_by_cron_a_failure_is_told_with_the_targets_own_sentence(
    machine: Machine, services: Sandbox
) -> None:
    services.fault(REFUSED)
    ended = by_cron(machine)
    assert ended.code == 1
    assert "exited with 1" in ended.stdout
    assert "refuses this sender: HTTP 401" in ended.stdout
    assert summary(machine)["exit_code"] == 1


def test_what_is_rejected_comes_by_mail_too_and_again_while_it_is_looked_back_at(
    machine: Machine, services: Sandbox
) -> None:
    services.put(users=[TOO_LARGE])
    for _ in range(2):
        ended = by_cron(machine)
        assert ended.code == 1, "Meltano's, whatever the target's was"
        assert "1 records were rejected; they are in" in ended.stdout
        assert summary(machine)["exit_code"] == 3
    logs = [(machine.project / f"output/{JOB}.{name}").read_text() for name in ("log", "log.1")]
    assert ["1 rejected" in log for log in logs] == [True, True]
    [file] = (machine.project / "output/rejects").iterdir()
    rejected = [line for line in file.read_text().splitlines() if '"type":"RECORD"' in line]
    assert len(rejected) == 2
    assert accepted(services) == 60


def test_a_taps_failure_is_in_meltanos_exit_code_and_not_in_the_summary(
    machine: Machine, services: Sandbox
) -> None:
    services.fault({"path": "/moesif/api/v1/search", "kind": "status", "status": 401, "times": -1})
    assert by_cron(machine).code == 1
    assert summary(machine)["exit_code"] == 0


def test_meltano_has_the_exit_codes_in_its_json_log(machine: Machine, services: Sandbox) -> None:
    services.put(users=[TOO_LARGE])
    ended = machine.meltano("--log-format=json", "run", JOB)
    assert ended.code == 1
    said = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["exit_codes"] for line in said if "exit_codes" in line] == [{"loaders": 3}]
    assert "Loader failed" in ended.stderr


def test_meltanos_own_schedule_runs_when_it_is_told_to(machine: Machine, services: Sandbox) -> None:
    assert "moesif-to-segment-hourly" in machine.meltano("schedule", "list").stdout
    assert machine.meltano("schedule", "run", "moesif-to-segment-hourly").code == 0
    assert accepted(services) == 60


def test_systemd_finds_nothing_wrong_with_the_units(machine: Machine, tmp_path: Path) -> None:
    systemd_analyze = shutil.which("systemd-analyze")
    if systemd_analyze is None:
        pytest.skip("there is no systemd-analyze: Debian's package systemd is not installed")
    units = [tmp_path / f"moesif-to-segment.{kind}" for kind in ("service", "timer")]
    for path in units:
        path.write_text(unit(path.name, machine.project))
    checked = subprocess.run(
        [systemd_analyze, "verify", *units], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_what_the_service_starts_runs(machine: Machine, services: Sandbox) -> None:
    service = settings_of(unit("moesif-to-segment.service", machine.project))
    assert service["WorkingDirectory"] == [str(machine.project)]
    assert end(machine.start(exec_start(machine.project), SYSTEMD)).code == 0
    assert accepted(services) == 60


def at_first(act: Callable[[], object]) -> Callable[[Request], Reply]:
    """Make a Segment that does something before it answers the first of its requests."""
    acts = [act]

    def answer(_: Request) -> Reply:
        with suppress(IndexError):  # of requests side by side one takes it
            acts.pop()()
        return SUCCESS

    return answer


def interrupted(machine: Machine, services: Sandbox, signum: int) -> tuple[Ended, set[str]]:
    """Run what the service starts; Meltano gets a signal when the first batch is on its way.

    Returns:
        How it ended, and which users had arrived by then.
    """
    with ScriptedService(lambda _: SUCCESS) as segment:
        machine.configure(services, TARGET_SEGMENT_HOST=segment.url)
        process = machine.start(exec_start(machine.project), SYSTEMD)

        segment.answer = at_first(lambda: process.send_signal(signum))
        ended = end(process)
    machine.configure(services)
    return ended, {message["userId"] for message in sent(segment)}


def test_what_systemd_stops_ends_in_order_and_is_no_failure(
    machine: Machine, services: Sandbox
) -> None:
    service = settings_of(unit("moesif-to-segment.service", machine.project))
    ended, before = interrupted(machine, services, signal.SIGTERM)
    assert [str(ended.code)] == service["SuccessExitStatus"]
    assert "The process was terminated" in ended.stderr
    assert machine.meltano("run", JOB).code == 0, "and the next may run at once"
    assert len(before | accepted_users(services)) == 60


def test_after_a_killed_meltano_the_next_run_waits_or_is_forced(
    machine: Machine, services: Sandbox
) -> None:
    ended, before = interrupted(machine, services, signal.SIGKILL)
    assert ended.code == -signal.SIGKILL
    refused = machine.meltano("run", JOB)
    assert refused.code == 1
    assert RUNNING in refused.stderr
    assert HEARTBEAT_VALID_MINUTES == 5, "as the page says"
    assert RUNNING.replace(STATE, "…") in (PROJECT / "docs/failures.md").read_text()
    assert accepted(services) == 0
    assert machine.meltano("run", "--force", JOB).code == 0
    assert len(before | accepted_users(services)) == 60


def uri_of(database: Database) -> str:
    return f"postgresql+psycopg://postgres:any@127.0.0.1:{database.port}/{database.name}"


def test_two_machines_take_turns_with_the_state_in_postgresql(
    machines: list[Machine], services: Sandbox, database: Database
) -> None:
    for machine in machines:
        machine.configure(services, MELTANO_DATABASE_URI=uri_of(database))
    one, other = machines
    assert one.meltano("run", JOB).code == 0
    assert accepted(services) == 60
    [changed] = services.touch(users=1)["users"]
    assert other.meltano("run", JOB).code == 0
    received = services.segment()
    assert [message["userId"] for message in received["accepted"][60:]] == [changed]
    assert received["counts"]["duplicates"] < 30, "it has gone on from where the first stood"
    assert one.meltano("state", "list").stdout.split() == [STATE]
    one.configure(services, MELTANO_DATABASE_URI=uri_of(database).replace("+psycopg", ""))
    assert "No module named 'psycopg2'" in one.meltano("state", "list").stderr


def test_a_job_that_runs_on_one_machine_is_refused_on_the_other(
    machines: list[Machine], services: Sandbox, database: Database
) -> None:
    one, other = machines
    uri = uri_of(database)
    refused: list[Ended] = []
    segments = at_first(lambda: refused.append(other.meltano("run", JOB)))
    with ScriptedService(segments) as segment:
        for machine in machines:
            machine.configure(services, TARGET_SEGMENT_HOST=segment.url, MELTANO_DATABASE_URI=uri)
        assert one.meltano("run", JOB).code == 0
    assert [ended.code for ended in refused] == [1]
    assert RUNNING in refused[0].stderr


def test_two_fingerprints_files_for_one_job_lose_a_change_that_is_taken_back(
    tmp_path: Path,
) -> None:
    """Why a job with `changed_only` belongs to one machine."""
    with ScriptedService(lambda _: SUCCESS) as segment:
        config = {
            "write_key": "k",
            "host": segment.url,
            "changed_only": True,
            "streams": {"calls": {"as": "segment.calls"}},
        }
        for machine, plan in (("one", "free"), ("other", "paid"), ("one", "free")):
            (tmp_path / machine).mkdir(exist_ok=True)
            lines = [
                schema("calls", "userId", "traits"),
                record("calls", userId="u", traits={"plan": plan}),
            ]
            assert run("target-segment", tmp_path / machine, config, lines=lines).code == 0
    plans = [message["traits"]["plan"] for message in sent(segment)]
    assert plans == ["free", "paid"], "the last one is missing"
