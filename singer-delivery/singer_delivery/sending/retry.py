"""What an answer means for its batch, and the errors that end a run; pure.

| answer                                        | what follows                               |
|-----------------------------------------------|--------------------------------------------|
| 2xx that reads as accepted                    | acknowledged                               |
| no answer, 408, 410, 429, 460, 5xx but 501    | again, after exponential backoff with full |
| and 505, 2xx that does not read as accepted   | jitter or as long as the service asks      |
| 400, 413, 422                                 | halved, until the bad message stands alone |
| everything else, and what of the above says   | the run stops, nothing is rejected         |
| that it is about the key or the account       |                                            |
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
"""The 5xx that are not retried, since the same request would get the same answer."""

HALVED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)

UNREACHED_SECONDS = 40.0
"""How long to retry before the first answer of the service. The address is probably wrong then;
together with the attempts it takes about a minute."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A service's answer to one request.

    Attributes:
        status: The HTTP status, or `NO_ANSWER`.
        accepted: Whether it is a 2xx whose body means success.
        detail: A short description for the log, without secrets or payload.
        excerpt: The beginning of the body for the rejects file, without secrets.
        headers: The headers, with case-insensitive names.
        about_sender: Whether the body blames the key or the account.
    """

    status: int
    accepted: bool = False
    detail: str = ""
    excerpt: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    about_sender: bool = False


class Verdict(Enum):
    """What an answer means for the batch it answers."""

    ACKNOWLEDGED = auto()
    AGAIN = auto()
    REFUSED = auto()
    STOP = auto()


def verdict(answer: Answer) -> Verdict:
    """Return what an answer means, by the table at the top of this module."""
    status = answer.status
    if answer.accepted:
        return Verdict.ACKNOWLEDGED
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.STOP if answer.about_sender else Verdict.AGAIN
    if status in HALVED:
        return Verdict.STOP if answer.about_sender else Verdict.REFUSED
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in NOT_RETRIED
    return Verdict.AGAIN if status in RETRIED or is_server_error else Verdict.STOP


def is_unreached(answer: Answer) -> bool:
    """Return whether no answer came, or one from something else, such as a proxy."""
    return not answer.accepted and answer.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class Advice:
    """Makes the errors that end a run, which name the settings to check.

    Attributes:
        host: The host of the service.
        keys: The names of the secret settings.
        addresses: The names of the settings that say where the service is.
        others: The advice for endpoints, by their index, that are elsewhere.
    """

    host: str
    keys: Sequence[str] = ()
    addresses: Sequence[str] = ()
    others: Mapping[int, Advice] = field(default_factory=dict)

    def of(self, endpoint: int) -> Advice:
        """Return the advice for an endpoint."""
        return self.others.get(endpoint, self)

    def refused(self, answer: Answer) -> ServiceError:
        """Return the error for an answer that refuses this sender."""
        why = " It is about the key or the account." if answer.about_sender else ""
        settings = _listed([*self.keys, *self.addresses])
        return SenderRefusedError(host=self.host, answer=answer.detail, why=why, settings=settings)

    def given_up(self, answer: Answer, error: GivenUpError, *, first: bool) -> ServiceError:
        """Return the error for a batch that is not retried any more.

        Args:
            answer: The last one.
            error: The limit that is reached.
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
    """Join names as in a sentence: `a, b and c`."""
    *most, last = names or ["the address"]
    return f"{', '.join(most)} and {last}" if most else last
