"""A first load from Moesif in windows, side by side; then the scheduled job goes on from there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from meltano_airflow import backfill
from meltano_airflow.runs import MOESIF, ask, deliver
from meltano_airflow.tasks import (
    BEGAN,
    log,
    project,
    retried_only_where_it_helps,
    retries,
    runs,
    share,
)

RUNS = runs()
MOST_WINDOWS = 100  # tap-moesif's own
TIME = {"type": ["null", "string"], "format": "date-time"}


@dag(
    schedule=None,
    start_date=BEGAN,
    catchup=False,
    max_active_runs=1,
    default_args=retries(RUNS),
    tags=["meltano", "moesif"],
    params={
        "start": Param(None, **TIME, description="Modified from then on; empty: everyone."),
        "end": Param(None, **TIME, description="And before then; empty: when this run began."),
        "target": Param(
            "target-segment",
            type="string",
            pattern=r"\S",
            description="The job's loader, with its mappers before it.",
        ),
        "windows": Param(8, type="integer", minimum=1, maximum=MOST_WINDOWS),
        "changed_only": Param(
            False,
            type="boolean",
            description="Send only what changed; the loader's fingerprints_path is PostgreSQL.",
        ),
        "tap": Param(MOESIF, type="string", description="The job's extractor."),
    },
)
def moesif_backfill() -> None:
    """Plan windows, read them side by side, and hand over to the scheduled job."""

    @task(**share(RUNS))
    def plan() -> list[dict[str, Any]]:
        """Cut the time into windows with about equally many users each."""
        context = get_current_context()
        params, began = context["params"], context["dag_run"].run_after.isoformat()
        tap = params["tap"]
        with retried_only_where_it_helps():
            dates = backfill.dates(params["start"], params["end"], began)
            settings = backfill.settings(tap, dates, RUNS.queries)
            here = project()
            heard = replace(here, environment={**here.environment, **settings})
            made = json.loads(ask(heard, ["invoke", tap, f"--windows={params['windows']}"], log))
            backfill.check_heard(tap, made, settings)
        context["ti"].xcom_push("bookmarks", made["state"]["bookmarks"])
        return [
            {"number": number, **window} for number, window in enumerate(made["windows"], start=1)
        ]

    @task(**share(RUNS), map_index_template="{{ window }}")
    def load(window: dict[str, Any]) -> dict[str, Any]:
        """Read a window; a retry goes on where the try before it came to."""
        context = get_current_context()
        context["window"] = " to ".join(window[name] or "…" for name in backfill.DATES)
        tap, steps = context["params"]["tap"], context["params"]["target"].split()
        cleared = context["ti"].max_tries - context["task"].retries
        state = backfill.suffix(context["run_id"], window["number"], cleared)
        with retried_only_where_it_helps():
            # --force: Airflow runs no window twice at once, and Meltano takes a killed run for
            # one that is still going.
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
        """Set the state of the scheduled job, so that its next run goes on from the end."""

        def meltano(*arguments: str) -> str:
            return ask(project(), ["state", *arguments], log)

        suffix = loads[0]["state"]
        with retried_only_where_it_helps():
            window = backfill.state_of(suffix, meltano("list", "--pattern", f"*:{suffix}"))
            job = window.removesuffix(f":{suffix}")
            states = [json.loads(meltano("get", state) or "{}") for state in (job, window)]
            existing, read = (state.get("singer_state", {}) for state in states)
            state = backfill.handed_over(
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
