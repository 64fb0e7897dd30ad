"""What an answer means for its batch, and the errors that end a run; pure.

| answer                                        | what follows                               |
|-----------------------------------------------|--------------------------------------------|
| 2xx whose body confirms success               | acknowledged                               |
| no answer, 408, 410, 429, 460, 5xx except 501 | retried, after exponential backoff with    |
| and 505, 2xx whose body does not confirm      | full jitter, or the wait that the service  |
| success                                       | requests                                   |
| 400, 413, 422                                 | halved, until the bad message is alone     |
| everything else, and any of the above that    | the run stops, nothing is rejected         |
| is about the key or the account               |                                            |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_delivery.errors import (
    LongWaitError,
    ManyWaitsError,
    NoDeliveryError,
    SenderRefusedError,
    ServiceError,
)
from singer_delivery.http import (
    NO_ANSWER,
    GivenUpError,
    RequestedWaitTooLongError,
    WaitedTooLongError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The same as Segment's own clients; 410 and 460 come from proxies.
RETRIED = frozenset({NO_ANSWER, 408, 410, 429, 460})
NOT_RETRIED = frozenset({501, 505})
"""The 5xx that are not retried, because the answer would be the same."""

HALVED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)

UNREACHED_SECONDS = 40.0
"""How long to retry before the service's first answer: the address is probably wrong. With the
attempts it takes about a minute."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer to one request.

    Attributes:
        status: The HTTP status, or `NO_ANSWER`.
        accepted: Whether it is a 2xx whose body means success.
        detail: A short description for the log, without secrets or payload.
        excerpt: The beginning of the body, for the rejects file, without secrets.
        headers: The headers, with case-insensitive names.
        about_sender: Whether the body is about the key or the account.
    """

    status: int
    accepted: bool = False
    detail: str = ""
    excerpt: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    about_sender: bool = False


class Verdict(Enum):
    """What an answer means for its batch."""

    ACKNOWLEDGED = auto()
    RETRY = auto()
    REFUSED = auto()
    STOP = auto()


def verdict(answer: Answer) -> Verdict:
    """Return what an answer means, by the table at the top of this module."""
    status = answer.status
    if answer.accepted:
        return Verdict.ACKNOWLEDGED
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.STOP if answer.about_sender else Verdict.RETRY
    if status in HALVED:
        return Verdict.STOP if answer.about_sender else Verdict.REFUSED
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in NOT_RETRIED
    return Verdict.RETRY if status in RETRIED or is_server_error else Verdict.STOP


def is_unreached(answer: Answer) -> bool:
    """Return whether the service did not answer, or a proxy did in its place."""
    return not answer.accepted and answer.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class ServiceErrors:
    """Makes the errors that end a run; they name the settings to check.

    Attributes:
        host: The host of the service.
        keys: The names of the secret settings.
        addresses: The names of the settings that contain the service's address.
        by_endpoint: The errors of endpoints that have other settings, by index.
    """

    host: str
    keys: Sequence[str] = ()
    addresses: Sequence[str] = ()
    by_endpoint: Mapping[int, ServiceErrors] = field(default_factory=dict)

    def of(self, endpoint: int) -> ServiceErrors:
        """Return the errors of an endpoint."""
        return self.by_endpoint.get(endpoint, self)

    def refused(self, answer: Answer) -> ServiceError:
        """Return the error for an answer that refuses this sender."""
        why = " It is about the key or the account." if answer.about_sender else ""
        settings = _listed([*self.keys, *self.addresses])
        return SenderRefusedError(host=self.host, answer=answer.detail, why=why, settings=settings)

    def given_up(self, answer: Answer, error: GivenUpError, *, first: bool) -> ServiceError:
        """Return the error for a batch that is no longer retried.

        Args:
            answer: The last answer.
            error: The limit that was exceeded.
            first: Whether the service never answered.
        """
        attempts = f"{error.attempts} attempt{'s' if error.attempts > 1 else ''}"
        if isinstance(error, RequestedWaitTooLongError):
            return LongWaitError(
                host=self.host,
                requested=error.requested,
                answer=answer.detail,
                seconds=error.seconds,
            )
        if isinstance(error, WaitedTooLongError):
            return ManyWaitsError(
                host=self.host, seconds=error.seconds, attempts=attempts, answer=answer.detail
            )
        return NoDeliveryError(
            host=self.host,
            seconds=error.seconds,
            limit="the limit before a first answer" if first else "retry_max_seconds",
            attempts=attempts,
            answer=answer.detail,
            settings=_listed(self.addresses),
        )


def _listed(names: Sequence[str]) -> str:
    """Join names for a sentence: `a, b and c`."""
    *most, last = names or ["the address"]
    return f"{', '.join(most)} and {last}" if most else last
