"""Sessions of `requests` that lead no key elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from singer_delivery.http.addresses import is_local, with_scheme
from singer_delivery.http.answers import Reply, read_body

if TYPE_CHECKING:
    from requests.auth import AuthBase

MAX_ANSWER_BYTES = 1_000_000


def session_to(address: str) -> requests.Session:
    """Make a session for an address; no proxy comes in between on the way to this machine."""
    session = requests.Session()
    session.trust_env = not is_local(address)
    return session


def get(url: str, *, seconds: float, auth: AuthBase | None = None) -> Reply:
    """GET something once; no redirect is followed.

    Args:
        url: Where; https where nothing is said.
        seconds: To wait for the connection, and again for the answer.
        auth: Proves who is asking.

    Raises:
        requests.RequestException: There is no answer.
    """
    url = with_scheme(url)
    with session_to(url) as session:
        response = session.get(url, auth=auth, timeout=seconds, allow_redirects=False, stream=True)
        content = read_body(response, MAX_ANSWER_BYTES, seconds)
        return Reply(response.status_code, content, response.headers)
