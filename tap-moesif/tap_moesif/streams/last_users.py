"""The user of each company last seen on the API, because Segment's group calls need a user."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_moesif.service import (
    ForbiddenError,
    NotFoundError,
    RejectedQueryError,
    Request,
    RequiredScope,
    read_search,
)
from tap_moesif.service.page_size import PageSize
from tap_moesif.service.queries import LAST_SEEN, any_of
from tap_moesif.usage.reading import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from tap_moesif.service import Moesif

logger = logging.getLogger("tap-moesif")

MAX_COMPANIES = 4_000
"""Maximum number of companies in a query, each with a bucket."""

SCOPE = "read:users"
REMEDY = "deselect the stream's field lastSeenUserId"

_IDS = ("user_id", "identified_user_id")
_COMPANIES = ("company.company_id.raw", "company_id.raw")
"""Fields of a user that may contain the company's id; the last one takes precedence."""

_IGNORED_ERRORS = (
    *(ForbiddenError, NotFoundError, RejectedQueryError),
    *(LookupError, TypeError, ValueError, AttributeError),
)
"""Errors after which companies are read without their last users."""

_LAST = {
    "top_hits": {
        "size": 1,
        "sort": [
            {LAST_SEEN: {"order": "desc", "unmapped_type": "date"}},
            {"user_id.raw": {"order": "asc", "unmapped_type": "keyword"}},
        ],
        "_source": [*_IDS],
    }
}


class LastUsers:
    """Finds the users of companies last seen on the API; finds none if Moesif refuses the query.

    Args:
        moesif: The API client.
        path: Path of the search for users.
        stream: Name of the companies' stream.
    """

    def __init__(self, moesif: Moesif, path: str, stream: str) -> None:
        self._moesif = moesif
        self._path = path
        self._required = RequiredScope(stream, SCOPE, REMEDY)
        self._size = PageSize(MAX_COMPANIES, MAX_COMPANIES)
        self._refused = False

    def find(self, companies: Sequence[str]) -> Future[dict[str, str]]:
        """Start to find the last users of companies; return a future of their ids."""
        return self._moesif.submit(self._find_all, companies)

    def _find_all(self, companies: Sequence[str]) -> dict[str, str]:
        users: dict[str, str] = {}
        done = 0
        while done < len(companies) and not self._refused:
            try:
                found, count = self._find_some(companies[done:])
            except _IGNORED_ERRORS as error:
                self._refused = True
                logger.info("Reading companies without lastSeenUserId. %s", error)
                return {}
            users |= found
            done += count
        return users

    def _find_some(self, companies: Sequence[str]) -> tuple[dict[str, str], int]:
        """Find the users of the first companies; return also the number of companies."""
        some = companies[: self._size.value]

        def shrink(refused: bool) -> Request | None:
            nonlocal some
            if not self._size.halve(len(some), refused=refused):
                return None
            some = some[: self._size.value]
            return self._request(some)

        fetched = self._moesif.fetch(
            self._request(some), lambda content: read_search(content, self._path), shrink
        )
        return read_last_users(fetched.value), len(some)

    def _request(self, companies: Sequence[str]) -> Request:
        ids = [*companies]
        query = any_of(*({"terms": {field: ids}} for field in _COMPANIES))
        aggregations = {
            f"by{number}": {
                "terms": {"field": field, "size": len(ids), "include": ids},
                "aggs": {"last": _LAST},
            }
            for number, field in enumerate(_COMPANIES)
        }
        body = {"size": 0, "query": query, "aggs": aggregations}
        return Request(self._path, self._required, body=body)


def read_last_users(response: dict[str, Any]) -> dict[str, str]:
    """Read the users' ids by company id.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: The response has another form.
    """
    users = {}
    for number, _ in enumerate(_COMPANIES):
        for bucket in response["aggregations"][f"by{number}"]["buckets"]:
            [hit] = bucket["last"]["hits"]["hits"]
            source = hit.get("_source") or {}
            user = next(filter(None, (source.get(name) for name in _IDS)), hit["_id"])
            users[text_of(bucket)] = str(user)
    return users
