"""Keys: how they are sent, what none of them holds, and how they stay out of logs."""

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
"""What an HTTP header takes and a blank does not end: visible ASCII."""


class HeaderAuth(AuthBase):
    """Headers that prove who is asking, as `requests` wants them: no netrc file replaces them."""

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
        names: Of the keys; one that is not set is right.

    Yields:
        A sentence for each wrong one, without its value.
    """
    for name in names:
        key = config.get(name)
        if isinstance(key, str) and not _KEY.fullmatch(key):
            yield (
                f"Setting {name}: it holds a blank, a line break or another character that no key "
                "has. Copy it again, without what surrounds it."
            )


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Replace secrets in a text by `***`, as they are, in an address and in JSON."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]} - {""}:
            text = text.replace(form, "***")
    return text
