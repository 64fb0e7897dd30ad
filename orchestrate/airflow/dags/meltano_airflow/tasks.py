"""The edge to Airflow: its errors, its log, its retries and its pool."""

from __future__ import annotations

import contextlib
import logging
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from meltano_airflow.errors import UselessRetryError
from meltano_airflow.project import Project, Runs
from meltano_airflow.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DAGS = Path(__file__).resolve().parent.parent
BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""Before the first run; nothing of before is caught up with."""

log = logging.getLogger("meltano").info


def project() -> Project:
    """Find the project on this machine, which need not be the one that read the DAG file."""
    return Project.here(os.environ, DAGS)


def runs() -> Runs:
    """Say how runs are to be treated."""
    return Runs.of(os.environ)


def retries(runs: Runs) -> Mapping[str, Any]:
    """Give a DAG's `default_args`."""
    return {
        "retries": runs.retries,
        "retry_delay": timedelta(seconds=runs.retry_seconds),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(hours=1),
    }


def told(job: str) -> Mapping[str, Any]:
    """Have it said when a task's job ends otherwise than before."""

    def ended(code: int) -> Callable[[object], None]:
        return lambda _context: tell(project(), job, code, log)

    return {"on_failure_callback": ended(1), "on_success_callback": ended(0)}


def share(runs: Runs) -> Mapping[str, Any]:
    """Give a task its share of Moesif's queries: a slot of the pool is one a minute."""
    return {"pool": runs.pool, "pool_slots": runs.queries}


@contextlib.contextmanager
def retried_only_where_it_helps() -> Iterator[None]:
    """Have Airflow not repeat what would end the same way."""
    try:
        yield
    except UselessRetryError as error:
        raise AirflowFailException(str(error)) from error
