"""Moesif's Management API: requests, responses, paging, rate limit and errors."""

from tap_moesif.errors import MoesifError
from tap_moesif.service.client import Fetched, Moesif
from tap_moesif.service.errors import (
    AttemptError,
    ForbiddenError,
    NotFoundError,
    RejectedQueryError,
    TooLargeError,
)
from tap_moesif.service.paging import ID, Page, Pages, Search
from tap_moesif.service.request import Request, RequiredScope
from tap_moesif.service.responses import Hit, read_hits, read_list, read_search

__all__ = [
    "ID",
    "AttemptError",
    "Fetched",
    "ForbiddenError",
    "Hit",
    "Moesif",
    "MoesifError",
    "NotFoundError",
    "Page",
    "Pages",
    "RejectedQueryError",
    "Request",
    "RequiredScope",
    "Search",
    "TooLargeError",
    "read_hits",
    "read_list",
    "read_search",
]
