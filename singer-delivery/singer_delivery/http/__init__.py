"""HTTP for the tap and the targets; it uses nothing else from this package.

Addresses, plain HTTP, proxies, authentication headers, size limits, reasons for no answer, waits
and retry limits.
"""

from singer_delivery.http.addresses import (
    address_errors,
    host_of,
    is_insecure,
    is_local,
    with_scheme,
)
from singer_delivery.http.answers import (
    NO_ANSWER,
    Reply,
    no_answer_reason,
    read_body,
    status_line,
)
from singer_delivery.http.keys import HeaderAuth, key_errors, without_secrets
from singer_delivery.http.sessions import get, session_to
from singer_delivery.http.waits import (
    FailedTooLongError,
    GivenUpError,
    RequestedWaitTooLongError,
    RetryBudget,
    WaitedTooLongError,
    backoff,
    http_date,
    retry_after,
)

__all__ = [
    "NO_ANSWER",
    "FailedTooLongError",
    "GivenUpError",
    "HeaderAuth",
    "Reply",
    "RequestedWaitTooLongError",
    "RetryBudget",
    "WaitedTooLongError",
    "address_errors",
    "backoff",
    "get",
    "host_of",
    "http_date",
    "is_insecure",
    "is_local",
    "key_errors",
    "no_answer_reason",
    "read_body",
    "retry_after",
    "session_to",
    "status_line",
    "with_scheme",
    "without_secrets",
]
