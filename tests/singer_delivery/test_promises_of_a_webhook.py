from operator import itemgetter

from singer_delivery.testing import DeliveryPromises, Reply, Subject
from target_webhook import TargetWebhook

EMAIL = "jane.canary@example.com"


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
        number=itemgetter("id"),
        success=Reply(201, b"ok"),
        no_success=Reply(200, b"<html>"),
        wrong={"email": EMAIL},
        large={"id": 1, "email": "x" * 1_000_000},
    )
