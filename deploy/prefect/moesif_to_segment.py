"""The job moesif-to-segment in Prefect, each hour at 7 past while this file is run."""

import os
import subprocess
from pathlib import Path
from typing import Any

import prefect

RUN = Path(os.environ["MELTANO_PROJECT_ROOT"], "orchestrate", "run")
REJECTED = 3


class RejectedError(Exception):
    """Records were rejected. The others were delivered, and a retry would not read these again."""


def is_retryable(_task: Any, _run: Any, state: prefect.State) -> bool:
    return not isinstance(state.result(raise_on_failure=False), RejectedError)


@prefect.task(retries=2, retry_delay_seconds=[60, 300], retry_condition_fn=is_retryable)
def sync() -> None:
    with subprocess.Popen([RUN, "--environment=prod", "run", "moesif-to-segment"]) as process:
        try:
            code = process.wait()
        except BaseException:
            process.terminate()  # it finishes requests in flight; `with` waits for it
            raise
    if code == REJECTED:
        raise RejectedError
    if code:
        raise RuntimeError(f"The run exited with {code}.")


@prefect.flow(name="moesif-to-segment")
def moesif_to_segment() -> None:
    sync()


if __name__ == "__main__":
    moesif_to_segment.serve(cron="7 * * * *", limit=1)
