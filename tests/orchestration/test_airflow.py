"""Meltano's jobs under a real Airflow, on two machines: `make test-orchestration`.

One story, told once; each test looks at a part of it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_service import (
    PROJECT,
    Airflow,
    NoAirflowError,
    airflow,
    kill_tree,
    running_with,
    worker_of,
)
from commands import COMMANDS, Sandbox, sandbox
from postgres import Database, NoPostgresError, postgres
from project import meltano

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.orchestration, pytest.mark.timeout(900)]

COMMAND = Path(os.environ.get("AIRFLOW_VENV", PROJECT / ".venv-airflow")) / "bin" / "airflow"
USERS, WINDOWS, CHANGED = 20_000, 8, 5
LATENCY_MS = "50"
KEYS = ("sandbox-management-key", "sandbox-write-key")
QUERIES_A_MINUTE, SHARE = 500, 125
PLUGINS = ("tap-moesif", "target-segment")
MACHINES = ("machine-1", "machine-2")
LINKED = ("constraints.txt", "singer-delivery", "tap-moesif", "target-segment", "target-moesif")
CLEARED = 2  # by its place in the list
JOB = "sandbox:tap-moesif-to-target-segment"
SCHEDULED, BACKFILL = "moesif-to-segment-hourly", "moesif_backfill"


@dataclass
class Story:
    """What happened."""

    dags: list[str] = field(default_factory=list)
    import_errors: list[str] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    killed: int = 0
    loads: list[dict[str, Any]] = field(default_factory=list)
    loaded: dict[str, Any] = field(default_factory=dict)
    bookmark: str | None = None
    stopped: list[str] = field(default_factory=list)
    cleared: dict[str, Any] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    summary: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    received: dict[str, Any] = field(default_factory=dict)
    machines: dict[str, int] = field(default_factory=dict)
    slots: set[int] = field(default_factory=set)
    shown_keys: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    try:
        with postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def services() -> Iterator[Sandbox]:
    with sandbox("--users", str(USERS), "--companies", "9", "--latency-ms", LATENCY_MS) as services:
        yield services


@pytest.fixture(scope="module")
def story(
    server: Database, services: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("orchestration")
    states, sent = server.create(), server.create()
    with ThreadPoolExecutor() as pool:
        made = pool.map(lambda name: machine(folder / name, services, states, sent), MACHINES)
        machines = dict(zip(MACHINES, made, strict=True))
    try:
        with airflow(COMMAND, folder / "airflow", server.create(), machines) as running:
            yield tell(running, services, states, folder)
    except NoAirflowError as error:
        pytest.skip(str(error))


def machine(folder: Path, services: Sandbox, states: Database, sent: Database) -> dict[str, str]:
    """Make a machine: a project's folder with what Meltano installs there, and its variables.

    Machines share the states of jobs and the fingerprints of what was sent.
    """
    folder.mkdir()
    (folder / "meltano.yml").write_bytes((PROJECT / "meltano.yml").read_bytes())
    for name in LINKED:
        (folder / name).symlink_to(PROJECT / name)
    # Not yet with the database: Meltano makes its tables at first, and not twice at once.
    meltano(folder, {}, "install", "extractor", "tap-moesif")
    meltano(folder, {}, "install", "loader", "target-segment")
    return {
        "MELTANO_PROJECT_ROOT": str(folder),
        "MELTANO_EXECUTABLE": str(COMMANDS / "meltano"),
        "MELTANO_DATABASE_URI": "postgresql+psycopg://postgres:any@127.0.0.1:"
        f"{states.port}/{states.name}",
        "MELTANO_RETRY_SECONDS": "1",
        "TAP_MOESIF_API_URL": f"{services.url}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": KEYS[0],
        "TAP_MOESIF_USAGE_ROLLUP": "false",
        "TAP_MOESIF_PAGE_SIZE": "25",  # so that a window takes its time: five seconds at least
        "TAP_MOESIF_MAX_PAGE_SIZE": "25",
        "TARGET_SEGMENT_HOST": f"{services.url}/segment",
        "TARGET_SEGMENT_CDN_URL": f"{services.url}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": KEYS[1],
        "TARGET_SEGMENT_BATCH_SIZE_ROWS": "100",
        "TARGET_SEGMENT_CHANGED_ONLY": "true",
        "TARGET_SEGMENT_FINGERPRINTS_PATH": sent.uri,
    }


def tell(running: Airflow, services: Sandbox, states: Database, folder: Path) -> Story:
    """Run the backfill, have a window read again, and let the schedule go on."""
    story = Story()
    wanted = {SCHEDULED, BACKFILL}
    running.until(lambda: wanted <= {*running.dags()}, "the DAGs are there", 90)
    story.dags, story.import_errors = running.dags(), running.import_errors()

    backfill(running, services, states, story)
    story.loaded = services.segment()
    story.bookmark = bookmark(states)
    story.stopped = stop_a_window(running, states)
    story.cleared = clear_a_window(running)
    story.cleared["received"] = services.segment()["counts"]

    story.touched |= {*services.touch(users=CHANGED)["users"]}
    running.unpause(SCHEDULED)
    [run] = running.until(lambda: running.runs(SCHEDULED), "the schedule is due", 60)
    running.finish(SCHEDULED, run, 180)  # it waits for the end of the windows' lease
    [task] = running.tasks(SCHEDULED, run)
    story.summary = running.result(SCHEDULED, run, "run")
    story.log = running.log(SCHEDULED, run, task)
    story.received = services.segment()
    story.machines = {
        name: (folder / "airflow" / f"{name}.log").read_text("utf-8").count("records read:")
        for name in MACHINES
    }
    story.shown_keys = [
        str(log)
        for log in (folder / "airflow").rglob("*.log")
        if any(key in log.read_text("utf-8") for key in KEYS)
    ]
    return story


def backfill(running: Airflow, services: Sandbox, states: Database, story: Story) -> None:
    """Run the backfill, and kill a worker in the middle of its window."""
    running.unpause(BACKFILL)
    run = running.trigger(BACKFILL, windows=WINDOWS, changed_only=True)

    def half_read() -> str | None:
        story.slots.add(running.get("pools/moesif")["running_slots"])
        return unfinished(states)

    state = running.until(half_read, "a window is half read", 180)
    kill_tree(worker_of(f"--state-id-suffix={state.rpartition(':')[2]}"))
    story.killed = int(state.rpartition("-")[2])
    story.touched |= {*services.touch(users=CHANGED)["users"]}
    running.finish(BACKFILL, run, 300)
    story.windows = running.result(BACKFILL, run, "plan")
    story.loads = [t for t in running.tasks(BACKFILL, run) if t["task_id"] == "load"]


def stop_a_window(running: Airflow, states: Database) -> list[str]:
    """Have a window read again, and mark it as failed in the middle; give the log."""
    run = clear(running)
    running.until(lambda: unfinished(states), "the window is half read", 120)
    task = f"dags/{BACKFILL}/dagRuns/{run}/taskInstances/load"
    running.patch(f"{task}/{CLEARED}", {"new_state": "failed"})
    running.until(lambda: not running_with("--state-id-suffix"), "no process is left", 60)
    [failed] = [load for load in running.tasks(BACKFILL, run) if load["map_index"] == CLEARED]
    return running.log(BACKFILL, run, failed)


def clear_a_window(running: Airflow) -> dict[str, Any]:
    """Have a window read again, as somebody does by hand."""
    run = clear(running)
    running.finish(BACKFILL, run, 120)
    return {"summary": running.result(BACKFILL, run, "load", CLEARED)["target-segment"]}


def clear(running: Airflow) -> str:
    """Clear the task of a window; give the run."""
    [run] = running.runs(BACKFILL)
    body = {
        "dry_run": False,
        "dag_run_id": run,
        "task_ids": [["load", CLEARED]],
        "only_failed": False,
    }
    running.post(f"dags/{BACKFILL}/clearTaskInstances", body)
    return run


def unfinished(states: Database) -> str | None:
    """Find the state of a window that is half read."""
    rows = states.rows("select state_id, completed_state from state where state_id like '%:back%'")
    for row in rows:
        state = json.loads(row["completed_state"])["singer_state"]
        if state["bookmarks"].get("users", {}).get("unfinished"):
            return str(row["state_id"])
    return None


def bookmark(states: Database) -> str | None:
    """Give the bookmark that the job goes on from, if it has any."""
    for row in states.rows(f"select completed_state from state where state_id = '{JOB}'"):
        state = json.loads(row["completed_state"])["singer_state"]
        found: str = state["bookmarks"]["users"]["replication_key_value"]
        return found
    return None


def test_each_schedule_is_a_dag(story: Story) -> None:
    assert sorted(story.dags) == sorted([SCHEDULED, BACKFILL])
    assert story.import_errors == []


def test_the_windows_adjoin_and_hold_about_equally_many_users(story: Story) -> None:
    assert len(story.windows) == WINDOWS
    assert sum(window["users"] for window in story.windows) == USERS
    edges = [window["end_date"] for window in story.windows]
    assert [window["start_date"] for window in story.windows] == [None, *edges[:-1]]
    even = USERS / WINDOWS
    assert all(even / 2 < window["users"] < even * 2 for window in story.windows)


def test_only_the_window_whose_worker_was_killed_is_repeated(story: Story) -> None:
    tries = {load["map_index"] + 1: load["try_number"] for load in story.loads}
    assert tries == {number: 1 + (number == story.killed) for number in range(1, WINDOWS + 1)}


def test_each_window_takes_its_share_of_moesifs_queries_from_the_pool(story: Story) -> None:
    assert {slots % SHARE for slots in story.slots} == {0}
    assert 2 * SHARE <= max(story.slots) <= QUERIES_A_MINUTE


def test_both_machines_take_windows(story: Story) -> None:
    assert all(story.machines.values()), story.machines


def test_every_user_reaches_segment_and_repeats_carry_the_same_id(story: Story) -> None:
    messages = Counter(message["userId"] for message in story.received["accepted"])
    assert len(messages) == USERS
    twice = {user for user, count in messages.items() if count > 1}
    assert twice <= story.touched, "a user who did not change is accepted once"
    assert max(messages.values()) <= 2
    assert story.received["counts"]["discarded"] == 0


def test_the_job_goes_on_from_the_end_of_the_windows(story: Story) -> None:
    assert story.bookmark == story.windows[-1]["end_date"]


def test_a_window_that_is_cleared_is_read_again_whole(story: Story) -> None:
    window = story.windows[CLEARED]
    before, after = story.loaded["counts"], story.cleared["received"]
    assert story.cleared["summary"]["streams"]["users"]["unchanged"] >= window["users"] - CHANGED
    assert after == before, "and nothing is sent twice"


def test_a_task_that_is_marked_as_failed_has_the_connectors_stop_cleanly(story: Story) -> None:
    stopped = [line for line in story.stopped if "Stopped by signal 15" in line]
    assert {plugin for line in stopped for plugin in PLUGINS if plugin in line} == {*PLUGINS}


def test_the_scheduled_job_sends_once_what_changed_since_and_nothing_else(story: Story) -> None:
    news = story.received["accepted"][len(story.loaded["accepted"]) :]
    assert {message["userId"] for message in news} == story.touched
    assert len(news) == len(story.touched)
    assert story.received["counts"]["duplicates"] == story.loaded["counts"]["duplicates"]
    assert story.summary["target-segment"]["streams"]["users"]["read"] < USERS / 100


def test_the_task_has_the_connectors_log_and_the_runs_summary(story: Story) -> None:
    assert any("Beginning sync of 'users'" in line for line in story.log)
    assert any("records read:" in line for line in story.log)
    assert story.summary["target-segment"]["exit_code"] == 0


def test_no_log_shows_a_key(story: Story) -> None:
    assert story.shown_keys == []
