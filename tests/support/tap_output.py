"""Runs the tap in this process and keeps what it writes."""

from __future__ import annotations

import json
from typing import Any

from typing_extensions import override

from tap_moesif import TapMoesif
from tap_moesif.service import MoesifError
from tap_moesif.sync import AtomicLineWriter


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

    @property
    def ids(self) -> list[str]:
        return [record["id"] for record in self.records()]

    @property
    def state(self) -> dict[str, Any]:
        states = [message["value"] for message in self.messages if message["type"] == "STATE"]
        return states[-1] if states else {}

    @property
    def bookmark(self) -> str | None:
        bookmark: str | None = self.state["bookmarks"]["users"].get("replication_key_value")
        return bookmark


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
