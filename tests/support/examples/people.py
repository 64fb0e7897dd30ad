"""The stream of the webhook's tests, and a service that takes it."""

from __future__ import annotations

from operator import itemgetter

from singer_delivery.testing import Reply, Subject
from target_webhook import TargetWebhook

EMAIL = "jane.canary@example.com"
TOKEN = "token-CANARY"
REFUSED = Reply(400, {"message": "bad"})

PEOPLE = Subject(
    target=TargetWebhook,
    settings=lambda url: {"url": url, "token": TOKEN},
    schema={
        "type": "SCHEMA",
        "stream": "people",
        "schema": {"properties": {"id": {}, "email": {}}},
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
