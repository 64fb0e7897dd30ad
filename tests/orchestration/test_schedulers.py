"""What lies under `deploy` is run by each scheduler, or checked by what that one publishes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from commands import COMMANDS, Ended, Sandbox, sandbox
from machine import JOB, STATE, Machine, end
from pages import blocks
from project import PROJECT
from scripted import Reply, Request, ScriptedService
from segment_runs import SUCCESS, sent
from singer_delivery.delivery import STOP_SECONDS
from third_party import NotInstalledError, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.orchestration, pytest.mark.timeout(300)]

DEPLOY = PROJECT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").iterdir())
WORKFLOW = DEPLOY / "github" / "moesif-to-segment.yml"
ARGO = DEPLOY / "argo" / "moesif-to-segment.yaml"
SHOWN = [
    DEPLOY / "dagster" / "moesif_to_segment.py",
    DEPLOY / "prefect" / "moesif_to_segment.py",
    WORKFLOW,
    ARGO,
]
ACTIONLINT = re.search(r"^ACTIONLINT := (.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
USERS, WINDOWS = 120, 2
WITHOUT_USAGE = {"TAP_MOESIF_USAGE_ROLLUP": "false"}  # which changes with time alone
CALLS = {"dagster": "execute_in_process", "prefect": "__call__"}
"""How the job of a file is run, by its scheduler."""
IN_TURN = """
import os, runpy, sys
file, call, *projects = sys.argv[1:]
for project in projects:
    os.environ["MELTANO_PROJECT_ROOT"] = project
    getattr(runpy.run_path(file)["moesif_to_segment"], call)()
"""
QUIET = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
}
# What Argo publishes makes these models; they would pass over a name that they do not know.
READ_BY_ARGO = """
import json, sys
from hera.workflows.models import CronWorkflow
given = json.load(sys.stdin)
assert CronWorkflow.model_validate(given).model_dump(by_alias=True, exclude_unset=True) == given
"""


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Installs a package, and gives the folder of its commands."""

    def install(name: str) -> Path:
        try:
            return Path(installed(name, tmp_path_factory.mktemp(name))).parent
        except NotInstalledError as error:
            pytest.skip(str(error))

    return install


@pytest.fixture(scope="module")
def _running() -> Iterator[Sandbox]:
    with sandbox("--users", str(USERS), "--companies", "6") as services:
        yield services


@pytest.fixture
def services(_running: Sandbox) -> Sandbox:
    _running.reset()
    return _running


@pytest.fixture(scope="module")
def _machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.set_up("tap-moesif", "target-segment")
    return machine


@pytest.fixture
def machine(_machine: Machine, services: Sandbox) -> Machine:
    _machine.clear()
    _machine.configure(services, **WITHOUT_USAGE)
    return _machine


def ended(command: list[str | Path], text: str = "", **environment: str) -> Ended:
    process = subprocess.run(
        command,
        env={**os.environ, **environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


def accepted(services: Sandbox) -> list[str]:
    return [message["userId"] for message in services.segment()["accepted"]]


def command(machine: Machine) -> list[str]:
    return [str(machine.project / "orchestrate" / "run"), "--environment=prod", "run", JOB]


@pytest.mark.parametrize("file", SHOWN, ids=lambda file: file.parent.name)
def test_the_page_shows_the_file(file: Path) -> None:
    page = PROJECT / "docs" / "schedulers.md"
    assert f"`{file.relative_to(PROJECT)}`" in page.read_text()
    language = "python" if file.suffix == ".py" else "yaml"
    assert file.read_text() in blocks(page, language)


@pytest.mark.parametrize("name", [*CALLS])
def test_the_job_runs_and_is_not_repeated_where_records_were_rejected(
    name: str,
    tool: Callable[[str], Path],
    machine: Machine,
    services: Sandbox,
    tmp_path: Path,
) -> None:
    (rejecting := tmp_path / "orchestrate" / "run").parent.mkdir()
    rejecting.write_text(f"#!/bin/sh\necho once >> {tmp_path}/runs\nexit 3\n")
    rejecting.chmod(0o755)
    both = ended(
        [
            *(tool(name) / "python", "-c", IN_TURN, DEPLOY / name / "moesif_to_segment.py"),
            *(CALLS[name], machine.project, tmp_path),
        ],
        **QUIET,
        DAGSTER_HOME=str(tmp_path),
        PREFECT_HOME=str(tmp_path),
    )
    assert len(accepted(services)) == USERS, both.stdout[-3000:] + both.stderr[-3000:]
    assert (both.code, (tmp_path / "runs").read_text()) == (1, "once\n")


def test_github_takes_the_workflow() -> None:
    audited = ended([COMMANDS / "zizmor", "--offline", "--persona=pedantic", WORKFLOW])
    assert audited.code == 0, audited.stdout
    if shutil.which("go") is None or ACTIONLINT is None:
        pytest.skip("there is no Go to run actionlint")
    actionlint = f"github.com/rhysd/actionlint/cmd/actionlint@v{ACTIONLINT[1]}"
    if ended(["go", "run", actionlint, "-version"]).code != 0:
        pytest.skip("actionlint cannot be had from Go's module proxy")
    checked = ended(["go", "run", actionlint, WORKFLOW])
    assert checked.code == 0, checked.stdout


def test_argo_takes_the_workflow(tool: Callable[[str], Path]) -> None:
    given = yaml.safe_load(ARGO.read_text())
    checked = ended([tool("hera") / "python", "-c", READ_BY_ARGO], json.dumps(given))
    assert checked.code == 0, checked.stderr


def test_kubernetes_takes_the_manifests(tool: Callable[[str], Path]) -> None:
    validate = tool("kubernetes-validate") / "kubernetes-validate"
    checked = ended([validate, "--strict", *KUBERNETES])
    assert checked.code == 0, checked.stdout + checked.stderr


def pods() -> Iterator[dict[str, Any]]:
    """Give the pod of each manifest."""
    for file in KUBERNETES:
        for manifest in yaml.safe_load_all(file.read_text()):
            job = manifest["spec"].get("jobTemplate", manifest)
            if "template" in job["spec"]:
                yield job["spec"]["template"]["spec"]
    argo = yaml.safe_load(ARGO.read_text())["spec"]["workflowSpec"]
    [template] = argo["templates"]
    yield {**argo, **yaml.safe_load(argo["podSpecPatch"]), "containers": [template["container"]]}


def test_each_pod_has_no_rights_and_time_to_end() -> None:
    assert len([*pods()]) == 3
    for pod in pods():
        assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_each_variable_is_a_setting() -> None:
    plugins = yaml.safe_load((PROJECT / "meltano.yml").read_text())["plugins"]
    known = {
        f"{plugin['name']}_{setting['name']}".replace("-", "_").upper()
        for kind in plugins.values()
        for plugin in kind
        for setting in plugin["settings"]
    }
    for pod in pods():
        for variable in pod["containers"][0]["env"]:
            assert variable["name"] in {*known, "MELTANO_STATE_BACKEND_URI"}


def test_windows_run_at_once_in_one_project_and_the_job_goes_on_from_them(
    machine: Machine, services: Sandbox
) -> None:
    plan = machine.meltano("invoke", "tap-moesif", f"--windows={WINDOWS}").stdout
    (machine.project / "output").mkdir()
    (windows := machine.project / "output" / "windows.json").write_text(plan)
    window = str(machine.project / "orchestrate" / "window")
    running = [
        machine.start(
            [
                *(window, str(windows), str(number), "--environment=prod"),
                *("run", f"--state-id-suffix=first-load-{number}", "tap-moesif", "target-segment"),
            ],
            os.environ,
        )
        for number in range(WINDOWS)
    ]
    for process in running:
        assert end(process).code == 0
    assert len(accepted(services)) == len({*accepted(services)}) == USERS

    state = {"singer_state": json.loads(plan)["state"]}
    (machine.project / "output" / "state.json").write_text(json.dumps(state))
    machine.meltano("state", "set", "--force", STATE, "--input-file=output/state.json")
    [changed] = services.touch(users=1)["users"]
    assert end(machine.start(command(machine), os.environ)).code == 0
    assert accepted(services)[USERS:] == [changed]


def test_with_state_in_a_bucket_meltano_keeps_no_second_run_out(
    machine: Machine, services: Sandbox, tmp_path: Path
) -> None:
    second: list[int] = []

    def run(pod: str) -> int:
        where = {
            "MELTANO_STATE_BACKEND_URI": f"file://{tmp_path}/state",
            "MELTANO_DATABASE_URI": f"sqlite:///{tmp_path}/{pod}.db",
        }
        return end(machine.start(command(machine), {**os.environ, **where})).code

    def answer(_: Request) -> Reply:
        if not second:
            second.append(-1)
            second[0] = run("second")
        return SUCCESS

    with ScriptedService(answer) as segment:
        machine.configure(services, TARGET_SEGMENT_HOST=segment.url, **WITHOUT_USAGE)
        assert run("first") == 0
    assert second == [0]
    ids = Counter(message["messageId"] for message in sent(segment))
    assert len(ids) == USERS, "what both have sent carries the same ids"
    assert max(ids.values()) == 2
