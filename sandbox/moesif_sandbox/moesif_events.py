"""What becomes of an action or an API call that the collector is sent: an event document."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_collector import ACTIONS, moment, value_at
from moesif_sandbox.moesif_origin import place_of, user_agent_of
from moesif_sandbox.seed_companies import APP_ID, ORG_ID
from moesif_sandbox.seed_values import zulu

if TYPE_CHECKING:
    from datetime import datetime

    from moesif_sandbox.moesif_collector import Kind
    from moesif_sandbox.moesif_dsl import Json

_MILLISECOND = timedelta(milliseconds=1)


def event_document(kind: Kind, given: Json, address: str, now: datetime) -> Json:
    """Return the document of an event; one that names no address has got the caller's."""
    time = event_time(given, now)
    event: Json = {"direction": "Incoming", "weight": 1, "app_id": APP_ID, "org_id": ORG_ID}
    event |= given
    event["event_type"] = "user_action" if kind is ACTIONS else "api_call"
    event["request"] = _request(given, address, time)
    answered = moment(value_at(given, "response.time"))
    if answered is not None:
        event["duration_ms"] = (answered - time) / _MILLISECOND
    return event


def event_time(given: Json, now: datetime) -> datetime:
    """Return when an event happened: now, unless it says otherwise."""
    return moment(value_at(given, "request.time")) or now


def has_no_address(given: Json) -> bool:
    """Say whether Moesif takes the caller's address for the one of an event's user."""
    return not value_at(given, "request.ip_address")


def _request(given: Json, caller: str, time: datetime) -> Json:
    sent = given["request"]
    request: Json = dict(sent) if isinstance(sent, dict) else {}
    agent = request.pop("user_agent_string", None)
    request["time"] = zulu(time)
    request["ip_address"] = address = str(request.get("ip_address") or caller)
    if isinstance(agent, str):
        request["user_agent"] = user_agent_of(agent)
    place = place_of(address)
    if place is not None:  # in events, unlike profiles, the longitude comes first
        request["geo_ip"] = place | {"location": [place["longitude"], place["latitude"]]}
    return request
