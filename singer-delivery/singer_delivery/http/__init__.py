"""What the tap and the targets both know about HTTP; it needs nothing else of this package.

Addresses and where plain http may lead, proxies, headers that prove who is asking, why there was
no answer, how large one may be, what a service asks to wait, and how long to go on trying.
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
    AskedTooLongError,
    FailedTooLongError,
    GivenUpError,
    RetryBudget,
    WaitedTooLongError,
    backoff,
    http_date,
    retry_after,
)

__all__ = [
    "NO_ANSWER",
    "AskedTooLongError",
    "FailedTooLongError",
    "GivenUpError",
    "HeaderAuth",
    "Reply",
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
