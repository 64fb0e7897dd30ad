"""A target as singer-sdk's documentation shows it: a `BatchSink` that posts each batch as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

import requests
from singer_sdk import BatchSink, Target
from singer_sdk import typing as th
from typing_extensions import override


def plain(value: object) -> object:
    """Convert singer-sdk's numbers and times to JSON."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


class NaiveSink(BatchSink):
    """Posts 100 records at a time."""

    max_size = 100

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        messages = [
            {
                "type": "identify",
                "userId": record["id"],
                "messageId": str(uuid4()),
                "integrations": {"Moesif API Analytics": False},
                "context": {**(record.pop("context", None) or {}), "active": False},
                "traits": {name: value for name, value in record.items() if value is not None},
            }
            for record in context["records"]
        ]
        requests.post(
            f"{self.config['host']}/v1/batch",
            data=json.dumps({"batch": messages}, default=plain),
            headers={"Content-Type": "application/json"},
            auth=(self.config["write_key"], ""),
            timeout=30,
        ).raise_for_status()


class NaiveTarget(Target):
    """Sends users to Segment."""

    name = "naive-target"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("write_key", th.StringType(), required=True, secret=True),
        th.Property("host", th.StringType(), required=True),
    ).to_dict()
    default_sink_class = NaiveSink


if __name__ == "__main__":
    NaiveTarget.cli()
