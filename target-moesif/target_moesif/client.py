"""Moesif's Collector API: https://www.moesif.com/docs/api#collector-api.

`POST /users/batch`, `/companies/batch`, `/subscriptions/batch`, `/actions/batch` with a JSON array
of one kind of document, and the collector application id as a header. A batch is accepted (any 2xx)
or refused as a whole. Moesif's libraries request `GET /config` at their start, with the same
header; its response to an invalid id is not documented.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from typing_extensions import override

from singer_delivery import Endpoint, Service, ServiceError
from singer_delivery.http import HeaderAuth, get, no_answer_reason
from singer_delivery.sending.refusals import error_matches
from singer_delivery.sending.service import Deletion
from target_moesif.rules import KINDS

HOST = "api.moesif.net"
CHECK_TIMEOUT_SECONDS = 10

_ID = r"(x-moesif-)?(application.?id|api.?key)( header)?"
_WRONG = (
    r"(invalid|missing|unknown|wrong|expired|required|"
    r"not (valid|found|known|recogni[sz]ed|active|provided))"
)
_ABOUT_SENDER = re.compile(
    rf"(?<![.\w]){_WRONG} ((the|an|or missing|moesif|collector) )*{_ID}"
    rf"|(?<![.\w]){_ID} (is |was |has )?{_WRONG}"
    r"|(?<![.\w])(your|the|this) (account|organi[sz]ation|workspace|plan|trial) "
    r"(is|was|has) (been )?(disabled|inactive|not active|expired|suspended|exceeded|not found)"
    r"|^unauthori[sz]ed|authentication (failed|required)|invalid credentials",
    re.IGNORECASE,
)
"""Likely error messages about the application id or the account; Moesif does not publish them. A
key of `metadata` with such a name must not match, because Moesif names the key whose type has
changed."""


class UnknownApplicationIdError(ServiceError):
    """Moesif has no application with this id."""

    sentence = (
        "Moesif has no application with this application_id (HTTP {status:d}). Copy the Collector "
        "Application Id, not the Management API key, from API Keys in Moesif's menu, or set "
        "verify_application_id: false."
    )
    advice = "Nothing was sent."


class MoesifCollector(Service):
    """Moesif's collector. Any 2xx is a success, because the body is not documented.

    Args:
        application_id: The collector application id.
        address: Base URL of the collector, with or without a trailing `/`.
        management: Key and base URL of the Management API, for deletions.
    """

    def __init__(
        self, application_id: str, address: str, management: tuple[str, str] | None = None
    ) -> None:
        address = address.strip().rstrip("/")
        endpoints = [
            Endpoint(f"{address}/{kind.path}/batch", kind.max_batch_bytes, kind.name)
            for kind in KINDS
        ]
        if management is not None:
            endpoints.append(_deletion(*management))
        super().__init__(*endpoints, headers={"X-Moesif-Application-Id": application_id})

    @override
    def blames_sender(self, content: bytes) -> bool:
        """Return whether a refusal is about the application id or the account."""
        return error_matches(content, _ABOUT_SENDER)


def _deletion(key: str, address: str) -> Endpoint:
    """Return the endpoint of deletions: `DELETE /search/~/users/{id}` or `/companies/{id}`.

    https://www.moesif.com/docs/api#delete-a-user: the scopes are `delete:users` and
    `delete:companies`. Events are not deleted.
    """
    deletes = Deletion(
        {"Authorization": f"Bearer {key}"}, ("management_api_key",), ("management_api_url",)
    )
    return Endpoint(f"{address.strip().rstrip('/')}/search/~", name="delete", deletes=deletes)


def is_moesifs_own(address: str) -> bool:
    """Return whether a base URL is Moesif's own, not a proxy's."""
    return urlsplit(address.strip()).hostname == HOST


def verify_application_id(application_id: str, address: str) -> str | None:
    """Check the application id as Moesif's libraries do at their start.

    Otherwise a run with nothing to send would not notice an invalid id.

    Args:
        application_id: The collector application id.
        address: Base URL of the collector.

    Returns:
        Why it could not be verified, or None if it was not refused.

    Raises:
        ServiceError: The collector refuses it.
    """
    service = MoesifCollector(application_id, address)
    try:
        status, _, _ = get(
            f"{address.strip().rstrip('/')}/config",
            auth=HeaderAuth(service.headers),
            seconds=CHECK_TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        return no_answer_reason(error, CHECK_TIMEOUT_SECONDS)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise UnknownApplicationIdError(status=status)
    return None if status < HTTPStatus.MULTIPLE_CHOICES else f"HTTP {status}"
