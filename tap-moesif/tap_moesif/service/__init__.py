"""Moesif's Management API: requests, answers, pages, pace and errors."""

from tap_moesif.service.answers import Hit, read_hits, read_list, read_search
from tap_moesif.service.client import Answered, Moesif
from tap_moesif.service.errors import (
    AttemptError,
    ForbiddenError,
    MoesifError,
    NotFoundError,
    RejectedQueryError,
    TooLargeError,
)
from tap_moesif.service.paging import ID, Page, Pages, Search
from tap_moesif.service.request import Request, RequiredScope

__all__ = [
    "ID",
    "Answered",
    "AttemptError",
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
