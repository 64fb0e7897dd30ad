"""The history file: one line for each run, as a Singer stream (SCHEMA and RECORD lines).

The file is rotated by size: it is renamed to `….1`, replacing an older one.
Several runs may write to one file. In a bucket each run writes its own object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.files import SharedLines
from singer_delivery.reporting.run import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_delivery.files import LineFile
    from singer_delivery.reporting.run import Run

STREAM = "delivery_runs"

MAX_BYTES = 10_000_000
"""The size at which the file is rotated: about 10,000 runs."""

_INTEGER = {"type": "integer"}
_NUMBER = {"type": "number"}
_OBJECT = {"type": "object", "additionalProperties": True}
_REMOVALS = ("removed", "removals_rejected")
_TIME = {"type": "string", "format": "date-time"}
SCHEMA: dict[str, Any] = {
    "type": "SCHEMA",
    "stream": STREAM,
    "schema": {
        "type": "object",
        "properties": {
            "run_id": {"type": "string"},
            "target": {"type": "string"},
            "version": {"type": "string"},
            "started_at": _TIME,
            "ended_at": _TIME,
            "sentence": {"type": "string"},
            **dict.fromkeys(("read", "delivered", "unchanged", "skipped"), _INTEGER),
            **dict.fromkeys(("rejected", "undelivered"), _INTEGER),
            **dict.fromkeys(("skipped_by_reason", "rejected_by_reason"), _OBJECT),
            **dict.fromkeys(_REMOVALS, _INTEGER),
            **dict.fromkeys(("requests", "retries"), _INTEGER),
            "waited_seconds": _NUMBER,
            "bytes_sent": _INTEGER,
            **dict.fromkeys(("seconds", "records_per_second"), _NUMBER),
            "exit_code": _INTEGER,
            "streams": _OBJECT,
        },
    },
    "key_properties": ["run_id"],
}


def add_to_history(file: LineFile, run: Run, summary: Mapping[str, Any], sentence: str) -> None:
    """Append a run to the history.

    Args:
        file: The file, created by the first run, or in a bucket by each run.
        run: The run, which ends now.
        summary: Its summary, as in the file of `summary_path`.
        sentence: Its last message.

    Raises:
        OutputError: The file cannot be written.
    """
    record = {
        "run_id": run.id,
        "target": run.target,
        "version": run.version,
        "started_at": run.started_at,
        "ended_at": utc_now(),
        "sentence": sentence,
        **dict.fromkeys(_REMOVALS, 0),  # for a run without `on_removed`
        **summary,
    }
    text = msgspec.json.encode({"type": "RECORD", "stream": STREAM, "record": record}) + b"\n"
    with file.locked():
        is_new = not file.size
        file.append(msgspec.json.encode(SCHEMA) + b"\n" + text if is_new else text)
    file.sync()
    if isinstance(file, SharedLines):
        file.rotate(MAX_BYTES)
    file.close()
