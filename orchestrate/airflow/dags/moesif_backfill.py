"""A first load from Moesif in parallel windows, after which the scheduled job continues."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from meltano_airflow import backfill
from meltano_airflow.runs import MOESIF, deliver, output_of
from meltano_airflow.tasks import (
    BEGAN,
    log,
    map_retries,
    project,
    retries,
    runs,
    share,
)

RUNS = runs()
MAX_WINDOWS = 100  # tap-moesif's limit
TIME = {"type": ["null", "string"], "format": "date-time"}


@dag(
    schedule=None,
    start_date=BEGAN,
    catchup=False,
    max_active_runs=1,
    default_args=retries(RUNS),
    tags=["meltano", "moesif"],
    params={
        "start": Param(None, **TIME, description="Modified at or after; empty for all users."),
        "end": Param(None, **TIME, description="Modified before; empty for the run's start."),
        "target": Param(
            "target-segment",
            type="string",
            pattern=r"\S",
            description="The job's loader, preceded by its mappers.",
        ),
        "windows": Param(8, type="integer", minimum=1, maximum=MAX_WINDOWS),
        "changed_only": Param(
            False,
            type="boolean",
            description="Send only changes; needs fingerprints in PostgreSQL.",
        ),
        "tap": Param(MOESIF, type="string", description="The job's extractor."),
    },
)
def moesif_backfill() -> None:
    """Plan windows, read them in parallel, and hand over to the scheduled job."""

    @task(**share(RUNS))
    def plan() -> list[dict[str, Any]]:
        """Split the time into windows with about equally many users."""
        context = get_current_context()
        params, began = context["params"], context["dag_run"].run_after.isoformat()
        tap = params["tap"]
        with map_retries():
            dates = backfill.dates(params["start"], params["end"], began)
            settings = backfill.settings(tap, dates, RUNS.queries)
            here = project()
            bounded = replace(here, environment={**here.environment, **settings})
            command = ["invoke", tap, f"--windows={params['windows']}"]
            made = json.loads(output_of(bounded, command, log))
            backfill.check_settings_reach_tap(tap, made, settings)
        context["ti"].xcom_push("bookmarks", made["state"]["bookmarks"])
        return [
            {"number": number, **window} for number, window in enumerate(made["windows"], start=1)
        ]

    @task(**share(RUNS), map_index_template="{{ window }}")
    def load(window: dict[str, Any]) -> dict[str, Any]:
        """Read a window; a retry resumes it."""
        context = get_current_context()
        context["window"] = " to ".join(window[name] or "…" for name in backfill.DATES)
        tap, steps = context["params"]["tap"], context["params"]["target"].split()
        cleared = context["ti"].max_tries - context["task"].retries
        state = backfill.suffix(context["run_id"], window["number"], cleared)
        with map_retries():
            # --force, because Meltano considers a killed run as still running; Airflow never runs a
            # window twice at once.
            summaries = deliver(
                project(),
                ["run", "--force", f"--state-id-suffix={state}", tap, *steps],
                steps,
                {
                    **backfill.settings(tap, window, RUNS.queries),
                    **backfill.changes(
                        steps[-1], context["run_id"], wanted=context["params"]["changed_only"]
                    ),
                },
                log,
            )
        return {"state": state, **summaries}

    @task
    def hand_over(windows: list[dict[str, Any]], loads: list[dict[str, Any]]) -> str:
        """Set the state of the scheduled job, so that its next run continues from the end."""

        def meltano(*arguments: str) -> str:
            return output_of(project(), ["state", *arguments], log)

        suffix = loads[0]["state"]
        with map_retries():
            window = backfill.state_of(suffix, meltano("list", "--pattern", f"*:{suffix}"))
            job = window.removesuffix(f":{suffix}")
            states = [json.loads(meltano("get", state) or "{}") for state in (job, window)]
            existing, read = (state.get("singer_state", {}) for state in states)
            state = backfill.final_state(
                existing,
                get_current_context()["ti"].xcom_pull(task_ids="plan", key="bookmarks"),
                read.get("bookmarks", {}),
                windows[0]["start_date"],
            )
            with TemporaryDirectory(prefix="state-") as folder:
                file = Path(folder, "state.json")
                file.write_text(json.dumps({"singer_state": state}), "utf-8")
                meltano("set", "--force", f"--input-file={file}", job)
        return job

    windows = plan()
    hand_over(windows, load.expand(window=windows))


moesif_backfill()
