"""Where plain http may lead: to this very machine, and elsewhere only if the user says so.

An address is read as `requests` reads it when it sends, so that the two can't disagree about whose
address it is.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def address_errors(config: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Say of each of these settings whether it would send in the clear and may not."""
    for name in names:
        if not config["allow_http"] and leaves_in_the_clear(config.get(name) or ""):
            yield (
                f"Setting {name}: it is plain http to another machine, which carries the key and "
                "the data unencrypted. Make it https, or set allow_http: true."
            )


def leaves_in_the_clear(address: str) -> bool:
    """Tell whether an address is plain http to another machine."""
    host = _plain_http_host(address)
    return host is not None and not _is_loopback(host)


def stays_here(address: str) -> bool:
    """Tell whether an address is plain http to this machine: no proxy may come in between."""
    host = _plain_http_host(address)
    return host is not None and _is_loopback(host)


def _plain_http_host(address: str) -> str | None:
    request = requests.PreparedRequest()
    try:
        request.prepare_url(address, None)
    except requests.RequestException:
        return None  # nor can it be sent to
    parts = urlsplit(request.url or "")
    return parts.hostname if parts.scheme == "http" else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
