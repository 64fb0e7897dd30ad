"""Memory settings of Python and the C library, for large responses with many small objects."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

GC_THRESHOLD = 100_000
"""New objects before a collection (Python's default is 700): documents contain no cycles."""

_M_MMAP_THRESHOLD = -3  # <malloc.h>
LARGE_BYTES = 1 << 20
"""Blocks of at least this size are returned to the system when freed. By default glibc raises this
threshold to the size of the block freed last, and each thread retains several responses' worth."""


def tune_memory() -> None:
    """Collect garbage less often and, on glibc, return large blocks to the system."""
    gc.freeze()  # imported modules are never collected
    gc.set_threshold(GC_THRESHOLD)
    with suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
