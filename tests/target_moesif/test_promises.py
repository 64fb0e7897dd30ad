"""target-moesif keeps what every target promises."""

from __future__ import annotations

from typing import Any

from segment_runs import schema
from singer_delivery.testing import DeliveryPromises, Subject
from target_moesif import TargetMoesif

EMAIL = "jane.canary@example.com"


def number_of(message: Any) -> int:
    return int(message["user_id"].removeprefix("u"))


class TestPromises(DeliveryPromises):
    subject = Subject(
        target=TargetMoesif,
        settings=lambda url: {"application_id": "id-CANARY", "api_url": url},
        schema=schema("users", "id", "email", mark="users"),
        record=lambda number: {"id": f"u{number}", "email": EMAIL},
        canary=EMAIL,
        messages=lambda request: request.json,
        number=number_of,
        wrong={"id": "", "email": EMAIL},
        large={"id": "u1", "email": "x" * 300_000},
    )
