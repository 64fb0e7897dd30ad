"""What a tap is told to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container


def all_selected(discovered: str, streams: Container[str] | None = None) -> str:
    """Select every stream of the catalog that a tap has discovered, or those alone."""
    catalog = json.loads(discovered)
    for stream in catalog["streams"]:
        [own] = [part["metadata"] for part in stream["metadata"] if not part["breadcrumb"]]
        own["selected"] = streams is None or stream["tap_stream_id"] in streams
    return json.dumps(catalog)
