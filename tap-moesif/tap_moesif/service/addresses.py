"""The address of the API: where it leads, and what of it may be shown.

An address is read as `requests` reads it when it sends, so that the two can't disagree about whose
address it is.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import requests


def with_scheme(address: str) -> str:
    """Complete an address: https where it names no scheme, and no slash at its end."""
    address = address.strip().rstrip("/")
    return address if "://" in address else f"https://{address}"


def is_address(address: str) -> bool:
    """Tell whether requests can be sent to an address."""
    return _parts(address) is not None


def is_insecure(address: str) -> bool:
    """Tell whether an address is plain http to another machine."""
    parts = _parts(address)
    return parts is not None and parts.scheme == "http" and not _is_loopback(parts.hostname)


def is_local(address: str) -> bool:
    """Tell whether an address is plain http to this machine: no proxy may stand in between."""
    parts = _parts(address)
    return parts is not None and parts.scheme == "http" and _is_loopback(parts.hostname)


def shown(address: str) -> str:
    """Return an address without what may be secret in it: name, password and query.

    >>> shown("https://me:secret@proxy.example:8443/v1?key=secret")
    'https://proxy.example:8443/v1'
    """
    scheme, _, rest = with_scheme(address).partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0].partition('#')[0]}"


def _parts(address: str) -> SplitResult | None:
    request = requests.PreparedRequest()
    try:
        request.prepare_url(with_scheme(address), None)
        parts = urlsplit(request.url or "")
    except (requests.RequestException, ValueError):
        return None
    return parts if parts.scheme in {"http", "https"} else None


def _is_loopback(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
