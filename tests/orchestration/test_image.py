"""The image runs a job as `docs/containers.md` says."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from commands import Ended, Sandbox, sandbox
from containers import Containers, NoContainersError, containers, to_its_end
from object_stores import KEY_ID, SECRET, s3
from project import PROJECT
from scripted import Reply, Request, ScriptedService
from segment_runs import SUCCESS, sent
from third_party import NotInstalledError, installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.orchestration, pytest.mark.timeout(600)]

USER = 10_001
USERS = 300
LARGEST_MB = 500
PROJECT_IN_IMAGE = {
    *(".meltano", "constraints.txt", "meltano.yml", "orchestrate", "output"),
    *("singer-delivery", "tap-moesif", "target-moesif", "target-segment"),
}
TOO_LARGE = {"user_id": "large", "metadata": {"text": "x" * 40_000}}


@pytest.fixture(scope="module")
def store() -> Iterator[Containers]:
    try:
        with containers() as store:
            store.build("moesif-segment")
            yield store
    except NoContainersError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def _running() -> Iterator[Sandbox]:
    with sandbox("--users", str(USERS)) as services:
        yield services


@pytest.fixture
def services(_running: Sandbox) -> Sandbox:
    _running.reset()
    return _running


@pytest.fixture
def mounts(tmp_path: Path, services: Sandbox) -> list[str]:
    """The two mounts of a run: the settings in a file of secrets, and a folder of the user's."""
    return mounted(tmp_path, services)


def mounted(folder: Path, services: Sandbox, **more: str) -> list[str]:
    settings = {
        "TAP_MOESIF_API_URL": f"{services.url}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
        "TAP_MOESIF_USAGE_ROLLUP": "false",  # it changes with time alone
        "TARGET_SEGMENT_HOST": f"{services.url}/segment",
        "TARGET_SEGMENT_CDN_URL": f"{services.url}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
        **more,
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (folder / "output").mkdir(exist_ok=True)
    os.chown(folder / "output", USER, USER)
    return [
        f"--volume={folder}/.env:/project/.env:ro",
        f"--volume={folder}/output:/project/output",
    ]


def test_a_run_delivers_and_the_next_goes_on_from_its_state(
    store: Containers, mounts: list[str], services: Sandbox, tmp_path: Path
) -> None:
    summary = "--env=SUMMARY_PATH=output/summary.json"
    first = store.run(*mounts, summary, "moesif-segment")
    assert first.code == 0, first.stderr
    assert services.segment()["counts"]["accepted"] == USERS
    assert (tmp_path / "output" / "summary.json").stat().st_uid == USER

    [changed] = services.touch(users=1)["users"]
    assert store.run(*mounts, "moesif-segment").code == 0
    received = services.segment()
    assert [message["userId"] for message in received["accepted"][USERS:]] == [changed]
    assert received["counts"]["duplicates"] < USERS / 2


def test_a_wrong_key_is_told_and_ends_with_1(
    store: Containers, services: Sandbox, tmp_path: Path
) -> None:
    mounts = mounted(tmp_path, services, TARGET_SEGMENT_WRITE_KEY="of-no-source")
    ended = store.run(*mounts, "moesif-segment")
    assert ended.code == 1
    assert "Segment has no source with this write_key" in ended.stderr
    assert "of-no-source" not in ended.stderr


def test_rejected_records_end_with_3_and_are_replayed_through_standard_input(
    store: Containers, mounts: list[str], services: Sandbox, tmp_path: Path
) -> None:
    services.put(users=[TOO_LARGE])
    assert store.run(*mounts, "moesif-segment").code == 3
    assert services.segment()["counts"]["accepted"] == USERS
    [rejects] = (tmp_path / "output" / "rejects").iterdir()
    again = store.run(
        *mounts, "moesif-segment", "invoke", "target-segment", text=rejects.read_text()
    )
    assert again.code == 3
    assert "1 records read" in again.stderr


def test_with_state_and_rejects_in_a_bucket_a_run_may_lose_its_disk(
    store: Containers, services: Sandbox, tmp_path: Path
) -> None:
    services.put(users=[TOO_LARGE])
    with s3() as bucket:
        settings = {
            **bucket.env,
            "MELTANO_STATE_BACKEND_URI": bucket.url("state"),
            "MELTANO_STATE_BACKEND_S3_AWS_ACCESS_KEY_ID": KEY_ID,
            "MELTANO_STATE_BACKEND_S3_AWS_SECRET_ACCESS_KEY": SECRET,
            "MELTANO_STATE_BACKEND_S3_ENDPOINT_URL": bucket.env["AWS_ENDPOINT_URL"],
            "TARGET_SEGMENT_REJECTS_PATH": bucket.url("rejects/{target}/{date}"),
        }
        first = store.run(*mounted(tmp_path, services, **settings), "moesif-segment")
        assert first.code == 3, first.stderr
        assert SECRET not in first.stderr
        kept = [name for name in bucket.objects() if name.startswith("rejects/target-segment/")]
        assert len(kept) == 1

        shutil.rmtree(tmp_path / "output")
        [changed] = services.touch(users=1)["users"]
        store.run(*mounted(tmp_path, services, **settings), "moesif-segment")
    accepted = [message["userId"] for message in services.segment()["accepted"]]
    assert accepted[USERS:] == [changed]


def test_a_stop_ends_in_order_with_143(
    store: Containers, services: Sandbox, tmp_path: Path
) -> None:
    stopped: list[Ended] = []

    def answer(_: Request) -> Reply:
        if not stopped:
            stopped.append(Ended(0, "", ""))
            store.podman("kill", "--signal=TERM", "stopped")
        return SUCCESS

    with ScriptedService(answer) as segment:
        mounts = mounted(tmp_path, services, TARGET_SEGMENT_HOST=segment.url)
        ended = store.run("--name=stopped", *mounts, "moesif-segment")
    assert ended.code == 143
    assert "The process was terminated" in ended.stderr
    before = {message["userId"] for message in sent(segment)}
    assert store.run(*mounted(tmp_path, services), "moesif-segment").code == 0
    after = {message["userId"] for message in services.segment()["accepted"]}
    assert len(before | after) == USERS


def test_a_folder_that_it_may_not_write_to_is_told_at_once(store: Containers) -> None:
    ended = store.run("moesif-segment")
    assert ended.code == 1
    assert ended.stderr.startswith(f"User {USER} may not write to /project/output: mount a folder")


def test_the_image_holds_the_project_and_nothing_to_build_it_with(store: Containers) -> None:
    look = "id -u; ls -A /project; ls /project/orchestrate; command -v cc gcc make git || true"
    user, *found = store.run("--entrypoint=sh", "moesif-segment", "-c", look).stdout.split()
    assert int(user) == USER
    assert {*found} == {*PROJECT_IN_IMAGE, "run", "window"}
    size = store.podman("image", "inspect", "--format={{.Size}}", "moesif-segment").stdout
    assert int(size) < LARGEST_MB * 1_000_000


def test_compose_serves_the_sandbox_and_syncs_once_on_no_network_but_its_own(
    store: Containers, tmp_path: Path
) -> None:
    try:
        compose = installed("podman-compose", tmp_path)
    except NotInstalledError as error:
        pytest.skip(str(error))
    store.build("compose_sandbox", "--target=sandbox")
    assert store.podman("tag", "moesif-segment", "compose_sync").code == 0
    alone = 'ip link set lo up && exec "$@"'  # its port is free there as well
    up = to_its_end(
        *("unshare", "--net", "sh", "-c", alone, "sh", compose, "--project-name=compose"),
        *(f"--file={PROJECT}/compose.yaml", "up", "--no-build", "--exit-code-from=sync"),
        environment=store.environment,
    )
    assert up.code == 0, up.stdout[-3000:] + up.stderr[-3000:]
    assert "1000 delivered" in up.stdout + up.stderr
