from __future__ import annotations

from typing import TYPE_CHECKING

from meltano_airflow.notify import notify

if TYPE_CHECKING:
    from tests.orchestration.conftest import Fake


def script(fake: Fake, text: str) -> None:
    (fake.folder / "orchestrate").mkdir()
    path = fake.folder / "orchestrate" / "tell"
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)


def test_the_script_is_given_the_job_and_how_it_ended(fake: Fake) -> None:
    script(fake, f'echo "$@" "$APPRISE_URLS" > {fake.folder}/said')
    logged: list[str] = []
    notify(fake.project(APPRISE_URLS="json://there"), "hourly", 1, logged.append)
    assert (fake.said(), logged) == (["hourly 1 json://there"], [])


def test_that_nobody_could_be_told_is_logged_and_no_failure(fake: Fake) -> None:
    script(fake, "echo no answer; exit 1")
    logged: list[str] = []
    notify(fake.project(), "hourly", 0, logged.append)
    assert logged == ["Cannot send the notification about hourly: no answer\n"]


def test_a_project_without_the_script_tells_nobody(fake: Fake) -> None:
    logged: list[str] = []
    notify(fake.project(), "hourly", 1, logged.append)
    assert logged == []


def test_a_script_that_cannot_be_run_is_logged(fake: Fake) -> None:
    script(fake, "")
    (fake.folder / "orchestrate" / "tell").chmod(0o644)
    logged: list[str] = []
    notify(fake.project(), "hourly", 1, logged.append)
    assert logged == ["Cannot send the notification about hourly: PermissionError."]
