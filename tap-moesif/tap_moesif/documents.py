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
        document["request"] = _with_origin({**request})
        if "time" in request:
            document[REQUEST_TIME] = request["time"]
    return document


def _with_origin(document: Document) -> Document:
    """Bring what is written in several ways about where somebody was into one.

    The address' coordinates out of the engine's `location`, the address beside them, and a user
    agent that is no object where strings belong.
    """
    if isinstance(geo := document.get("geo_ip"), dict):
        document["geo_ip"] = geo = _with_coordinates({**geo})
        if document.get("ip_address") in (None, geo.get("ip")) and isinstance(geo.get("ip"), str):
            document["ip_address"] = geo.pop("ip")
    if isinstance(document.get("user_agent"), str) and document.get("user_agent_string") is None:
        document["user_agent_string"] = document.pop("user_agent")
    return document


def _with_coordinates(geo: Document) -> Document:
    """Read `location`, `{lat, lon}` or `[lon, lat]`, where it adds to or repeats the numbers."""
    location = geo.get("location")
    if isinstance(location, list) and len(location) == 2:  # noqa: PLR2004, a pair
        location = {"lon": location[0], "lat": location[1]}
    if isinstance(location, dict) and location.keys() == {"lat", "lon"}:
        latitude = geo.setdefault("latitude", location["lat"])
        longitude = geo.setdefault("longitude", location["lon"])
        if (latitude, longitude) == (location["lat"], location["lon"]):
            del geo["location"]
    return geo


class RecordMaker:
    """Makes the records of a stream.

    Args:
        fields: The records'.
        prepare: Brings a document into the one form that `fields` know. The document is a copy,
            which it may change, but not what is inside.
        drop: Raw names that are not emitted wherever Moesif has put them; or, with dots, the
            path of one inside objects that have fields.
        misfit: Called with the raw path of each value that is not of its field's type.
        searched: Whether the documents are a search's hits, `{_id, _source, …}`, or may come
            without that around them.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        prepare: Callable[[Document], Document] = as_it_is,
        drop: Iterable[str] = (),
        misfit: Misfit,
        searched: bool = True,
    ) -> None:
        self._fields = Fields(fields, "", frozenset(drop), misfit)
        self._prepare = prepare
        self._misfit = misfit
        self._searched = searched

    def __call__(self, raw: Any) -> Record | None:  # noqa: ANN401, what the service sent
        """Make a record that follows the fields' schema, or give None if there is no id."""
        document = self._prepare(self._document(raw))
        left: Document = {}
        record = self._fields.take(document, left)
        if self._searched:
            left.pop("_id", None)  # the hit's, which is no part of the document
        self._fields.keep(left, record)
        return record if "id" in record else None

    def _document(self, raw: Any) -> Document:  # noqa: ANN401
        if not isinstance(raw, dict):
            return {}
        if not self._searched and "_source" not in raw:
            return {**raw}
        source = raw.get("_source")
        if source is None:
            source = {}
        elif not isinstance(source, dict):
            self._misfit("_source")
            source = {"_source": source}
        document = {**source}
        document.setdefault("_id", raw.get("_id"))
        return document
