"""Moesif's collector on the wire: https://www.moesif.com/docs/api#collector-api.

`POST /users/batch`, `/companies/batch`, `/subscriptions/batch`, `/actions/batch` with a bare JSON
array of one kind of document, and the collector application id as a header. Any 2xx is a success,
of the whole batch; a refused batch is refused whole. `GET /config` is what Moesif's own libraries
ask for at their start, with the same header; what it answers to a wrong one is not documented.
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
"""Moesif does not publish its error messages. A key of `metadata` with such a name does not match,
because Moesif names the key whose type has changed."""


class UnknownApplicationIdError(ServiceError):
    """Moesif has no app with the application id."""

    sentence = (
        "Moesif does not know this application_id (HTTP {status:d}). Copy the Collector "
        "Application Id from Moesif's menu, API Keys; the Management API key is another one (or "
        "set verify_application_id: false)."
    )
    advice = "Nothing was sent."


class MoesifCollector(Service):
    """How Moesif is written to. Any 2xx is a success: what its body holds is not documented.

    Args:
        application_id: The collector application id.
        address: Where the collector is, with or without a `/` at its end.
        management: A key of the Management API, which deletes, and its address.
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
    """Return where users and companies are deleted: `DELETE /search/~/users/{id}`.

    https://www.moesif.com/docs/api#delete-a-user: it needs the scope `delete:users`, a company
    `delete:companies`. Their events stay.
    """
    deletes = Deletion(
        {"Authorization": f"Bearer {key}"}, ("management_api_key",), ("management_api_url",)
    )
    return Endpoint(f"{address.strip().rstrip('/')}/search/~", name="delete", deletes=deletes)


def is_moesifs_own(address: str) -> bool:
    """Return whether an address is Moesif's own and not that of a proxy."""
    return urlsplit(address.strip()).hostname == HOST


def verify_application_id(application_id: str, address: str) -> str | None:
    """Check the application id as Moesif's libraries do at their start.

    A wrong id would end the run at its first batch too, but a run may have nothing to send.

    Args:
        application_id: The collector application id.
        address: Where the collector is.

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
