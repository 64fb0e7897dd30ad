"""A raw Moesif document as a record; pure.

What Moesif writes in several ways is brought into one, and then each field takes its value; what
is left has no place of its own and goes along as `additionalFields`. So nothing is lost, whatever
an account has added, and a value of the wrong type costs only its own field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.objects import Fields
from tap_moesif.schemas import REQUEST_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_moesif.fields import Field
    from tap_moesif.objects import Document, Misfit, Record

SESSION_TOKEN = "session_token"  # noqa: S105, a field's name
"""Where Moesif keeps its users' session tokens: credentials of theirs."""

PAYLOADS = tuple(
    f"{side}.{part}"
    for side in ("request", "response")
    for part in ("headers", "body", "original_encoded_body")
)
"""Where an API call's headers and bodies are, which hold credentials too."""


HIT_ID = "_id"
"""What fields call the id of a search's hit."""


def as_it_is(document: Document) -> Document:
    """Give a document of which nothing is written in several ways."""
    return document


def user_document(document: Document) -> Document:
    """Bring what Moesif writes in several ways about a user into one.

    The company's id into the company, and what `_with_origin` does.
    """
    company, company_id = document.get("company"), document.get("company_id")
    if company_id is not None:
        if not isinstance(company, dict):
            company = {} if company is None else {"company": company}
        if company.get("company_id") is None:
            company = {**company, "company_id": company_id}
        document["company"] = company
        if company["company_id"] == company_id:
            del document["company_id"]
    return _with_origin(document)


subscription_document = as_it_is  # its documents come in one way


def cohort_document(document: Document) -> Document:
    """Write a cohort's criteria as the text that they are documented to be read as."""
    if isinstance(document.get("criteria"), dict | list):
        document["criteria"] = msgspec.json.encode(document["criteria"]).decode()
    return document


def event_document(document: Document) -> Document:
    """Put the time of an event's request beside it too, and do what `_with_origin` does in it."""
    request = document.get("request")
    if isinstance(request, dict):
        _with_origin(request)
        if "time" in request:
            document[REQUEST_TIME] = request["time"]
    return document


def _with_origin(document: Document) -> Document:
    """Bring what is written in several ways about where somebody was into one.

    The address' coordinates out of the engine's `location`, the address beside them, and a user
    agent that is no object where strings belong.
    """
    if isinstance(geo := document.get("geo_ip"), dict):
        _with_coordinates(geo)
        if document.get("ip_address") in (None, geo.get("ip")) and isinstance(geo.get("ip"), str):
            document["ip_address"] = geo.pop("ip")
    if isinstance(document.get("user_agent"), str) and document.get("user_agent_string") is None:
        document["user_agent_string"] = document.pop("user_agent")
    return document


def _with_coordinates(geo: Document) -> None:
    """Read `location`, `{lat, lon}` or `[lon, lat]`, where it adds to or repeats the numbers."""
    location = geo.get("location")
    if isinstance(location, list) and len(location) == 2:  # noqa: PLR2004, a pair
        location = {"lon": location[0], "lat": location[1]}
    if isinstance(location, dict) and location.keys() == {"lat", "lon"}:
        latitude = geo.setdefault("latitude", location["lat"])
        longitude = geo.setdefault("longitude", location["lon"])
        if (latitude, longitude) == (location["lat"], location["lon"]):
            del geo["location"]


class RecordMaker:
    """Makes the records of a stream.

    Args:
        fields: The records'.
        prepare: Brings a document into the one form that `fields` know; it may change it.
        drop: Raw names that are not emitted wherever Moesif has put them; or, with dots, the
            path of one inside objects that have fields.
        misfit: Called with the raw path of each value that is not of its field's type.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        prepare: Callable[[Document], Document] = as_it_is,
        drop: Iterable[str] = (),
        misfit: Misfit,
    ) -> None:
        self._fields = Fields(fields, "", frozenset(drop), misfit)
        self._prepare = prepare
        self._misfit = misfit

    def __call__(self, raw: Any, hit_id: object = None) -> Record | None:  # noqa: ANN401
        """Make a record that follows the fields' schema, or give None if there is no id.

        Args:
            raw: The document, or what was sent in place of one; it is used up.
            hit_id: The id of the search's hit that the document came in: it stands in for an id
                of the document's own, and is no part of it.
        """
        if not isinstance(raw, dict):
            raw = self._in_place_of_a_document(raw, hit_id)
        document = self._prepare(raw)
        left: Document = {}
        record = self._fields.take(document, left)
        self._fields.keep(left, record)
        if "id" in record:
            return record
        found = self._fields.take_known({HIT_ID: hit_id}, {})
        return {**found, **record} if found else None

    def _in_place_of_a_document(self, raw: object, hit_id: object) -> Document:
        if raw is None or hit_id is None:
            return {}
        self._misfit("_source")
        return {"_source": raw}
