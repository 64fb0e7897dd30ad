"""Segment's HTTP Tracking API: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/.

`POST /v1/batch` with `{"batch": [message, …], "sentAt": …}`, and the write key as the user name of
Basic authentication. `sentAt` is the time of the attempt: Segment shifts each message's timestamp
by the time from `sentAt` to the arrival. Success is 200 `{"success": true}`, which Segment also
returns for unknown keys and wrong regions, hence `verify_write_key`.
"""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec
import requests
from typing_extensions import override

from singer_delivery import Service, ServiceError
from singer_delivery.http import get, no_answer_reason, with_scheme
from singer_delivery.sending.refusals import error_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HOSTS = {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
DEFAULT_REGION = "us"
_REGIONS = {urlsplit(address).hostname: region for region, address in HOSTS.items()}
CDN = "https://cdn.segment.com"
CDN_TIMEOUT_SECONDS = 10

_ABOUT_SENDER = re.compile(
    r"(?<![.\w])write.?key|project.?not.?found|unknown_source|source_disabled|locked_workspace"
    r"|(?<![.\w])(source|workspace) (is|was|has been) "
    r"(disabled|not enabled|not found|unknown|locked|deleted|archived|suspended)"
    r"|(wrong|another|different|other) region|region mismatch"
    r"|^unauthori[sz]ed|authentication (failed|required)|invalid credentials",
    re.IGNORECASE,
)
"""Error messages of Segment and RudderStack about the key, the source or the workspace. A field of
a message with such a name does not match."""


def versioned(address: str) -> str:
    """Return a base URL without a trailing `/` and with `/v1`."""
    address = with_scheme(address).rstrip("/")
    return address if address.endswith("/v1") else f"{address}/v1"


class UnknownWriteKeyError(ServiceError):
    """Segment has no source with the write key."""

    sentence = (
        "Segment has no source with this write_key; it would return 200 and discard everything. "
        "Copy the key from the source's Settings > API Keys, or set verify_write_key: false."
    )
    advice = "Nothing was sent."


class OtherRegionError(ServiceError):
    """The write key belongs to another region."""

    sentence = (
        "This write_key belongs to a workspace in region {home}, but calls would be sent to "
        "region {region}: Segment would return 200 and discard everything. Set region: {home}, "
        "and host, if it is set, to that region's host."
    )
    advice = "Nothing was sent."


class SegmentApi(Service):
    """Segment's API, or a compatible one.

    Args:
        write_key: The write key of the source.
        address: Base URL of the API, ending in `/v1`.
        now: Returns the current time as ISO 8601 with a zone.
    """

    def __init__(self, write_key: str, address: str, now: Callable[[], str]) -> None:
        credentials = base64.b64encode(f"{write_key}:".encode()).decode()
        super().__init__(
            f"{address}/batch",
            headers={"Authorization": f"Basic {credentials}"},
            secrets=[credentials],
        )
        self._is_segments_own = region_of(address) is not None
        self._now = now

    @override
    def body(self, messages: Sequence[bytes]) -> bytes:
        """Return the request body, with the time of this attempt."""
        sent_at = self._now().encode()
        return b"".join((b'{"batch":[', b",".join(messages), b'],"sentAt":"', sent_at, b'"}'))

    @override
    def accepts(self, content: bytes) -> bool:
        """Return whether Segment, or RudderStack instead, reports success."""
        if not self._is_segments_own and content.strip().strip(b'"') == b"OK":
            return True
        response = _object_in(content)
        return response is not None and response.get("success") is True

    @override
    def blames_sender(self, content: bytes) -> bool:
        """Return whether a refusal is about the write key, the source or the workspace."""
        return error_matches(content, _ABOUT_SENDER)


def verify_write_key(write_key: str, region: str, address: str) -> str | None:
    """Check the write key on Segment's CDN, because the API returns 200 for any key.

    Args:
        write_key: The write key of the source.
        region: The region to send to: `us` or `eu`.
        address: Base URL of Segment's CDN, ending in `/v1`.

    Returns:
        Why it could not be verified, or None if it is valid.

    Raises:
        ServiceError: There is no such key, or it belongs to the other region.
    """
    try:
        status, content, _ = get(
            f"{address}/projects/{quote(write_key, safe='')}/settings", seconds=CDN_TIMEOUT_SECONDS
        )
    except requests.RequestException as error:
        return no_answer_reason(error, CDN_TIMEOUT_SECONDS)
    if status == HTTPStatus.NOT_FOUND:
        raise UnknownWriteKeyError
    if status != HTTPStatus.OK:
        return f"HTTP {status}"
    settings = _object_in(content)
    if settings is None:
        return "the response is not a JSON object"
    home = region_in(settings)
    if home is None and region != DEFAULT_REGION:
        return "the response does not contain the region of its workspace"
    if home and home != region:
        raise OtherRegionError(home=home, region=region)
    return None


def region_of(address: str) -> str | None:
    """Return the region of a Segment URL, or None for another host."""
    return _REGIONS.get(urlsplit(address).hostname or "")


def _object_in(content: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def region_in(settings: dict[str, Any]) -> str | None:
    """Return the region in a source's settings, or None if it is unknown.

    Without `apiHost`, Segment's browser client sends to the default region.
    """
    try:
        host = settings["integrations"]["Segment.io"].get("apiHost")
    except (LookupError, TypeError, AttributeError):
        return None
    if host is None:
        return DEFAULT_REGION
    return region_of(f"https://{host.removeprefix('https://')}") if isinstance(host, str) else None
