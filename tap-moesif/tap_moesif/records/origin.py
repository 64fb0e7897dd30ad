"""Normalisation of IP address, location and user agent; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_moesif.records.maker import Document


def with_origin(document: Document) -> Document:
    """Normalise a document's IP address, location and user agent, in place.

    Coordinates are read from the engine's `location`, the IP address moves out of `geo_ip`, and a
    user agent that is a string becomes `user_agent_string`.
    """
    if isinstance(geo := document.get("geo_ip"), dict):
        _with_coordinates(geo)
        if document.get("ip_address") in (None, geo.get("ip")) and isinstance(geo.get("ip"), str):
            document["ip_address"] = geo.pop("ip")
    if isinstance(document.get("user_agent"), str) and document.get("user_agent_string") is None:
        document["user_agent_string"] = document.pop("user_agent")
    return document


def _with_coordinates(geo: Document) -> None:
    """Read `location`, `{lat, lon}` or `[lon, lat]`, unless it contradicts the coordinates."""
    location = geo.get("location")
    if isinstance(location, list) and len(location) == 2:  # noqa: PLR2004, a pair
        location = {"lon": location[0], "lat": location[1]}
    if isinstance(location, dict) and location.keys() == {"lat", "lon"}:
        latitude = geo.setdefault("latitude", location["lat"])
        longitude = geo.setdefault("longitude", location["lon"])
        if (latitude, longitude) == (location["lat"], location["lon"]):
            del geo["location"]
