"""Where plain http may lead: to this very machine, and elsewhere only if the user says so.

An address is read as `requests` reads it when it sends, so that the two can't disagree about whose
address it is.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import requests


def leaves_in_the_clear(address: str) -> bool:
    """Tell whether an address is plain http to another machine."""
    host = _plain_http_host(address)
    return host is not None and not _is_loopback(host)


def session_to(address: str) -> requests.Session:
    """Make a session for an address; no proxy comes in between on the way to this machine."""
    session = requests.Session()
    host = _plain_http_host(address)
    session.trust_env = host is None or not _is_loopback(host)
    return session


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
