"""The example in singer-delivery's README keeps what every target promises."""

from __future__ import annotations

from typing import Any

from singer_delivery.testing import DeliveryPromises, Reply, Subject
from target_webhook import TargetWebhook

EMAIL = "jane.canary@example.com"


def number_of(message: Any) -> int:
    number: int = message["id"]
    return number


class TestPromises(DeliveryPromises):
    subject = Subject(
        target=TargetWebhook,
        settings=lambda url: {"url": url, "token": "token-CANARY"},
        schema={
            "type": "SCHEMA",
            "stream": "people",
            "schema": {"properties": {"id": {"type": "integer"}, "email": {"type": "string"}}},
            "key_properties": ["id"],
        },
        record=lambda number: {"id": number, "email": EMAIL},
        canary=EMAIL,
        messages=lambda request: request.json,
        number=number_of,
        success=Reply(201, b"ok"),
        no_success=Reply(200, b"<html>"),
        wrong={"email": EMAIL},
        large={"id": 1, "email": "x" * 1_000_000},
    )
