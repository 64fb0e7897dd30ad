"""Runs the tap in this process and keeps what it writes."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from account import Account, settings
from tap_moesif import TapMoesif
from tap_moesif.service import MoesifError
from tap_moesif.streams import STREAMS
from tap_moesif.sync import AtomicLineWriter

if TYPE_CHECKING:
    from collections.abc import Container

EVERY_STREAM = frozenset(str(vars(stream)["name"]) for stream in STREAMS)


class Recorder(AtomicLineWriter):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []

    @override
    def write_lines(self, lines: bytes) -> None:
        self.messages += map(json.loads, lines.split(b"\n")[:-1])


class Output:
    """The messages of one run."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.messages = messages

    def records(self, stream: str = "users") -> list[dict[str, Any]]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def ids_of(self, stream: str) -> list[str]:
        return [record["id"] for record in self.records(stream)]

    @property
    def ids(self) -> list[str]:
        return self.ids_of("users")

    @property
    def calls(self) -> dict[str, int]:
        """How many calls each user's roll-up counts."""
        return {record["id"]: record["last24HourAggResults"]["count"] for record in self.records()}

    @property
    def state(self) -> dict[str, Any]:
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return states[-1] if states else {}

    @property
    def bookmark(self) -> str | None:
        bookmark: str | None = self.state["bookmarks"]["users"].get("replication_key_value")
        return bookmark


@cache
def _discovered(settings: str) -> str:
    return TapMoesif(config=json.loads(settings)).catalog_json_text


def catalog(
    streams: Container[str] | None = None,
    *,
    without: Container[str] = (),
    method: str | None = None,
    **config: Any,
) -> dict[str, Any]:
    """Discover a catalog.

    Args:
        streams: What is in it, and selected; None: all, selected as it is by default.
        without: The properties that are deselected.
        method: How its streams are replicated, written as Meltano's metadata do.
        config: The settings of which it depends.
    """
    config = {"management_api_key": "k", **config}
    found: dict[str, Any] = json.loads(_discovered(json.dumps(config)))
    if streams is not None:
        found["streams"] = [one for one in found["streams"] if one["tap_stream_id"] in streams]
    for stream in found["streams"]:
        for entry in stream["metadata"]:
            own, breadcrumb = entry["metadata"], entry["breadcrumb"]
            if breadcrumb and breadcrumb[-1] in without:
                own["selected"] = False
            if not breadcrumb and streams is not None:
                own["selected"] = True
            if not breadcrumb and method:
                own["forced-replication-method"] = stream["replication_method"] = method
    return found


def no_wait(_: float) -> None:
    """Wait for nothing before another attempt."""


def sync(
    config: dict[str, Any],
    catalog: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    tap_class: type[TapMoesif] = TapMoesif,
) -> Output:
    run, error = attempt(config, catalog, state, tap_class)
    if error is not None:
        raise error
    return run


def sync_stream(
    account: Account, stream: str, state: dict[str, Any] | None = None, **config: Any
) -> Output:
    """Sync one stream alone."""
    return sync(settings(account, **config), catalog({stream}), state)


def killed(
    config: dict[str, Any],
    catalog: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
) -> Output:
    """Run a sync that the service breaks off."""
    run, error = attempt(config, catalog, state)
    assert error is not None
    return run


def attempt(
    config: dict[str, Any],
    catalog: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    tap_class: type[TapMoesif] = TapMoesif,
) -> tuple[Output, MoesifError | None]:
    """Run a sync to its end, or until the service breaks it off."""
    writer = Recorder()
    tap = tap_class(config=config, catalog=catalog, state=state, message_writer=writer)
    tap.moesif.sleep = no_wait
    error = None
    try:
        tap.sync_all()
    except MoesifError as broken_off:
        error = broken_off
    finally:
        tap.moesif.close()
    return Output(writer.messages), error
