"""The job moesif-to-segment in Dagster, each hour at 7 past."""

import os
import subprocess
from pathlib import Path

import dagster

RUN = Path(os.environ["MELTANO_PROJECT_ROOT"], "orchestrate", "run")
REJECTED = 3  # all else is delivered, and another run would not see them


@dagster.op(pool="moesif-to-segment", retry_policy=dagster.RetryPolicy(max_retries=2, delay=60))
def sync() -> None:
    with subprocess.Popen([RUN, "--environment=prod", "run", "moesif-to-segment"]) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()  # it then finishes what is in flight, which is waited for
            raise
    if code:
        raise dagster.Failure(f"It ended with {code}.", allow_retries=code != REJECTED)


@dagster.job
def moesif_to_segment() -> None:
    sync()


hourly = dagster.ScheduleDefinition(job=moesif_to_segment, cron_schedule="7 * * * *")
definitions = dagster.Definitions(jobs=[moesif_to_segment], schedules=[hourly])
