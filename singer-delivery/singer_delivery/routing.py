"""Which stream becomes which call."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Shape(Enum):
    """A kind of stream that is known without being told."""

    MOESIF_USERS = auto()
    MOESIF_COMPANIES = auto()


ONLY_COMPANIES_HAVE = frozenset({"created", "ipAddress", "companyDomain", "ttfhw_s"})
ONLY_USERS_HAVE = frozenset({"firstSeenTime", "lastSeenTime", "last24HourAggResults"})


def shape_of(schema: Mapping[str, Any]) -> Shape | None:
    """Recognise a stream by its schema, whatever its name.

    tap-moesif's streams always have `id` and `modifiedTime` (key and replication key), which
    no selection can take away, and some field that only a user or only a company has. A
    foreign `users` table has not, and must never be sent unasked.
    """
    properties = schema.get("properties", {}).keys()
    if not {"id", "modifiedTime"} <= properties:
        return None
    if properties & ONLY_COMPANIES_HAVE:
        return Shape.MOESIF_COMPANIES
    if properties & ONLY_USERS_HAVE:
        return Shape.MOESIF_USERS
    return None
