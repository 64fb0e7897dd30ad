"""How Python and the C library handle the memory of a run: large answers, of many small objects."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

COLLECTED_EVERY = 100_000
"""New objects, in place of Python's 700: documents hold no cycles, and are many objects each."""

_M_MMAP_THRESHOLD = -3  # <malloc.h>
LARGE_BYTES = 1 << 20
"""Blocks from this size on are given back as soon as they are free. By default glibc raises that
size to what was freed last, and keeps some answers' worth of memory in each thread."""


def tune_memory() -> None:
    """Collect garbage less often, and give large blocks back, where the C library can be told."""
    gc.freeze()  # what was imported stays
    gc.set_threshold(COLLECTED_EVERY)
    with suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
