"""Checks addresses: plain HTTP to other machines must be allowed by a setting.

An address is parsed as `requests` parses it for sending, so that both find the same host.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def address_errors(config: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Check the settings that are addresses.

    Args:
        config: All settings; `allow_http` allows plain HTTP to other machines.
        names: The names of the settings; one may be unset.

    Yields:
        A sentence for each wrong one, without its value, which may contain a password.
    """
    for name in names:
        address = config.get(name)
        if address and _parts(address) is None:
            yield f"Setting {name}: it is not an address; write https://host or https://host/path."
        elif address and is_insecure(address) and not config.get("allow_http"):
            yield (
                f"Setting {name}: it is plain http to another machine, so the key and the data "
                "would be unencrypted. Use https, or set allow_http: true."
            )


def with_scheme(address: str) -> str:
    """Return an address with its scheme, https by default."""
    address = address.strip()
    return address if "://" in address else f"https://{address}"


def host_of(address: str) -> str:
    """Return the host of an address, with its port if it has one, for the log."""
    parts = _parts(address)
    if parts is None:
        return "the service"
    return parts.netloc.rpartition("@")[2]


def is_insecure(address: str) -> bool:
    """Return whether an address is plain HTTP to another machine."""
    parts = _parts(address)
    return parts is not None and parts.scheme == "http" and not _is_loopback(parts.hostname)


def is_local(address: str) -> bool:
    """Return whether an address is plain HTTP to this machine, which needs no proxy."""
    parts = _parts(address)
    return parts is not None and parts.scheme == "http" and _is_loopback(parts.hostname)


def _parts(address: str) -> SplitResult | None:
    """Split an address; None if it is invalid."""
    request = requests.PreparedRequest()
    try:
        request.prepare_url(with_scheme(address), None)
    except requests.RequestException:
        return None
    parts = urlsplit(request.url or "")
    return parts if parts.scheme in {"http", "https"} else None


def _is_loopback(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
