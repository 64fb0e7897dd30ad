"""The interface to Airflow: errors, log, retries and pool."""

from __future__ import annotations

import contextlib
import logging
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from meltano_airflow.errors import NonRetryableError
from meltano_airflow.notify import notify
from meltano_airflow.project import Project, Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DAGS = Path(__file__).resolve().parent.parent
BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""A start date before the first run; there is no catch-up."""

log = logging.getLogger("meltano").info


def project() -> Project:
    """Find the project on this machine, which may not be the one that parsed the DAG file."""
    return Project.here(os.environ, DAGS)


def runs() -> Runs:
    """Return the settings for runs."""
    return Runs.of(os.environ)


def retries(runs: Runs) -> Mapping[str, Any]:
    """Return a DAG's `default_args`."""
    return {
        "retries": runs.retries,
        "retry_delay": timedelta(seconds=runs.retry_seconds),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(hours=1),
    }


def notifications(job: str) -> Mapping[str, Any]:
    """Return a task's callbacks that send notifications."""

    def ended(code: int) -> Callable[[object], None]:
        return lambda _context: notify(project(), job, code, log)

    return {"on_failure_callback": ended(1), "on_success_callback": ended(0)}


def share(runs: Runs) -> Mapping[str, Any]:
    """Return a task's slots in the pool: one for each query per minute."""
    return {"pool": runs.pool, "pool_slots": runs.queries}


@contextlib.contextmanager
def map_retries() -> Iterator[None]:
    """Convert a `NonRetryableError` to Airflow's error that prevents retries."""
    try:
        yield
    except NonRetryableError as error:
        raise AirflowFailException(str(error)) from error
