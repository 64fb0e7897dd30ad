"""Base classes of the streams.

- `ListStream`: a list that is read completely in each run.
- `SearchStream`: the results of a search, read incrementally by their times.
- `IncrementalStream`: reads incrementally in its own way; the base of `SearchStream`.
"""

from tap_moesif.streams.base.incremental import IncrementalStream
from tap_moesif.streams.base.lists import ListStream
from tap_moesif.streams.base.search import SearchStream
from tap_moesif.streams.base.stream import (
    SESSION_TOKEN,
    STATE_EVERY_RECORDS,
    WRITE_CHUNK,
    MoesifStream,
)

__all__ = [
    "SESSION_TOKEN",
    "STATE_EVERY_RECORDS",
    "WRITE_CHUNK",
    "IncrementalStream",
    "ListStream",
    "MoesifStream",
    "SearchStream",
]
