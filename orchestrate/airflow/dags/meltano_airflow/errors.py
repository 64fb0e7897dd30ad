"""What can go wrong, by what Airflow is to do next.

MeltanoError           try again, if there are retries left
└── UselessRetryError  do not
"""

from __future__ import annotations


class MeltanoError(Exception):
    """Something did not work; the message says what, and what to change."""


class UselessRetryError(MeltanoError):
    """It would end the same way again, or hide what went wrong."""
