"""Keys: sending them, checking them, and keeping them out of logs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from requests.auth import AuthBase
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import requests

_KEY = re.compile(r"[!-~]+")
"""Visible ASCII, which an HTTP header may contain."""


class HeaderAuth(AuthBase):
    """Authentication headers, set such that `requests` does not replace them from a netrc file."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


def key_errors(config: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Check the settings that are keys.

    Args:
        config: All settings.
        names: The names of the settings; one may be unset.

    Yields:
        A sentence for each wrong one, without its value.
    """
    for name in names:
        key = config.get(name)
        if isinstance(key, str) and not _KEY.fullmatch(key):
            yield (
                f"Setting {name}: it contains a space, a line break or another character that is "
                "invalid in a key. Copy it again."
            )


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Replace secrets in a text by `***`: verbatim, URL-encoded, and escaped as in JSON."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]} - {""}:
            text = text.replace(form, "***")
    return text
