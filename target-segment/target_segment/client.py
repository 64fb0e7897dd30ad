"""Segment's HTTP Tracking API on the wire: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/.

`POST /v1/batch` with `{"batch": [message, …], "sentAt": …}`, the write key as the user name of
Basic authentication. `sentAt` is the time of the attempt: Segment shifts each message's
timestamp by what passed between it and the arrival. Success is 200 `{"success": true}`; it is
said of unknown keys and wrong regions as well, hence `verify_write_key`.
"""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec
import requests

from singer_delivery import Endpoint, ServiceError
from singer_delivery.sending.addresses import with_scheme
from singer_delivery.sending.http import ask, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HOSTS = {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
DEFAULT_REGION = "us"
_REGIONS = {urlsplit(address).hostname: region for region, address in HOSTS.items()}
CDN = "https://cdn.segment.com"
CDN_TIMEOUT_SECONDS = 10


def versioned(address: str) -> str:
    """Write an address the way it ends in the API's documentation: without `/`, with `/v1`."""
    address = with_scheme(address).rstrip("/")
    return address if address.endswith("/v1") else f"{address}/v1"


class SegmentApi:
    """How Segment is written to: a `singer_delivery.Service`.

    Args:
        write_key: The source's.
        address: Where the API is, ending in `/v1`.
        now: The present as ISO 8601 with a zone.
    """

    def __init__(self, write_key: str, address: str, now: Callable[[], str]) -> None:
        credentials = base64.b64encode(f"{write_key}:".encode()).decode()
        self.endpoints = (Endpoint(f"{address}/batch"),)
        self.headers = {"Authorization": f"Basic {credentials}"}
        self.secrets = (write_key, credentials)
        self._now = now

    def body(self, messages: Sequence[bytes]) -> bytes:
        """Put the messages into Segment's envelope, with the time of this attempt."""
        sent_at = self._now().encode()
        return b"".join((b'{"batch":[', b",".join(messages), b'],"sentAt":"', sent_at, b'"}'))

    def accepts(self, content: bytes) -> bool:
        """Tell whether Segment says success."""
        try:
            answer = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        return isinstance(answer, dict) and answer.get("success") is True


def verify_write_key(write_key: str, region: str, address: str) -> str | None:
    """Ask what Segment's own libraries ask at their start, since the API itself never says no.

    Args:
        write_key: The source's.
        region: Where we are about to send: `us` or `eu`.
        address: Of Segment's CDN, ending in `/v1`.

    Returns:
        Why it could not be verified, or None if all is well.

    Raises:
        ServiceError: There is no such key, or it belongs to the other region.
    """
    try:
        response = ask(
            f"{address}/projects/{quote(write_key, safe='')}/settings", timeout=CDN_TIMEOUT_SECONDS
        )
    except requests.RequestException as error:
        return describe(error, CDN_TIMEOUT_SECONDS)
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise ServiceError(
            "Segment knows no source with this write_key; it would answer 200 and drop everything. "
            "Copy the key from the source's Settings > API Keys (or set verify_write_key: false)."
        )
    if response.status_code != HTTPStatus.OK:
        return f"HTTP {response.status_code}"
    settings = _object_in(response.content)
    if settings is None:
        return "the answer cannot be read"
    home = _region_in(settings)
    if home is None and region != DEFAULT_REGION:
        return "the answer does not say in which region its workspace is"
    if home and home != region:
        raise ServiceError(
            f"This write_key belongs to a workspace in region {home}, and not {region}, where the "
            "calls would go: Segment would answer 200 and drop everything. "
            f"Set region: {home}, and host, if it is set, to that region's."
        )
    return None


def region_of(address: str) -> str | None:
    """Say of which region's own host an address is, None if it is nobody's."""
    return _REGIONS.get(urlsplit(address).hostname or "")


def _object_in(content: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _region_in(settings: dict[str, Any]) -> str | None:
    """Read the region from a source's settings, None where they do not say."""
    try:
        host = settings["integrations"]["Segment.io"]["apiHost"]
    except (LookupError, TypeError):
        return None
    return region_of(f"https://{host.removeprefix('https://')}") if isinstance(host, str) else None
