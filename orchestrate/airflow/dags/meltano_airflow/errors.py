"""Errors, by what Airflow does next.

MeltanoError           retry, if there are retries left
└── NonRetryableError  do not retry
"""

from __future__ import annotations


class MeltanoError(Exception):
    """A step failed; the message says what to change."""


class NonRetryableError(MeltanoError):
    """A retry would fail again, or hide the problem."""
