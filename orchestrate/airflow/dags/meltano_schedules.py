"""A DAG for each of Meltano's schedules."""

from __future__ import annotations

import warnings

from airflow.sdk import DAG, task

from meltano_airflow.runs import deliver, output_of, reads_moesif, setting
from meltano_airflow.schedules import Schedule, listed
from meltano_airflow.tasks import (
    BEGAN,
    log,
    map_retries,
    notifications,
    project,
    retries,
    runs,
    share,
)

RUNS = runs()


def scheduled(schedule: Schedule, warning: str) -> DAG:
    """Create the DAG of a schedule, with at most one active run."""
    moesif = [plugin for plugin in schedule.plugins if reads_moesif(plugin)]
    settings = {setting(plugin, "requests_per_minute"): str(RUNS.queries) for plugin in moesif}
    with DAG(
        dag_id=schedule.name,
        schedule=schedule.cron,
        start_date=BEGAN,
        catchup=False,
        max_active_runs=1,
        default_args=retries(RUNS),
        doc_md=warning or f"`meltano {' '.join(schedule.arguments)}`",
        tags=["meltano", *(["out of date"] if warning else [])],
    ) as dag:

        @task(**(share(RUNS) if moesif else {}), **notifications(schedule.name))
        def run() -> dict[str, object]:
            with map_retries():
                return deliver(
                    project(),
                    schedule.arguments,
                    schedule.plugins,
                    {**settings, **schedule.environment},
                    log,
                )

        run()
    return dag


def main() -> None:
    """Create the DAGs."""
    here = project()
    found = listed(
        here.root, here.cache, lambda: output_of(here, ["schedule", "list", "--format=json"], print)
    )
    if found.warning:
        warnings.warn(found.warning, stacklevel=1)
    for schedule in found.schedules:
        scheduled(schedule, found.warning)


main()
