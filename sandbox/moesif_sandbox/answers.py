"""JSON answers, encoded once and fast."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


def json_answer(content: object, status: int = 200) -> Response:
    """Return an answer with this content."""
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def error_answer(status: int, kind: str, reason: str) -> Response:
    """Return an error in the engine's form; Moesif documents none, so nobody may rely on it."""
    return json_answer({"error": {"type": kind, "reason": reason}, "status": status}, status)
