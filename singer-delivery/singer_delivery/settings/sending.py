"""The settings of batches, requests and retries."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th


def sending_settings(rows: int, size: int, largest: int) -> list[th.Property[Any]]:
    """Declare the settings of sending.

    Args:
        rows: The service's maximum number of messages in a batch.
        size: The default of `batch_max_bytes`.
        largest: The service's maximum size of a body, in bytes.
    """
    return [
        th.Property(
            "allow_http",
            th.BooleanType(),
            default=False,
            title="Allow plain HTTP",
            description="Allow plain HTTP to other machines; the key and the data are then "
            "unencrypted.",
        ),
        th.Property(
            "batch_size_rows",
            th.IntegerType(minimum=1, maximum=rows),
            default=rows,
            title="Messages per batch",
            description="Send a batch when it has this many messages.",
        ),
        th.Property(
            "batch_max_bytes",
            th.IntegerType(minimum=1_000, maximum=largest),
            default=size,
            title="Bytes per batch",
            description="Maximum size of a request body in bytes, before compression.",
        ),
        th.Property(
            "batch_wait_limit_seconds",
            th.NumberType(exclusive_minimum=0),
            default=5,
            title="Maximum batch wait",
            description="Send an incomplete batch when its first message is this old, in seconds.",
        ),
        th.Property(
            "lanes",
            th.IntegerType(minimum=1, maximum=64),
            default=8,
            title="Requests in flight",
            description="Number of requests sent in parallel. The changes of one user stay in "
            "order.",
        ),
        th.Property(
            "max_requests_per_second",
            th.NumberType(exclusive_minimum=0),
            title="Requests per second",
            description="Maximum number of requests per second, for all lanes together.",
        ),
        th.Property(
            "request_timeout_seconds",
            th.NumberType(exclusive_minimum=0),
            default=30,
            title="Request timeout",
            description="Timeout for the connection, and again for the answer, in seconds; 10 s "
            "at most for the first connection.",
        ),
        th.Property(
            "retry_max_seconds",
            th.NumberType(minimum=0),
            default=600,
            title="Maximum retry time",
            description="Stop the run, with state kept, when one batch has failed for this many "
            "seconds; or after 40 s if the service has not answered at all.",
        ),
        th.Property(
            "compression",
            th.StringType(),
            allowed_values=["gzip", "none"],
            default="gzip",
            title="Compression",
            description="Compression of request bodies.",
        ),
    ]
