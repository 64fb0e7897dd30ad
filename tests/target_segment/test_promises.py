"""target-segment keeps what every target promises."""

from __future__ import annotations

from typing import Any

from segment_runs import KEY, SUCCESS, schema
from singer_delivery.testing import DeliveryPromises, Reply, Subject
from target_segment import TargetSegment

EMAIL = "jane.canary@example.com"


def number_of(message: Any) -> int:
    return int(message["userId"].removeprefix("u"))


class TestPromises(DeliveryPromises):
    subject = Subject(
        target=TargetSegment,
        settings=lambda url: {"write_key": KEY, "host": url},
        schema=schema("users", "id", "email", mark="users"),
        record=lambda number: {"id": f"u{number}", "email": EMAIL},
        canary=EMAIL,
        messages=lambda request: request.json["batch"],
        number=number_of,
        success=SUCCESS,
        no_success=Reply(200, {"success": False}),
        wrong={"id": "", "email": EMAIL},
        large={"id": "u1", "email": "x" * 40_000},
    )
