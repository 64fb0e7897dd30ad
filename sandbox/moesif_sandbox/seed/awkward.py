"""Documents in unusual and invalid shapes, as they may occur in real accounts.

The shapes of a document depend only on its number: any 60 consecutive users have all shapes with
valid types, and any 200 also those with invalid types.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta, timezone

from moesif_sandbox.moesif.places import in_event
from moesif_sandbox.moesif.search import Document, Json
from moesif_sandbox.seed.profiles import enrichment
from moesif_sandbox.times import parse_iso

_Shapes = Sequence[tuple[int, int, Callable[[Json, int], Json]]]  # remainder, divisor, changes
_GONE = object()  # as a value: removes the field
_SEEN = ("first_seen_time", "last_seen_time")
# Right to left, combining, joined emoji, and a null character, which PostgreSQL cannot store.
_UNICODE = (
    "\u202e\u0645\u0631\u062d\u0628\u0627\u202c e\u0301 "
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u0000end"
)


def awkward(document: Document, number: int) -> Document:
    """Return a user or a company in the shapes of its number."""
    source = document.source
    for remainder, divisor, changes in _USERS if "user_id" in source else _COMPANIES:
        if number % divisor == remainder:
            source = source | changes(source, number)
    kept = {name: value for name, value in source.items() if value is not _GONE}
    return Document(document.id, kept)


def _renamed(old: str, new: str) -> Callable[[Json, int], Json]:
    return lambda source, _: {new: source[old], old: _GONE} if old in source else {}


def _fixed(changes: Json) -> Callable[[Json, int], Json]:
    return lambda _source, _number: changes


def _ahead(source: Json, *names: str) -> Json:
    """Return times on a clock two hours ahead: `2023-07-27T23:52:58.099+02:00`."""
    zone = timezone(timedelta(hours=2))
    moments = {name: parse_iso(source.get(name)) for name in names}
    return {
        name: moment.astimezone(zone).isoformat(timespec="milliseconds")
        for name, moment in moments.items()
        if moment
    }


_USERS: _Shapes = (
    (11, 30, _fixed({"name": _UNICODE, "metadata": {"ключ": "значение", "👍": ["👎", "\u2028"]}})),
    (1, 12, _renamed("user_id", "identified_user_id")),
    (2, 10, _renamed("metadata", "body")),
    (3, 30, lambda _, number: {"body": {"imported_from": "crm", "row": number}}),
    (18, 30, _fixed({"metadata": _GONE, "body": {}})),
    (0, 7, _renamed("created", "created_at")),
    (1, 7, _renamed("created", "create_time")),
    (2, 7, _fixed({"created": _GONE})),
    (3, 8, lambda source, _: {name: str(source[name])[:23] for name in _SEEN}),
    (5, 8, lambda source, _: _ahead(source, *_SEEN)),
    (6, 20, lambda source, _: {"modified_time": f"{source['modified_time']}0000Z"}),
    (13, 20, lambda source, _: _ahead(source, "modified_time")),
    (18, 20, lambda source, _: {"modified_time": f"{source['modified_time']}Z"}),
    (2, 6, lambda _, number: {"customFlags": [True, number, {"deep": ["er"]}]}),
    (8, 12, _fixed({"naïve field": {"with space": 1, "with.dot": 2}})),
    (4, 14, _fixed({"phone": None, "photo_url": None, "campaign": None})),
    (6, 10, _fixed({"geo_ip": _GONE})),  # never looked up
    (8, 10, lambda source, _: {"geo_ip": in_event(source["geo_ip"])}),  # type: ignore[arg-type]
    (9, 10, lambda source, _: {"geo_ip": {"ip": source["ip_address"], "country_code2": "US"}}),
    (7, 15, _fixed({"company": {"subscriptions": []}})),
    (5, 9, _fixed({"company": _GONE})),
    (7, 10, lambda _, number: {"clearbit": enrichment(number)}),
    (9, 10, lambda _, number: {"enrichments": enrichment(number)}),
    (10, 25, lambda _, number: {"last24HourAggResults": {"count": number}}),
    (20, 25, lambda _, number: {"last_24_hour_agg_results": {"count": number}}),
    (5, 200, _fixed({"email": 12345})),
    (10, 200, _fixed({"metadata": "not an object"})),
    (15, 200, _fixed({"created": "yesterday", "first_seen_time": "n/a"})),
    (20, 200, _fixed({"geo_ip": "192.0.2.1", "user_agent": "curl/8.0"})),
    (25, 200, _fixed({"company": "Initech", "company_id": 42})),
    (30, 200, _fixed({"name": ["Ada", "Lovelace"], "phone": {"home": "+1555"}})),
    (35, 200, _fixed({"session_token": "a-single-token", "campaign": ["utm"]})),
)
_COMPANIES: _Shapes = (
    (1, 3, _renamed("company_domain", "domain_name")),
    (2, 4, _renamed("metadata", "body")),
    (7, 10, _fixed({"company_id": _GONE})),  # only the hit's `_id` remains
    (0, 6, _fixed({"account_manager": {"id": "7", "name": "Ngozi"}})),
    (3, 7, _renamed("created", "created_at")),
    (5, 7, _renamed("created", "create_time")),
)
