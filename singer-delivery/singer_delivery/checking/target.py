"""The checks of a target: key, address, clock, files, routes."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import requests
from singer_sdk.singerlib import Catalog

from singer_delivery.buckets.urls import is_url
from singer_delivery.checking.files import file_finding, lock_finding
from singer_delivery.checking.findings import Finding, Sign, clock_finding
from singer_delivery.errors import DeliveryError
from singer_delivery.files import filled_in
from singer_delivery.fingerprints.stores import fingerprint_database, is_database
from singer_delivery.http import get, host_of, http_date, no_answer_reason
from singer_delivery.reading.streams import NotKnown, NotSent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_delivery.command import CommandTarget

TIMEOUT_SECONDS = 10


def check_target(
    target: CommandTarget, catalog: Mapping[str, Any] | None = None
) -> Iterator[Finding]:
    """Check everything that could stop a run of a target; nothing is sent.

    Args:
        target: The target, whose settings are valid.
        catalog: A Singer catalog, whose selected streams will be the input.
    """
    yield Finding(Sign.OK, "settings", "They are valid.")
    yield from _address_and_clock(target)
    yield _key(target)
    yield from _files(target)
    if catalog is None:
        text = "Not checked: pass the tap's catalog with --catalog (from tap --discover)."
        yield Finding(Sign.WARNING, "routes", text)
    else:
        yield from _routes(target, catalog)


def _address_and_clock(target: CommandTarget) -> Iterator[Finding]:
    url = target.service().endpoints[0].url
    settings = " and ".join(target.located_by or target.addresses)
    try:
        answer = get(url, seconds=TIMEOUT_SECONDS)
    except (requests.RequestException, ValueError) as error:
        reason = no_answer_reason(error, TIMEOUT_SECONDS)
        text = f"No answer from {host_of(url)} ({reason}). Check {settings}, and the network."
        yield Finding(Sign.FAILED, "address", text)
        return
    yield Finding(Sign.OK, "address", f"{host_of(url)} answers.")
    yield clock_finding(http_date(answer.headers.get("Date")), time.time())


def _key(target: CommandTarget) -> Finding:
    what = " and ".join(target.key_names()) or "key"
    try:
        unknown = target.verify_key()
    except DeliveryError as error:
        return Finding(Sign.FAILED, what, str(error))
    if unknown:
        return Finding(Sign.WARNING, what, f"It could not be verified: {unknown}.")
    return Finding(Sign.OK, what, target.verified)


def _files(target: CommandTarget) -> Iterator[Finding]:
    settings = target.settings
    names = ["rejects_path", "outcomes_path", "summary_path", "history_path", "metrics_path"]
    if settings.changed_only:
        names.append("fingerprints_path")
    if settings.dry_run:
        names = ["dry_run_path", "summary_path"]
    if target.output.has_urls:
        yield file_finding("spool_path", target.output.spool_folder / "lock")
    for name in names:
        if (template := getattr(settings, name)) is None:
            continue
        if name == "fingerprints_path" and is_database(template):
            yield _database(target, template)
            continue
        if is_url(template):
            yield _bucket(target, name)
            continue
        today = datetime.now(timezone.utc).date().isoformat()
        path = filled_in(template, target=target.name, date=today, run_id="check")
        locked = lock_finding(name, path) if name == "fingerprints_path" else None
        yield locked or file_finding(name, path)


def _bucket(target: CommandTarget, name: str) -> Finding:
    try:
        url = target.output.check(name)
    except DeliveryError as error:
        return Finding(Sign.FAILED, name, str(error))
    return Finding(Sign.OK, name, f"{url} can be written.")


def _database(target: CommandTarget, uri: str) -> Finding:
    try:
        shared = target.settings.fingerprints_lease
        database = fingerprint_database(
            uri, target.name, target.secrets(), shared=shared, wait=time.sleep
        )
        database.check()
    except DeliveryError as error:
        return Finding(Sign.FAILED, "fingerprints_path", str(error))
    return Finding(Sign.OK, "fingerprints_path", f"{database.place} can be written.")


def _routes(target: CommandTarget, catalog: Mapping[str, Any]) -> Iterator[Finding]:
    for entry in Catalog.from_dict({**catalog}).streams:
        if not entry.metadata.resolve_selection()[()]:
            continue
        stream = entry.tap_stream_id
        schema = {**entry.schema.to_dict()}
        message = {
            "stream": entry.stream or stream,
            "schema": schema,
            "key_properties": entry.key_properties,
        }
        try:
            routes = target.routes_of(message)
        except DeliveryError as error:
            yield Finding(Sign.FAILED, f"stream {stream}", str(error))
            continue
        for alias, route in routes:
            what = f"stream {stream}" if alias == stream else f"stream {stream}, as {alias}"
            if isinstance(route, NotKnown):
                yield Finding(Sign.FAILED, what, route.advice)
            elif isinstance(route, NotSent):
                yield Finding(Sign.OK, what, f"Left out: {route.notice or route.reason}")
            else:
                yield Finding(Sign.OK, what, f"Sent as {getattr(route, 'call', 'it is')}.")
