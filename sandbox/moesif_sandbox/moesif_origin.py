"""Where a request came from: the place of an address, the program behind a user agent string.

Both are only as good as trials need them: places are invented, and the same for one address in
every run.
"""

from __future__ import annotations

import ipaddress
import re
import zlib
from typing import TYPE_CHECKING

from moesif_sandbox.seed_values import geo_ip

if TYPE_CHECKING:
    from moesif_sandbox.moesif_dsl import Json

_OTHER = "Other"
# The first that fits wins: a browser's string names the ones that it pretends to be as well.
_PROGRAMS = tuple(
    (name, re.compile(pattern + r"/(\d+)(?:\.(\d+))?"))
    for name, pattern in (
        ("Edge", r"Edge?"),
        ("Opera", r"OPR"),
        ("Chrome", r"Chrome"),
        ("Firefox", r"Firefox"),
        ("Safari", r"Version"),
    )
)
_ANY_PROGRAM = re.compile(r"([\w-]+)/(\d+)(?:\.(\d+))?")
_SYSTEMS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("Windows", r"Windows NT (\d+)(?:\.(\d+))?"),
        ("Android", r"Android (\d+)(?:\.(\d+))?"),
        ("iOS", r"OS (\d+)_(\d+).* like Mac OS X"),
        ("Mac OS X", r"Mac OS X (\d+)[_.](\d+)"),
        ("Linux", r"Linux()()"),
    )
)


def place_of(address: str) -> Json | None:
    """Return what a lookup says about an address; None where it is nobody's on the internet."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if found.is_unspecified or found.is_loopback:
        return None
    return geo_ip(zlib.crc32(found.packed)) | {"ip": address}


def user_agent_of(text: str) -> Json:
    """Return a user agent string taken apart: `name, major, minor, os, os_name, device`."""
    name, major, minor = _program(text)
    agent: Json = {"name": name, "os": _OTHER, "os_name": _OTHER, "device": _OTHER}
    agent |= {part: number for part, number in (("major", major), ("minor", minor)) if number}
    for system, pattern in _SYSTEMS:
        if match := pattern.search(text):
            numbers = [number for number in match.groups() if number]
            agent |= {"os_name": system, "os": " ".join([system, ".".join(numbers)]).strip()}
            agent |= dict(zip(("os_major", "os_minor"), numbers, strict=False))
            break
    return agent


def _program(text: str) -> tuple[str, str, str | None]:
    for name, pattern in _PROGRAMS:
        if match := pattern.search(text):
            return name, match[1], match[2]
    match = _ANY_PROGRAM.search(text)
    return (match[1], match[2], match[3]) if match else (_OTHER, "", None)
