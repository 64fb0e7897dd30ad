"""The job moesif-to-segment in Dagster, each hour at 7 past."""

import os
import subprocess
from pathlib import Path

import dagster

RUN = Path(os.environ["MELTANO_PROJECT_ROOT"], "orchestrate", "run")
REJECTED = 3  # the others were delivered, and a retry would not read these again


@dagster.op(pool="moesif-to-segment", retry_policy=dagster.RetryPolicy(max_retries=2, delay=60))
def sync() -> None:
    with subprocess.Popen([RUN, "--environment=prod", "run", "moesif-to-segment"]) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()  # it finishes requests in flight; `with` waits for it
            raise
    if code:
        raise dagster.Failure(f"The run exited with {code}.", allow_retries=code != REJECTED)


@dagster.job
def moesif_to_segment() -> None:
    sync()


hourly = dagster.ScheduleDefinition(job=moesif_to_segment, cron_schedule="7 * * * *")
definitions = dagster.Definitions(jobs=[moesif_to_segment], schedules=[hourly])
