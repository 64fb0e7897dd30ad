"""A real Airflow of the tests' own, with a scheduler for each machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from postgres import Database

PROJECT = Path(__file__).resolve().parents[3]
DAGS = PROJECT / "orchestrate" / "airflow" / "dags"
ENDED = {"success", "failed", "upstream_failed", "removed"}
POLL_SECONDS = 0.2


class NoAirflowError(Exception):
    """There is no Airflow to be started here; the message says why."""


def until(
    true: Callable[[], Any], what: str, seconds: float, alive: Callable[[], None] = lambda: None
) -> Any:
    """Wait until something is true; give what it is then."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        alive()
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
    return found


@dataclass
class Airflow:
    """A running Airflow, and what tests ask of it by its REST API."""

    url: str
    folder: Path
    environment: Mapping[str, str]
    command: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def call(self, *arguments: str) -> None:
        """Run Airflow's command to its end."""
        ended = subprocess.run(
            [self.command, *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        """Start one of its services."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [self.command, *arguments],
                env={**self.environment, **environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """See that all services are still there."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                raise AssertionError(f"{name} ended with {process.returncode}: {log[-3000:]}")

    def until(self, true: Callable[[], Any], what: str, seconds: float) -> Any:
        """Wait until something is true."""
        return until(true, what, seconds, self.check)

    def get(self, path: str, **params: str) -> Any:
        return self._answer(requests.get(f"{self.url}/api/v2/{path}", params=params, timeout=30))

    def post(self, path: str, body: Any) -> Any:
        return self._answer(requests.post(f"{self.url}/api/v2/{path}", json=body, timeout=30))

    def patch(self, path: str, body: Any) -> Any:
        return self._answer(requests.patch(f"{self.url}/api/v2/{path}", json=body, timeout=30))

    def _answer(self, answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.status_code}: {answer.text[:2000]}"
        return answer.json()

    def answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/api/v2/monitor/health", timeout=30).ok
        return False

    def dags(self) -> list[str]:
        return [found["dag_id"] for found in self.get("dags")["dags"]]

    def import_errors(self) -> list[str]:
        return [found["stack_trace"] for found in self.get("importErrors")["import_errors"]]

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run; give its id."""
        run = self.post(f"dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def runs(self, dag: str) -> list[str]:
        """Give the ids of a DAG's runs."""
        return [run["dag_run_id"] for run in self.get(f"dags/{dag}/dagRuns")["dag_runs"]]

    def unpause(self, dag: str) -> None:
        self.patch(f"dags/{dag}", {"is_paused": False})

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Give a run's task instances."""
        found: list[dict[str, Any]] = self.get(
            f"dags/{dag}/dagRuns/{run}/taskInstances", limit="100"
        )["task_instances"]
        return found

    def finish(self, dag: str, run: str, seconds: float) -> None:
        """Wait until a run has ended, well."""

        def state() -> str | None:
            found: str = self.get(f"dags/{dag}/dagRuns/{run}")["state"]
            return found if found in ENDED else None

        ended = self.until(state, f"{dag} ends", seconds)
        assert ended == "success", self.story(dag, run)

    def story(self, dag: str, run: str) -> str:
        """Tell how a run's tasks ended, and the last lines of those that failed."""
        parts = []
        for task in self.tasks(dag, run):
            parts.append(f"{task['task_id']}[{task['map_index']}] {task['state']}")
            if task["state"] == "failed":
                parts += self.log(dag, run, task)[-30:]
        return "\n".join(parts)

    def log(self, dag: str, run: str, task: Mapping[str, Any]) -> list[str]:
        """Give the lines of a task's last try."""
        path = f"dags/{dag}/dagRuns/{run}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        content = self.get(path, map_index=str(task["map_index"]))["content"]
        return [str(line.get("event", line)) for line in content]

    def result(self, dag: str, run: str, task: str, map_index: int = -1) -> Any:
        """Give what a task returned."""
        path = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        return self.get(path, map_index=str(map_index), deserialize="true")["value"]


@contextlib.contextmanager
def airflow(
    command: Path, folder: Path, database: Database, machines: Mapping[str, Mapping[str, str]]
) -> Iterator[Airflow]:
    """Run Airflow on a database, with a scheduler and its workers for each machine.

    Args:
        command: Airflow's.
        folder: For its files.
        database: An empty one.
        machines: The environment of each.

    Raises:
        NoAirflowError: It is not installed.
    """
    if not command.exists():
        raise NoAirflowError(f"there is no {command}: Airflow is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    folder.mkdir()
    url = f"http://127.0.0.1:{port}"
    running = Airflow(url, folder, {**os.environ, **_settings(folder, database, port)}, command)
    try:
        running.call("db", "migrate")
        running.call("pools", "import", str(DAGS.parent / "pools.json"))
        first, *_ = machines.values()
        running.start("api-server", "api-server")
        running.start("dag-processor", "dag-processor", **first)
        for name, environment in machines.items():
            running.start(name, "scheduler", "--skip-serve-logs", **environment)
        running.until(running.answers, "Airflow answers", 90)
        yield running
    finally:
        for process in running.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _settings(folder: Path, database: Database, port: int) -> dict[str, str]:
    secret = secrets.token_hex(64)
    settings = {
        "CORE__DAGS_FOLDER": str(DAGS),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "3",  # of each machine: more than the pool allows
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://postgres:any@127.0.0.1:"
        f"{database.port}/{database.name}",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "API__SECRET_KEY": secret,
        "API_AUTH__JWT_SECRET": secret,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A worker that was killed says nothing; it is missed after so long.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    }
    return {
        "AIRFLOW_HOME": str(folder),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def running_with(argument: str) -> list[int]:
    """Find the commands with such an argument."""
    return [pid for pid, words in _commands() if any(argument in word for word in words)]


def worker_of(argument: str) -> int:
    """Find the worker that runs the task whose command has such an argument."""
    [command] = running_with(argument)
    task = _parent(command)
    return _parent(task)


def kill_tree(pid: int) -> None:
    """Kill a process and all that it has started, as a machine dies: at once."""
    parents: dict[int, list[int]] = {}
    for child in _processes():
        with contextlib.suppress(OSError):
            parents.setdefault(_parent(child), []).append(child)
    doomed = [pid]
    for each in doomed:
        doomed += parents.get(each, [])
    for each in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _processes() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))


def _commands() -> Iterator[tuple[int, list[str]]]:
    for pid in _processes():
        with contextlib.suppress(OSError):
            yield pid, Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
