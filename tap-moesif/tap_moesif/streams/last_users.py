"""Which of a company's users was last seen: a group call of Segment needs a user to go through."""

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

MOST_COMPANIES = 4_000
"""Companies in one query, with a bucket each."""

SCOPE = "read:users"
REMEDY = "deselect lastSeenUserId of the stream"

_IDS = ("user_id", "identified_user_id")
_COMPANIES = ("company.company_id.raw", "company_id.raw")
"""The fields in which a user's document may hold its company's id; the last one counts more."""

_REFUSALS = (
    *(ForbiddenError, NotFoundError, RejectedQueryError),
    *(LookupError, TypeError, ValueError, AttributeError),
)
"""Behind these companies are read all the same: of their users nothing is to be known."""

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
    """Finds the last seen users of companies; those of no company where Moesif does not tell.

    Args:
        moesif: The API.
        path: Where users are searched.
        stream: The stream of the companies.
    """

    def __init__(self, moesif: Moesif, path: str, stream: str) -> None:
        self._moesif = moesif
        self._path = path
        self._required = RequiredScope(stream, SCOPE, REMEDY)
        self._size = PageSize(MOST_COMPANIES, MOST_COMPANIES)
        self._refused = False

    def of(self, companies: Sequence[str]) -> Future[dict[str, str]]:
        """Begin to find the last seen user of each company that has one."""
        return self._moesif.submit(self._find, companies)

    def _find(self, companies: Sequence[str]) -> dict[str, str]:
        users: dict[str, str] = {}
        done = 0
        while done < len(companies) and not self._refused:
            try:
                found, asked = self._find_some(companies[done:])
            except _REFUSALS as error:
                self._refused = True
                logger.info("Companies are read without their last seen users. %s", error)
                return {}
            users |= found
            done += asked
        return users

    def _find_some(self, companies: Sequence[str]) -> tuple[dict[str, str], int]:
        """Find the users of the first companies; return also of how many."""
        some = companies[: self._size.value]

        def shrink(refused: bool) -> Request | None:
            nonlocal some
            if not self._size.halve(len(some), refused=refused):
                return None
            some = some[: self._size.value]
            return self._request(some)

        answered = self._moesif.fetch(
            self._request(some), lambda content: read_search(content, self._path), shrink
        )
        return read_last_users(answered.value), len(some)

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


def read_last_users(answer: dict[str, Any]) -> dict[str, str]:
    """Read users' ids by companies' ids.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: It has not the shape of such an answer.
    """
    users = {}
    for number, _ in enumerate(_COMPANIES):
        for bucket in answer["aggregations"][f"by{number}"]["buckets"]:
            [hit] = bucket["last"]["hits"]["hits"]
            source = hit.get("_source") or {}
            user = next(filter(None, (source.get(name) for name in _IDS)), hit["_id"])
            users[text_of(bucket)] = str(user)
    return users
